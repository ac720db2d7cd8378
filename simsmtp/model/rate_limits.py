"""Limits in time as a user writes them, what is impossible about them, and what they are to decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from simsmtp.errors import InputError
from simsmtp.model import ranges
from simsmtp.model.table import Table
from simsmtp.policies.rate_limits import (
    MOST_PARTS,
    MOST_TIMES,
    Counts,
    Place,
    RateKind,
    RateLimit,
    bucket_parts,
    is_asked,
    rate_limit,
)
from simsmtp.protocol.commands import Verb
from simsmtp.protocol.replies import parse_refusal
from simsmtp.randomness.distributions import ns_of_s

if TYPE_CHECKING:
    from collections.abc import Sequence

_ALLOWED = {
    "connections": ("connect",),
    "messages": ("mail", "data", "dot"),
    "recipients": ("rcpt", "data", "dot"),
    "commands": ("mail", "rcpt", "data", "dot"),
}
"""What a limit counts → where it may be asked; the first is the default."""


class ServerRate(Table):
    """One limit in time. What is refused counts nowhere."""

    counts: Literal["recipients", "messages", "connections", "commands"]
    """What is counted: accepted recipients, messages, connections, or commands of the kind that `at` names. At
    ``data`` and ``dot``, recipients are those of the transaction, which is refused if they do not all fit."""
    most: ranges.Count
    """So many in `window_s`, of all connections together."""
    window_s: ranges.Memory
    """Seconds: 60 for a limit per minute, 3600 per hour, 86400 per day."""
    kind: Literal["fixed", "sliding", "bucket"] = "fixed"
    """``fixed``: counted anew in each window from time 0 on; ``sliding``: never more than `most` in any stretch of
    `window_s`; ``bucket``: `most` at once, and then as they are refilled at a steady rate."""
    at: Literal["connect", "mail", "rcpt", "data", "dot"] | None = None
    """Which command is refused; the default is ``connect`` for connections, ``rcpt`` for recipients, ``mail`` else."""
    reply: ranges.Reply | None = None
    """That refusal; the default is ``451 4.7.1``, and ``421 4.7.0`` at ``connect``."""


class ClientRate(Table):
    """The sender's own limit in time: it waits for its turn."""

    counts: Literal["recipients", "messages", "connections"]
    """What is counted: recipients sent to, transactions, or connections begun."""
    most: ranges.Count
    """So many at once, and so many in `window_s` in the long run, to each destination."""
    window_s: ranges.Memory
    """Seconds."""


class RatePlan(NamedTuple):
    """A sender's own limit as decisions take it; `counts` is `Counts.NOTHING` where there is none."""

    counts: int
    most: int
    window_ns: int
    gained: int
    cost: int

    @property
    def limit(self) -> RateLimit:
        """As a limit."""
        return RateLimit(self.counts, Place.CONNECT, RateKind.BUCKET, *self[1:])


def check_rate_limits(limits: Sequence[ServerRate], key: str) -> None:
    """Raise an `InputError` for the first limit of a server that means nothing or does not fit 64 bits."""
    for number, one in enumerate(limits):
        where = f"{key}.rate_limits.{number}"
        if one.at is not None and one.at not in _ALLOWED[one.counts]:
            places = _ALLOWED[one.counts]
            raise InputError(f"{one.counts} are not counted there", key=f"{where}.at", given=one.at, allowed=places)
        if one.kind == "sliding" and one.most > MOST_TIMES:
            allowed = f'up to {MOST_TIMES:,} with kind = "sliding", which remembers each; or another kind'
            raise InputError("too many to remember", key=f"{where}.most", given=one.most, allowed=allowed)
        if one.kind == "bucket":
            _check_bucket(one.most, one.window_s, where)
        if one.reply is not None:
            parse_refusal(one.reply, key=f"{where}.reply")


def check_client_rate(rate: ClientRate | None) -> None:
    """Raise an `InputError` if a sender's own limit does not fit 64 bits."""
    if rate:
        _check_bucket(rate.most, rate.window_s, "client.rate")


def _check_bucket(most: int, window_s: float, where: str) -> None:
    if most * bucket_parts(most, ns_of_s(window_s))[1] > MOST_PARTS:
        raise InputError(
            f"{most:,} in {window_s} s cannot be refilled exactly in 64 bits",
            key=f"{where}.most",
            given=most,
            allowed="a rounder number, or a shorter window_s",
        )


def rates_of(limits: Sequence[ServerRate]) -> tuple[RateLimit, ...]:
    """Return a server's limits as decisions take them."""
    return tuple(
        rate_limit(Counts[one.counts.upper()], _place(one), RateKind[one.kind.upper()], one.most, ns_of_s(one.window_s))
        for one in limits
    )


def rate_replies(limits: Sequence[ServerRate]) -> list[int | str]:
    """Return the reply of each limit."""
    return [one.reply or ("421 4.7.0" if _place(one) == Place.CONNECT else "451 4.7.1") for one in limits]


def rated_verbs(limits: Sequence[RateLimit]) -> tuple[bool, ...]:
    """Tell of each `Verb` whether a limit is asked of it."""
    return tuple(any(is_asked(one.at, verb) for one in limits) for verb in Verb)


def client_rate(rate: ClientRate | None) -> RatePlan:
    """Return a sender's own limit as decisions take it."""
    if rate is None:
        return RatePlan(Counts.NOTHING, 1, 1, 1, 1)
    window_ns = ns_of_s(rate.window_s)
    return RatePlan(Counts[rate.counts.upper()], rate.most, window_ns, *bucket_parts(rate.most, window_ns))


def _place(one: ServerRate) -> Place:
    return Place[(one.at or _ALLOWED[one.counts][0]).upper()]
