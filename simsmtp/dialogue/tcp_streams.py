"""TCP streams put together from the segments of a capture: each octet once, in order, up to the first that is missing.

What is kept is bounded by what was captured, and by `Connections` as a whole.
"""

from __future__ import annotations

import heapq
import ipaddress
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from simsmtp.dialogue.tcp_segments import ACK, FIN, RST, SYN, End, Segment

_Mark = TypeVar("_Mark")
_HALF = 1 << 31


class Stream(Generic[_Mark]):
    """One direction of a connection.

    Parameters
    ----------
    first : int
        Number of its first octet.

    Attributes
    ----------
    pieces : list of (_Mark, bytes)
        Octets in order, each once, with the mark of the segment that made them readable.
    """

    def __init__(self, first: int) -> None:
        self.pieces: list[tuple[_Mark, bytes]] = []
        self._first = first
        self._ready = 0  # octets in `pieces`
        self._end = 0  # octets known to have been sent
        self._waiting: list[tuple[int, int, bytes]] = []  # place, order of arrival, octets

    def add(self, number: int, octets: bytes, mark: _Mark, missing: int = 0) -> None:
        """Take the octets of a segment, perhaps some that came before or out of their turn; `missing` follow them."""
        begin, length = self.place(number), len(octets) + missing
        self._end = max(self._end, begin + length if length else begin - 1)  # a FIN before it has a number, too
        if octets and begin + len(octets) > self._ready:
            heapq.heappush(self._waiting, (begin, len(self.pieces), octets))
        while self._waiting and self._waiting[0][0] <= self._ready:
            begin, _, octets = heapq.heappop(self._waiting)
            if fresh := octets[self._ready - begin :]:
                self.pieces.append((mark, fresh))
                self._ready += len(fresh)

    def acknowledge(self, number: int) -> None:
        """Note that the other side has everything before a number; the last may be the FIN, which is no octet."""
        self._end = max(self._end, self.place(number) - 1)

    def place(self, number: int) -> int:
        """Return how many octets of the stream come before a number, which wraps around after 4 GiB."""
        return self._ready + (number - self._first - self._ready + _HALF) % (2 * _HALF) - _HALF

    @property
    def has_hole(self) -> bool:
        """Whether octets were sent that are not in `pieces`."""
        return self._end > self._ready


class Seen(NamedTuple):
    """When octets were seen: place of the packet in the capture, its time, and what its sender had got by then.

    `acked` counts octets of the other direction.
    """

    order: int
    at_ns: int
    acked: int


