"""The line between two ends: every packet comes out a fixed time after it went in, in order, unless it is lost."""

from __future__ import annotations

from collections import deque
from random import Random
from typing import NamedTuple


class Packet(NamedTuple):
    """A packet on its way: when it comes out, at which end, and its octets."""

    due_ns: int
    end: int
    octets: bytes


class DelayLine:
    """Both directions of a line.

    Parameters
    ----------
    delay_ns : int
        One-way delay; half of the round trip.
    loss : float
        Probability that a packet is lost, each for itself.
    seed : int
        Key of the losses.

    Examples
    --------
    >>> line = DelayLine(delay_ns=10)
    >>> line.put(5, 1, b"to the other end")
    >>> line.next_due(), line.due(14), [packet.octets for packet in line.due(15)]
    (15, [], [b'to the other end'])
    """

    def __init__(self, delay_ns: int, loss: float = 0.0, seed: int = 0) -> None:
        self._delay_ns = delay_ns
        self._loss = loss
        self._random = Random(seed)  # noqa: S311 - losses of a line, no secret
        self._on_the_way: deque[Packet] = deque()
        self.lost = 0

    def put(self, now_ns: int, end: int, octets: bytes) -> None:
        """Take a packet that is to come out at an end. The delay is the same for all, so the order is too."""
        if self._loss and self._random.random() < self._loss:
            self.lost += 1
            return
        self._on_the_way.append(Packet(now_ns + self._delay_ns, end, octets))

    def next_due(self) -> int | None:
        """Return when the next packet comes out, or None if none is on its way."""
        return self._on_the_way[0].due_ns if self._on_the_way else None

    def due(self, now_ns: int) -> list[Packet]:
        """Return the packets that come out by now, the first to come out first."""
        out = []
        while self._on_the_way and self._on_the_way[0].due_ns <= now_ns:
            out.append(self._on_the_way.popleft())
        return out
