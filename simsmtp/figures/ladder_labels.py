"""What is written beside the lifelines of a sequence diagram, and how much room it takes, in inches."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from simsmtp.dialogue.ladder import Ladder, Step
from simsmtp.dialogue.ladder_layout import TimeAxis, lanes
from simsmtp.dialogue.ladder_words import Part, parts_of, strip_of, together, totals_of
from simsmtp.shown import shown

LINE, STRIP_IN = 0.135, 0.085
"""Height of a line of text, and of a strip."""
_GAP, _LEAST, _MOST = 0.05, 3.2, 60.0


class Label(NamedTuple):
    """Lines of text beside a lifeline, and the strip under them.

    Attributes
    ----------
    at : float
        Where they belong on the time axis.
    parts : list of Part
        One line each, in the colour of its kind.
    strip : list of (str, int)
        Kinds in their order, each with how many lines in a row are of it; none draws no strip.
    """

    at: float
    parts: list[Part]
    strip: list[tuple[str, int]]

    @property
    def height(self) -> float:
        """Height in inches."""
        return len(self.parts) * LINE + bool(self.strip) * (STRIP_IN + 0.03) + _GAP


def body_height(ladders: Sequence[Ladder], axis: TimeAxis) -> float:
    """Return the height of the time axis in inches: as much as the fullest column of labels needs."""
    heights = [_LEAST]
    for ladder in ladders:
        of = lanes(ladder)
        for lane in range(max(of, default=0) + 1):
            steps = [step for step in ladder.steps if of[step.connection] == lane]
            heights += [1.12 * sum(label.height for label in labels) for labels in columns(steps, ladder, axis)]
    return min(max(heights), _MOST)


def columns(steps: Sequence[Step], ladder: Ladder, axis: TimeAxis) -> tuple[list[Label], list[Label]]:
    """Return the labels at the client's line and at the server's."""
    left: list[Label] = []
    right: list[Label] = []
    for step in steps:
        if step.kind == "read":
            at = step.client_s if math.isnan(step.server_s) else step.server_s
            right.append(Label(axis.place(at), parts_of(step), strip_of(step) if len(step.lines) > 1 else []))
        else:
            left.append(_client_label(step, ladder, axis.place(step.client_s)))
    return left, right


def _client_label(step: Step, ladder: Ladder, at: float) -> Label:
    match step.kind:
        case "connect":
            server = ladder.servers[step.connection] if ladder.servers else ""
            text = ladder.connections[step.connection].removesuffix(f" to {server}")
        case "group":
            text = together(parts_of(step))
        case "conclusion":
            return Label(at, totals_of(step, ladder), strip_of(step))
        case "handshake":
            text = "TLS handshake"
        case _:
            text = step.note or "QUIT"
    return Label(at, [Part(shown(text), "command", 1)], [])


def spread(labels: Sequence[Label], top: float, bottom: float, scale: float) -> Iterator[tuple[float, Label]]:
    """Yield where each label begins: beside its instant where there is room, else below the one before."""
    tops: list[float] = []
    free = top
    for label in labels:
        tops.append(max(free, top + label.at * scale - LINE / 2))
        free = tops[-1] + label.height
    limit = bottom + 0.1
    for place in range(len(labels) - 1, -1, -1):
        tops[place] = min(tops[place], limit - labels[place].height)
        limit = tops[place]
    yield from zip(tops, labels, strict=True)
