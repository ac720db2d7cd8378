"""What a receiver answers to MAIL, DATA, BDAT and the message text, and how it treats clients that err."""

from __future__ import annotations

from simsmtp.policies.reply_policy import LimitKind, ReplyPolicy, Standing
from simsmtp.protocol.answers import Answer
from simsmtp.protocol.commands import Verb
from simsmtp.protocol.states import in_sequence


def answer_at_once(policy: ReplyPolicy, standing: Standing, state: int, verb: int) -> Answer:
    """Return the answer that needs no look at the command itself, `Answer.NONE` if there is none.

    A server that has had enough hangs up, save that the text is no command and is still taken; then comes the
    order of commands.
    """
    if verb != Verb.TEXT and hangs_up(policy, standing):
        return Answer.TOO_MANY_ERRORS
    return Answer.NONE if in_sequence(state, verb) else Answer.BAD_SEQUENCE


def answer_to(
    policy: ReplyPolicy, standing: Standing, verb: int, failure_share: float, draw: float, is_secure: bool
) -> Answer:
    """Return the answer to a command in sequence other than RCPT.

    Parameters
    ----------
    policy, standing : ReplyPolicy, Standing
        Settings of the receiver and what it remembers of the session.
    verb : int
        The `Verb`.
    failure_share, draw : float, float
        See `text_answer`.
    is_secure : bool
        The session is encrypted.
    """
    if verb == Verb.MAIL:
        return mail_answer(policy, standing)
    if verb == Verb.DATA:
        return data_answer(policy, standing)
    if verb == Verb.BDAT:
        return bdat_answer(policy, standing, failure_share, draw)
    if verb == Verb.TEXT:
        return text_answer(standing, failure_share, draw)
    if verb == Verb.EHLO:
        return Answer.EHLO_TLS_OK if is_secure else Answer.EHLO_OK
    return Answer.STARTTLS_OK if verb == Verb.STARTTLS else Answer.RSET_OK


def after_answer(standing: Standing, answer: Answer, code: int) -> Standing:
    """Return what the server remembers after an answer to a command other than RCPT, spoken with `code`.

    Refused data counts as an error, and so does a command out of sequence; a refused MAIL closes anyway.
    """
    if answer == Answer.MAIL_OK:
        return after_mail(standing)
    is_error = code >= 400 and answer not in (Answer.CONNECTION_EXHAUSTED, Answer.TOO_MANY_ERRORS)
    return after_error(standing) if is_error else standing


def mail_answer(policy: ReplyPolicy, standing: Standing) -> Answer:
    """Return the answer to MAIL: an exhausted connection is told so here, with 421."""
    spent = policy.limit_kind == LimitKind.CONNECTION and standing.accepted_on_connection >= policy.limit
    if spent or standing.transactions >= policy.transactions:
        return Answer.CONNECTION_EXHAUSTED
    return Answer.MAIL_OK


def after_mail(standing: Standing) -> Standing:
    """Return what the server remembers once a transaction has begun."""
    return Standing(0, 0, standing.accepted_on_connection, standing.transactions + 1, standing.errors)


def data_answer(policy: ReplyPolicy, standing: Standing) -> Answer:
    """Return the answer to DATA."""
    if policy.reject_data_after_overflow and standing.over > 0:
        return Answer.DATA_AFTER_OVERFLOW
    if standing.accepted == 0 and not policy.data_without_recipients:
        return Answer.DATA_NO_RECIPIENTS
    return Answer.DATA_OK


def text_answer(standing: Standing, failure_share: float, draw: float) -> Answer:
    """Return the final reply to a message text.

    Parameters
    ----------
    standing : Standing
        What the server remembers; without an accepted recipient the text (a lone dot) is refused.
    failure_share : float
        Probability that the text is refused.
    draw : float
        Uniform draw in (0, 1) that decides it.
    """
    if standing.accepted == 0:
        return Answer.TEXT_NO_RECIPIENTS
    return Answer.TEXT_REFUSED if draw < failure_share else Answer.TEXT_OK


def bdat_answer(policy: ReplyPolicy, standing: Standing, failure_share: float, draw: float) -> Answer:
    """Return the answer to BDAT LAST, which is DATA and text in one (RFC 3030 section 2)."""
    if policy.reject_data_after_overflow and standing.over > 0:
        return Answer.DATA_AFTER_OVERFLOW
    return text_answer(standing, failure_share, draw)


def after_error(standing: Standing) -> Standing:
    """Return what the server remembers after a refused command other than RCPT."""
    return Standing(
        standing.accepted,
        standing.over,
        standing.accepted_on_connection,
        standing.transactions,
        standing.errors + 1,
    )


def sleeps_before_reply(policy: ReplyPolicy, standing: Standing) -> bool:
    """Tell whether the server sleeps before every reply (tarpit)."""
    return standing.errors >= policy.soft_errors


def hangs_up(policy: ReplyPolicy, standing: Standing) -> bool:
    """Tell whether the next command is answered 421 and the connection closed."""
    return standing.errors >= policy.hard_errors
