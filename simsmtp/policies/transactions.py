"""What a receiver answers to MAIL, DATA, BDAT and the message text."""

from __future__ import annotations

from simsmtp.policies.recipients import is_over_whole
from simsmtp.policies.reply_policy import LimitAt, LimitKind, ReplyPolicy, SessionCounters
from simsmtp.protocol.answers import Answer


def mail_answer(policy: ReplyPolicy, counters: SessionCounters) -> Answer:
    """Return the answer to MAIL: a connection whose recipients are used up is told so here, with 421."""
    if policy.limit_kind == LimitKind.CONNECTION and counters.accepted_on_connection >= policy.limit:
        return Answer.CONNECTION_EXHAUSTED
    if counters.transactions >= policy.transactions and not policy.exhausted_at_data:
        return Answer.MESSAGES_EXHAUSTED
    return Answer.MAIL_OK


def data_answer(policy: ReplyPolicy, counters: SessionCounters) -> Answer:
    """Return the answer to DATA."""
    refusal = _refusal(policy, counters)
    if refusal != Answer.NONE:
        return refusal
    if counters.accepted == 0:
        return Answer.DATA_OK if policy.data_without_recipients else Answer.DATA_NO_RECIPIENTS
    is_over = policy.limit_at == LimitAt.DATA and is_over_whole(policy, counters)
    return Answer.TRANSACTION_OVER if is_over else Answer.DATA_OK


def text_answer(policy: ReplyPolicy, counters: SessionCounters, failure_share: float, draw: float) -> Answer:
    """Return the final reply to a message text.

    Parameters
    ----------
    policy, counters : ReplyPolicy, SessionCounters
        Settings of the receiver and what it remembers; without an accepted recipient the text (a lone dot) is refused.
    failure_share : float
        Probability that the text is refused.
    draw : float
        Uniform draw in (0, 1) that decides it.
    """
    if counters.accepted == 0:
        return Answer.TEXT_NO_RECIPIENTS
    is_over = is_over_whole(policy, counters)
    if is_over and policy.limit_at != LimitAt.DELIVERY:
        return Answer.TRANSACTION_OVER
    if draw < failure_share:
        return Answer.TEXT_REFUSED
    return Answer.FILED_AWAY if is_over else Answer.TEXT_OK


def bdat_answer(policy: ReplyPolicy, counters: SessionCounters, failure_share: float, draw: float) -> Answer:
    """Return the answer to BDAT LAST, which is DATA and text in one (RFC 3030 section 2)."""
    refusal = _refusal(policy, counters)
    if refusal != Answer.NONE:
        return refusal
    if counters.accepted == 0 and not policy.data_without_recipients:
        return Answer.DATA_NO_RECIPIENTS
    return text_answer(policy, counters, failure_share, draw)


def _refusal(policy: ReplyPolicy, counters: SessionCounters) -> Answer:
    """Return why DATA and BDAT are refused whoever was accepted; `Answer.NONE` if they are not."""
    if policy.exhausted_at_data and counters.transactions > policy.transactions:
        return Answer.MESSAGES_EXHAUSTED
    is_after_overflow = policy.reject_data_after_overflow and counters.over > 0
    return Answer.DATA_AFTER_OVERFLOW if is_after_overflow else Answer.NONE
