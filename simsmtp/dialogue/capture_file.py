"""Capture files, packet by packet: pcap (draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng).

Written by hand because the libraries lose what a reader has to tell: dpkt 1.9.8 knows one interface of a pcapng file,
drops a packet's original length and passes over the end of a file that is cut off. A file of any size is read in
constant memory.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BufferedReader
from typing import NamedTuple

from simsmtp.errors import InputError

FORMATS = "pcap or pcapng, as tcpdump and Wireshark write them"
_PCAP = {
    bytes.fromhex("a1b2c3d4"): (">", 1000),
    bytes.fromhex("d4c3b2a1"): ("<", 1000),
    bytes.fromhex("a1b23c4d"): (">", 1),
    bytes.fromhex("4d3cb2a1"): ("<", 1),
}
"""Magic number → byte order and nanoseconds in a unit of time."""
_COMPRESSED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ": "xz"}
_SECTION, _INTERFACE, _OLD_PACKET, _PACKET = 0x0A0D0D0A, 1, 2, 6
_BYTE_ORDERS = {bytes.fromhex("1a2b3c4d"): ">", bytes.fromhex("4d3c2b1a"): "<"}
_TSRESOL, _TSOFFSET = 9, 14
_MOST = 16 * 2**20
"""Longest packet or block; a length beyond it is damage."""


class Packet(NamedTuple):
    """A packet as it was captured.

    Attributes
    ----------
    at_ns : int
        Nanoseconds since 1970.
    link : int
        Type of the link layer that it begins with.
    octets : bytes
        What was kept of it.
    length : int
        Its length on the wire.
    """

    at_ns: int
    link: int
    octets: bytes
    length: int


class _Interface(NamedTuple):
    """Link type of a pcapng interface, and what turns its units of time into nanoseconds."""

    link: int
    units_per_s: int
    offset_s: int


class CaptureFile:
    """The packets of a capture file. Packets without a time (pcapng's Simple Packet Blocks) are passed over.

    Parameters
    ----------
    file : BufferedReader
        The file, at its beginning.
    name : str
        What messages call it.

    Attributes
    ----------
    links : set of int
        Link types that the file has named so far.
    flaw : str
        Why the packets end before the file's writer meant them to; ``""`` if they do not.

    Raises
    ------
    InputError
        If it is no capture.
    """

    def __init__(self, file: BufferedReader, name: str) -> None:
        self.links: set[int] = set()
        self.flaw = ""
        self._file = file
        self._order = "<"
        self._interfaces: list[_Interface] = []
        self._magic = file.read(4)
        if self._magic not in _PCAP and self._magic != struct.pack(">I", _SECTION):
            raise InputError(_why_not(self._magic), file=name, allowed=FORMATS)

    def __iter__(self) -> Iterator[Packet]:
        return self._of_pcapng() if self._magic not in _PCAP else self._of_pcap(*_PCAP[self._magic])

    def _read(self, octets: int) -> bytes:
        """Return exactly so many octets; none, with a flaw noted, where the file has fewer."""
        if octets > _MOST:
            self.flaw = f"The capture is damaged: it names a packet of {octets:,} octets; the rest is not read."
            return b""
        found = self._file.read(octets)
        if len(found) < octets:
            self.flaw = "The capture ends within a packet: it was cut off."
            return b""
        return found

    def _is_over(self) -> bool:
        return not self._file.peek(1)

    def _of_pcap(self, order: str, unit_ns: int) -> Iterator[Packet]:
        head = self._read(20)
        if not head:
            return
        link = struct.unpack_from(order + "16xI", head)[0] & 0xFFFF
        self.links.add(link)
        while not self._is_over():
            head = self._read(16)
            if not head:
                return
            seconds, rest, kept, length = struct.unpack(order + "IIII", head)
            octets = self._read(kept)
            if self.flaw:
                return
            yield Packet(seconds * 10**9 + rest * unit_ns, link, octets, length)

    def _of_pcapng(self) -> Iterator[Packet]:
        begun = self._magic
        while begun or not self._is_over():
            kind, body = self._block(begun)
            begun = b""
            if self.flaw:
                return
            if kind == _SECTION:
                self._interfaces = []
            elif kind == _INTERFACE and len(body) >= 8:
                self._interfaces.append(self._interface(body))
            elif kind in {_PACKET, _OLD_PACKET} and (packet := self._packet(kind, body)):
                yield packet

    def _block(self, begun: bytes) -> tuple[int, bytes]:
        """Return the type of the next block and what it holds; of a section's head the byte order is noted."""
        head = begun + self._read(8 - len(begun))
        if len(head) < 8:
            return 0, b""
        mark = b""
        if head[:4] == struct.pack(">I", _SECTION):
            mark = self._read(4)
            self._order = _BYTE_ORDERS.get(mark, self._order)
        kind, length = struct.unpack(self._order + "II", head)
        left = length - 8 - len(mark)
        if not self.flaw and (length % 4 or left < 4 or (mark and mark not in _BYTE_ORDERS)):
            self.flaw = "The capture is damaged: a block has no sensible length; the rest is not read."
        return (0, b"") if self.flaw else (kind, self._read(left)[:-4])

    def _interface(self, body: bytes) -> _Interface:
        link, units, offset = struct.unpack_from(self._order + "H", body)[0], 10**6, 0
        for code, value in self._options(body[8:]):
            if code == _TSRESOL and value:
                units = 2 ** (value[0] & 127) if value[0] & 128 else 10 ** value[0]
            elif code == _TSOFFSET and len(value) == 8:
                offset = struct.unpack(self._order + "q", value)[0]
        self.links.add(link)
        return _Interface(link, units, offset)

    def _options(self, octets: bytes) -> Iterator[tuple[int, bytes]]:
        place = 0
        while place + 4 <= len(octets):
            code, length = struct.unpack_from(self._order + "HH", octets, place)
            yield code, octets[place + 4 : place + 4 + length]
            place += 4 + length + -length % 4

    def _packet(self, kind: int, body: bytes) -> Packet | None:
        if len(body) < 20:
            return None
        number, high, low, kept, length = struct.unpack_from(self._order + "IIIII", body)
        if kind == _OLD_PACKET:  # its number is followed by a count of drops
            number = struct.unpack_from(self._order + "H", body)[0]
        if number >= len(self._interfaces) or kept > len(body) - 20:
            return None
        one = self._interfaces[number]
        at_ns = (high << 32 | low) * 10**9 // one.units_per_s + one.offset_s * 10**9
        return Packet(at_ns, one.link, body[20 : 20 + kept], length)


def _why_not(magic: bytes) -> str:
    if not magic:
        return "is empty"
    packed = [name for begin, name in _COMPRESSED.items() if magic.startswith(begin[:4])]
    return f"is compressed with {packed[0]}; decompress it first" if packed else "is not a capture"
