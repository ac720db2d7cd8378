"""The figure of a capacity plan: what is delivered and how late at each rate, and what sways the delay."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from simsmtp.figures.labels import factor_name, level_text, of_destination, response_label
from simsmtp.figures.line_styles import COLOURS, RC, THEORY, LineStyle, line_styles
from simsmtp.figures.own_axes import axes_of, figure_of
from simsmtp.model.numbers import percent_text
from simsmtp.shown import shown
from simsmtp.statistics.objectives import Unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

_LOW, _HIGH = COLOURS[2], COLOURS[1]
_SECONDS = Unit("s", 1.0)
_MARK = "0.25"


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
    largest: float | None,
    title: str,
    destinations: Sequence[str] = (),
    level: float = 0.95,
    unit: Unit = _SECONDS,
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
    written, largest : float, optional
        Messages a second of the plan as written, and the most that meets the objectives.
    title : str
        Above all.
    destinations : sequence of str
        Their names, for factors such as ``destinations.0.network.rtt_ms``.
    level : float
        Confidence level of the intervals.
    unit : Unit
        In which delays are drawn.
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

    draws = _panels(curve, tornado, late, bounds, ceiling, (written, largest), destinations, unit, pooled)
    with mpl.rc_context(RC):
        if axes is not None:
            own = axes_of(axes, len(draws))
            for draw, panel in zip(draws, own, strict=False):
                draw(panel)
            return figure_of(own[0])
        drawn = new_figure(4.4 * max(len(draws), 1) + 0.4, 4.0)
        for draw, panel in zip(draws, drawn.subplots(1, max(len(draws), 1), squeeze=False)[0], strict=False):
            draw(panel)
        _note(drawn, curve, tornado, level)
        drawn.suptitle(fill(title, int(drawn.get_figwidth() * 11)), fontsize=11)
    return drawn


def _panels(
    curve: DataFrame,
    tornado: DataFrame,
    late: str,
    bounds: Sequence[Line],
    ceiling: Ceiling | None,
    marked: tuple[float | None, float | None],
    destinations: Sequence[str],
    unit: Unit,
    pooled: str,
) -> list[Callable[[Axes], None]]:
    """Return what draws each panel."""

    def throughput(axes: Axes) -> None:
        _throughput(axes, curve, bounds)
        _rates(axes, curve, *marked)

    def delays(axes: Axes) -> None:
        _delays(axes, curve, late, ceiling, unit, pooled)
        _rates(axes, curve, *marked)

    found: list[Callable[[Axes], None]] = [] if curve.empty else [throughput, delays]
    return found if tornado.empty else [*found, lambda axes: _tornado(axes, tornado, destinations)]


def _throughput(axes: Axes, curve: DataFrame, bounds: Sequence[Line]) -> None:
    (delivered,) = line_styles(1, 0.0, joined=True)
    rates, top = curve["messages_per_s"], float(curve["delivered_per_s_high"].max())
    axes.plot(rates, curve["offered_per_s"], label="offered", **(THEORY | {"linestyle": (0, (4, 2)), "linewidth": 1.0}))
    _with_bars(axes, curve, "delivered_per_s", delivered, "delivered")
    near = [one for one in bounds if one.recipients_per_s < 3 * top][:3]
    for one in near:
        axes.axhline(one.recipients_per_s, **THEORY)
        _label(axes, one.recipients_per_s, f"bound: {one.name}")
    highest = max([top, *(one.recipients_per_s for one in near)])
    axes.set_ylim(0, 1.22 * highest)
    axes.set_ylabel(response_label("delivered_per_s"))
    axes.set_title("What is delivered", fontweight="bold", pad=24)
    axes.legend(loc="lower right", frameon=True, framealpha=0.9, edgecolor="none")


def _label(axes: Axes, height: float, text: str) -> None:
    axes.annotate(
        text, (0.03, height), xycoords=("axes fraction", "data"), xytext=(0, 2), textcoords="offset points",
        va="bottom", fontsize=7.5, color=_MARK,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5},
    )  # fmt: skip


def _delays(axes: Axes, given: DataFrame, late: str, ceiling: Ceiling | None, unit: Unit, pooled: str) -> None:
    from simsmtp.figures.panels import _log_ticks

    curve = given.assign(**{str(one): given[one] / unit.factor for one in given if str(one).startswith("delay_")})
    styles = line_styles(3, 0.0, joined=True)
    if late != "delay_p50_s":
        _with_bars(axes, curve, late, styles[1], response_label(late).partition(" of ")[0])
    _with_bars(axes, curve, "delay_p50_s", styles[2], "median")
    axes.set_yscale("log")
    _log_ticks(axes, "log")
    if ceiling is not None:
        axes.axhline(ceiling.threshold / unit.factor, color=_MARK, linewidth=0.9, linestyle=(0, (4, 2)))
        _label(axes, ceiling.threshold / unit.factor, ceiling.text)
    label = f"delay ({unit.name}), mean over replications"
    axes.set_ylabel(f"{label}\n{pooled}" if pooled else label)
    axes.set_title("How late", fontweight="bold", pad=24)
    # Where the objective is easily met its line is the highest thing, else the curves are: matplotlib finds the gap.
    axes.legend(loc="best", frameon=True, framealpha=0.9, edgecolor="none")


def _with_bars(axes: Axes, curve: DataFrame, response: str, style: LineStyle, label: str) -> None:
    mean = curve[response].to_numpy(float)
    ends = curve[[f"{response}_low", f"{response}_high"]].to_numpy(float)
    errors = np.maximum(0, np.vstack([mean - ends[:, 0], ends[:, 1] - mean]))
    axes.errorbar(
        curve["messages_per_s"], mean, yerr=errors, label=label, elinewidth=0.8, capsize=1.6, capthick=0.8,
        **style.kwargs(),
    )  # fmt: skip


def _rates(axes: Axes, curve: DataFrame, written: float | None, largest: float | None) -> None:
    """Mark the plan and the largest rate, and label a logarithmic axis in plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: level_text(value)))
    axes.xaxis.set_minor_locator(NullLocator())
    low, high = float(curve["messages_per_s"].min()), float(curve["messages_per_s"].max())
    axes.set_xlim(low / 1.15, high * 1.15)
    axes.set_xlabel("arrival rate (messages per second)")
    _marks(axes, {"as written": written, "largest that passes": largest}, low / 1.15, high * 1.15)


