"""Ladders as one HTML page that needs no other file: the sequence diagram, to zoom and to click into."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from string import Template
from typing import Any

from simsmtp.dialogue.ladder import Ladder, Line, Step
from simsmtp.dialogue.ladder_layout import TimeAxis, lanes, parting
from simsmtp.dialogue.ladder_words import (
    COLOURS,
    MEANINGS,
    from_server,
    ledger_words,
    parts_of,
    strip_of,
    totals_of,
    truths_of,
)
from simsmtp.shown import html_text, shown

_HERE = Path(__file__)
_ADDRESS = "\0"


def page_of(ladders: Sequence[Ladder]) -> str:
    """Return a page that shows ladders side by side, on one time axis.

    Parameters
    ----------
    ladders : sequence of Ladder
        At least one.
    """
    script = _HERE.with_suffix(".js").read_text(encoding="utf-8")
    return Template(_HERE.with_suffix(".html").read_text(encoding="utf-8")).substitute(
        title=html_text(" · ".join(ladder.title for ladder in ladders)),
        style=_HERE.with_suffix(".css").read_text(encoding="utf-8"),
        # No text of a peer ends the element: JSON may write any character as an escape.
        data=json.dumps(document_of(ladders), separators=(",", ":")).replace("<", "\\u003c"),
        script=script,
        hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def document_of(ladders: Sequence[Ladder]) -> dict[str, Any]:
    """Return what the page draws, fit for JSON.

    Places on the axis are in seconds, texts are numbers of a list. Lines in a row that differ by nothing but the next
    recipient's address are one run: the number of the text, in which the address is a NUL character, then verb, code,
    kind, the first recipient, and how many lines there are.
    """
    axis = TimeAxis(ladders)
    parting_s = parting(ladders)
    return {
        "axis": [list(one) for one in axis.stretches],
        "parting": None if parting_s is None else axis.place(parting_s),
        "colours": COLOURS,
        "classes": {name: [ledger_words(name), meaning] for name, meaning in MEANINGS.items()},
        "ladders": [_ladder(ladder, axis) for ladder in ladders],
    }


def _ladder(ladder: Ladder, axis: TimeAxis) -> dict[str, Any]:
    texts: dict[str, int] = {}

    def numbered(text: str) -> int:
        return texts.setdefault(text, len(texts))

    def run(lines: list[Line]) -> list[Any]:
        first = lines[0]
        return [numbered(_pattern(first, ladder)), first.verb, first.code, first.kind, first.recipient, len(lines)]

    def step(one: Step) -> dict[str, Any]:
        parts = totals_of(one, ladder) if one.kind == "conclusion" else parts_of(one)
        known = not math.isnan(one.server_s)
        return {
            "kind": one.kind,
            "connection": one.connection,
            "client": axis.place(one.client_s),
            "server": axis.place(one.server_s) if known else None,
            "clientS": one.client_s,
            "serverS": one.server_s if known else None,
            "number": one.number,
            "octets": one.octets,
            "note": shown(one.note),
            "fromServer": from_server(one),
            "parts": [[shown(part.text), part.kind, part.many] for part in parts],
            "strip": [list(part) for part in strip_of(one)] if len(one.lines) > 1 or one.kind == "conclusion" else [],
            "runs": [run(lines) for lines in _runs(one.lines, ladder)],
        }

    steps = [step(one) for one in ladder.steps]
    return {
        "title": shown(ladder.title),
        "notes": [shown(note) for note in ladder.notes],
        "connections": [shown(name) for name in ladder.connections],
        "servers": [shown(name) for name in ladder.servers],
        "lanes": lanes(ladder),
        "truths": [[shown(part.text), part.kind, part.many] for part in truths_of(ladder)],
        "steps": steps,
        "recipients": [
            [shown(one.address), one.message, one.truth, numbered(shown(one.ndr, keep="\n"))]
            for one in ladder.recipients
        ],
        "texts": list(texts),
    }


def _pattern(line: Line, ladder: Ladder) -> str:
    """Return a line with a mark in place of its recipient's address."""
    text = shown(line.text, keep="\n")
    return text.replace(shown(ladder.recipients[line.recipient].address), _ADDRESS) if line.recipient >= 0 else text


def _runs(lines: Sequence[Line], ladder: Ladder) -> Iterator[list[Line]]:
    """Yield lines that differ by the address of the next recipient only."""
    run: list[Line] = []
    pattern = ""
    for line in lines:
        own = _pattern(line, ladder)
        if run and (own != pattern or not _follows(run[-1], line)):
            yield run
            run = []
        pattern = own
        run.append(line)
    if run:
        yield run


def _follows(before: Line, line: Line) -> bool:
    following = before.recipient + 1 if before.recipient >= 0 else -1
    return line[1:] == (before.verb, following, before.code, before.kind)
