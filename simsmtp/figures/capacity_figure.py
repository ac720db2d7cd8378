"""The figure of a capacity plan: what is delivered and how late at each rate, and what influences it most."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from simsmtp.figures.labels import level_text, response_label
from simsmtp.figures.line_styles import RC, THEORY, LineStyle, line_styles
from simsmtp.figures.outside import legend_below, write_letters
from simsmtp.figures.own_axes import axes_of, figure_of
from simsmtp.figures.panels import fit_to_scale, log_ticks
from simsmtp.figures.tornado_panel import draw_tornado
from simsmtp.model.numbers import counted, number_text, percent_text
from simsmtp.statistics.objectives import Unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

_SECONDS = Unit("s", 1.0)
_MARK = "0.25"
_PAD = 24
"""Points between panels and their titles: names of marked rates stand there, perhaps in two rows."""
_FAR, _MOST_BOUNDS = 3, 3
_OFFERED = THEORY | {"linestyle": (0, (4, 2)), "linewidth": 1.0, "zorder": 1.9}


class Line(NamedTuple):
    """A theoretical bound: its name, in messages and in recipients a second."""

    name: str
    messages_per_s: float
    recipients_per_s: float


class Ceiling(NamedTuple):
    """An objective on the percentile of delay shown: its text and threshold in seconds."""

    text: str
    threshold: float


def capacity_figure(
    curve: DataFrame,
    tornado: DataFrame,
    *,
    late: str,
    bounds: Sequence[Line],
    ceiling: Ceiling | None,
    written: float | None,
    sustainable: float | None,
    is_bound: bool = False,
    title: str,
    destinations: Sequence[str] = (),
    level: float = 0.95,
    unit: Unit = _SECONDS,
    tornado_unit: Unit = _SECONDS,
    pooled: str = "",
    axes: object = None,
) -> Figure:
    """Draw saturation curve and tornado.

    Parameters
    ----------
    curve : DataFrame
        One row per rate: ``messages_per_s``, ``offered_per_s``, and ``delivered_per_s``, ``delay_p50_s`` and the
        column `late`, each with ``_low`` and ``_high``. May be empty.
    tornado : DataFrame
        From `simsmtp.statistics.sensitivity.tornado`, of one response. May be empty.
    late : str
        The percentile of delay to show beside the median.
    bounds : sequence of Line
        Those near the curve are drawn, the tightest first.
    ceiling : Ceiling, optional
        Drawn across the delays.
    written, sustainable : float, optional
        Messages a second of the plan as written, and the most that it can sustain.
    is_bound : bool
        The latter is a bound, of which only what is below can be sustained.
    title : str
        Above all.
    destinations : sequence of str
        Their names, for factors such as ``destinations.0.network.rtt_ms``.
    level : float
        Confidence level of the intervals.
    unit, tornado_unit : Unit
        In which delays and changes of the tornado are drawn.
    pooled : str
        That percentiles are pooled over destinations, where they are.
    axes : Axes or several, optional
        Draw into axes of the user's own: one gets the first panel; or one for each panel.

    Raises
    ------
    InputError
        If `axes` is something else.
    """
    import matplotlib as mpl

    from simsmtp.figures.canvas import new_figure

    marks = {"as written": written, "long-run bound" if is_bound else "sustainable rate": sustainable}
    given = _Shown(curve, late, bounds, ceiling, marks, unit, pooled, axes is not None)
    draws: list[Callable[[Axes], None]] = []
    if not curve.empty:
        draws += [lambda panel: _throughput(panel, given), lambda panel: _delays(panel, given)]
    if not tornado.empty:
        draws.append(lambda panel: draw_tornado(panel, tornado, destinations=destinations, unit=tornado_unit,
                                                level=level, pad=_PAD, own=given.own))  # fmt: skip
    with mpl.rc_context(RC):
        if axes is not None:
            own = axes_of(axes, len(draws))
            for draw, panel in zip(draws, own, strict=False):
                draw(panel)
            return figure_of(own[0])
        drawn = new_figure(4.4 * max(len(draws), 1) + 0.4, 4.2)
        panels = list(drawn.subplots(1, max(len(draws), 1), squeeze=False)[0])
        for draw, panel in zip(draws, panels, strict=False):
            draw(panel)
        write_letters(panels, _PAD)
        width = drawn.get_figwidth()
        drawn.supxlabel(fill("; ".join(_notes(given, tornado, level)), int(width * 16)), fontsize=7.5, color=_MARK)
        drawn.suptitle(fill(title, int(width * 11)), fontsize=11)
    return drawn


class _Shown(NamedTuple):
    """What the panels share."""

    curve: DataFrame
    late: str
    bounds: Sequence[Line]
    ceiling: Ceiling | None
    marks: Mapping[str, float | None]
    unit: Unit
    pooled: str
    own: bool


def _throughput(axes: Axes, given: _Shown) -> None:
    (delivered,) = line_styles(1, 0.0, joined=True)
    curve = given.curve
    offered = axes.plot(curve["messages_per_s"], curve["offered_per_s"], label="offered", **_OFFERED)
    handles = [*offered, _with_bars(axes, curve, "delivered_per_s", delivered, "delivered")]
    near = _near(curve, given.bounds)
    for one in near:
        axes.axhline(one.recipients_per_s, **THEORY)
        _label(axes, one.recipients_per_s, f"bound: {one.name}")
    axes.set_ylim(0, _ceiling(curve, near))
    axes.set_ylabel(response_label("delivered_per_s"))
    axes.set_title("What is delivered", fontweight="bold", pad=_PAD)
    legend_below(axes, handles, own=given.own)
    _rates(axes, curve, given.marks)


def _top(curve: DataFrame) -> float:
    return float(np.nanmax(curve[["delivered_per_s", "delivered_per_s_high"]].to_numpy(float)))


def _ceiling(curve: DataFrame, near: Sequence[Line]) -> float:
    """Return where the axis of what is delivered ends: what is offered may be far more."""
    return 1.22 * max([_top(curve), *(one.recipients_per_s for one in near)])


def _near(curve: DataFrame, bounds: Sequence[Line]) -> list[Line]:
    """Return the bounds that are drawn: of those far above, the figure only has a note."""
    return [one for one in bounds if one.recipients_per_s < _FAR * _top(curve)][:_MOST_BOUNDS]


def _label(axes: Axes, height: float, text: str) -> None:
    axes.annotate(
        text, (0.03, height), xycoords=("axes fraction", "data"), xytext=(0, 2), textcoords="offset points",
        va="bottom", fontsize=7.5, color=_MARK, zorder=1.6,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5},
    )  # fmt: skip


def _delays(axes: Axes, shared: _Shown) -> None:
    given, unit, late = shared.curve, shared.unit, shared.late
    curve = given.assign(**{str(one): given[one] / unit.factor for one in given if str(one).startswith("delay_")})
    styles = dict(zip((late, "delay_p50_s"), line_styles(3, 0.0, joined=True)[1:], strict=True))
    scale = _delay_scale(given, late)
    shown = {name: fit_to_scale(_of(curve, name), name, scale) for name in styles}
    handles = [_with_bars(axes, curve.assign(**{f"{name}_low": shown[name]["low"].to_numpy()}), name, style,
                          response_label(name).partition(" of ")[0].removesuffix(" delay (s)"))
               for name, style in styles.items()]  # fmt: skip
    axes.set_yscale(scale)
    if scale == "log":
        log_ticks(axes, scale)
    if (ceiling := shared.ceiling) is not None:
        axes.axhline(ceiling.threshold / unit.factor, color=_MARK, linewidth=0.9, linestyle=(0, (4, 2)))
        _label(axes, ceiling.threshold / unit.factor, ceiling.text)
    label = f"delay ({unit.name}), mean over replications"
    axes.set_ylabel(f"{label}\n{shared.pooled}" if shared.pooled else label)
    axes.set_title("How late", fontweight="bold", pad=_PAD)
    legend_below(axes, handles, own=shared.own)
    _rates(axes, curve, shared.marks)


def _delay_scale(curve: DataFrame, late: str) -> str:
    """Return a logarithmic scale for delays, unless one of them is 0."""
    return "log" if (curve[["delay_p50_s", late]].min() > 0).all() else "linear"


def _of(curve: DataFrame, name: str) -> DataFrame:
    """Return one response of the curve as rows of a summary."""
    columns = {name: "mean", f"{name}_low": "low", f"{name}_high": "high"}
    return curve[list(columns)].rename(columns=columns).assign(response=name)


def _with_bars(axes: Axes, curve: DataFrame, response: str, style: LineStyle, label: str) -> Any:
    """Draw a line with its intervals, and return what stands for it in a legend."""
    mean = curve[response].to_numpy(float)
    ends = curve[[f"{response}_low", f"{response}_high"]].to_numpy(float)
    errors = np.maximum(0, np.vstack([mean - ends[:, 0], ends[:, 1] - mean]))
    return axes.errorbar(
        curve["messages_per_s"], mean, yerr=errors, label=label, elinewidth=0.8, capsize=1.6, capthick=0.8,
        **style.kwargs(),
    )  # fmt: skip


def _rates(axes: Axes, curve: DataFrame, marks: Mapping[str, float | None]) -> None:
    """Mark rates, and label a logarithmic axis in plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: level_text(value)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlim(*_ends(curve))
    axes.set_xlabel("arrival rate (messages per second)")
    places = _places(curve, marks)
    near = len(places) == 2 and max(places.values()) - min(places.values()) < 0.35
    for row, (text, place) in enumerate(places.items()):
        axes.axvline(marks[text] or 0.0, color=_MARK, linewidth=0.9, linestyle=(0, (1, 1.5)), zorder=1)
        axes.annotate(
            text, (place, 1), xycoords="axes fraction", xytext=(0, 2 + 9 * (near and row == 0)),
            textcoords="offset points", ha="left" if place < 0.15 else "right" if place > 0.85 else "center",
            va="bottom", fontsize=7.5, color=_MARK,
        )  # fmt: skip