def _marks(axes: Axes, marks: Mapping[str, float | None], low: float, high: float) -> None:
    """Mark rates by dotted lines, named above the panel; names that would touch stand in two rows."""
    places = {text: float(np.log(value / low) / np.log(high / low)) for text, value in marks.items() if value}
    near = len(places) == 2 and max(places.values()) - min(places.values()) < 0.35
    for row, (text, place) in enumerate(places.items()):
        if not 0 <= place <= 1:
            continue
        axes.axvline(marks[text] or 0.0, color=_MARK, linewidth=0.9, linestyle=(0, (1, 1.5)), zorder=1)
        axes.annotate(
            text, (place, 1), xycoords="axes fraction", xytext=(0, 2 + 9 * (near and row == 0)),
            textcoords="offset points", ha="left" if place < 0.15 else "right" if place > 0.85 else "center",
            va="bottom", fontsize=7.5, color=_MARK,
        )  # fmt: skip


def _tornado(axes: Axes, tornado: DataFrame, destinations: Sequence[str]) -> None:
    factors = list(dict.fromkeys(tornado["factor"]))
    for place, factor in enumerate(factors):
        rows = tornado[tornado["factor"] == factor]
        height = 0.72 / max(len(rows), 2)
        for index, row in enumerate(rows.to_dict("records")):
            _bar(axes, place + (index - (len(rows) - 1) / 2) * height, row, height)
    axes.axvline(0, color=_MARK, linewidth=0.9)
    axes.set_yticks(range(len(factors)), [_factor(one, _level(tornado, one), destinations) for one in factors],
                    parse_math=False)  # fmt: skip
    axes.set_ylim(len(factors) - 0.5, -0.5)
    axes.grid(visible=True, axis="x")
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.16)
    base = float(tornado["base_mean"].iloc[0])
    axes.set_xlabel(f"change of {response_label(tornado['response'].iloc[0])}, from {level_text(base)}")
    axes.set_title("What sways it", fontweight="bold", pad=24)


def _bar(axes: Axes, place: float, row: Any, height: float) -> None:
    """Draw one level: its value stands on the empty side of zero, where neither bar nor interval is in the way."""
    level, change = row["level"], float(row["difference"])
    above = _number(level) > _number(row["base_level"])
    errors = [[max(0.0, change - row["low"])], [max(0.0, row["high"] - change)]]
    axes.barh(
        place, change, height=0.94 * height, color=_HIGH if above else _LOW, hatch="////" if above else None,
        edgecolor="0.25", linewidth=0.5, xerr=errors, error_kw={"elinewidth": 0.8, "capsize": 1.6, "ecolor": "0.15"},
    )  # fmt: skip
    left = change >= 0
    axes.annotate(
        level_text(level), (min(0.0, row["low"]) if left else max(0.0, row["high"]), place),
        xytext=(-3 if left else 3, 0), textcoords="offset points", ha="right" if left else "left",
        va="center", fontsize=7.5,
    )  # fmt: skip


def _level(tornado: DataFrame, factor: str) -> object:
    return tornado.loc[tornado["factor"] == factor, "base_level"].iloc[0]


def _factor(factor: str, base: object, destinations: Sequence[str]) -> str:
    """Return how a factor is called, with the destination it belongs to and its level as written."""
    key, name = of_destination(factor, destinations)
    inner, where = factor_name(key), f" of {shown(name)}" if name else ""
    mean = "mean " if isinstance(base, str) and np.isfinite(_number(base)) else ""
    written = f"{mean}{level_text(_number(base))}" if mean else level_text(base)
    return fill(f"{inner.name}{where}", 22) + "\n" + f"({written}{' ' + inner.suffix if inner.suffix else ''})"


def _number(level: object) -> float:
    """Return a level as a number, a distribution as its mean; nan for others."""
    if isinstance(level, int | float):
        return float(level)
    mean = re.search(r"mean=([0-9.e+-]+)", str(level))
    return float(mean[1]) if mean else float("nan")


def _note(drawn: Figure, curve: DataFrame, tornado: DataFrame, level: float) -> None:
    least, most = (0, 0) if curve.empty else (curve["n"].min(), curve["n"].max())
    runs = "" if curve.empty else f" over {most if least == most else f'{least} to {most}'} replications"
    paired = "; changes are paired by replication" if not tornado.empty else ""
    drawn.supxlabel(f"bars: {percent_text(level, 4)} t intervals{runs}{paired}", fontsize=7.5, color=_MARK)
