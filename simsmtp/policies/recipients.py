"""What a receiver answers to RCPT. Order of the checks: recipient limit, mailbox, greylist."""

from __future__ import annotations

from simsmtp.policies.reply_policy import LimitKind, ReplyPolicy, Standing
from simsmtp.protocol.answers import Answer


def is_over_limit(policy: ReplyPolicy, standing: Standing, in_domain: int, same_domain: bool) -> bool:
    """Tell whether one more recipient would exceed the limit, which counts *accepted* recipients.

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
        return standing.accepted >= policy.limit
    if kind == LimitKind.DOMAIN:
        return in_domain >= policy.limit
    if kind == LimitKind.CONNECTION:
        return standing.accepted_on_connection >= policy.limit
    return standing.accepted >= policy.limit or (standing.accepted > 0 and not same_domain)


def rcpt_answer(
    policy: ReplyPolicy, standing: Standing, in_domain: int, same_domain: bool, valid: bool, greylisted: bool
) -> Answer:
    """Return the answer to RCPT; see `is_over_limit` for the parameters not named here.

    Parameters
    ----------
    valid : bool
        The mailbox exists.
    greylisted : bool
        The recipient was first seen too recently.
    """
    if is_over_limit(policy, standing, in_domain, same_domain):
        return Answer.RCPT_OVER
    if not valid:
        return Answer.RCPT_UNKNOWN
    return Answer.RCPT_GREYLISTED if greylisted else Answer.RCPT_OK


def after_rcpt(policy: ReplyPolicy, standing: Standing, answer: Answer) -> Standing:
    """Return what the server remembers after it answered a RCPT.

    Over-limit refusals count as errors only beyond the overshoot allowance, which exists because a pipelining
    client cannot know of the first refusal before it has sent more (Postfix smtpd_recipient_overshoot_limit).
    """
    accepted, over, on_connection, transactions, errors = standing
    if answer == Answer.RCPT_OK:
        return Standing(accepted + 1, over, on_connection + 1, transactions, errors)
    if answer == Answer.RCPT_OVER:
        errors += 1 if over >= policy.overshoot else 0
        return Standing(accepted, over + 1, on_connection, transactions, errors)
    return Standing(accepted, over, on_connection, transactions, errors + 1)


def is_greylisted(policy: ReplyPolicy, first_seen_ns: int, now_ns: int) -> bool:
    """Tell whether a recipient first seen at `first_seen_ns` still has to wait."""
    return policy.greylist_ns > 0 and now_ns - first_seen_ns < policy.greylist_ns
