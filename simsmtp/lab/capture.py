"""What happened in a session, read from a capture at the sender's end: counts, codes and the duration.

File format: draft-ietf-opsawg-pcap, nanoseconds, packets that begin with IPv4 (link type 101). What is read is
bounded by the packets' own lengths; a packet that is cut or no TCP is passed over.
"""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from simsmtp.errors import InputError

_MAGIC_NS, _RAW_IP, _TCP = 0xA1B23C4D, 101, 6
_FIN, _SYN, _RST, _ACK = 0x01, 0x02, 0x04, 0x10
_HALF = 1 << 31


class Segment(NamedTuple):
    """A TCP segment.

    Attributes
    ----------
    at_ns : int
        When it left or reached the sender's end, in nanoseconds since 1970.
    port : int
        The client's port: tells one connection from another.
    up : bool
        From client to server.
    flags, number : int
        TCP flags; sequence number of the first octet.
    octets : bytes
        What it carries.
    """

    at_ns: int
    port: int
    up: bool
    flags: int
    number: int
    octets: bytes


def segments(path: Path, server_port: int) -> list[Segment]:
    """Read the segments to and from a port, in the order of the capture, of connections that begin in it.

    Raises
    ------
    InputError
        If the file is no capture of the kind that the lab writes.
    """
    data = path.read_bytes()
    if (
        len(data) < 24
        or struct.unpack_from("<I16xI", data)[0] != _MAGIC_NS
        or data[20:24] != struct.pack("<I", _RAW_IP)
    ):
        raise InputError("no capture of the lab", file=str(path), allowed="pcap in nanoseconds, link type 101")
    found = [one for at_ns, packet in _packets(data) if (one := _segment(at_ns, packet, server_port))]
    begun = {one.port for one in found if one.flags & _SYN and one.up}  # others are the last words of a session before
    return [one for one in found if one.port in begun]


def _packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    begin = 24
    while begin + 16 <= len(data):
        seconds, rest, kept, _ = struct.unpack_from("<IIII", data, begin)
        packet = data[begin + 16 : begin + 16 + kept]
        if len(packet) < kept:  # still being written
            return
        yield seconds * 10**9 + rest, packet
        begin += 16 + kept


def _segment(at_ns: int, packet: bytes, server_port: int) -> Segment | None:
    if len(packet) < 40 or packet[0] >> 4 != 4 or packet[9] != _TCP:
        return None
    total = min(int.from_bytes(packet[2:4]), len(packet))
    ip = (packet[0] & 15) * 4
    if total < ip + 20:
        return None
    source, target, number = struct.unpack_from("!HHI", packet, ip)
    octets = packet[ip + (packet[ip + 12] >> 4) * 4 : total]
    if server_port not in {source, target}:
        return None
    up = target == server_port
    return Segment(at_ns, source if up else target, up, packet[ip + 13], number, octets)


class Stream:
    """One direction of a connection, put together in the order of its numbers; each octet once."""

    def __init__(self, first: int) -> None:
        self._first = first
        self._parts: list[Segment] = []

    def add(self, segment: Segment) -> None:
        """Take a segment, perhaps one that came before or out of its turn."""
        self._parts.append(segment)

    def pieces(self) -> list[tuple[int, bytes]]:
        """Return when each piece of new octets was there to be read, and the piece."""
        found: list[tuple[int, bytes]] = []
        expected, waiting = self._first, dict[int, bytes]()
        for segment in self._parts:
            waiting[segment.number] = max(waiting.get(segment.number, b""), segment.octets, key=len)
            while ready := [one for one in waiting if (expected - one) % 2**32 < _HALF]:
                number = ready[0]
                fresh = waiting.pop(number)[(expected - number) % 2**32 :]
                if fresh:
                    found.append((segment.at_ns, fresh))
                    expected = (expected + len(fresh)) % 2**32
        return found


_RCPT = re.compile(rb"^RCPT TO:", re.IGNORECASE | re.MULTILINE)
_LAST_LINE = re.compile(rb"(\d{3})(?: |\r?$)")


class _Connection:
    """Both directions of a connection."""

    def __init__(self) -> None:
        self._streams: dict[bool, Stream] = {}
        self._is_left = False
        self._speaks_up = False
        self.counts: Counter[str] = Counter()

    def take(self, one: Segment) -> None:
        """Take a segment; what the server says after the client has closed is said to nobody."""
        if one.flags & _SYN:
            self._streams.setdefault(one.up, Stream((one.number + 1) % 2**32))
        if one.octets and one.up in self._streams and not self._is_left:
            self._streams[one.up].add(one)
            self.counts["bytes_up" if one.up else "bytes_down"] += len(one.octets)
            self.counts["server_segments"] += not one.up
            self.counts["client_turns"] += one.up and not self._speaks_up
            self._speaks_up = one.up
        self._is_left = self._is_left or bool(one.up and one.flags & _FIN)

    def said(self) -> bytes:
        """Return what the client said."""
        return b"".join(octets for _, octets in self._pieces(up=True))

    def replies(self) -> Iterator[tuple[int, str]]:
        """Yield when each reply's last line was complete, and its code."""
        rest = b""
        for at_ns, octets in self._pieces(up=False):
            *lines, rest = (rest + octets).split(b"\n")
            for line in lines:
                if match := _LAST_LINE.match(line):
                    yield at_ns, match[1].decode("ascii")

    def _pieces(self, *, up: bool) -> list[tuple[int, bytes]]:
        return self._streams[up].pieces() if up in self._streams else []


def is_over(found: list[Segment]) -> bool:
    """Tell whether both sides of every connection have closed."""
    ended: dict[int, set[bool]] = {}
    for one in found:
        ended.setdefault(one.port, set())
        if one.flags & _RST:
            ended[one.port] = {True, False}
        elif one.flags & _FIN:
            ended[one.port].add(one.up)
    return bool(ended) and all(len(sides) == 2 for sides in ended.values())


def facts(found: list[Segment]) -> dict[str, Any]:
    """Return what a row says of a session's connections.

    Returns
    -------
    dict
        ``connections``; ``rcpt_cmds``, RCPT commands in the octets put together, each once; ``client_turns``, times
        the client starts to send octets, or does so again after the server sent some; ``bytes_up`` and ``bytes_down``,
        octets carried, those sent twice counted twice; ``server_segments``, segments with octets from the server;
        ``codes``, replies by code; ``duration_s``, from the first SYN to the segment with the end of the last reply
        before QUIT's, both as seen at the sender's end. What a server says to a client that has closed counts nowhere.

    Raises
    ------
    InputError
        If there is no connection in it.
    """
    connections: dict[int, _Connection] = {}
    for one in found:
        connections.setdefault(one.port, _Connection()).take(one)
    begin = min((one.at_ns for one in found if one.flags & _SYN and one.up), default=None)
    if begin is None:
        raise InputError("no connection in the capture", key="lab")
    counts, codes, last = Counter[str](), Counter[str](), begin
    for connection in connections.values():
        counts.update(connection.counts, rcpt_cmds=len(_RCPT.findall(connection.said())))
        replies = list(connection.replies())
        codes.update(code for _, code in replies)
        last = max([last, *(at_ns for at_ns, code in replies if code != "221")])
    names = ("rcpt_cmds", "client_turns", "bytes_up", "bytes_down", "server_segments")
    return {
        "connections": len(connections),
        **{name: counts[name] for name in names},
        "codes": dict(sorted(codes.items())),
        "duration_s": round((last - begin) / 1e9, 6),
    }
