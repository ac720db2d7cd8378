"""What goes over a server's connections, octet by octet, in the form in which captures are read."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable

from simsmtp.dialogue.tcp_segments import ACK, FIN, SYN, End, Segment

NOTE = (
    "Recorded by the server: a group is what it read at once, a read what it wrote at once. Times are the server's; "
    "those at the client are not known. What the client concluded is not known."
)
TOO_MUCH = "More was said than is kept: the rest is not shown."
MOST_OCTETS = 2**26
_A_SEGMENT = 200  # what one costs beside its octets


class Recorder:
    """Keeps what the sessions of a server say, up to 64 MiB.

    Attributes
    ----------
    segments : list of Segment
        In order of time; sequence numbers count octets, and what a side has read is what it acknowledges.
    is_full : bool
        More was said than is kept.
    """

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self.segments: list[Segment] = []
        self.is_full = False
        self._clock, self._room = clock, MOST_OCTETS

    def session(self, client: tuple[str, int], server: tuple[str, int]) -> RecordedSession:
        """Begin to record a session between two addresses and ports."""
        return RecordedSession(self, _end(client), _end(server))

    def add(self, source: End, target: End, flags: int, number: int, acked: int, octets: bytes = b"") -> None:
        """Keep one segment, if there is room."""
        self._room -= len(octets) + _A_SEGMENT
        self.is_full = self.is_full or self._room < 0
        if not self.is_full:
            self.segments.append(Segment(self._clock(), source, target, flags, number, acked, octets))


class RecordedSession:
    """One connection of a server."""

    def __init__(self, recorder: Recorder, client: End, server: End) -> None:
        self._recorder, self._client, self._server = recorder, client, server
        self._heard = self._said = 1  # the SYN of either side is number 0
        self._is_over = False
        recorder.add(client, server, SYN, 0, 0)
        recorder.add(server, client, SYN | ACK, 0, 1)

    def heard(self, octets: bytes) -> None:
        """Note what the server has read; none: the client has closed."""
        if octets:
            self._recorder.add(self._client, self._server, ACK, self._heard, self._said, octets)
            self._heard += len(octets)
        else:
            self._end(self._client, self._server, self._heard, self._said)

    def said(self, octets: bytes) -> None:
        """Note what the server has written."""
        self._recorder.add(self._server, self._client, ACK, self._said, self._heard, octets)
        self._said += len(octets)

    def close(self) -> None:
        """Note that the server closes, if the client has not before."""
        self._end(self._server, self._client, self._said, self._heard)

    def _end(self, source: End, target: End, number: int, acked: int) -> None:
        if not self._is_over:
            self._is_over = True
            self._recorder.add(source, target, FIN | ACK, number, acked)


def _end(place: tuple[str, int]) -> End:
    host, port = place[:2]
    return End(ipaddress.ip_address(host.partition("%")[0]).packed, port)
