"""Writes down what the peers of a run say, as rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from simsmtp.peers.accounting import Message
from simsmtp.peers.flight import Command, ReplyRecord
from simsmtp.protocol.commands import Verb
from simsmtp.rows.records import DialogueRow, End
from simsmtp.strategies.counting import Verdict

DROPPED = "the strategy has the client drop the connection in place of the text"
"""Why a connection ended that neither QUIT nor the server did."""


class Connection(Protocol):
    """What a row tells of the session that it belongs to: numbers, the destination's name, waits, what is sent."""

    number: int
    destination: str
    waits: int
    message: Message | None


class Transcript:
    """The rows of a run's dialogue, in the order in which the driver came to know them; -1 for a time it cannot."""

    def __init__(self) -> None:
        self.rows: list[DialogueRow] = []
        self._message = -1
        self._person: Callable[[int], int] | None = None

    def connect(self, session: Connection, client_ns: int, server_ns: int) -> None:
        """Note that a client connects."""
        self._add(session, "connect", client_ns, server_ns, Verb.CONNECT)

    def command(
        self, session: Connection, command: Command, message: Message | None, client_ns: int, server_ns: int
    ) -> None:
        """Note a command."""
        self._about(message)
        recipient, octets = command.recipients[0], command.octets
        self._add(session, "command", client_ns, server_ns, command.verb, recipient=recipient, octets=octets)

    def replies(self, session: Connection, flushed: Iterable[ReplyRecord], server_ns: int, client_ns: int) -> None:
        """Note the replies of one flush."""
        self._about(session.message)
        for heard in flushed:
            self._add(
                session,
                "reply",
                client_ns,
                server_ns,
                heard.verb,
                read=heard.read + 1,
                code=heard.code,
                status=heard.status,
                note=heard.answer,
                recipient=heard.recipients[0],
            )

    def verdicts(
        self, session: Connection, message: Message, recipients: Iterable[int], verdict: Verdict, at_ns: int
    ) -> None:
        """Note what the sender concluded for some recipients."""
        self._about(message)
        for recipient in recipients:
            self._add(session, "verdict", at_ns, -1, Verb.RCPT, note=verdict, recipient=recipient)

    def handshake(self, session: Connection, client_ns: int) -> None:
        """Note a round trip of the TLS handshake."""
        self._message = -1
        self._add(session, "handshake", client_ns, -1, Verb.STARTTLS)

    def close(self, session: Connection, client_ns: int, server_ns: int, end: End = End.QUIT) -> None:
        """Note that a client leaves."""
        self._message = -1
        self._add(session, "close", client_ns, server_ns, Verb.QUIT, note=end)

    def _about(self, message: Message | None) -> None:
        self._message = -1 if message is None else message.number
        self._person = None if message is None else message.person

    def _add(
        self,
        session: Connection,
        kind: str,
        client_ns: int,
        server_ns: int,
        verb: Verb,
        *,
        read: int = 0,
        code: int = 0,
        status: int = 0,
        note: int = 0,
        recipient: int = -1,
        octets: int = 0,
    ) -> None:
        self.rows.append(
            DialogueRow(
                session.number,
                session.destination,
                kind,
                client_ns,
                server_ns,
                session.waits,
                read,
                verb,
                code,
                status,
                note,
                self._message,
                recipient,
                octets,
                self._person(recipient) if recipient >= 0 and self._person else -1,
            )
        )
