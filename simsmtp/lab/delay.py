"""The line between two ends: every packet comes out a fixed time after it went in, in order, unless it is lost."""

from __future__ import annotations

import heapq
from random import Random
from typing import NamedTuple


class Packet(NamedTuple):
    """A packet on its way: when it comes out, which one it is, at which end (0 or 1) it does, and its octets."""

    due_ns: int
    number: int
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
    rate_mbit : float
        What goes through in a second, in each direction, in megabits; with 0 all that comes. At a finite rate a
        packet comes out when all of it has gone in, and the next of its direction goes in after it.

    Examples
    --------
    >>> line = DelayLine(delay_ns=10)
    >>> line.put(5, 1, b"to the other end")
    >>> line.next_due(), line.due(14), [packet.octets for packet in line.due(15)]
    (15, [], [b'to the other end'])
    """

    def __init__(self, delay_ns: int, loss: float = 0.0, seed: int = 0, rate_mbit: float = 0.0) -> None:
        self._delay_ns = delay_ns
        self._loss = loss
        self._random = Random(seed)  # noqa: S311 - losses of a line, no secret
        self._octet_ns = 8000 / rate_mbit if rate_mbit else 0.0
        self._free_ns = [0, 0]
        self._on_the_way: list[Packet] = []
        self._number = 0
        self.lost = 0

    def put(self, now_ns: int, end: int, octets: bytes) -> None:
        """Take a packet that is to come out at an end."""
        in_ns = max(now_ns, self._free_ns[end]) + round(self._octet_ns * len(octets))
        self._free_ns[end] = in_ns
        if self._loss and self._random.random() < self._loss:
            self.lost += 1
            return
        self._number += 1  # two that are due at once come out as they went in
        heapq.heappush(self._on_the_way, Packet(in_ns + self._delay_ns, self._number, end, octets))

    def next_due(self) -> int | None:
        """Return when the next packet comes out, or None if none is on its way."""
        return self._on_the_way[0].due_ns if self._on_the_way else None

    def due(self, now_ns: int) -> list[Packet]:
        """Return the packets that come out by now, the first to come out first."""
        out = []
        while self._on_the_way and self._on_the_way[0].due_ns <= now_ns:
            out.append(heapq.heappop(self._on_the_way))
        return out
