"""The sequence diagram of a dialogue: time downwards, the client to the left, the server to the right."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from simsmtp.dialogue.ladder import Ladder, Step
from simsmtp.dialogue.ladder_layout import TimeAxis, lanes, parting
from simsmtp.dialogue.ladder_words import COLOURS, from_server, together, truths_of
from simsmtp.figures.ladder_labels import LINE, STRIP_IN, Label, body_height, columns, spread
from simsmtp.figures.line_styles import RC
from simsmtp.model.numbers import counted, seconds_text
from simsmtp.shown import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Everything is laid out in inches, so that labels keep their size however long the dialogue is.
_TIME, _LEFT, _ARROWS, _RIGHT, _APART = 0.42, 1.62, 1.25, 1.22, 0.12
_LANE = _LEFT + _ARROWS + _RIGHT + _APART
_TICK_IN = 0.45
_HEAD, _FOOT, _NOTE, _CELL_IN = 1.0, 0.3, 0.13, 0.035
_MOST_STEPS = 120
"""The most steps of a ladder that are drawn: more are for a screen."""
_FONT, _SMALL, _SMALL_IN = 7.5, 6.5, 0.05
_WORST = ("refused", "over-limit", "deferred")
_HATCHED = {*_WORST, "failed", "false_ndr", "contradictory_ndr", "lost"}  # told apart without colour, too
_PAPER = {"facecolor": "white", "edgecolor": "none", "pad": 0.4}
_PARTING = "Dashed line: from here on they differ."
_LEGEND = (
    "Grey: the TCP handshake. Crosses: refusals. Diamond: the sender concludes. Strips: the recipients in their order, "
    "in the colours of the words above them."
)


def ladder_figure(ladders: Sequence[Ladder], *, connections: int = 6) -> Figure:
    """Draw ladders side by side, on one time axis.

    Time runs downwards to scale; a long wait is cut out, and its length is written there. The left line is the client,
    the right one the server. To the left stands what the client writes, each command group at once, and what it
    concludes; to the right what the server answers, each network read at once. Refusals are drawn in warm colours and
    with crosses. A strip shows the recipients in their order, in the colour of the reply or the conclusion; the one at
    the top shows what became of them in truth. Only the first 120 steps are drawn, and whole connections.

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

    sheet = _Sheet(ladders, connections)
    with mpl.rc_context(RC):
        figure = new_figure(sum(sheet.widths), sheet.height)
        figure.set_layout_engine("none")
        left = 0.0
        for number, width in enumerate(sheet.widths):
            axes = figure.add_axes((left / sum(sheet.widths), 0.0, width / sum(sheet.widths), 1.0))
            _Drawing(axes, sheet, number).draw()
            left += width
    return figure


def draw_ladder(axes: Axes, ladder: Ladder, *, connections: int = 6) -> None:
    """Draw one ladder into axes; see `ladder_figure`."""
    _Drawing(axes, _Sheet([ladder], connections), 0).draw()


class _Sheet:
    """What ladders share that are drawn side by side: the time axis, and room for everything in inches.

    Parameters
    ----------
    whole : sequence of Ladder
        As they were given.
    connections : int
        The most connections drawn of each.
    """

    def __init__(self, whole: Sequence[Ladder], connections: int) -> None:
        self.whole = whole
        self.drawn = [_first(ladder, connections) for ladder in whole]
        self.axis = TimeAxis(self.drawn)
        self.parting_s = parting(self.drawn)
        self.body = body_height(self.drawn, self.axis)
        self.widths = [_width(ladder) for ladder in self.drawn]
        self.notes = [self._notes(number) for number in range(len(whole))]
        self.height = _HEAD + self.body + _FOOT + _NOTE * max(map(len, self.notes))

    def _notes(self, number: int) -> list[str]:
        """Return the lines at the bottom of a ladder."""
        whole, drawn = self.whole[number], self.drawn[number]
        left_out = len(whole.steps) - len(drawn.steps)
        notes = [] if number else [_LEGEND]
        notes += [_PARTING] if self.parting_s is not None and not number else []
        notes += map(shown, whole.notes)
        more = len(whole.connections) - len(drawn.connections)
        told = f"{counted(left_out, 'more step')}, {counted(more, 'more connection')} among them, are not drawn"
        notes += [f"{told}; --html and write_html draw all."] if left_out else []
        return [line for note in notes for line in wrap(note, int(self.widths[number] / _SMALL_IN))]


def _first(ladder: Ladder, connections: int) -> Ladder:
    """Return a ladder's first connections, as many as fit on paper; of one that is too long its first steps."""
    sizes = Counter(step.connection for step in ladder.steps)
    count = total = 0
    while count < min(connections, len(ladder.connections)) and (not count or total + sizes[count] <= _MOST_STEPS):
        total += sizes[count]
        count += 1
    steps = tuple(step for step in ladder.steps if step.connection < count)[:_MOST_STEPS]
    return ladder._replace(connections=ladder.connections[:count], steps=steps, servers=ladder.servers[:count])


def _width(ladder: Ladder) -> float:
    return _LANE * (max(lanes(ladder), default=0) + 1) + _TIME


