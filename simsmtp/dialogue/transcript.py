"""Writes a ladder as ``C:``/``S:`` lines with times, groups, reads and conclusions.

Runs of recipients with the same outcome are shortened to their first and last lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from simsmtp.dialogue.ladder import Ladder, Line, Step
from simsmtp.model.numbers import counted
from simsmtp.protocol.ledger import LEDGER_NAMES
from simsmtp.rows.records import Responses

_ALIKE = "…"
_INDENT = 14


def transcript(ladder: Ladder, *, alike: int = 2, connections: int = 0) -> Iterator[str]:
    """Yield the lines of a transcript.

    Parameters
    ----------
    ladder : Ladder
        What was said.
    alike : int
        Lines shown of a run of recipients with the same outcome; 0 shows all.
    connections : int
        Only the first so many connections; 0 shows all.
    """
    sessions = [list(steps) for _, steps in groupby(ladder.steps, key=lambda step: step.connection)]
    shown = sessions[:connections] if connections else sessions
    for steps in shown:
        yield ladder.connections[steps[0].connection]
        for step in steps:
            yield from _step(step, ladder, alike)
        yield ""
    if len(shown) < len(sessions):
        yield f"{_ALIKE} {counted(len(sessions) - len(shown), 'more connection')}"
        yield ""
    yield from ladder.notes


def ledger_lines(responses: Responses) -> Iterator[str]:
    """Yield the ledger of a replication, one line per class that is not empty."""
    yield f"Ledger: {responses['recipients']} recipients"
    for name in LEDGER_NAMES:
        if responses[name]:
            yield f"  {name:<18}{responses[name]:>8}"


def _step(step: Step, ladder: Ladder, alike: int) -> Iterator[str]:
    at = f"{step.client_s:>12.6f}  "
    match step.kind:
        case "connect":
            yield f"{at}C: (connects)"
        case "handshake":
            yield f"{at}(TLS handshake)"
        case "group":
            yield f"{at}group {step.number}: {counted(len(step.lines), 'command')}, {step.octets:,} octets"
            yield from _shortened([(f"C: {line.text}", line.verb == "RCPT") for line in step.lines], alike)
        case "read":
            yield f"{at}read {step.number}: {len(step.lines)} repl{'ies' if len(step.lines) > 1 else 'y'}"
            yield from _replies(step.lines, alike)
        case "conclusion":
            yield f"{at}{step.note}"
            yield from _conclusions(step.lines, ladder)
        case _:
            yield f"{at}({step.note})" if step.note else f"{at}C: QUIT"


def _replies(lines: Sequence[Line], alike: int) -> Iterator[str]:
    for run in runs(lines):
        texts = [(f"S: {text}", run[0].verb == "RCPT") for line in run for text in line.text.split("\n")]
        yield from _shortened(texts, alike)
        if run[0].kind == "over-limit":
            who = len(run) if run[0].verb == "RCPT" else "the whole transaction is"
            yield f"{'':{_INDENT}}({who} over the recipient limit)"
        if run[0].kind == "filed-away":
            yield f"{'':{_INDENT}}(filed away: nobody gets it, and nobody is told)"


def runs(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Yield commands, replies or conclusions in a row that say the same, but for the address."""
    for _, run in groupby(lines, key=lambda line: (line.verb, line.code, line.kind)):
        yield list(run)


def _conclusions(lines: Sequence[Line], ladder: Ladder) -> Iterator[str]:
    # What is not consecutive in the message is not "from … to …", even where the conclusions are.
    for _, stretch in groupby(enumerate(lines), key=lambda one: (one[1].kind, one[1].recipient - one[0])):
        run = [line for _, line in stretch]
        first, last = (ladder.recipients[line.recipient].address for line in (run[0], run[-1]))
        who = first if len(run) == 1 else f"{first} to {last} ({len(run)})"
        yield f"{'':{_INDENT}}{who}: {run[0].text}"


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
        yield from (f"{'':{_INDENT}}{text}" for text in texts)
