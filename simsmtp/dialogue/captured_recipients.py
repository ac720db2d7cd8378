"""Whom the RCPT commands of captured sessions concern, and what a capture tells of them.

Transactions are of one *message* if their texts have the same Message-ID. A transaction whose text has none, or was
never sent, belongs to the last message of the same sender that it asks for a recipient of whom was refused before and
never accepted since; otherwise it is a message of its own. A *recipient* is an address of a message.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from simsmtp.dialogue.captured_session import Session
from simsmtp.dialogue.ladder import Recipient
from simsmtp.dialogue.smtp_exchange import Exchange
from simsmtp.protocol.commands import LONE_DOT_OCTETS, Verb

_ENDS = {"RSET", "EHLO", "HELO", "STARTTLS"}
_NOT_OBEYED = {500, 502, 503}


class _Asked(NamedTuple):
    """An RCPT: of which session, which exchange in it, and the kind of its reply (``""`` if there is none)."""

    session: int
    place: int
    address: str
    kind: str


class _Transaction:
    """A transaction: its sender, its RCPTs, the Message-ID of its text, and whether that was accepted.

    `is_open` tells that its MAIL was not refused, `is_empty` that a lone dot came in place of a text.
    """

    def __init__(self, sender: str, order: int, *, is_open: bool) -> None:
        self.sender, self.order, self.is_open = sender, order, is_open
        self.asked: list[_Asked] = []
        self.message_id = ""
        self.is_accepted = self.is_empty = False

    def goes_on_after(self, exchange: Exchange) -> bool:
        """Note what an exchange tells of the text, and tell whether the transaction goes on after it."""
        command, code = exchange.command, exchange.reply.code if exchange.reply else 0
        self.message_id = self.message_id or command.message_id
        is_refused_chunk = command.verb == Verb.BDAT.name and code >= 400
        if (command.is_last or is_refused_chunk) and code not in _NOT_OBEYED:
            self.is_accepted = self.is_open and 200 <= code < 300
            self.is_empty = command.verb == Verb.TEXT.name and command.octets <= LONE_DOT_OCTETS
            return False
        return not (command.verb in _ENDS and code < 300)


class _Fate:
    """What is seen of one recipient: how often it was asked for and accepted, and the kind of the last refusal."""

    def __init__(self) -> None:
        self.asked = self.accepted = self.emptied = 0
        self.refusal = ""

    @property
    def is_refused(self) -> bool:
        return bool(self.refusal) and not self.accepted


class Fates(NamedTuple):
    """The recipients of a capture.

    Attributes
    ----------
    recipients : tuple of Recipient
        In order of message and place in it.
    places : list of list of int
        For each session, whom each exchange concerns: a place in `recipients`, or -1.
    notes : list of str
        What is to be said of those who were refused.
    """

    recipients: tuple[Recipient, ...]
    places: list[list[int]]
    notes: list[str]


def fates_of(sessions: Sequence[Session]) -> Fates:
    """Return the recipients of captured sessions."""
    transactions = [
        one for number, session in enumerate(sessions) for one in _transactions(session, number) if one.asked
    ]
    transactions.sort(key=lambda one: one.order)
    fates: dict[tuple[int, str], _Fate] = {}
    asked: list[tuple[_Asked, int]] = []
    messages = _Messages()
    for one in transactions:
        message = messages.number_of(one)
        asked += [(rcpt, message) for rcpt in one.asked]
        for rcpt in one.asked:
            fate = fates.setdefault((message, rcpt.address), _Fate())
            fate.asked += 1
            taken = one.is_accepted and rcpt.kind == "accepted"
            fate.accepted += taken and not one.is_empty
            fate.emptied += taken and one.is_empty
            fate.refusal = rcpt.kind if rcpt.kind not in {"", "accepted"} else fate.refusal
            messages.note(message, one.sender, rcpt.address, is_refused=fate.is_refused)
    order = {key: place for place, key in enumerate(sorted(fates, key=lambda key: key[0]))}
    recipients = tuple(Recipient(address, message, _truth(fates[message, address])) for message, address in order)
    places = [[-1] * len(session.exchanges) for session in sessions]
    for rcpt, message in asked:
        places[rcpt.session][rcpt.place] = order[message, rcpt.address]
    return Fates(recipients, places, _notes(list(fates.values())))


def _truth(fate: _Fate) -> str:
    """Return what the wire shows of a recipient: NDRs go another way."""
    if fate.accepted:
        return "taken" if fate.accepted == 1 else "taken_again"
    return "emptied" if fate.emptied else ""


def _transactions(session: Session, number: int) -> list[_Transaction]:
    found: list[_Transaction] = []
    current: _Transaction | None = None
    for place, exchange in enumerate(session.exchanges):
        command = exchange.command
        is_open = command.opens(exchange.reply)
        if is_open or (command.verb == Verb.MAIL.name and not (current and current.is_open)):
            current = _Transaction(command.address, command.seen.order, is_open=is_open)
            found.append(current)
        elif command.verb == Verb.RCPT.name and current is None:
            current = _Transaction("", command.seen.order, is_open=not session.connection.is_whole)
            found.append(current)
        if current is None:
            continue
        if command.verb == Verb.RCPT.name:
            current.asked.append(_Asked(number, place, command.address, session.kinds[place]))
        if not current.goes_on_after(exchange):
            current = None
    return found


class _Messages:
    """Numbers of messages."""

    def __init__(self) -> None:
        self._count = 0
        self._by_id: dict[tuple[str, str], int] = {}
        self._has_id: set[int] = set()
        self._refused: dict[tuple[str, str], int] = {}  # sender and recipient → message that still lacks the latter

    def number_of(self, one: _Transaction) -> int:
        """Return the number of a transaction's message."""
        key = (one.sender, one.message_id)
        number = self._by_id.get(key, -1) if one.message_id else -1
        if number < 0:
            known = (self._refused.get((one.sender, rcpt.address), -1) for rcpt in one.asked)
            number = max((old for old in known if not (one.message_id and old in self._has_id)), default=-1)
        if number < 0:
            number, self._count = self._count, self._count + 1
        if one.message_id:
            self._by_id[key] = number
            self._has_id.add(number)
        return number

    def note(self, message: int, sender: str, address: str, *, is_refused: bool) -> None:
        """Note whether a message still lacks a recipient that was asked for."""
        if is_refused:
            self._refused[sender, address] = message
        elif self._refused.get((sender, address)) == message:
            del self._refused[sender, address]


def _notes(fates: list[_Fate]) -> list[str]:
    over = [fate for fate in fates if fate.refusal == "over-limit"]
    if not over:
        return []
    never = [fate for fate in over if not fate.accepted]
    once = sum(fate.asked == 1 for fate in never)
    note = (
        f"Refused over a limit: {len(over):,} of {len(fates):,} recipients. Accepted later: {len(over) - len(never):,}."
        f" Never accepted: {len(never):,}, of whom {once:,} were not tried again."
    )
    return [note]