class _Drawing:
    """One ladder on its way into axes whose units are inches, from the upper left corner."""

    def __init__(self, axes: Axes, sheet: _Sheet, number: int) -> None:
        self._axes, self._sheet, self._number = axes, sheet, number
        self._ladder, self._axis = sheet.drawn[number], sheet.axis
        self._body, self._width = sheet.body, sheet.widths[number]
        self._scale = sheet.body / (sheet.axis.length or 1.0)
        self._lanes = lanes(self._ladder)

    def draw(self) -> None:
        """Draw all of it."""
        self._axes.set(xlim=(0, self._width), ylim=(self._sheet.height, 0))
        self._axes.set_axis_off()
        self._text(_APART, 0.14, shown(self._ladder.title), size=10, weight="bold")
        for lane in range(max(self._lanes, default=0) + 1):
            self._draw_lane(lane)
        for one in self._axis.stretches:
            if one.is_cut:
                self._draw_break(one.top, one.bottom, one.end_s - one.begin_s)
        if self._sheet.parting_s is not None:
            y = self._y(self._sheet.parting_s)
            for lane in range(max(self._lanes, default=0) + 1):
                client = _TIME + lane * _LANE + _LEFT
                self._line((client, client + _ARROWS), (y, y), color="0.3", linestyle=(0, (4, 3)), linewidth=0.9)
        self._draw_times()
        self._draw_truths()
        for number, line in enumerate(self._sheet.notes[self._number]):
            y = _HEAD + self._body + 0.28 + number * _NOTE
            self._text(_APART, y, line, size=_SMALL, color="0.35")

    def _draw_lane(self, lane: int) -> None:
        steps = [step for step in self._ladder.steps if self._lanes[step.connection] == lane]
        client = _TIME + lane * _LANE + _LEFT
        server = client + _ARROWS
        names = [shown(self._ladder.servers[step.connection]) for step in steps[:1] if self._ladder.servers]
        for x, name in ((client, "client"), (server, names[0] if names else "server")):
            self._text(x, _HEAD - 0.2, name, ha="center", color="0.35")
            self._line((x, x), (_HEAD - 0.1, _HEAD + self._body + 0.1), color="0.35", linewidth=1.1)
        for step in steps:
            self._draw_step(step, client, server)
        left, right = columns(steps, self._ladder, self._axis)
        for y, label in spread(left, _HEAD, _HEAD + self._body, self._scale):
            self._draw_label(label, client, y, is_left=True)
        for y, label in spread(right, _HEAD, _HEAD + self._body, self._scale):
            self._draw_label(label, server, y, is_left=False)

    def _draw_step(self, step: Step, client: float, server: float) -> None:
        begin = self._y(step.client_s)
        end = begin if math.isnan(step.server_s) else self._y(step.server_s)
        match step.kind:
            case "connect":
                third = (end - begin) / 3
                ways = ((client, server), (server, client), (client, server))
                for number, (x0, x1) in enumerate(ways):
                    self._arrow((x0, begin + number * third), (x1, begin + (number + 1) * third), "0.7")
            case "group" | "close":
                ends = ((client, begin), (server, end))
                tail, head = ends[::-1] if from_server(step) else ends
                self._arrow(tail, head, COLOURS["command"], width=1.2 if len(step.lines) > 2 else 0.9)
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
        if abs(at - (y + LINE / 2)) > 0.02:
            self._line((lifeline, x - side * 0.02), (at, y + LINE / 2), color="0.75", linewidth=0.5)
        for number, part in enumerate(label.parts):
            text = _cut(part.text, (_LEFT if is_left else _RIGHT) - 0.14)
            self._text(x, y + (number + 0.5) * LINE, text, ha=align, color=COLOURS[part.kind], bbox=_PAPER)
        if label.strip:
            room = (_LEFT if is_left else _RIGHT) - 0.2
            begin = x - room if is_left else x
            self._strip(begin, y + len(label.parts) * LINE + 0.03, room, label.strip)

    def _strip(self, x: float, y: float, room: float, runs: Sequence[tuple[str, int]]) -> None:
        """Draw runs in proportion; even a single one of thousands is to be seen."""
        from matplotlib.patches import Rectangle

        total = sum(many for _, many in runs)
        least = min(_CELL_IN, room / len(runs) / 2)
        widths = [max(least, room * many / total) for _, many in runs]
        widths = [width * room / sum(widths) for width in widths]
        for (kind, _), width in zip(runs, widths, strict=True):
            look: dict[str, Any] = {
                "facecolor": COLOURS[kind],
                "edgecolor": "white",
                "linewidth": 0.4 if len(runs) < 30 else 0.0,
            }
            box: Any = Rectangle((x, y), width, STRIP_IN, **look)
            if kind in _HATCHED and width > _CELL_IN:
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

        free = 0.0
        for one in self._axis.stretches:
            most = max(1, int((one.bottom - one.top) * self._scale / _TICK_IN))
            if one.is_cut:
                continue
            for at in MaxNLocator(most, steps=[1, 2, 5, 10]).tick_values(one.begin_s, one.end_s):
                y = self._y(float(at))
                if one.begin_s <= at <= one.end_s and y >= free:
                    free = y + LINE
                    self._line((0.04, 0.1), (y, y), color="0.6", linewidth=0.6)
                    self._text(0.13, y, f"{at:g} s", color="0.45", size=_SMALL)

    def _draw_truths(self) -> None:
        """Draw what became of everybody, under the title: that is what the reader wants to know first."""
        whole = self._sheet.whole[self._number]
        if not (parts := truths_of(whole)):
            return
        heading = f"What became of {counted(len(whole.recipients), 'recipient')}:"
        told = wrap(f"{heading} {together(parts)}", int((self._width - 2 * _APART) / 0.058))
        for number, line in enumerate(told[:2]):
            self._text(_APART, 0.34 + number * LINE, line)
        runs = [(part.kind, part.many) for part in parts]
        self._strip(_APART, 0.3 + LINE * min(len(told), 2), self._width - 2 * _APART, runs)

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
