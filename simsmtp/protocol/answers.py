"""Everything a server of this package can say, with code, enhanced status code and wording."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import NamedTuple

from simsmtp.protocol.capabilities import NOTHING_OFFERED, Capabilities, ehlo_lines
from simsmtp.protocol.replies import parse_reply, wire_lines

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
    TRANSACTION_OVER = 30  # DATA or the text: more recipients were accepted than the limit allows
    MESSAGES_EXHAUSTED = 31
    COMMANDS_EXHAUSTED = 32
    FILED_AWAY = 33  # said as TEXT_OK is, and nobody gets the text


class WireReply(NamedTuple):
    """A reply as it goes over the wire.

    Attributes
    ----------
    code, status : int
        See `simsmtp.protocol.replies.Reply`.
    octets : int
        Length of all its lines with their CRLF.
    wording : str
        The lines without CRLF, joined by line feeds.
    lines : int
        How many they are; 0 where nothing is said.
    """

    code: int
    status: int
    octets: int
    wording: str
    lines: int = 1


_SAID: dict[Answer, tuple[str, str]] = {
    Answer.BANNER: ("220", f"{HOSTNAME} ESMTP"),
    Answer.SESSION_REFUSED: ("421 4.3.2", "Too many sessions"),
    Answer.EHLO_OK: ("250", HOSTNAME),
    Answer.STARTTLS_OK: ("220 2.0.0", "Ready to start TLS"),
    Answer.MAIL_OK: ("250 2.1.0", "Ok"),
    Answer.CONNECTION_EXHAUSTED: ("421 4.5.3", "Too many messages or recipients on this connection"),
    Answer.RCPT_OK: ("250 2.1.5", "Ok"),
    Answer.RCPT_OVER: ("552", "Too many recipients"),
    Answer.RCPT_UNKNOWN: ("550 5.1.1", "User unknown"),
    Answer.RCPT_GREYLISTED: ("451 4.7.1", "Greylisted, please try again later"),
    Answer.DATA_OK: ("354", "End data with <CR><LF>.<CR><LF>"),
    Answer.DATA_NO_RECIPIENTS: ("554 5.5.1", "No valid recipients"),
    Answer.DATA_AFTER_OVERFLOW: ("554", "Too many recipients"),
    Answer.TEXT_OK: ("250 2.0.0", "Ok: queued"),
    Answer.TEXT_NO_RECIPIENTS: ("554 5.5.1", "No valid recipients"),
    Answer.TEXT_REFUSED: ("451 4.3.0", "Message refused"),
    Answer.RSET_OK: ("250 2.0.0", "Ok"),
    Answer.BAD_SEQUENCE: ("503 5.5.1", "Bad sequence of commands"),
    Answer.TOO_MANY_ERRORS: ("421 4.7.0", "Too many errors"),
    Answer.BYE: ("221 2.0.0", "Bye"),
    Answer.EHLO_TLS_OK: ("250", HOSTNAME),
    Answer.TRANSACTION_OVER: ("552", "Too many recipients"),
    Answer.MESSAGES_EXHAUSTED: ("421 4.5.3", "Too many messages or recipients on this connection"),
    Answer.COMMANDS_EXHAUSTED: ("421 4.7.0", "Too many commands"),
    Answer.FILED_AWAY: ("250 2.0.0", "Ok: queued"),
    **dict.fromkeys(list(Answer)[Answer.RATE_0 : Answer.RATE_7 + 1], ("451 4.7.1", "Rate limit exceeded")),
}
"""What each answer is said as where nobody gives it another code, and the words where none are given."""


def spoken_answers(
    given: Mapping[Answer, int | str] = MappingProxyType({}), offered: Capabilities = NOTHING_OFFERED
) -> tuple[WireReply, ...]:
    """Return the reply for each `Answer`, in the order of its members.

    Parameters
    ----------
    given : mapping
        What the server says instead of the usual, as `simsmtp.protocol.replies.parse_reply` reads it.
    offered : Capabilities
        What stands in its EHLO reply, whose octets count all its lines.
    """
    silence = WireReply(0, 0, 0, "", 0)
    spoken = [
        _spoken(given.get(answer, _SAID[answer][0]), _SAID[answer][1]) if answer in _SAID else silence
        for answer in Answer
    ]
    for answer, shown in ((Answer.EHLO_OK, offered), (Answer.EHLO_TLS_OK, offered._replace(starttls=False))):
        lines = ehlo_lines(shown, HOSTNAME)
        octets = sum(len(line) + 2 for line in lines)
        spoken[answer] = WireReply(250, 0, octets, spoken[answer].wording, len(lines))
    return tuple(spoken)


def _spoken(text: int | str, words: str) -> WireReply:
    lines = wire_lines(text, words)
    return WireReply(*parse_reply(text), sum(len(line) + 2 for line in lines), "\n".join(lines), len(lines))
