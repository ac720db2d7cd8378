"""What can happen at an instant of a run: the order of simultaneous events, the same in every engine."""

from __future__ import annotations

from enum import IntEnum


class Kind(IntEnum):
    """What happens at an instant, in the order in which equal instants are worked off."""

    SERVED = 1  # a worker is done
    ARRIVAL = 2  # a message reaches the queue
    RETRY = 3  # deferred recipients are due
    REQUEST = 4  # a command reaches the server and wants a worker
    ACCEPT = 5  # a connection reaches the server
    HANG_UP = 6  # a session ends at the server
    READ = 7  # replies reach the client
    WAIT = 8  # a client whose connection was refused tries again, or one has paused
    DECIDE = 9  # a command has been served, and its answer depends on what other sessions were answered
