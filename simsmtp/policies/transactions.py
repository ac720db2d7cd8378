"""What a receiver answers to MAIL, DATA, BDAT and the message text."""

from __future__ import annotations

from simsmtp.policies.reply_policy import LimitKind, ReplyPolicy, SessionCounters
from simsmtp.protocol.answers import Answer

# By names of their own: Python 3.11 is slow to look members up in their classes.
_MAIL_OK, _DATA_OK, _TEXT_OK = Answer.MAIL_OK, Answer.DATA_OK, Answer.TEXT_OK
_CONNECTION = LimitKind.CONNECTION


def mail_answer(policy: ReplyPolicy, counters: SessionCounters) -> Answer:
    """Return the answer to MAIL: a connection whose recipients are used up is told so here, with 421."""
    if policy.limit_kind == _CONNECTION and counters.accepted_on_connection >= policy.limit:
        return Answer.CONNECTION_EXHAUSTED
    if counters.transactions >= policy.transactions and not policy.exhausted_at_data:
        return Answer.MESSAGES_EXHAUSTED
    return _MAIL_OK


def data_answer(policy: ReplyPolicy, counters: SessionCounters) -> Answer:
    """Return the answer to DATA."""
    if policy.exhausted_at_data and counters.transactions > policy.transactions:
        return Answer.MESSAGES_EXHAUSTED
    if policy.reject_data_after_overflow and counters.over > 0:
        return Answer.DATA_AFTER_OVERFLOW
    if counters.accepted == 0 and not policy.data_without_recipients:
        return Answer.DATA_NO_RECIPIENTS
    return Answer.TRANSACTION_OVER if counters.accepted > policy.data_limit else _DATA_OK


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
    if counters.accepted > policy.text_limit:
        return Answer.TRANSACTION_OVER
    if draw < failure_share:
        return Answer.TEXT_REFUSED
    return Answer.FILED_AWAY if counters.accepted > policy.delivery_limit else _TEXT_OK


def bdat_answer(policy: ReplyPolicy, counters: SessionCounters, failure_share: float, draw: float) -> Answer:
    """Return the answer to BDAT LAST, which is DATA and text in one (RFC 3030 section 2)."""
    answer = data_answer(policy, counters)
    return text_answer(policy, counters, failure_share, draw) if answer == _DATA_OK else answer
