"""Limits in time: so many recipients, messages, connections or commands in so many nanoseconds.

Exact in integers. A bucket counts in parts of a token: with M tokens in W nanoseconds and g their greatest common
divisor, a token has W/g parts and each nanosecond brings M/g of them.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import NamedTuple

from simsmtp.protocol.answers import Answer
from simsmtp.protocol.commands import Verb

LONG_AGO = -(2**61)
"""A time before any window that reaches to a time from 0 on."""
LATEST = 2**61 + 1
"""The latest time that anybody is made to wait until; no run lasts that long."""
MOST_PARTS = 2**62
"""Most parts that a bucket may hold: twice as many fit 64 bits."""
MOST_TIMES = 1_000_000
"""Most that a sliding window may let pass: it remembers when each did."""
MOST_LIMITS = 8
"""Most rate limits of a server."""


class Counts(IntEnum):
    """What a rate limit counts; a sender's own may count nothing."""

    NOTHING = 0
    RECIPIENTS = 1
    MESSAGES = 2
    CONNECTIONS = 3
    COMMANDS = 4


class Place(IntEnum):
    """Which command a rate limit is asked at."""

    CONNECT = 0
    MAIL = 1
    RCPT = 2
    DATA = 3
    DOT = 4


class RateKind(IntEnum):
    """How a rate limit forgets."""

    FIXED = 0  # counts from 0 in each window [kW, (k+1)W)
    SLIDING = 1  # at most M in each (t - W, t]
    BUCKET = 2  # M tokens at first, refilled at M/W up to M


class RateLimit(NamedTuple):
    """One limit.

    Attributes
    ----------
    counts, at, kind : int, int, int
        `Counts`, `Place`, `RateKind`.
    most, window_ns : int, int
        M and W.
    gained, cost : int, int
        Parts that a nanosecond brings to a bucket, and parts of a token: see `bucket_parts`.
    """

    counts: int
    at: int
    kind: int
    most: int
    window_ns: int
    gained: int
    cost: int


class RateState(NamedTuple):
    """What a limit remembers.

    Attributes
    ----------
    since_ns : int
        When the fixed window began; when the bucket was looked at, or is as full as `level` says.
    level : int
        What was counted in the fixed window; all that a sliding one ever counted; parts in the bucket.
    """

    since_ns: int
    level: int


def bucket_parts(most: int, window_ns: int) -> tuple[int, int]:
    """Return how many parts of a token a nanosecond brings, and how many a token has."""
    divisor = math.gcd(most, window_ns)
    return most // divisor, window_ns // divisor


def rate_limit(counts: int, at: int, kind: int, most: int, window_ns: int) -> RateLimit:
    """Return a limit of `most` in `window_ns`."""
    return RateLimit(counts, at, kind, most, window_ns, *bucket_parts(most, window_ns))


def new_state(limit: RateLimit) -> RateState:
    """Return what a limit remembers before anything was counted: a bucket is full."""
    return RateState(0, limit.most * limit.cost if limit.kind == RateKind.BUCKET else 0)


def is_asked(at: int, verb: int) -> bool:
    """Tell whether a limit that is asked at a place is asked of a command; BDAT is DATA and the dot in one."""
    if verb == Verb.BDAT:
        return at in (Place.DATA, Place.DOT)
    if verb == Verb.MAIL:
        return at == Place.MAIL
    if verb == Verb.RCPT:
        return at == Place.RCPT
    if verb == Verb.DATA:
        return at == Place.DATA
    if verb == Verb.TEXT:
        return at == Place.DOT
    return verb == Verb.CONNECT and at == Place.CONNECT


def is_let_pass(answer: int) -> bool:
    """Tell whether all other checks let a command pass, so that rate limits are asked."""
    return answer in (Answer.BANNER, Answer.MAIL_OK, Answer.RCPT_OK, Answer.DATA_OK, Answer.TEXT_OK)


def amount_of(limit: RateLimit, verb: int, accepted: int) -> int:
    """Return how much a command counts; at DATA and the dot that is the transaction's accepted recipients, or 1."""
    return accepted if limit.counts == Counts.RECIPIENTS and verb != Verb.RCPT else 1


def deciding_time(limit: RateLimit, state: RateState, amount: int) -> int:
    """Return which of the times that a sliding window counted decides about so much more, from 0; -1 for none.

    There is room if that time is out of the window, because then at most `most` - `amount` are in it.
    """
    if limit.kind != RateKind.SLIDING or amount < 1 or amount > limit.most:
        return -1
    return max(-1, state.level - limit.most + amount - 1)


def has_room(limit: RateLimit, state: RateState, deciding_ns: int, now_ns: int, amount: int) -> bool:
    """Tell whether a limit has room for so much more.

    Parameters
    ----------
    limit, state : RateLimit, RateState
        The limit and what it remembers.
    deciding_ns : int
        The time that `deciding_time` asks for; `LONG_AGO` if there is none.
    now_ns, amount : int, int
        When it is asked, and how much is to be counted.
    """
    if amount == 0:
        return True
    if amount > limit.most:
        return False
    if limit.kind == RateKind.FIXED:
        return _counted_in_window(limit, state, now_ns) + amount <= limit.most
    if limit.kind == RateKind.SLIDING:
        return deciding_ns <= now_ns - limit.window_ns
    return parts_at(limit, state, now_ns) >= amount * limit.cost


def after_counting(limit: RateLimit, state: RateState, now_ns: int, amount: int) -> RateState:
    """Return what a limit remembers after so much was counted, for which it had room."""
    if limit.kind == RateKind.FIXED:
        begin_ns = now_ns // limit.window_ns * limit.window_ns
        return RateState(begin_ns, _counted_in_window(limit, state, now_ns) + amount)
    if limit.kind == RateKind.SLIDING:
        return RateState(now_ns, state.level + amount)
    return RateState(now_ns, parts_at(limit, state, now_ns) - amount * limit.cost)


def reserved(limit: RateLimit, state: RateState, now_ns: int, amount: int) -> RateState:
    """Return what a bucket remembers that makes wait instead of refusing: since `since_ns` the asker may go on.

    First come, first served: nobody goes before who asked earlier. `amount` is at most `most`.
    """
    begin_ns = max(now_ns, state.since_ns)
    lacking = amount * limit.cost - parts_at(limit, state, begin_ns)
    if lacking <= 0:
        return RateState(begin_ns, -lacking)
    wait_ns = -(-lacking // limit.gained)
    return RateState(min(begin_ns + wait_ns, LATEST), wait_ns * limit.gained - lacking)


def parts_at(limit: RateLimit, state: RateState, now_ns: int) -> int:
    """Return how many parts a bucket holds: in a window's time it fills from empty."""
    elapsed_ns = min(now_ns - state.since_ns, limit.window_ns)
    return min(limit.most * limit.cost, state.level + elapsed_ns * limit.gained)


def _counted_in_window(limit: RateLimit, state: RateState, now_ns: int) -> int:
    return state.level if now_ns // limit.window_ns * limit.window_ns == state.since_ns else 0
