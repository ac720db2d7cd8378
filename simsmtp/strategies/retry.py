"""The retry schedule: when deferred recipients are tried again, and when they are given up."""

from __future__ import annotations

from typing import NamedTuple


class RetrySchedule(NamedTuple):
    """Exponential back-off with a ceiling and an end; all times in nanoseconds.

    Attributes
    ----------
    initial_ns, max_ns : int
        First and longest wait.
    factor : float
        Each wait is this many times the one before.
    expiry_ns : int
        Age of a message at which it is given up.
    """

    initial_ns: int
    max_ns: int
    factor: float
    expiry_ns: int


def keeps_queue(schedule: RetrySchedule) -> bool:
    """Tell whether there is a queue: who gives up at once has none, as a library, which tells its caller."""
    return schedule.expiry_ns > 0


def backoff(schedule: RetrySchedule, attempt: int) -> int:
    """Return the wait after the given attempt (from 1), in nanoseconds."""
    wait = schedule.initial_ns
    for _ in range(1, attempt):
        longer = wait * schedule.factor
        if longer >= float(schedule.max_ns):  # compared before it is an integer: it may not fit 64 bits
            return schedule.max_ns
        if int(longer) == wait:
            break
        wait = int(longer)
    return min(wait, schedule.max_ns)


def is_expired(schedule: RetrySchedule, arrival_ns: int, now_ns: int) -> bool:
    """Tell whether a message has reached the age at which what is left of it fails."""
    return now_ns - arrival_ns >= schedule.expiry_ns


def next_attempt(schedule: RetrySchedule, arrival_ns: int, now_ns: int, attempt: int) -> int:
    """Return when a message is tried again: after the back-off, and a last time at its expiry."""
    return min(now_ns + backoff(schedule, attempt), arrival_ns + schedule.expiry_ns)
