"""Writes captures for tests: sessions as packets, in every format and link type that is read; and reads them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from simsmtp.dialogue.capture import read_capture
from simsmtp.dialogue.ladder import Ladder, Step

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
CLIENT, SERVER = (b"\xc0\x00\x02\x01", 40_000), (b"\xc6\x33\x64\x01", 25)
MS = 1_000_000


class Sent(NamedTuple):
    """A TCP segment to be captured: when, by whom, what. `number` counts from the SYN, which has 0."""

    at_ns: int
    up: bool
    flags: int = ACK
    number: int = 1
    acked: int = 1
    octets: bytes = b""


class Talk:
    """A connection seen at the client, with a round trip of 10 ms; what is said comes when it is said."""

    def __init__(self, begin_ms: float = 0) -> None:
        self.sent: list[Sent] = []
        self.at_ns = round(begin_ms * MS)
        self._next = {True: 1, False: 1}

    def connect(self) -> Talk:
        """Shake hands."""
        self.sent += [Sent(self.at_ns, True, SYN, 0, 0), Sent(self.at_ns + 10 * MS, False, SYN | ACK, 0, 1)]
        self.sent.append(Sent(self.at_ns + 10 * MS, True))
        self.at_ns += 10 * MS
        return self

    def client(self, octets: bytes, after_ms: float = 0.1, **changes: int) -> Talk:
        """Let the client say something; `changes` are made to its segment."""
        return self._say(True, octets, after_ms, changes)

    def server(self, octets: bytes, after_ms: float = 10, **changes: int) -> Talk:
        """Let the server say something."""
        return self._say(False, octets, after_ms, changes)

    def close(self, *, up: bool = True, flags: int = FIN | ACK) -> Talk:
        """Let one side close, and the other after it."""
        self._say(up, b"", 0.1, {"flags": flags})
        self._next[up] += 1
        return self if flags & RST else self._say(not up, b"", 10, {"flags": flags})

    def _say(self, up: bool, octets: bytes, after_ms: float, changes: dict[str, int]) -> Talk:
        self.at_ns += round(after_ms * MS)
        one = Sent(self.at_ns, up, ACK | PSH, self._next[up], self._next[not up], octets)
        self.sent.append(one._replace(**changes))
        self._next[up] += len(octets)
        return self


def packets(
    sent: Iterable[Sent],
    *,
    client: tuple[bytes, int] = CLIENT,
    server: tuple[bytes, int] = SERVER,
    extensions: bytes = b"",
    first: tuple[int, int] = (1000, 0xFFFF_FF00),
) -> list[tuple[int, bytes]]:
    """Return IP packets with their times; `first` are the numbers of both SYNs."""
    found = []
    for one in sent:
        source, target = (client, server) if one.up else (server, client)
        own, other = first if one.up else first[::-1]
        numbers = ((own + one.number) % 2**32, (other + one.acked) % 2**32)
        tcp = struct.pack("!HHIIBBHHH", source[1], target[1], *numbers, 5 << 4, one.flags, 65_535, 0, 0) + one.octets
        found.append((one.at_ns, _ip(source[0], target[0], tcp, extensions)))
    return found


def _ip(source: bytes, target: bytes, tcp: bytes, extensions: bytes) -> bytes:
    if len(source) == 4:
        return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6, 0) + source + target + tcp
    following = extensions[:1] or b"\x06"
    return (
        struct.pack("!IHcB", 6 << 28, len(extensions[1:]) + len(tcp), following, 64)
        + source + target + extensions[1:] + tcp
    )  # fmt: skip


def _kind(packet: bytes) -> bytes:
    return b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"


LINKS: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "ethernet": (1, lambda ip: bytes(12) + _kind(ip) + ip + bytes(6)),  # padded, as short frames are
    "vlan": (1, lambda ip: bytes(12) + b"\x88\xa8\x00\x02\x81\x00\x00\x01" + _kind(ip) + ip),
    "cooked": (113, lambda ip: bytes(14) + _kind(ip) + ip),
    "cooked 2": (276, lambda ip: _kind(ip) + bytes(18) + ip),
    "raw": (101, lambda ip: ip),
    "raw BSD": (12, lambda ip: ip),
    "raw OpenBSD": (14, lambda ip: ip),
    "loopback": (0, lambda ip: b"\x02\0\0\0" + ip),
    "loopback OpenBSD": (108, lambda ip: b"\0\0\0\x02" + ip),
}


def pcap(
    found: Iterable[tuple[int, bytes]], *, order: str = "<", is_ns: bool = True, link: str = "raw", snap: int = 65_535
) -> bytes:
    """Return a pcap file."""
    number, wrapped = LINKS[link]
    head = struct.pack(f"{order}IHHiIII", 0xA1B23C4D if is_ns else 0xA1B2C3D4, 2, 4, 0, 0, snap, number)
    return head + b"".join(_record(order, is_ns, at_ns, wrapped(ip), snap) for at_ns, ip in found)


def _record(order: str, is_ns: bool, at_ns: int, octets: bytes, snap: int) -> bytes:
    seconds, rest = divmod(at_ns, 10**9)
    kept = octets[:snap]
    return struct.pack(f"{order}IIII", seconds, rest if is_ns else rest // 1000, len(kept), len(octets)) + kept


def pcapng(
    found: Sequence[tuple[int, bytes]],
    *,
    order: str = "<",
    units: int = 9,
    offset_s: int = 0,
    links: Sequence[str] = ("raw",),
) -> bytes:
    """Return a pcapng file whose packets come from its interfaces in turn; `units` as in if_tsresol."""
    per_s = 2 ** (units & 127) if units & 128 else 10**units
    options = _option(order, 9, bytes([units])) + _option(order, 14, struct.pack(f"{order}q", offset_s))
    out = _block(order, 0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1))
    for link in links:
        out += _block(order, 1, struct.pack(f"{order}HHI", LINKS[link][0], 0, 0) + options + _option(order, 0, b""))
    out += _block(order, 5, bytes(12))  # statistics of an interface, which nobody needs
    for place, (at_ns, ip) in enumerate(found):
        interface = place % len(links)
        octets = LINKS[links[interface]][1](ip)
        high, low = divmod((at_ns - offset_s * 10**9) * per_s // 10**9, 2**32)
        head = struct.pack(f"{order}IIIII", interface, high, low, len(octets), len(octets))
        out += _block(order, 6, head + octets + bytes(-len(octets) % 4))
    return out


def _option(order: str, code: int, value: bytes) -> bytes:
    return struct.pack(f"{order}HH", code, len(value)) + value + bytes(-len(value) % 4)


def _block(order: str, kind: int, body: bytes) -> bytes:
    length = len(body) + 12
    return struct.pack(f"{order}II", kind, length) + body + struct.pack(f"{order}I", length)


GROUP = b"MAIL FROM:<s@a.test>\r\nRCPT TO:<u1@b.test>\r\nRCPT TO:<u2@b.test>\r\nRCPT TO:<u3@b.test>\r\nDATA\r\n"
REPLIES = b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n552 too many\r\n452 4.5.3 too many\r\n354 go\r\n"
TEXT = b"Message-ID: <1@a.test>\r\n\r\nhello\r\n.\r\n"


def greeted(talk: Talk) -> Talk:
    talk.connect().server(b"220 b.test ESMTP\r\n").client(b"EHLO a.test\r\n")
    return talk.server(b"250-b.test\r\n250 PIPELINING\r\n")


def whole() -> Talk:
    talk = greeted(Talk(1000)).client(GROUP).server(REPLIES).client(TEXT).server(b"250 2.0.0 Ok: queued\r\n")
    return talk.client(b"QUIT\r\n").server(b"221 bye\r\n").close()


def read(tmp_path: Path, octets: bytes, port: int | None = None) -> Ladder:
    path = tmp_path / "some.pcap"
    path.write_bytes(octets)
    return read_capture(path, port=port)


def heard(tmp_path: Path, *talks: Talk) -> Ladder:
    found = [packet for number, one in enumerate(talks) for packet in packets(one.sent, client=(b"\x7f\0\0\1", number))]
    return read(tmp_path, pcap(found))


def steps(ladder: Ladder, kind: str, connection: int = 0) -> list[Step]:
    return [one for one in ladder.steps if one.kind == kind and one.connection == connection]


def texts(ladder: Ladder, kind: str) -> list[list[str]]:
    return [[line.text for line in one.lines] for one in steps(ladder, kind)]
