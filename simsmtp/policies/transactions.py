"""What a receiver answers to MAIL, DATA, BDAT and the message text."""

from __future__ import annotations

from simsmtp.policies.reply_policy import LimitKind, ReplyPolicy, SessionCounters
from simsmtp.protocol.answers import Answer


def mail_answer(policy: ReplyPolicy, counters: SessionCounters) -> Answer:
    """Return the answer to MAIL: an exhausted connection is told so here, with 421."""
    spent = policy.limit_kind == LimitKind.CONNECTION and counters.accepted_on_connection >= policy.limit
    if spent or counters.transactions >= policy.transactions:
        return Answer.CONNECTION_EXHAUSTED
    return Answer.MAIL_OK


def data_answer(policy: ReplyPolicy, counters: SessionCounters) -> Answer:
    """Return the answer to DATA."""
    if policy.reject_data_after_overflow and counters.over > 0:
        return Answer.DATA_AFTER_OVERFLOW
    if counters.accepted == 0 and not policy.data_without_recipients:
        return Answer.DATA_NO_RECIPIENTS
    return Answer.DATA_OK


def text_answer(counters: SessionCounters, failure_share: float, draw: float) -> Answer:
    """Return the final reply to a message text.

    Parameters
    ----------
    counters : SessionCounters
        What the server remembers; without an accepted recipient the text (a lone dot) is refused.
    failure_share : float
        Probability that the text is refused.
    draw : float
        Uniform draw in (0, 1) that decides it.
    """
    if counters.accepted == 0:
        return Answer.TEXT_NO_RECIPIENTS
    return Answer.TEXT_REFUSED if draw < failure_share else Answer.TEXT_OK


def bdat_answer(policy: ReplyPolicy, counters: SessionCounters, failure_share: float, draw: float) -> Answer:
    """Return the answer to BDAT LAST, which is DATA and text in one (RFC 3030 section 2)."""
    if policy.reject_data_after_overflow and counters.over > 0:
        return Answer.DATA_AFTER_OVERFLOW
    return text_answer(counters, failure_share, draw)
