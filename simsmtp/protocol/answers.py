"""Everything a server of this package can say, with code, enhanced status code and wording."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from simsmtp.protocol.capabilities import NOTHING_OFFERED, Capabilities, ehlo_lines
from simsmtp.protocol.replies import Reply, enhanced, status_text

HOSTNAME = "mx.example.test"


class Answer(IntEnum):
    """Why the server answers as it does. The reply it stands for is in `spoken_answers`."""

    NONE = 0  # no reply came: the connection was closed before
    BANNER = 1
    SESSION_REFUSED = 2
    EHLO_OK = 3
    STARTTLS_OK = 4
    MAIL_OK = 5
    CONNECTION_EXHAUSTED = 6
    RCPT_OK = 7
    RCPT_OVER = 8
    RCPT_UNKNOWN = 9
    RCPT_GREYLISTED = 10
    DATA_OK = 11
    DATA_NO_RECIPIENTS = 12
    DATA_AFTER_OVERFLOW = 13
    TEXT_OK = 14
    TEXT_NO_RECIPIENTS = 15
    TEXT_REFUSED = 16
    RSET_OK = 17
    BAD_SEQUENCE = 18
    TOO_MANY_ERRORS = 19
    BYE = 20
    EHLO_TLS_OK = 21  # after STARTTLS, which is not offered again (RFC 3207 section 4.2)
    RATE_0 = 22  # a rate limit has no room: each of a server's has an answer of its own
    RATE_1 = 23
    RATE_2 = 24
    RATE_3 = 25
    RATE_4 = 26
    RATE_5 = 27
    RATE_6 = 28
    RATE_7 = 29


class WireReply(NamedTuple):
    """A reply as it goes over the wire.

    Attributes
    ----------
    code, status : int
        See `simsmtp.protocol.replies.Reply`.
    octets : int
        Length with CRLF.
    wording : str
        The line without CRLF.
    """

    code: int
    status: int
    octets: int
    wording: str


_FIXED: dict[Answer, tuple[int, int, str]] = {
    Answer.NONE: (0, 0, ""),
    Answer.BANNER: (220, 0, f"{HOSTNAME} ESMTP"),
    Answer.SESSION_REFUSED: (421, enhanced(4, 3, 2), "Too many sessions"),
    Answer.EHLO_OK: (250, 0, HOSTNAME),
    Answer.STARTTLS_OK: (220, enhanced(2, 0, 0), "Ready to start TLS"),
    Answer.MAIL_OK: (250, enhanced(2, 1, 0), "Ok"),
    Answer.CONNECTION_EXHAUSTED: (
        421,
        enhanced(4, 5, 3),
        "Too many messages or recipients on this connection",
    ),
    Answer.RCPT_OK: (250, enhanced(2, 1, 5), "Ok"),
    Answer.RCPT_UNKNOWN: (550, enhanced(5, 1, 1), "User unknown"),
    Answer.RCPT_GREYLISTED: (451, enhanced(4, 7, 1), "Greylisted, please try again later"),
    Answer.DATA_OK: (354, 0, "End data with <CR><LF>.<CR><LF>"),
    Answer.DATA_NO_RECIPIENTS: (554, enhanced(5, 5, 1), "No valid recipients"),
    Answer.DATA_AFTER_OVERFLOW: (554, 0, "Too many recipients"),
    Answer.TEXT_OK: (250, enhanced(2, 0, 0), "Ok: queued"),
    Answer.TEXT_NO_RECIPIENTS: (554, enhanced(5, 5, 1), "No valid recipients"),
    Answer.RSET_OK: (250, enhanced(2, 0, 0), "Ok"),
    Answer.BAD_SEQUENCE: (503, enhanced(5, 5, 1), "Bad sequence of commands"),
    Answer.TOO_MANY_ERRORS: (421, enhanced(4, 7, 0), "Too many errors"),
    Answer.EHLO_TLS_OK: (250, 0, HOSTNAME),
    Answer.BYE: (221, enhanced(2, 0, 0), "Bye"),
    **dict.fromkeys(list(Answer)[Answer.RATE_0 : Answer.RATE_7 + 1], (451, enhanced(4, 7, 1), "Rate limit exceeded")),
}


def spoken_answers(
    overflow_reply: Reply,
    data_failure_reply: Reply,
    offered: Capabilities = NOTHING_OFFERED,
    *,
    overflow_words: str = "",
) -> tuple[WireReply, ...]:
    """Return the reply for each `Answer`, in the order of its members.

    Parameters
    ----------
    overflow_reply, data_failure_reply : Reply
        What the server says to a recipient over the limit, and to a text it refuses.
    offered : Capabilities
        What stands in its EHLO reply, whose octets count all its lines.
    overflow_words : str
        Wording of the first; empty is the usual one.
    """
    table = {
        **_FIXED,
        Answer.RCPT_OVER: (*overflow_reply, overflow_words or "Too many recipients"),
        Answer.TEXT_REFUSED: (*data_failure_reply, "Message refused"),
    }
    spoken = [_spoken(*table[answer]) for answer in Answer]
    for answer, shown in ((Answer.EHLO_OK, offered), (Answer.EHLO_TLS_OK, offered._replace(starttls=False))):
        octets = sum(len(line) + 2 for line in ehlo_lines(shown, HOSTNAME))
        spoken[answer] = WireReply(250, 0, octets, spoken[answer].wording)
    return tuple(spoken)


def with_rate_replies(spoken: tuple[WireReply, ...], replies: Sequence[tuple[Reply, str]]) -> tuple[WireReply, ...]:
    """Return the replies for each `Answer` with those of a server's rate limits, each with its wording or none."""
    table = list(spoken)
    for number, (reply, words) in enumerate(replies):
        table[Answer.RATE_0 + number] = _spoken(*reply, words or "Rate limit exceeded")
    return tuple(table)


def _spoken(code: int, status: int, words: str) -> WireReply:
    line = " ".join(part for part in (str(code), status_text(status), words) if part)
    return WireReply(code, status, len(line) + 2 if code else 0, line if code else "")
