"""What a receiver answers to RCPT. Order of the checks: recipient limit, mailbox, greylist."""

from __future__ import annotations

from simsmtp.policies.reply_policy import LimitKind, ReplyPolicy, Standing
from simsmtp.protocol.answers import Answer


def room_left(policy: ReplyPolicy, standing: Standing, in_domain: int, same_domain: bool) -> int:
    """Return how many more recipients of one domain the limit, which counts *accepted* ones, has room for.

    Parameters
    ----------
    policy, standing : ReplyPolicy, Standing
        Settings of the receiver and what it remembers of the session.
    in_domain : int
        Recipients of the same domain accepted in this transaction.
    same_domain : bool
        The recipient's domain is that of the first one accepted in this transaction.
    """
    kind = policy.limit_kind
    if kind == LimitKind.TRANSACTION:
        return policy.limit - standing.accepted
    if kind == LimitKind.DOMAIN:
        return policy.limit - in_domain
    if kind == LimitKind.CONNECTION:
        return policy.limit - standing.accepted_on_connection
    return 0 if standing.accepted > 0 and not same_domain else policy.limit - standing.accepted


def rcpt_answer(
    policy: ReplyPolicy, standing: Standing, in_domain: int, same_domain: bool, valid: bool, greylisted: bool
) -> Answer:
    """Return the answer to RCPT; see `room_left` for the parameters not named here.

    Parameters
    ----------
    valid : bool
        The mailbox exists.
    greylisted : bool
        The recipient was first seen too recently.
    """
    if room_left(policy, standing, in_domain, same_domain) <= 0:
        return Answer.RCPT_OVER
    if not valid:
        return Answer.RCPT_UNKNOWN
    return Answer.RCPT_GREYLISTED if greylisted else Answer.RCPT_OK


def rcpt_repeats(policy: ReplyPolicy, standing: Standing, in_domain: int, same_domain: bool, answer: Answer) -> int:
    """Return how many more RCPTs are sure to get the answer just given, none of them an error.

    Parameters
    ----------
    policy, standing, in_domain, same_domain
        See `room_left`; the standing after that answer.
    answer : Answer
        The answer to a recipient that differs in nothing from those to come.
    """
    if answer == Answer.RCPT_OK:
        return max(0, room_left(policy, standing, in_domain, same_domain))
    return max(0, policy.overshoot - standing.over) if answer == Answer.RCPT_OVER else 0


def after_rcpt(policy: ReplyPolicy, standing: Standing, answer: Answer, count: int = 1) -> Standing:
    """Return what the server remembers after it gave one answer to `count` RCPTs.

    Over-limit refusals count as errors only beyond the overshoot allowance, which exists because a pipelining
    client cannot know of the first refusal before it has sent more (Postfix smtpd_recipient_overshoot_limit).
    """
    accepted, over, on_connection, transactions, errors = standing
    if answer == Answer.RCPT_OK:
        return Standing(accepted + count, over, on_connection + count, transactions, errors)
    if answer == Answer.RCPT_OVER:
        errors += max(0, over + count - max(over, policy.overshoot))
        return Standing(accepted, over + count, on_connection, transactions, errors)
    return Standing(accepted, over, on_connection, transactions, errors + count)


def is_greylisted(policy: ReplyPolicy, first_seen_ns: int, now_ns: int) -> bool:
    """Tell whether a recipient first seen at `first_seen_ns` still has to wait."""
    return policy.greylist_ns > 0 and now_ns - first_seen_ns < policy.greylist_ns
