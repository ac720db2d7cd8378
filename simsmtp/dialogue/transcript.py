"""Turns dialogue rows into ``C:``/``S:`` lines with simulated times, groups, reads and conclusions.

Runs of recipients that fare alike are shortened to their first and last lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from simsmtp.dialogue.smtp_lines import reply_lines, said_line
from simsmtp.model.plan import Plan
from simsmtp.protocol.answers import Answer
from simsmtp.protocol.commands import Verb
from simsmtp.protocol.ledger import LEDGER_NAMES
from simsmtp.protocol.wire import AddressBook
from simsmtp.rows.records import DialogueRow, Output
from simsmtp.strategies.counting import Verdict

_CONCLUSIONS = {
    Verdict.DONE: "taken as accepted",
    Verdict.REQUEUE: "re-queued: tried again at once",
    Verdict.FAIL: "failed: NDR",
    Verdict.DEFER: "deferred: tried again by the retry schedule",
}
_ALIKE = "…"
_HANGS_UP, _FINAL = 421, (Verb.TEXT, Verb.BDAT)
_WAITS_BEFORE_EHLO = 2  # the TCP handshake and the banner


class Style(NamedTuple):
    """How a transcript is written.

    Attributes
    ----------
    addresses : AddressBook
        Names of the recipients.
    alike : int
        Lines shown of a run of recipients that fare alike; 0 shows all.
    strategy : str
        Name of the counting strategy.
    """

    addresses: AddressBook
    alike: int
    strategy: str


def transcript(output: Output, plan: Plan, style: Style, *, connections: int = 0) -> Iterator[str]:
    """Yield the lines of a transcript, ending with the ledger.

    Parameters
    ----------
    output : Output
        A replication run with ``dialogue=True``.
    plan : Plan
        The plan it was run with, for the wording of replies.
    style : Style
        How to write it.
    connections : int
        Only the first so many connections; 0 shows all.
    """
    sessions = _by_session(output.dialogue)
    shown = sessions[:connections] if connections else sessions
    for rows in shown:
        yield from _session(rows, plan, style)
    if len(shown) < len(sessions):
        more = len(sessions) - len(shown)
        yield f"{_ALIKE} {more} more connection{'s' if more > 1 else ''}"
        yield ""
    yield from ledger_lines(output)


def ledger_lines(output: Output) -> Iterator[str]:
    """Yield the ledger of a replication, one line per class that is not empty."""
    total = output.responses["recipients"]
    yield f"Ledger: {total} recipients"
    for name in LEDGER_NAMES:
        if output.responses[name]:
            yield f"  {name:<18}{output.responses[name]:>8}"


def _by_session(rows: Iterable[DialogueRow]) -> list[list[DialogueRow]]:
    sessions: dict[tuple[str, int], list[DialogueRow]] = {}
    for row in rows:
        sessions.setdefault((row.destination, row.connection), []).append(row)
    return sorted(sessions.values(), key=lambda rows: rows[0].client_ns)


def _session(rows: list[DialogueRow], plan: Plan, style: Style) -> Iterator[str]:
    first = rows[0]
    where = f" to {first.destination}" if first.destination else ""
    yield f"Connection {first.connection}{where}"
    hung_up = any(row.code == _HANGS_UP for row in rows)
    since: list[DialogueRow] = []  # what was answered in the transaction that is going on
    for kind, wait, group in _stretches(rows):
        at = _time(group[0].client_ns)
        match kind:
            case "connect":
                yield f"{at}  C: (connects)"
            case "handshake":
                yield f"{at}  (TLS handshake)"
            case "command":
                yield from _commands(group, wait, style)
            case "reply":
                yield from _replies(group, plan, style)
                since += group
            case "verdict":
                yield f"{at}  " + ("nothing was committed" if _cut_off(since) else f"what {style.strategy} concludes")
                yield from _verdicts(group, style)
                since = []
            case _:
                yield f"{at}  (the server has closed)" if hung_up else f"{at}  C: QUIT"
    yield ""


def _cut_off(replies: list[DialogueRow]) -> bool:
    """Tell whether the server closed in a transaction before its text was accepted: then the sender concludes nothing.

    A 421 that comes after that, or in a later transaction, takes nothing back.
    """
    committed = any(row.verb in _FINAL and 200 <= row.code < 300 for row in replies)
    return not committed and any(row.code == _HANGS_UP for row in replies)


def _stretches(rows: list[DialogueRow]) -> Iterator[tuple[str, int, list[DialogueRow]]]:
    """Cut a session into stretches of one kind, in the client's time; a group stays whole even while it drains."""
    order = {"connect": 0, "handshake": 0, "command": 1, "reply": 2, "verdict": 3, "close": 4}
    ordered = sorted(rows, key=lambda row: (row.group, order[row.kind]) if row.kind != "close" else (1 << 60, 4))
    for (kind, wait), stretch in groupby(ordered, key=lambda row: (row.kind, row.group)):
        yield kind, wait, list(stretch)


