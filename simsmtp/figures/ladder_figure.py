"""The sequence diagram of a dialogue: time downwards, the client to the left, the server to the right."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from simsmtp.dialogue.ladder import Ladder, Step
from simsmtp.dialogue.ladder_layout import COLOURS, Part, TimeAxis, lanes, parting, parts_of, totals_of, truths_of
from simsmtp.figures.line_styles import RC
from simsmtp.model.numbers import counted, seconds_text
from simsmtp.shown import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Everything is laid out in inches, so that labels keep their size however long the dialogue is.
_TIME, _LEFT, _ARROWS, _RIGHT, _APART = 0.42, 1.62, 1.25, 1.22, 0.12
_TICK_IN = 0.45
_HEAD, _FOOT, _LINE, _GAP = 0.62, 0.62, 0.135, 0.05
_LEAST, _MOST = 3.2, 60.0
_FONT, _SMALL = 7.5, 6.5
_STRIP_IN, _CELL_IN = 0.085, 0.035
_WORST = ("failed", "over-limit", "deferred")
_HATCHED = {*_WORST, "false_ndr", "contradictory_ndr", "lost"}  # told apart without colour, too
_PAPER = {"facecolor": "white", "edgecolor": "none", "pad": 0.4}
_PARTING = "Dashed line: from here on the two differ."


class Label(NamedTuple):
    """Lines of text beside a lifeline, and the strip under them.

    Attributes
    ----------
    at : float
        Where they belong on the time axis.
    parts : list of Part
        One line each, in the colour of its kind.
    has_strip : bool
        Draw how many there are of each kind.
    """

    at: float
    parts: list[Part]
    has_strip: bool

    @property
    def height(self) -> float:
        """Height in inches."""
        return len(self.parts) * _LINE + self.has_strip * (_STRIP_IN + 0.03) + _GAP


def ladder_figure(ladders: Sequence[Ladder], *, connections: int = 6) -> Figure:
    """Draw ladders side by side, on one time axis.

    Time runs downwards to scale; a long wait is cut out, and its length is written there. The left line is the client,
    the right one the server. To the left stands what the client writes, each command group at once, and what it
    concludes; to the right what the server answers, each network read at once. Refusals are drawn in warm colours and
    with crosses. A strip shows the recipients in their order, in the colour of the reply or the conclusion; the one at
    the bottom shows what became of them in truth.

    Parameters
    ----------
    ladders : sequence of Ladder
        At least one.
    connections : int
        The most connections drawn of each; how many are left out is written at the bottom.

    Returns
    -------
    matplotlib.figure.Figure
        Built without pyplot.
    """
    import matplotlib as mpl

    from simsmtp.figures.canvas import new_figure

    shown_ones = [_first(ladder, connections) for ladder in ladders]
    axis = TimeAxis(shown_ones)
    body = _body(shown_ones, axis)
    widths = [_width(ladder) for ladder in shown_ones]
    with mpl.rc_context(RC):
        figure = new_figure(sum(widths), _HEAD + body + _FOOT)
        figure.set_layout_engine("none")
        left = 0.0
        for whole, ladder, width in zip(ladders, shown_ones, widths, strict=True):
            axes = figure.add_axes((left / sum(widths), 0.0, width / sum(widths), 1.0))
            _Drawing(axes, ladder, axis, body, whole).draw(parting(shown_ones))
            left += width
    return figure


def draw_ladder(axes: Axes, ladder: Ladder, *, connections: int = 6) -> None:
    """Draw one ladder into axes; see `ladder_figure`."""
    part = _first(ladder, connections)
    axis = TimeAxis([part])
    _Drawing(axes, part, axis, _body([part], axis), ladder).draw(None)


def _first(ladder: Ladder, connections: int) -> Ladder:
    steps = tuple(step for step in ladder.steps if step.connection < connections)
    return ladder._replace(connections=ladder.connections[:connections], steps=steps)


def _width(ladder: Ladder) -> float:
    return (_LEFT + _ARROWS + _RIGHT + _APART) * (max(lanes(ladder), default=0) + 1) + _TIME


def _body(ladders: Sequence[Ladder], axis: TimeAxis) -> float:
    """Return the height of the time axis in inches: as much as the fullest column of labels needs."""
    heights = [_LEAST]
    for ladder in ladders:
        of = lanes(ladder)
        for lane in range(max(of, default=0) + 1):
            steps = [step for step in ladder.steps if of[step.connection] == lane]
            heights += [1.12 * sum(label.height for label in labels) for labels in _columns(steps, ladder, axis)]
    return min(max(heights), _MOST)


def _columns(steps: Sequence[Step], ladder: Ladder, axis: TimeAxis) -> tuple[list[Label], list[Label]]:
    """Return the labels at the client's line and at the server's."""
    left: list[Label] = []
    right: list[Label] = []
    for step in steps:
        if step.kind == "read":
            at = step.client_s if math.isnan(step.server_s) else step.server_s
            right.append(Label(axis.place(at), parts_of(step), has_strip=len(step.lines) > 1))
        else:
            left.append(_client_label(step, ladder, axis.place(step.client_s)))
    return left, right


def _client_label(step: Step, ladder: Ladder, at: float) -> Label:
    match step.kind:
        case "connect":
            return Label(at, [Part(shown(ladder.connections[step.connection]), "command", 1)], has_strip=False)
        case "group":
            text = " · ".join(part.text for part in parts_of(step))
            return Label(at, [Part(shown(text), "command", 1)], has_strip=False)
        case "conclusion":
            return Label(at, totals_of(step), has_strip=True)
        case "handshake":
            return Label(at, [Part("TLS handshake", "command", 1)], has_strip=False)
        case _:
            return Label(at, [Part(shown(step.note) or "QUIT", "command", 1)], has_strip=False)


def _spread(labels: Sequence[Label], top: float, bottom: float, scale: float) -> Iterator[tuple[float, Label]]:
    """Yield where each label begins: beside its instant where there is room, else below the one before."""
    tops: list[float] = []
    free = top
    for label in labels:
        tops.append(max(free, top + label.at * scale - _LINE / 2))
        free = tops[-1] + label.height
    limit = bottom + 0.1
    for place in range(len(labels) - 1, -1, -1):
        tops[place] = min(tops[place], limit - labels[place].height)
        limit = tops[place]
    yield from zip(tops, labels, strict=True)


class _Drawing:
    """One ladder on its way into axes whose units are inches, from the upper left corner."""

    def __init__(self, axes: Axes, ladder: Ladder, axis: TimeAxis, body: float, whole: Ladder) -> None:
        self._axes, self._ladder, self._axis, self._whole = axes, ladder, axis, whole
        self._body, self._width = body, _width(ladder)
        self._scale = body / (axis.length or 1.0)
        self._lanes = lanes(ladder)

    def draw(self, parting_s: float | None) -> None:
        """Draw all of it."""
        self._axes.set(xlim=(0, self._width), ylim=(_HEAD + self._body + _FOOT, 0))
        self._axes.set_axis_off()
        self._text(_APART, 0.14, shown(self._ladder.title), size=10, weight="bold")
        for lane in range(max(self._lanes, default=0) + 1):
            self._draw_lane(lane)
        for one in self._axis.stretches:
            if one.is_cut:
                self._draw_break(one.top, one.bottom, one.end_s - one.begin_s)
        if parting_s is not None:
            y = self._y(parting_s)
            self._line((0, self._width), (y, y), color="0.3", linestyle=(0, (4, 3)), linewidth=0.7, zorder=0)
        self._draw_times()
        self._draw_foot([_PARTING] if parting_s is not None else [])

    def _draw_lane(self, lane: int) -> None:
        steps = [step for step in self._ladder.steps if self._lanes[step.connection] == lane]
        client = _TIME + lane * (_LEFT + _ARROWS + _RIGHT + _APART) + _LEFT
        server = client + _ARROWS
        for x, name in ((client, "client"), (server, "server")):
            self._text(x, _HEAD - 0.2, name, ha="center", color="0.35")
            self._line((x, x), (_HEAD - 0.1, _HEAD + self._body + 0.1), color="0.35", linewidth=1.1)
        for step in steps:
            self._draw_step(step, client, server)
        left, right = _columns(steps, self._ladder, self._axis)
        for y, label in _spread(left, _HEAD, _HEAD + self._body, self._scale):
            self._draw_label(label, client, y, is_left=True)
        for y, label in _spread(right, _HEAD, _HEAD + self._body, self._scale):
            self._draw_label(label, server, y, is_left=False)

    def _draw_step(self, step: Step, client: float, server: float) -> None:
        begin = self._y(step.client_s)
        end = begin if math.isnan(step.server_s) else self._y(step.server_s)
        match step.kind:
            case "connect":
                third = (end - begin) / 3
                ends = ((client, server), (server, client), (client, server))
                for number, (x0, x1) in enumerate(ends):
                    self._arrow((x0, begin + number * third), (x1, begin + (number + 1) * third), "0.7")
            case "group" | "close":
                self._arrow(
                    (client, begin), (server, end), COLOURS["command"], width=1.2 if len(step.lines) > 2 else 0.9
                )
            case "read":
                kinds = {line.kind for line in step.lines}
                worst = next((kind for kind in _WORST if kind in kinds), "accepted")
                self._arrow((server, end), (client, begin), COLOURS[worst], width=1.2 if len(step.lines) > 2 else 0.9)
                if worst in _WORST:
                    self._line(
                        [client + _ARROWS * share for share in (0.3, 0.5, 0.7)],
                        [begin + (end - begin) * share for share in (0.3, 0.5, 0.7)],
                        color=COLOURS[worst], linestyle="", marker="x", markersize=4.5,
                    )  # fmt: skip
            case "conclusion":
                self._line([client], [begin], color="0.2", linestyle="", marker="D", markersize=4)
            case _:
                self._line((client, server), (begin, begin), color="0.6", linestyle=":", linewidth=1.0)

    def _draw_label(self, label: Label, lifeline: float, y: float, *, is_left: bool) -> None:
        side = -1 if is_left else 1
        x = lifeline + side * 0.14
        align = "right" if is_left else "left"
        at = _HEAD + label.at * self._scale
        if abs(at - (y + _LINE / 2)) > 0.02:
            self._line((lifeline, x - side * 0.02), (at, y + _LINE / 2), color="0.75", linewidth=0.5)
        for number, part in enumerate(label.parts):
            text = _cut(part.text, (_LEFT if is_left else _RIGHT) - 0.14)
            self._text(x, y + (number + 0.5) * _LINE, text, ha=align, color=COLOURS[part.kind], bbox=_PAPER)
        if label.has_strip:
            room = (_LEFT if is_left else _RIGHT) - 0.2
            begin = x - room if is_left else x
            self._strip(begin, y + len(label.parts) * _LINE + 0.03, room, label.parts)

    def _strip(self, x: float, y: float, room: float, parts: Sequence[Part]) -> None:
        """Draw parts in proportion; even a single one of thousands is to be seen."""
        from matplotlib.patches import Rectangle

        total = sum(part.many for part in parts)
        least = min(_CELL_IN, room / len(parts))
        widths = [max(least, room * part.many / total) for part in parts]
        widest = widths.index(max(widths))
        widths[widest] -= sum(widths) - room
        for part, width in zip(parts, widths, strict=True):
            box: Any = Rectangle(
                (x, y), width, _STRIP_IN, facecolor=COLOURS[part.kind], edgecolor="white", linewidth=0.4
            )
            if part.kind in _HATCHED:
                box.set_hatch("////")
            self._axes.add_patch(box)
            x += width

    def _draw_break(self, top: float, bottom: float, wait_s: float) -> None:
        begin, end = _HEAD + top * self._scale, _HEAD + bottom * self._scale
        self._axes.axhspan(begin, end, facecolor="0.93", zorder=0)
        middle = _TIME + _LEFT + _ARROWS / 2
        self._text(middle, (begin + end) / 2, f"{seconds_text(wait_s)} later", ha="center", color="0.3", size=_SMALL)

    def _draw_times(self) -> None:
        """Draw times at the left margin, at round numbers."""
        from matplotlib.ticker import MaxNLocator

        for one in self._axis.stretches:
            most = max(1, int((one.bottom - one.top) * self._scale / _TICK_IN))
            if one.is_cut:
                continue
            for at in MaxNLocator(most, steps=[1, 2, 5, 10]).tick_values(one.begin_s, one.end_s):
                if one.begin_s <= at <= one.end_s:
                    y = self._y(float(at))
                    self._line((0.04, 0.1), (y, y), color="0.6", linewidth=0.6)
                    self._text(0.13, y, f"{at:g} s", color="0.45", size=_SMALL)

    def _draw_foot(self, notes: list[str]) -> None:
        y = _HEAD + self._body + 0.24
        parts = truths_of(self._whole)
        notes += [shown(note) for note in self._whole.notes]
        if left_out := len(self._whole.connections) - len(self._ladder.connections):
            notes.append(f"{counted(left_out, 'more connection')} not drawn")
        if parts:
            self._text(_APART, y, f"What became of {counted(len(self._whole.recipients), 'recipient')}:", weight="bold")
            self._text(self._width - 0.1, y, " · ".join(part.text for part in parts), ha="right")
            self._strip(_APART, y + 0.1, self._width - _APART - 0.1, parts)
        if notes:
            self._text(_APART, y + 0.3, "; ".join(notes), size=_SMALL, color="0.35")

    def _y(self, at_s: float) -> float:
        return _HEAD + self._axis.place(at_s) * self._scale

    def _arrow(self, begin: tuple[float, float], end: tuple[float, float], color: str, width: float = 0.8) -> None:
        style = {
            "arrowstyle": "-|>",
            "color": color,
            "linewidth": width,
            "shrinkA": 0,
            "shrinkB": 0,
            "mutation_scale": 7,
        }
        self._axes.annotate("", xy=end, xytext=begin, arrowprops=style)

    def _line(self, x: Any, y: Any, **how: Any) -> None:
        self._axes.plot(x, y, **how)

    def _text(self, x: float, y: float, text: str, *, size: float = _FONT, **how: Any) -> None:
        self._axes.text(x, y, text, fontsize=size, va="center", **how)


def _cut(text: str, room: float) -> str:
    """Return a label that fits: a character takes about six hundredths of an inch."""
    most = int(room / 0.058)
    return text if len(text) <= most else f"{text[: most - 1]}…"