class Connection:
    """Both directions of a connection.

    Parameters
    ----------
    segment : Segment
        The first that was captured.

    Attributes
    ----------
    ends : tuple of End
        The one that connected, and the other; if that was before the capture, the one that was seen first, and the
        other.
    is_whole : bool
        Its beginning was captured.
    first : Seen
        Its first segment.
    handshake_ns : list of int
        Times of the SYN, of the SYN/ACK and of the ACK, as far as they were captured.
    closed : tuple of (Seen, End, bool) or None
        The first FIN or RST: when, whose, whether it is an RST.
    is_forgotten : bool
        What was said is of no interest.
    """

    def __init__(self, segment: Segment, order: int) -> None:
        self.is_whole = bool(segment.flags & SYN)
        is_answer = segment.flags & (SYN | ACK) == SYN | ACK
        self.ends = (segment.target, segment.source) if is_answer else (segment.source, segment.target)
        self.first = Seen(order, segment.at_ns, 0)
        self.handshake_ns: list[int] = []
        self.closed: tuple[Seen, End, bool] | None = None
        self.is_forgotten = False
        self._streams: dict[End, Stream[Seen]] = {}
        self._starts: dict[End, int] = {}
        self._ended: set[End] = set()

    def continues_with(self, segment: Segment) -> bool:
        """Tell whether a segment belongs to it, and not to a later connection between the same ends."""
        if not segment.flags & SYN:
            return True
        start = self._starts.get(segment.source)
        if start is None:
            return self.is_whole and (segment.source == self.ends[0]) != bool(segment.flags & ACK)
        return start == segment.number and len(self._ended) < 2

    def take(self, segment: Segment, order: int) -> None:
        """Take the next segment in the order of the capture."""
        self._note_handshake(segment)
        is_reset = bool(segment.flags & RST)
        acked = 0
        if segment.flags & ACK and not is_reset:
            other = self._streams.setdefault(segment.target, Stream(segment.acked))
            other.acknowledge(segment.acked)
            acked = other.place(segment.acked)
        seen = Seen(order, segment.at_ns, acked)
        if not is_reset and (stream := self._stream(segment)):
            number = segment.number + bool(segment.flags & SYN)
            stream.add(number, segment.octets, seen, segment.missing)
        if segment.flags & (FIN | RST):
            self.closed = self.closed or (seen, segment.source, is_reset)
            self._ended |= set(self.ends) if is_reset else {segment.source}

    def forget(self) -> int:
        """Keep no more than the first piece of either side, now and later; return how many octets were let go."""
        self.is_forgotten = True
        octets = 0
        for one in self._streams.values():
            octets += sum(len(piece) for _, piece in one.pieces[1:])
            del one.pieces[1:]
        return octets

    def pieces(self, end: End) -> list[tuple[Seen, bytes]]:
        """Return what an end sent."""
        return self._streams[end].pieces if end in self._streams else []

    def lacks(self, end: End) -> bool:
        """Tell whether an end sent something that was not captured, or nothing of it was captured at all."""
        return end not in self._streams or self._streams[end].has_hole

    def _stream(self, segment: Segment) -> Stream[Seen] | None:
        """Return the sender's stream, which begins after its SYN, or else where the capture does."""
        if segment.flags & SYN:
            self._starts.setdefault(segment.source, segment.number)
            self._streams.setdefault(segment.source, Stream((segment.number + 1) % 2**32))
        elif segment.octets or segment.missing:
            self._streams.setdefault(segment.source, Stream(segment.number))
        return self._streams.get(segment.source)

    def _note_handshake(self, segment: Segment) -> None:
        times, by_client = self.handshake_ns, segment.source == self.ends[0]
        step = 0 if segment.flags & SYN and by_client else 1 if segment.flags & SYN else 2
        if step == 0 and len(times) == 1:  # sent again: the answer is to this one
            times[0] = segment.at_ns
        elif len(times) == step and (by_client or step == 1):
            times.append(segment.at_ns)


class Connections:
    """All connections of a capture, in the order in which they were seen.

    Parameters
    ----------
    port : int or None
        Only connections with this port at one end.
    is_foreign : callable
        Tells whether what a connection has said so far is of no interest.

    Attributes
    ----------
    found : list of Connection
        They.
    has_cut : bool
        Some of their octets were cut off by a snap length.
    """

    ROOM = 2**28
    """What is kept, about in octets."""
    _OF_A_CONNECTION, _OF_A_SEGMENT = 2000, 300

    def __init__(self, port: int | None, is_foreign: Callable[[Connection], bool]) -> None:
        self.found: list[Connection] = []
        self.has_cut = False
        self._is_foreign = is_foreign
        self._port = port
        self._open: dict[tuple[End, End], Connection] = {}
        self._room, self._order = self.ROOM, 0

    @property
    def is_full(self) -> bool:
        """Whether so much was kept that no more is taken."""
        return self._room <= 0

    def take(self, segment: Segment) -> None:
        """Take the next segment."""
        source, target = segment.source, segment.target
        if self._port is not None and self._port not in {source.port, target.port}:
            return
        self._order += 1
        key = (source, target) if source < target else (target, source)
        one = self._open.get(key)
        if one is None or not one.continues_with(segment):
            one = self._open[key] = Connection(segment, self._order)
            self.found.append(one)
            self._room -= self._OF_A_CONNECTION
        if one.is_forgotten:
            return
        one.take(segment, self._order)
        self.has_cut |= segment.missing > 0
        if segment.octets:
            self._room -= len(segment.octets) + self._OF_A_SEGMENT
            self._room += one.forget() if self._is_foreign(one) else 0


def end_name(end: End) -> str:
    """Return ``address:port`` as people write it."""
    address = ipaddress.ip_address(end.address)
    return f"[{address}]:{end.port}" if address.version == 6 else f"{address}:{end.port}"
