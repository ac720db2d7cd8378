"""From the rows that a simulated run or a real sender wrote down to a ladder."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

from simsmtp.dialogue.ladder import Ladder, Line, Recipient, Step, reply_kind
from simsmtp.dialogue.ndr import last_replies, ndr_fields
from simsmtp.protocol.answers import Answer
from simsmtp.protocol.commands import Verb
from simsmtp.protocol.states import ends_session
from simsmtp.rows.records import DialogueRow, RecipientRow
from simsmtp.strategies.counting import Verdict

Text = Callable[[DialogueRow], str]
"""What a row says, without CRLF; the lines of a long reply are joined by line feeds. Of a close why, if not by QUIT."""

_CONCLUSIONS = {
    Verdict.DONE: ("done", "taken as accepted"),
    Verdict.REQUEUE: ("re-queued", "re-queued: tried again at once"),
    Verdict.FAIL: ("failed", "failed: NDR"),
    Verdict.DEFER: ("deferred", "deferred: tried again by the retry schedule, if there is time left"),
}
_HANGS_UP, _FINAL = 421, (Verb.TEXT, Verb.BDAT)
_OVER = (Answer.RCPT_OVER, Answer.TRANSACTION_OVER)
_WAITS_BEFORE_EHLO = 2  # the TCP handshake and the banner
_ORDER = {"connect": 0, "handshake": 0, "command": 1, "reply": 2, "verdict": 3, "close": 4}
_LAST = 1 << 60


def ladder_of(
    rows: Iterable[DialogueRow],
    recipients: Iterable[RecipientRow],
    *,
    title: str,
    strategy: str,
    text: Text,
    address: Callable[[RecipientRow], str],
    notes: Sequence[str] = (),
    all_or_nothing: bool = False,
) -> Ladder:
    """Return the ladder of a run.

    Parameters
    ----------
    rows : iterable of DialogueRow
        What the peers said; replies that never reached the client are left out.
    recipients : iterable of RecipientRow
        What became of everybody, in order of message and place in it.
    title : str
        Whose dialogue it is.
    strategy : str
        Name of the counting strategy, which concludes.
    text : callable
        What a row says.
    address : callable
        The address of a recipient.
    notes : sequence of str
        See `Ladder`.
    all_or_nothing : bool
        See `simsmtp.dialogue.ndr.last_replies`.
    """
    rows, everybody = [row for row in rows if row.kind != "reply" or row.client_ns >= 0], list(recipients)
    last = last_replies(rows, all_or_nothing=all_or_nothing)
    places = {(row.message, row.recipient): place for place, row in enumerate(everybody)}
    sessions = _by_session(rows)
    steps = [
        step
        for number, session in enumerate(sessions)
        for step in _Session(number, session, places, strategy, text).steps()
    ]
    found = [
        Recipient(
            address(row),
            row.message,
            row.ledger,
            ndr_fields(row, last.get((row.message, row.recipient)), text) if row.ndr else "",
        )
        for row in everybody
    ]
    servers = tuple(session[0].destination for session in sessions)
    names = tuple(map(_name, sessions))
    return Ladder(title, names, tuple(steps), tuple(found), tuple(notes), servers if any(servers) else ())


def _by_session(rows: Iterable[DialogueRow]) -> list[list[DialogueRow]]:
    sessions: dict[tuple[str, int], list[DialogueRow]] = {}
    for row in rows:
        sessions.setdefault((row.destination, row.connection), []).append(row)
    return sorted(sessions.values(), key=lambda rows: rows[0].client_ns)


def _name(session: list[DialogueRow]) -> str:
    first = session[0]
    return f"Connection {first.connection}" + (f" to {first.destination}" if first.destination else "")


class _Session:
    """The rows of one connection, on their way to steps."""

    def __init__(
        self, number: int, rows: list[DialogueRow], places: dict[tuple[int, int], int], strategy: str, text: Text
    ) -> None:
        self._number, self._rows, self._strategy, self._text = number, rows, strategy, text
        self._places = places
        self._is_first = True  # the next RCPT reply is the first of its transaction
        self._answered: list[DialogueRow] = []  # in the transaction that is going on

    def steps(self) -> Iterator[Step]:
        """Yield the steps in the client's time; a group stays whole even while it drains."""
        ordered = sorted(
            self._rows, key=lambda row: (row.group, _ORDER[row.kind]) if row.kind != "close" else (_LAST, 4)
        )
        for (kind, wait), stretch in groupby(ordered, key=lambda row: (row.kind, row.group)):
            rows = list(stretch)
            match kind:
                case "command":
                    lines = tuple(Line(self._text(row), Verb(row.verb).name, self._place(row)) for row in rows)
                    octets = sum(row.octets for row in rows)
                    yield self._step("group", rows, wait - _WAITS_BEFORE_EHLO, octets=octets, lines=lines)
                case "reply":
                    for read, together in groupby(rows, key=lambda row: row.read):
                        yield self._read(read, list(together))
                    self._answered += rows
                case "verdict":
                    note = "nothing was committed" if _cut_off(self._answered) else f"what {self._strategy} concludes"
                    lines = tuple(self._conclusion(row) for row in rows)
                    yield self._step("conclusion", rows, 0, lines=lines, note=note)
                    self._answered = []
                case "close":
                    has_hung_up = any(ends_session(row.verb, row.code) for row in self._rows)
                    note = "the server has closed" if has_hung_up else self._text(rows[0])
                    step = self._step(kind, rows, 0, note=note)
                    yield step._replace(server_s=math.nan) if has_hung_up else step
                case _:
                    yield self._step(kind, rows, 0)

    def _step(
        self,
        kind: str,
        rows: list[DialogueRow],
        number: int,
        *,
        octets: int = 0,
        lines: tuple[Line, ...] = (),
        note: str = "",
    ) -> Step:
        from_client = kind != "read"
        client_ns = rows[0 if from_client else -1].client_ns
        server_ns = rows[-1 if from_client else 0].server_ns
        server_s = server_ns / 1e9 if server_ns >= 0 else math.nan
        return Step(kind, self._number, client_ns / 1e9, server_s, number, octets, lines, note)

    def _read(self, read: int, rows: list[DialogueRow]) -> Step:
        return self._step("read", rows, read, lines=tuple(map(self._reply, rows)))

    def _reply(self, row: DialogueRow) -> Line:
        kind = self._reply_kind(row)
        return Line(self._text(row), Verb(row.verb).name, self._place(row), row.code, kind)

    def _reply_kind(self, row: DialogueRow) -> str:
        if row.verb == Verb.MAIL:
            self._is_first = True
        is_first, self._is_first = self._is_first, self._is_first and row.verb != Verb.RCPT
        if row.note == Answer.FILED_AWAY:
            return "filed-away"
        is_over = row.note in _OVER
        return reply_kind(Verb(row.verb).name, row.code, row.status, is_first=is_first, is_over=is_over)

    def _conclusion(self, row: DialogueRow) -> Line:
        kind, words = _CONCLUSIONS[Verdict(row.note)]
        return Line(words, Verb.RCPT.name, self._place(row), kind=kind)

    def _place(self, row: DialogueRow) -> int:
        return self._places.get((row.message, row.recipient), -1)


def _cut_off(replies: list[DialogueRow]) -> bool:
    """Tell whether the server closed in a transaction before its text was accepted: then the sender concludes nothing.

    A 421 that comes after that, or in a later transaction, takes nothing back.
    """
    committed = any(row.verb in _FINAL and 200 <= row.code < 300 for row in replies)
    return not committed and any(row.code == _HANGS_UP for row in replies)