def _commands(rows: list[DialogueRow], wait: int, style: Style) -> Iterator[str]:
    octets = sum(row.octets for row in rows)
    commands = f"{len(rows)} command{'s' if len(rows) > 1 else ''}"
    yield f"{_time(rows[0].client_ns)}  group {wait - _WAITS_BEFORE_EHLO}: {commands}, {octets:,} octets"
    lines = [("C: " + said_line(row, style.addresses), row.verb == Verb.RCPT) for row in rows]
    yield from _shortened(lines, style.alike)


def _replies(rows: list[DialogueRow], plan: Plan, style: Style) -> Iterator[str]:
    for read, replies in groupby(rows, key=lambda row: row.read):
        together = list(replies)
        plural = "ies" if len(together) > 1 else "y"
        yield f"{_time(together[-1].client_ns)}  read {read}: {len(together)} repl{plural}"
        for row, run in _runs(together):
            may_cut = row.verb == Verb.RCPT
            yield from _shortened(
                [(f"S: {line}", may_cut) for one in run for line in reply_lines(one, plan)], style.alike
            )
            if row.note == Answer.RCPT_OVER:
                yield f"{'':14}({len(run)} over the recipient limit)"


def _runs(rows: Sequence[DialogueRow]) -> Iterator[tuple[DialogueRow, list[DialogueRow]]]:
    for _, stretch in groupby(rows, key=lambda row: (row.verb, row.note)):
        run = list(stretch)
        yield run[0], run


def _verdicts(rows: list[DialogueRow], style: Style) -> Iterator[str]:
    places = {id(row): place for place, row in enumerate(rows)}
    # What is not consecutive in the message is not "from … to …", even where the verdicts are.
    for (verdict, _), stretch in groupby(rows, key=lambda row: (row.note, row.recipient - places[id(row)])):
        run = list(stretch)
        first, last = (style.addresses.recipient(row.origin) for row in (run[0], run[-1]))
        who = first if len(run) == 1 else f"{first} to {last} ({len(run)})"
        yield f"{'':14}{who}: {_CONCLUSIONS[Verdict(verdict)]}"


def _shortened(lines: list[tuple[str, bool]], alike: int) -> Iterator[str]:
    """Yield lines, cutting the middle out of long stretches of the kind that may be cut."""
    for may_cut, stretch in groupby(lines, key=lambda line: line[1]):
        texts = [text for text, _ in stretch]
        cut = len(texts) - alike
        if may_cut and alike and cut > 1:
            texts = (
                [*texts[: alike - 1], f"{_ALIKE} {cut} more", texts[-1]]
                if alike > 1
                else [texts[0], f"{_ALIKE} {cut} more"]
            )
        yield from (f"{'':14}{text}" for text in texts)


def _time(at_ns: int) -> str:
    return f"{at_ns / 1e9:>12.6f}"
