"""Simulated time: integer nanoseconds on SimPy's heap, ties broken by what happens and never by who asked first.

SimPy orders equal times by priority, then by the number of the event. The number depends on the order in which
processes happened to run, so every timed event here gets a priority of its own: (kind, session, index).
"""

from __future__ import annotations

from enum import IntEnum

import simpy
from simpy.events import Event


class Kind(IntEnum):
    """What happens at an instant, in the order in which equal instants are worked off."""

    SERVED = 1  # a worker is done
    ARRIVAL = 2  # a message reaches the queue
    RETRY = 3  # deferred recipients are due
    REQUEST = 4  # a command reaches the server and wants a worker
    ACCEPT = 5  # a connection reaches the server
    HANG_UP = 6  # a session ends at the server
    READ = 7  # replies reach the client
    WAIT = 8  # a client whose connection was refused tries again


class Clock:
    """The environment of one run."""

    def __init__(self) -> None:
        self.env = simpy.Environment(initial_time=0)

    @property
    def now(self) -> int:
        """Nanoseconds since the start."""
        return int(self.env.now)

    def at(self, when_ns: int, kind: Kind, session: int, index: int) -> Event:
        """Return an event at `when_ns`; `kind`, `session` and `index` name it uniquely among equal times."""
        event = Event(self.env)
        event._ok = True
        event._value = None
        # Below 2 lie SimPy's own priorities: starts of processes and their ends come first.
        priority = (int(kind) << 96) + (session << 48) + index
        self.env.schedule(event, priority=priority, delay=when_ns - self.now)  # type: ignore[arg-type]
        return event
