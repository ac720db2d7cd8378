"""What a receiver answers to RCPT. Order of the checks: recipient limit, mailbox, greylist."""

from __future__ import annotations

from simsmtp.policies.reply_policy import LimitKind, ReplyPolicy, SessionCounters
from simsmtp.protocol.answers import Answer

# By names of their own: Python 3.11 is slow to look members up in their classes.
_TRANSACTION = LimitKind.TRANSACTION
_BY_GROUP = LimitKind.GROUP, LimitKind.FIRST_GROUP_ONLY
_BY_DOMAIN = LimitKind.DOMAIN, LimitKind.FIRST_DOMAIN_ONLY
_RCPT_OK, _RCPT_OVER = Answer.RCPT_OK, Answer.RCPT_OVER


def goes_by_group(policy: ReplyPolicy) -> bool:
    """Tell whether the limit tells recipients apart by group; what is said here of domains then holds of groups."""
    return policy.limit_kind in _BY_GROUP


def counts_domains(policy: ReplyPolicy, domains: int, groups: int = 1) -> bool:
    """Tell whether the recipients of each domain have to be counted: where there is but one, all are of it."""
    if goes_by_group(policy):
        return groups > 1
    return domains > 1 and policy.limit_kind in _BY_DOMAIN


def are_alike(policy: ReplyPolicy, domains: int, groups: int = 1, in_order: bool = False) -> bool:
    """Tell whether all recipients with a mailbox are the same to a server, whenever they come.

    Parameters
    ----------
    policy : ReplyPolicy
        Settings of the receiver.
    domains, groups : int
        How many recipients may have.
    in_order : bool
        RCPTs are answered in order of time among all sessions.
    """
    return policy.greylist_ns == 0 and not in_order and not counts_domains(policy, domains, groups)


def room_left(policy: ReplyPolicy, counters: SessionCounters, in_domain: int) -> int:
    """Return how many more recipients of one domain the limit, which counts *accepted* ones, has room for.

    Parameters
    ----------
    policy, counters : ReplyPolicy, SessionCounters
        Settings of the receiver and what it remembers of the session.
    in_domain : int
        Recipients of the same domain (or group) accepted in this transaction.
    """
    kind = policy.limit_kind
    if kind == _TRANSACTION:
        return policy.limit - counters.accepted
    if kind == LimitKind.DOMAIN or kind == LimitKind.GROUP:  # noqa: PLR1714 - a membership test compiles to more
        return policy.limit - in_domain
    if kind == LimitKind.CONNECTION:
        return policy.limit - counters.accepted_on_connection
    # First domain or group only: the first domain is that of all who were accepted.
    return policy.limit - counters.accepted if in_domain == counters.accepted else 0


def rcpt_answer(policy: ReplyPolicy, counters: SessionCounters, in_domain: int, exists: bool) -> Answer:
    """Return the answer to RCPT, but for the greylist; see `room_left`, and `exists` tells of the mailbox."""
    if room_left(policy, counters, in_domain) <= 0:
        return _RCPT_OVER
    return _RCPT_OK if exists else Answer.RCPT_UNKNOWN


def greylist_answer(policy: ReplyPolicy, first_seen_ns: int, now_ns: int) -> Answer:
    """Return the answer to a RCPT that would be accepted, for a recipient first seen at `first_seen_ns`."""
    return Answer.RCPT_GREYLISTED if now_ns - first_seen_ns < policy.greylist_ns else Answer.RCPT_OK
