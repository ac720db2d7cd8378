"""Ladders as one HTML page that needs no other file: the sequence diagram, to zoom and to click into."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

from simsmtp.dialogue.ladder import Ladder, Line, Step
from simsmtp.dialogue.ladder_layout import (
    COLOURS,
    TimeAxis,
    lanes,
    ledger_words,
    parting,
    parts_of,
    totals_of,
    truths_of,
)
from simsmtp.protocol.ledger import LEDGER_NAMES
from simsmtp.shown import html_text, shown

_HERE = Path(__file__)


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
    """Return what the page draws, fit for JSON: places on the axis in seconds, texts by their number in a list."""
    axis = TimeAxis(ladders)
    parting_s = parting(ladders)
    return {
        "axis": [list(one) for one in axis.stretches],
        "parting": None if parting_s is None else axis.place(parting_s),
        "colours": COLOURS,
        "ledger": {name: ledger_words(name) for name in LEDGER_NAMES},
        "ladders": [_ladder(ladder, axis) for ladder in ladders],
    }


def _ladder(ladder: Ladder, axis: TimeAxis) -> dict[str, Any]:
    texts: dict[str, int] = {}

    def numbered(text: str) -> int:
        return texts.setdefault(shown(text, keep="\n"), len(texts))

    def line(one: Line) -> list[Any]:
        return [numbered(one.text), one.verb, one.code, one.kind, one.recipient]

    def step(one: Step) -> dict[str, Any]:
        parts = totals_of(one) if one.kind == "conclusion" else parts_of(one)
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
            "parts": [[shown(part.text), part.kind, part.many] for part in parts],
            "lines": [line(each) for each in one.lines],
        }

    steps = [step(one) for one in ladder.steps]
    return {
        "title": shown(ladder.title),
        "notes": [shown(note) for note in ladder.notes],
        "connections": [shown(name) for name in ladder.connections],
        "lanes": lanes(ladder),
        "truths": [[shown(part.text), part.kind, part.many] for part in truths_of(ladder)],
        "steps": steps,
        "recipients": [[shown(one.address), one.message, one.truth, numbered(one.ndr)] for one in ladder.recipients],
        "texts": list(texts),
    }
