"""A dialogue as the steps of a sequence diagram, whether it was simulated, spoken over sockets or captured."""

from __future__ import annotations

from typing import NamedTuple

from simsmtp.protocol.commands import Verb
from simsmtp.protocol.replies import TOO_MANY_RECIPIENTS, detail_of
from simsmtp.strategies.reply_class import ReplyClass, classify


class Line(NamedTuple):
    """One command, one reply, or what the sender concluded for one recipient.

    Attributes
    ----------
    text : str
        As it was said, without CRLF; the lines of a long reply are joined by line feeds. Of a conclusion, in words.
    verb : str
        The command, or the one that a reply answers, in capitals; ``""`` where it is not known.
    recipient : int
        Whom it concerns: a place in `Ladder.recipients`, -1 for nobody in particular.
    code : int
        Of a reply; 0 elsewhere.
    kind : str
        Of a reply one of `REPLY_KINDS`, of a conclusion one of `CONCLUSIONS`, of a command ``"command"``.
    """

    text: str
    verb: str
    recipient: int = -1
    code: int = 0
    kind: str = "command"


REPLY_KINDS = ("accepted", "go-on", "over-limit", "deferred", "refused", "filed-away")
"""2yz; 3yz; a refusal of RCPT, or of DATA or the text, that is over a limit; another 4yz; another 5yz."""
_ENDS_TRANSACTION = (Verb.DATA.name, Verb.TEXT.name, Verb.BDAT.name)
CONCLUSIONS = ("done", "re-queued", "failed", "deferred")
"""What a sender takes a recipient for."""


class Step(NamedTuple):
    """What happens in a connection at once.

    Attributes
    ----------
    kind : str
        ``"connect"``, ``"handshake"`` (of TLS), ``"group"`` (commands written without waiting in between), ``"read"``
        (replies that arrived at once), ``"conclusion"`` or ``"close"``.
    connection : int
        A place in `Ladder.connections`.
    client_s, server_s : float
        Seconds from the beginning of the dialogue: when its first octet left the client and its last reached the
        server, or when its first left the server and its last reached the client; nan where that is not known.
    number : int
        Of a group or a read in its connection, from 1; 0 elsewhere.
    octets : int
        Of a group, the text included; 0 elsewhere.
    lines : tuple of Line
        What was said, in order.
    note : str
        What is to be told of it beside the lines: why a connection ended, who concludes.
    """

    kind: str
    connection: int
    client_s: float
    server_s: float
    number: int = 0
    octets: int = 0
    lines: tuple[Line, ...] = ()
    note: str = ""


class Recipient(NamedTuple):
    """One recipient of one message.

    Attributes
    ----------
    address : str
        Its mailbox.
    message : int
        Number of the message, from 0.
    truth : str
        The class of the ledger that it ended in. Of one that was only seen from outside ``"taken"`` or
        ``"taken_again"``, if a server accepted it once or more often, ``"emptied"``, if only with an empty text, else
        ``""``.
    ndr : str
        The non-delivery report about it, ``""`` if there is none or it is not known.
    """

    address: str
    message: int
    truth: str = ""
    ndr: str = ""


class Ladder(NamedTuple):
    """A whole dialogue.

    Attributes
    ----------
    title : str
        Whose it is: a strategy, a program, a file.
    connections : tuple of str
        What each connection is called, in the order in which they began.
    steps : tuple of Step
        Connection by connection, each in the order in which it went.
    recipients : tuple of Recipient
        In order of message and place in it.
    notes : tuple of str
        Sentences that a reader has to know: where the times come from, what is missing.
    servers : tuple of str
        What the server of each connection is called; empty if there is only one and it has no name.
    """

    title: str
    connections: tuple[str, ...]
    steps: tuple[Step, ...]
    recipients: tuple[Recipient, ...]
    notes: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()


def reply_kind(verb: str, code: int, status: int, *, is_first: bool, is_over: bool = False) -> str:
    """Return which of `REPLY_KINDS` a reply is.

    Parameters
    ----------
    verb : str
        What was asked, in capitals.
    code, status : int
        The reply, see `simsmtp.protocol.replies.Reply`.
    is_first : bool
        The RCPT was the first of its transaction.
    is_over : bool
        The server is known to have refused because of a limit, whatever the reply looks like.
    """
    is_over = is_over or (verb == Verb.RCPT.name and classify(code, status, is_first) == ReplyClass.OVER)
    is_over_whole = verb in _ENDS_TRANSACTION and code >= 400 and detail_of(status) == TOO_MANY_RECIPIENTS
    if is_over or is_over_whole:
        return "over-limit"
    if code < 400:
        return "go-on" if code >= 300 else "accepted"
    return "deferred" if code < 500 else "refused"
