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


class Clock:
    """The environment of one run, in which nothing may be due after `LONGEST_NS`."""

    def __init__(self) -> None:
        self.env = simpy.Environment(initial_time=0)
        end = Event(self.env)
        end._ok = True
        end._value = None
        end.callbacks = [self._end]
        self.env.schedule(end, delay=LONGEST_NS + 1)

    def _end(self, _end: Event) -> None:
        if self.env.peek() < math.inf:
            raise too_long()

    @property
    def now(self) -> int:
        """Nanoseconds since the start."""
        return int(self.env.now)

    def start(self, steps: Steps) -> None:
        """Begin to go through steps, beside whatever else goes on."""
        self.env.process(steps)

    def at(self, when_ns: int, kind: Kind, session: int, index: int) -> Event:
        """Return an event at `when_ns`; `kind`, `session` and `index` name it uniquely among equal times."""
        event = Event(self.env)
        event._ok = True
        event._value = None
        # Below 2 lie SimPy's own priorities: starts of processes and their ends come first.
        priority = (int(kind) << 96) + (session << 48) + index
        self.env.schedule(event, priority=priority, delay=when_ns - self.now)  # type: ignore[arg-type]
        return event
