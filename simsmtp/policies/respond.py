"""How a server answers a command, and what that leaves behind: told once, for simulated and real servers alike.

Three steps, because what lies between them is each server's own: `answer_to` (and `greylist_answer`, where it let a
recipient in) says why; the server's table of replies says with which code; then `after_answer` and
`simsmtp.protocol.states.next_state` say what is from now on. `sleep_before_reply` takes what was remembered before the
command: an error counts once its reply is written, so the sleep starts with the reply after it.
"""

from __future__ import annotations

from simsmtp.policies.recipients import rcpt_answer, room_left
from simsmtp.policies.reply_policy import ReplyPolicy, SessionCounters
from simsmtp.policies.transactions import bdat_answer, data_answer, mail_answer, text_answer
from simsmtp.protocol.answers import Answer
from simsmtp.protocol.commands import Verb
from simsmtp.protocol.states import State, in_sequence

# By names of their own: Python 3.11 is slow to look members up in their classes.
_EHLO, _MAIL, _RCPT, _DATA, _BDAT, _TEXT = Verb.EHLO, Verb.MAIL, Verb.RCPT, Verb.DATA, Verb.BDAT, Verb.TEXT
_RCPT_OK, _RCPT_OVER, _MAIL_OK, _STARTTLS_OK = Answer.RCPT_OK, Answer.RCPT_OVER, Answer.MAIL_OK, Answer.STARTTLS_OK
_CONNECTION_EXHAUSTED, _TOO_MANY_ERRORS = Answer.CONNECTION_EXHAUSTED, Answer.TOO_MANY_ERRORS
_CLOSED = State.CLOSED


def admits(sessions: int, most: int) -> bool:
    """Tell whether a server that has so many sessions takes in one more."""
    return sessions < most


def greeting(admitted: bool) -> Answer:
    """Return the banner."""
    return Answer.BANNER if admitted else Answer.SESSION_REFUSED


def answer_to(
    policy: ReplyPolicy,
    counters: SessionCounters,
    state: int,
    verb: int,
    in_domain: int,
    exists: bool,
    failure_share: float,
    draw: float,
) -> Answer:
    """Return the answer to a command, but for the greylist.

    A server that has had enough hangs up, save that the text is no command and is still taken; then it counts the
    commands of the connection, of which QUIT is never one too many; then comes the order of commands, then what each
    command asks for.

    Parameters
    ----------
    policy, counters : ReplyPolicy, SessionCounters
        Settings of the server and what it remembers of the session.
    state, verb : int, int
        The `State` the session is in, the `Verb`.
    in_domain, exists : int, bool
        Of RCPT: see `simsmtp.policies.recipients.room_left`, and whether there is such a mailbox.
    failure_share, draw : float, float
        Of a text: see `simsmtp.policies.transactions.text_answer`.
    """
    if verb != _TEXT and hangs_up(policy, counters):
        return _TOO_MANY_ERRORS
    if counters.commands >= policy.commands and verb != _TEXT and verb != Verb.QUIT:  # noqa: PLR1714
        return Answer.COMMANDS_EXHAUSTED
    if not in_sequence(state, verb):
        return Answer.BAD_SEQUENCE
    if verb == _RCPT:
        return rcpt_answer(policy, counters, in_domain, exists)
    if verb == _MAIL:
        return mail_answer(policy, counters)
    if verb == _DATA:
        return data_answer(policy, counters)
    if verb == _BDAT:
        return bdat_answer(policy, counters, failure_share, draw)
    if verb == _TEXT:
        return text_answer(policy, counters, failure_share, draw)
    if verb == _EHLO:
        return Answer.EHLO_TLS_OK if counters.handshakes > 0 else Answer.EHLO_OK
    if verb == Verb.QUIT:
        return Answer.BYE
    return _STARTTLS_OK if verb == Verb.STARTTLS else Answer.RSET_OK


def sure_repeats(policy: ReplyPolicy, counters: SessionCounters, state: int, answer: Answer) -> int:
    """Return how many more RCPTs are sure to get the answer just given, without a sleep, none of them an error.

    Parameters
    ----------
    policy, counters, state
        See `answer_to`; what is remembered after that answer.
    answer : Answer
        The answer to a recipient that differs in nothing from those to come, see
        `simsmtp.policies.recipients.are_alike`.
    """
    if state == _CLOSED or hangs_up(policy, counters) or sleep_before_reply(policy, counters) > 0:
        return 0
    left = policy.commands - counters.commands
    if answer == _RCPT_OK:
        return max(0, min(left, room_left(policy, counters, counters.accepted)))
    return max(0, min(left, policy.overshoot - counters.over)) if answer == _RCPT_OVER else 0


def after_answer(
    policy: ReplyPolicy, counters: SessionCounters, answer: Answer, code: int, count: int = 1, is_command: bool = True
) -> SessionCounters:
    """Return what the server remembers after it gave one answer, spoken with `code`, to `count` commands.

    The banner and the final reply to a text answer no command.

    Refusals are errors, and so are commands out of sequence; where the server leaves anyway none is counted.
    Over-limit refusals are errors only beyond the overshoot allowance, which exists because a pipelining client
    cannot know of the first refusal before it has sent more (Postfix smtpd_recipient_overshoot_limit).
    """
    accepted, over, on_connection, transactions, errors, handshakes, asked = counters
    asked += count if is_command else 0
    if answer == _RCPT_OK:
        return SessionCounters(accepted + count, over, on_connection + count, transactions, errors, handshakes, asked)
    if answer == _RCPT_OVER:
        errors += max(0, over + count - max(over, policy.overshoot))
        return SessionCounters(accepted, over + count, on_connection, transactions, errors, handshakes, asked)
    if answer == _MAIL_OK:
        return SessionCounters(0, 0, on_connection, transactions + 1, errors, handshakes, asked)
    if answer == _STARTTLS_OK:
        return SessionCounters(accepted, over, on_connection, transactions, errors, handshakes + 1, asked)
    if code >= 400 and answer not in (_CONNECTION_EXHAUSTED, _TOO_MANY_ERRORS):
        errors += count
    return SessionCounters(accepted, over, on_connection, transactions, errors, handshakes, asked)


def after_errors(counters: SessionCounters, count: int, commands: int) -> SessionCounters:
    """Return what the server remembers after so many errors, in so many commands."""
    accepted, over, on_connection, transactions, errors, handshakes, asked = counters
    return SessionCounters(accepted, over, on_connection, transactions, errors + count, handshakes, asked + commands)


def sleep_before_reply(policy: ReplyPolicy, counters: SessionCounters) -> int:
    """Return how long the server sleeps before its next reply (tarpit)."""
    return policy.error_sleep_ns if counters.errors >= policy.soft_errors else 0


def hangs_up(policy: ReplyPolicy, counters: SessionCounters) -> bool:
    """Tell whether the next command is answered 421 and the connection closed."""
    return counters.errors >= policy.hard_errors
