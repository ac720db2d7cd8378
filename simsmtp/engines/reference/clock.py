"""Simulated time: integer nanoseconds on SimPy's heap, ties broken by what happens and never by who asked first.

SimPy orders equal times by priority, then by the number of the event. The number depends on the order in which
processes happened to run, so every timed event here gets a priority of its own: (kind, session, index).
"""

from __future__ import annotations

import math
from collections.abc import Generator

import simpy
from simpy.events import Event

from simsmtp.model.limits import too_long
from simsmtp.model.ranges import LONGEST_NS
from simsmtp.peers.kind import Kind

Steps = Generator[Event, None, None]


class Clock(simpy.Environment):
    """The environment of one run, in which nothing may be due after `LONGEST_NS`."""

    _now: int  # as long as nothing is due at another time than a whole number

    def __init__(self) -> None:
        super().__init__(initial_time=0)
        self.timeout(LONGEST_NS + 1).callbacks.append(self._end)

    def _end(self, _end: Event) -> None:
        if self.peek() < math.inf:
            raise too_long()

    @property
    def now(self) -> int:
        """Nanoseconds since the start."""
        return self._now

    def start(self, steps: Steps) -> None:
        """Begin to go through steps, beside whatever else goes on."""
        self.process(steps)

    def at(self, when_ns: int, kind: Kind, session: int, index: int) -> Event:
        """Return an event at `when_ns`; `kind`, `session` and `index` name it uniquely among equal times."""
        event = Event(self)
        event._ok = True
        event._value = None
        # Below 2 lie SimPy's own priorities: starts of processes and their ends come first.
        priority = (kind << 96) + (session << 48) + index
        self.schedule(event, priority, when_ns - self._now)  # type: ignore[arg-type]
        return event
