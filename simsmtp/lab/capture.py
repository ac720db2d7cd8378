"""What happened in a session, read from a capture at the sender's end: counts, codes and the duration."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from simsmtp.dialogue.capture_file import FORMATS, CaptureFile
from simsmtp.dialogue.tcp_segments import FIN, RST, SYN, segment_of
from simsmtp.dialogue.tcp_streams import Stream
from simsmtp.errors import InputError
from simsmtp.files import reading


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
        If the file is no capture.
    """
    with reading(path, allowed=FORMATS) as file:
        taken = [one for packet in CaptureFile(file, str(path)) if (one := segment_of(packet))]
    found = [
        Segment(one.at_ns, client.port, one.target.port == server_port, one.flags, one.number, one.octets)
        for one in taken
        if server_port in {one.source.port, one.target.port}
        for client in (one.source if one.target.port == server_port else one.target,)
    ]
    begun = {one.port for one in found if one.flags & SYN and one.up}  # others are the last words of a session before
    return [one for one in found if one.port in begun]


_RCPT = re.compile(rb"^RCPT TO:", re.IGNORECASE | re.MULTILINE)
_LAST_LINE = re.compile(rb"(\d{3})(?: |\r?$)")


class _Connection:
    """Both directions of a connection."""

    def __init__(self) -> None:
        self._streams: dict[bool, Stream[int]] = {}
        self._is_left = False
        self._speaks_up = False
        self.counts: Counter[str] = Counter()

    def take(self, one: Segment) -> None:
        """Take a segment; what the server says after the client has closed is said to nobody."""
        if one.flags & SYN:
            self._streams.setdefault(one.up, Stream((one.number + 1) % 2**32))
        if one.octets and one.up in self._streams and not self._is_left:
            self._streams[one.up].add(one.number, one.octets, one.at_ns)
            self.counts["bytes_up" if one.up else "bytes_down"] += len(one.octets)
            self.counts["server_segments"] += not one.up
            self.counts["client_turns"] += one.up and not self._speaks_up
            self._speaks_up = one.up
        self._is_left = self._is_left or bool(one.up and one.flags & FIN)

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
        return self._streams[up].pieces if up in self._streams else []


def is_over(found: list[Segment]) -> bool:
    """Tell whether both sides of every connection have closed."""
    ended: dict[int, set[bool]] = {}
    for one in found:
        ended.setdefault(one.port, set())
        if one.flags & RST:
            ended[one.port] = {True, False}
        elif one.flags & FIN:
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
    begin = min((one.at_ns for one in found if one.flags & SYN and one.up), default=None)
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
