"""Bounds by limits in time: how long what a run has to send, or a server has to accept, takes at least.

In T seconds a limit of M in W seconds lets pass M·(T/W + b) at most: b is 1 for a bucket, which is full at first, and
for a sliding window, and 2 for fixed windows, of which a stretch of time may touch one more. So N messages that each
count a times at a limit last (a·N/M - b)·W seconds at least.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from simsmtp.model.numbers import number_text
from simsmtp.model.rate_limits import rate_replies
from simsmtp.policies.rate_limits import Counts, Place, RateKind, RateLimit
from simsmtp.protocol.replies import TOO_MANY_RECIPIENTS, detail_of, parse_reply
from simsmtp.theory.closed_form_domain import broken_rules, may_be_unknown, policy_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simsmtp.model.plan import DestinationPlan, Plan
    from simsmtp.theory.closed_form_domain import View
    from simsmtp.theory.service_demand import Work

_OWN = "sender's rate"
_NAMES = {Counts.RECIPIENTS: "recipients", Counts.MESSAGES: "transactions", Counts.CONNECTIONS: "connections",
          Counts.COMMANDS: "commands"}  # fmt: skip
_AT_ONCE = ("new-connection", "same-session")


class RateBound(NamedTuple):
    """One bound: what limits, messages a second of the whole run, and the formula with its values."""

    resource: str
    messages_per_s: float
    formula: str


def rate_bounds(plan: Plan, one: DestinationPlan, work: Work) -> Iterator[RateBound]:
    """Yield the bounds that limits in time set to one destination; none by a limit that lets all pass at once.

    Parameters
    ----------
    plan, one : Plan, DestinationPlan
        The scenario and the destination.
    work : Work
        What a message costs there at least; with limits of the server, in a run in which all are accepted.
    """
    own = plan.client.rate
    limits = [(_OWN, own.limit)] if own.counts != Counts.NOTHING else []
    for resource, limit in [*limits, *(("rate limit", one) for one in one.server.rate_limits)]:
        each, messages = _counted(limit, work, is_own=resource == _OWN), plan.workload.messages
        at_once = limit.most * (2 if limit.kind == RateKind.FIXED else 1)
        if each * messages > at_once:
            window_s = limit.window_ns / 1e9
            least_s = (each * messages - at_once) / limit.most * window_s
            yield RateBound(resource, messages / least_s, _formula(limit, at_once, window_s, each))


def why_lost(view: View, *, bites: bool) -> str:
    """Return why messages that rate limits refuse may end unaccepted before they expire; empty where they cannot."""
    limits = view.server.rate_limits
    if not limits:
        return ""
    others = [one for one in broken_rules(view, whole=False, limit_bites=bites) if "rate_limits" not in one]
    keeps = view.client.strategy == "corrected" and policy_of(view.client, view.server) in _AT_ONCE
    if others or may_be_unknown(view.workload) or not keeps or any(_may_fail(one) for one in rate_replies(limits)):
        return "rate limits (server.rate_limits) refuse messages that may expire or fail untried"
    return ""


def _may_fail(text: int | str) -> bool:
    """Tell whether a refusal may be more than a deferral."""
    reply = parse_reply(text)
    return reply.code >= 500 or reply.code == 452 or detail_of(reply.status) == TOO_MANY_RECIPIENTS


def _counted(limit: RateLimit, work: Work, *, is_own: bool) -> float:
    """Return how often a message counts at least."""
    if limit.counts == Counts.CONNECTIONS:
        return work.opened
    if limit.counts == Counts.RECIPIENTS or (limit.at == Place.RCPT and not is_own):
        return work.rcpt
    return work.mail if is_own else work.texts


def _formula(limit: RateLimit, at_once: int, window_s: float, each: float) -> str:
    counts = _NAMES[Counts(limit.counts)]
    refilled = f"{limit.most:,} {counts} in {number_text(window_s, 6)} s, and {at_once:,} at once"
    return f"({refilled}) / {number_text(each, 4)} {counts} per message"