def _ends(curve: DataFrame) -> tuple[float, float]:
    return float(curve["messages_per_s"].min()) / 1.15, float(curve["messages_per_s"].max()) * 1.15


def _places(curve: DataFrame, marks: Mapping[str, float | None]) -> dict[str, float]:
    """Return where on the axis marked rates stand, from 0 to 1; those beyond its ends are left out."""
    low, high = _ends(curve)
    places = {text: float(np.log(value / low) / np.log(high / low)) for text, value in marks.items() if value}
    return {text: place for text, place in places.items() if 0 <= place <= 1}


def _notes(shown: _Shown, tornado: DataFrame, level: float) -> list[str]:
    """Say what the bars are, and what is not in the picture."""
    curve = shown.curve
    paired = [] if tornado.empty else ["changes are paired by replication"]
    if curve.empty:
        return [f"bars: {percent_text(level, 4)} t intervals", *paired]
    least, most = curve["n"].min(), curve["n"].max()
    runs = most if least == most else f"{least} to {most}"
    found = [f"bars: {percent_text(level, 4)} t intervals over {runs} replications", *paired]
    places = _places(curve, shown.marks)
    found += [f"{text}: {number_text(rate)} messages/s, outside the axis"
              for text, rate in shown.marks.items() if rate and text not in places]  # fmt: skip
    if absent := len(shown.bounds) - len(_near(curve, shown.bounds)):
        found.append(f"{counted(absent, 'bound')} far above not drawn")
    if curve["offered_per_s"].max() > _ceiling(curve, _near(curve, shown.bounds)):
        found.append("offered goes beyond the axis")
    delays = curve[["delay_p50_s", shown.late]].to_numpy(float)
    if missing := int(np.isnan(delays).any(axis=1).sum()):
        found.append(f"no delay at {counted(missing, 'rate')}: nothing arrived")
    lows = curve[["delay_p50_s_low", f"{shown.late}_low"]].to_numpy(float)
    if _delay_scale(curve, shown.late) == "log" and (lows <= 0).any():
        found.append("intervals of delay that reach 0 end early on the log axis")
    return found
