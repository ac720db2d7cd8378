"""The rows an engine hands out: responses of a replication, recipients, lines of dialogue."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simsmtp.rows.recipient_rows import RecipientRows  # `Output` holds them; rows are made of what stands here

Responses = dict[str, int | float]


class RecipientRow(NamedTuple):
    """One recipient of one message, at the end of a run.

    Attributes
    ----------
    message, recipient : int
        Number of the message in the run, and of the recipient in the message, from 0.
    resend_of : int
        The message this one resends, -1 for an original.
    destination : str
        Name of the destination, ``""`` where there is only one.
    valid : bool
        The mailbox exists.
    ledger : str
        The class it ended in, see `simsmtp.protocol.ledger`.
    accepted : int
        How often a final reply 2yz covered it.
    ndr : bool
        An NDR was sent for it.
    attempts : int
        RCPT commands sent for it.
    arrival_s : float
        When its message arrived.
    delay_s : float
        From arrival to first acceptance; nan if never accepted.
    origin : int
        Its number in the original message: the same as `recipient` unless this is a resend.
    person : int
        Number of the person who it is, the same in every message; -1 where everybody is new.
    empty_text : bool
        A final reply 2yz covered it, to an empty text; see `simsmtp.protocol.ledger.ledger_class`.
    """

    message: int
    recipient: int
    resend_of: int
    destination: str
    valid: bool
    ledger: str
    accepted: int
    ndr: bool
    attempts: int
    arrival_s: float
    delay_s: float
    origin: int = -1
    person: int = -1
    empty_text: bool = False

    @property
    def number(self) -> int:
        """What its address is made of: the number of the person, or that in the original message."""
        return self.origin if self.person < 0 else self.person


class End(IntEnum):
    """How a client leaves."""

    QUIT = 0
    TIMED_OUT = 1  # it has waited long enough
    TIMED_OUT_TAKEN = 2  # so, too, though the server took the text
    DROPPED = 3  # its strategy drops the connection in place of the text


class DialogueRow(NamedTuple):
    """One thing that happened in a session, for transcripts and captures.

    Attributes
    ----------
    connection : int
        Number of the connection to its destination, from 1.
    destination : str
        Name of the destination.
    kind : str
        ``"connect"``, ``"handshake"``, ``"command"``, ``"reply"``, ``"verdict"`` or ``"close"``.
    client_ns, server_ns : int
        When it left or reached the client, and reached or left the server; -1 where that has no meaning, or it
        never came through.
    group : int
        Wait of the connection in which it falls, from 1; each command group is one.
    read : int
        Network read in the connection in which a reply came, from 1; 0 for other rows.
    verb : int
        `Verb` of the command, or of the command a reply belongs to.
    code, status : int
        Of a reply, see `simsmtp.protocol.replies.Reply`; 0 elsewhere.
    note : int
        The `Answer` of a reply, the `Verdict` of a verdict, the `End` of a close; 0 elsewhere.
    message, recipient : int
        Whom it concerns; -1 where it concerns nobody in particular.
    octets : int
        Length of the line (of the text for TEXT).
    origin : int
        Number that the recipient's address is made of: that in the original message, or that of the person where
        people are met again; -1 for nobody.
    """

    connection: int
    destination: str
    kind: str
    client_ns: int
    server_ns: int
    group: int
    read: int
    verb: int
    code: int
    status: int
    note: int
    message: int
    recipient: int
    octets: int
    origin: int = -1


class DestinationCounts(NamedTuple):
    """What a sender met at one destination.

    Attributes
    ----------
    destination : str
        Its name, ``""`` where there is only one.
    refusals : tuple of int
        Refusals heard there, by `simsmtp.protocol.causes.Cause`.
    waits_s : tuple of float
        Seconds that its recipients waited, all together, by `simsmtp.protocol.causes.Wait`.
    """

    destination: str
    refusals: tuple[int, ...]
    waits_s: tuple[float, ...]


class Output(NamedTuple):
    """What one replication gives.

    Attributes
    ----------
    responses : dict
        One value per response column, see `simsmtp.rows.responses`.
    recipients : RecipientRows
        A sequence of `RecipientRow` in order of message and recipient, which need not lie in memory as a whole. Empty
        unless asked for.
    dialogue : list of DialogueRow
        Empty unless asked for.
    engine : str
        What ran it.
    destinations : sequence of DestinationCounts
        One for each destination.
    """

    responses: Responses
    recipients: RecipientRows
    dialogue: list[DialogueRow]
    engine: str = ""
    destinations: Sequence[DestinationCounts] = ()
