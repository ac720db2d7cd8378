"""Why a server refused: the cause behind each of its answers, as refusals are counted by it."""

from __future__ import annotations

from enum import IntEnum

from simsmtp.protocol.answers import Answer


class Cause(IntEnum):
    """What a refusal was for."""

    OVER = 0  # a recipient limit
    RATE = 1  # a rate limit
    UNKNOWN = 2  # no such mailbox
    GREYLIST = 3
    SESSION = 4  # the session: too many of them, too many messages, commands or errors in it
    OTHER = 5


class Wait(IntEnum):
    """What a recipient waits for."""

    ROUND_TRIPS = 0  # the way: latency and transfer
    SERVICE = 1  # the server: service, sleeps, a worker
    RATE = 2  # a rate limit, or the sender's own rate
    RETRY = 3  # the retry schedule
    GREYLIST = 4  # the retry schedule, after greylisting


CAUSE_NAMES = tuple(member.name.lower() for member in Cause)
WAIT_NAMES = tuple(member.name.lower() for member in Wait)

CAUSES = {
    Answer.RCPT_OVER: Cause.OVER,
    Answer.DATA_AFTER_OVERFLOW: Cause.OVER,
    Answer.TRANSACTION_OVER: Cause.OVER,
    Answer.RCPT_UNKNOWN: Cause.UNKNOWN,
    Answer.RCPT_GREYLISTED: Cause.GREYLIST,
    **dict.fromkeys(list(Answer)[Answer.RATE_0 : Answer.RATE_7 + 1], Cause.RATE),
    Answer.SESSION_REFUSED: Cause.SESSION,
    Answer.CONNECTION_EXHAUSTED: Cause.SESSION,
    Answer.MESSAGES_EXHAUSTED: Cause.SESSION,
    Answer.COMMANDS_EXHAUSTED: Cause.SESSION,
    Answer.TOO_MANY_ERRORS: Cause.SESSION,
}
"""What is not listed is `Cause.OTHER`."""

_OVER, _OTHER, _NONE = int(Cause.OVER), int(Cause.OTHER), Answer.NONE
_BY_ANSWER = tuple(int(CAUSES.get(answer, Cause.OTHER)) for answer in Answer)


def cause_of(answer: int, is_over: bool) -> int:
    """Return the cause of a refusal.

    Parameters
    ----------
    answer : int
        The `Answer`; NONE where a real server gave it, whose reasons are its own.
    is_over : bool
        The sender takes it for an over-limit refusal.
    """
    if answer != _NONE:
        return _BY_ANSWER[answer]
    return _OVER if is_over else _OTHER
