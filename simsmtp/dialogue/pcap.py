"""Simulated sessions as a capture at the client, which Wireshark and tshark dissect as SMTP over TCP.

The simulator knows when octets leave and arrive, not how TCP acknowledges them: each segment acknowledges what had
arrived by then. Time 0 of a run is the first instant of the year 2000. File format: draft-ietf-opsawg-pcap.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from simsmtp.dialogue.smtp_lines import reply_lines, said_line
from simsmtp.errors import InputError
from simsmtp.files import replacing, write_errors
from simsmtp.model.plan import Plan
from simsmtp.protocol.commands import Verb, bdat_text_octets
from simsmtp.protocol.states import ends_session
from simsmtp.protocol.text import content_of, text_of
from simsmtp.protocol.wire import AddressBook
from simsmtp.rows.records import DialogueRow, End, Output

EPOCH_S = 946_684_800
_MAGIC_NS, _VERSION, _RAW_IP, _SNAP = 0xA1B23C4D, (2, 4), 101, 65_535
_SMTP, _FIRST_PORT, _MSS = 25, 32_768, 1460
_NEVER = 1 << 62
_FIN, _SYN, _PSH, _ACK = 0x01, 0x02, 0x08, 0x10
_FIRST_CLIENT, _FIRST_SERVER = ipaddress.IPv4Address("192.0.2.1"), ipaddress.IPv4Address("198.51.100.1")  # RFC 5737
# A SYN offers the segment size and a window scale so large that no window is ever full.
_OPTIONS = struct.pack("!BBHBBBB", 2, 4, _MSS, 1, 3, 3, 14)


class Segment(NamedTuple):
    """One TCP segment: when the capture sees it, who sends it, flags, octets, and when it is at the server."""

    at_ns: int
    by_client: bool
    flags: int
    octets: bytes
    server_ns: int


def write_pcap(path: Path, output: Output, plan: Plan, addresses: AddressBook) -> None:
    """Write a capture.

    Parameters
    ----------
    path : Path
        File to write.
    output : Output
        A replication run with ``dialogue=True``.
    plan : Plan
        The plan it was run with.
    addresses : AddressBook
        Names of the recipients.

    Raises
    ------
    InputError
        If the file cannot be written, or the sessions are encrypted: then nothing could be dissected.
    """
    if any(row.kind == "handshake" for row in output.dialogue):
        raise InputError("an encrypted session shows nothing", key="client.starttls", given=True, allowed="false")
    names = [one.name for one in plan.destinations]
    packets: list[tuple[int, bytes]] = []
    rows = sorted(output.dialogue, key=lambda row: (row.destination, row.connection))
    for number, (_, session) in enumerate(groupby(rows, key=lambda row: (row.destination, row.connection))):
        told = list(session)
        server = _FIRST_SERVER + names.index(told[0].destination)
        more, port = divmod(number, 65_536 - _FIRST_PORT)  # no port is used twice: a further client is
        client = (_FIRST_CLIENT + more, _FIRST_PORT + port)
        packets += _packets(list(_segments(told, plan, addresses)), client, server)
    packets.sort(key=lambda packet: packet[0])
    head = struct.pack("<IHHiIII", _MAGIC_NS, *_VERSION, 0, 0, _SNAP, _RAW_IP)
    with write_errors(path, "--pcap"), replacing(path) as part, part.open("wb") as file:
        file.write(head)
        for at_ns, octets in packets:
            seconds, rest = divmod(at_ns, 10**9)
            file.write(struct.pack("<IIII", EPOCH_S + seconds, rest, len(octets), len(octets)) + octets)


def _segments(rows: list[DialogueRow], plan: Plan, addresses: AddressBook) -> Iterator[Segment]:
    """Yield the segments of a session in the order in which the capture sees them."""
    begin, accepted_ns = rows[0].client_ns, rows[0].server_ns
    there_ns = (accepted_ns - begin) // 3
    back_ns = begin + 2 * there_ns
    yield Segment(begin, True, _SYN, b"", begin + there_ns if accepted_ns >= 0 else _NEVER)
    if accepted_ns < 0:
        return
    yield Segment(back_ns, False, _SYN | _ACK, b"", begin + there_ns)
    yield Segment(back_ns, True, _ACK, b"", accepted_ns)
    has_hung_up = any(ends_session(row.verb, row.code) for row in rows)
    order = {"reply": 0, "command": 1, "close": 2}  # what is read at an instant comes before what is written then
    arrived = (row for row in rows if row.kind in order and row.client_ns >= 0)
    told = sorted(arrived, key=lambda row: (row.client_ns, order[row.kind]))
    for (at_ns, kind), together in groupby(told, key=lambda row: (row.client_ns, row.kind)):
        group = list(together)
        server_ns = max(row.server_ns if row.server_ns >= 0 else _NEVER for row in group)
        if kind == "reply":
            octets = "".join(f"{line}\r\n" for row in group for line in reply_lines(row, plan)).encode()
            yield from _cut(at_ns, octets, server_ns, by_client=False)
        elif kind == "command":
            # A chunk begins a segment of its own: tshark looks for it only at the beginning of one.
            for _, lines in groupby(group, key=lambda row: row.verb == Verb.BDAT):
                octets = b"".join(_written(row, addresses) for row in lines)
                yield from _cut(at_ns, octets, server_ns, by_client=True)
        elif has_hung_up:
            yield Segment(at_ns, False, _FIN | _ACK, b"", at_ns)
            yield Segment(at_ns, True, _FIN | _ACK, b"", server_ns)
        elif group[0].note != End.QUIT:
            yield Segment(at_ns, True, _FIN | _ACK, b"", server_ns)
        else:
            yield Segment(at_ns, True, _FIN | _PSH | _ACK, b"QUIT\r\n", server_ns)
            yield Segment(2 * server_ns - at_ns, False, _FIN | _ACK, b"", server_ns)
            yield Segment(2 * server_ns - at_ns, True, _ACK, b"", server_ns)


def _written(row: DialogueRow, addresses: AddressBook) -> bytes:
    """Return the octets of a command, with the text that goes with it."""
    if row.verb == Verb.TEXT:
        return b"".join(text_of(row.octets, row.message, addresses.sender()))
    line = f"{said_line(row, addresses)}\r\n".encode()
    if row.verb == Verb.BDAT:
        line += b"".join(content_of(bdat_text_octets(row.octets), row.message, addresses.sender()))
    return line


def _cut(at_ns: int, octets: bytes, server_ns: int, *, by_client: bool) -> Iterator[Segment]:
    """Yield segments that end with a line where they can: tshark does not put a command together from two."""
    begin = 0
    while begin < len(octets):
        end = min(len(octets), begin + _MSS)
        end = octets.rfind(b"\r\n", begin, end) + 2 if b"\r\n" in octets[begin:end] else end
        push = _PSH if end >= len(octets) else 0
        yield Segment(at_ns, by_client, push | _ACK, octets[begin:end], server_ns)
        begin = end


def _packets(
    segments: list[Segment], at_client: tuple[ipaddress.IPv4Address, int], server: ipaddress.IPv4Address
) -> list[tuple[int, bytes]]:
    """Return the packets, numbered; a server acknowledges what had reached it when it wrote."""
    client, port = at_client
    packets: list[tuple[int, bytes]] = []
    client_next = server_next = 0
    on_the_way: list[tuple[int, int]] = []  # when it is at the server, and the number of the octet after it
    at_server = 0
    for one in segments:
        length = len(one.octets) + bool(one.flags & (_SYN | _FIN))
        if one.by_client:
            packet = _packet(one, client, server, (port, _SMTP), (client_next, server_next))
            client_next += length
            on_the_way.append((one.server_ns, client_next))
        else:
            while on_the_way and on_the_way[0][0] <= one.server_ns:
                at_server = on_the_way.pop(0)[1]
            packet = _packet(one, server, client, (_SMTP, port), (server_next, at_server))
            server_next += length
        packets.append((one.at_ns, packet))
    return packets


def _packet(
    one: Segment,
    source: ipaddress.IPv4Address,
    target: ipaddress.IPv4Address,
    ports: tuple[int, int],
    numbers: tuple[int, int],
) -> bytes:
    """Return an IPv4 packet (RFC 791) with a TCP segment (RFC 9293)."""
    options = _OPTIONS if one.flags & _SYN else b""
    words, window = 5 + len(options) // 4, 65_535
    tcp = struct.pack("!HHIIBBHHH", *ports, *numbers, words << 4, one.flags, window, 0, 0) + options + one.octets
    pseudo = source.packed + target.packed + struct.pack("!BBH", 0, 6, len(tcp))
    tcp = tcp[:16] + struct.pack("!H", _checksum(pseudo + tcp)) + tcp[18:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6, 0) + source.packed + target.packed
    return ip[:10] + struct.pack("!H", _checksum(ip)) + ip[12:] + tcp


def _checksum(octets: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    padded = octets + b"\0" * (len(octets) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
