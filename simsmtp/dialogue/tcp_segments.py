"""Packets to TCP segments: link layers, IPv4 (RFC 791), IPv6 (RFC 8200), TCP (RFC 9293). Nothing in them raises."""

from __future__ import annotations

import struct
from typing import NamedTuple

from simsmtp.dialogue.capture_file import Packet

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
_TCP = 6
_IP, _VLAN = {0x0800, 0x86DD}, {0x8100, 0x88A8, 0x9100}
_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _DESTINATION = 0, 43, 44, 51, 60

_LINKS: dict[int, tuple[str, int, int]] = {
    0: ("BSD loopback", 4, -1),
    1: ("Ethernet", 14, 12),
    12: ("raw IP", 0, -1),
    14: ("raw IP", 0, -1),
    101: ("raw IP", 0, -1),
    108: ("OpenBSD loopback", 4, -1),
    113: ("Linux cooked", 16, 14),
    228: ("raw IPv4", 0, -1),
    229: ("raw IPv6", 0, -1),
    276: ("Linux cooked, version 2", 20, 0),
}
"""Link type → its name, where the packet begins, and where its EtherType is, -1 if it has none."""
LINK_TYPES = tuple(f"{link} ({name})" for link, (name, _, _) in _LINKS.items())


class End(NamedTuple):
    """One end of a connection: an address in network order, and a port."""

    address: bytes
    port: int


class Segment(NamedTuple):
    """A TCP segment.

    Attributes
    ----------
    at_ns : int
        When it was captured.
    source, target : End
        Who sent it, and to whom.
    flags, number, acked : int
        TCP flags; number of its first octet, and of the octet that its sender awaits.
    octets : bytes
        What was captured of the octets that it carries.
    missing : int
        Octets after them that it carries and that were not captured.
    """

    at_ns: int
    source: End
    target: End
    flags: int
    number: int
    acked: int
    octets: bytes
    missing: int = 0


def is_known(link: int) -> bool:
    """Tell whether packets of a link type can be read."""
    return link in _LINKS


def segment_of(packet: Packet) -> Segment | None:
    """Return the TCP segment in a packet, None if there is none, or only a fragment or the beginning of its head."""
    try:
        return _segment(packet)
    except (struct.error, IndexError):  # the packet is shorter than its heads say
        return None


def _segment(packet: Packet) -> Segment | None:
    begin = _ip_begin(packet)
    if begin < 0:
        return None
    octets = packet.octets[begin:]
    version = octets[0] >> 4
    on_wire = max(packet.length, len(packet.octets)) - begin
    found = _ipv4(octets, on_wire) if version == 4 else _ipv6(octets, on_wire) if version == 6 else None
    if found is None:
        return None
    addresses, tcp, end = found
    source, target, number, acked, words, flags = struct.unpack_from("!HHIIBB", octets, tcp)
    text = tcp + (words >> 4) * 4
    if text < tcp + 20 or text > end:
        return None
    kept = octets[text:end]
    missing = end - text - len(kept)
    half = len(addresses) // 2
    return Segment(
        packet.at_ns, End(addresses[:half], source), End(addresses[half:], target), flags, number, acked, kept, missing
    )


def _ip_begin(packet: Packet) -> int:
    """Return where IP begins in a packet, -1 if it carries something else."""
    if packet.link not in _LINKS:
        return -1
    _, begin, type_at = _LINKS[packet.link]
    if type_at < 0:
        return begin
    kind = struct.unpack_from("!H", packet.octets, type_at)[0]
    while kind in _VLAN:
        kind = struct.unpack_from("!H", packet.octets, begin + 2)[0]
        begin += 4
    return begin if kind in _IP else -1


def _ipv4(octets: bytes, on_wire: int) -> tuple[bytes, int, int] | None:
    """Return both addresses, where TCP begins and where the packet ends; None if it is a fragment or no TCP."""
    total, fragment, protocol = struct.unpack_from("!2xH2xHxB", octets)
    if protocol != _TCP or fragment & 0x3FFF:
        return None
    # A packet that the network card has yet to cut says 0.
    return octets[12:20], (octets[0] & 15) * 4, min(total, on_wire) if total else on_wire


def _ipv6(octets: bytes, on_wire: int) -> tuple[bytes, int, int] | None:
    payload, following = struct.unpack_from("!4xHB", octets)
    begin = 40
    while following != _TCP:
        if following in {_HOP_BY_HOP, _ROUTING, _DESTINATION}:
            length = 8 + octets[begin + 1] * 8
        elif following == _AUTHENTICATION:
            length = 8 + octets[begin + 1] * 4
        elif following == _FRAGMENT and not struct.unpack_from("!H", octets, begin + 2)[0] & 0xFFF9:
            length = 8
        else:
            return None
        following, begin = octets[begin], begin + length
    return octets[8:40], begin, min(40 + payload, on_wire) if payload else on_wire
