"""The tornado: what each input does by itself, as bars around the value of the plan as written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from simsmtp.figures.labels import factor_name, label_in_unit, level_text, level_with_unit, of_destination
from simsmtp.figures.line_styles import COLOURS
from simsmtp.figures.outside import legend_below
from simsmtp.model.numbers import number_text, percent_text
from simsmtp.shown import shown
from simsmtp.statistics.objectives import Unit

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from pandas import DataFrame

_INK = "0.25"
_LOOKS: dict[str, dict[str, Any]] = {
    "lower than written": {"facecolor": COLOURS[2]},
    "higher than written": {"facecolor": COLOURS[1], "hatch": "////"},
    "another value": {"facecolor": "0.8", "hatch": "...."},
}
_EDGE: dict[str, Any] = {"edgecolor": _INK, "linewidth": 0.5}


def draw_tornado(
    axes: Axes, tornado: DataFrame, *, destinations: Sequence[str], unit: Unit, level: float, pad: float, own: bool
) -> None:
    """Draw the factors of a tornado, the most influential on top.

    Parameters
    ----------
    axes : Axes
        Where to draw.
    tornado : DataFrame
        From `simsmtp.statistics.sensitivity.tornado`, of one response.
    destinations : sequence of str
        Their names, for factors such as ``destinations.0.network.rtt_ms``.
    unit : Unit
        In which the response is drawn.
    level : float
        Confidence level of the intervals.
    pad : float
        Points between axes and title.
    own : bool
        The axes are the user's own: the legend stays within them.
    """
    columns = ["base_mean", "difference", "low", "high"]
    table = tornado.assign(**{name: tornado[name] / unit.factor for name in columns})
    factors = list(dict.fromkeys(table["factor"]))
    for place, factor in enumerate(factors):
        key, _ = of_destination(factor, destinations)
        rows = table[table["factor"] == factor].to_dict("records")
        height = 0.72 / max(len(rows), 2)
        for index, row in enumerate(rows):
            _bar(axes, place + (index - (len(rows) - 1) / 2) * height, row, height, key)
    axes.axvline(0, color=_INK, linewidth=0.9)
    axes.set_yticks(range(len(factors)), [_factor(one, _level(table, one), destinations) for one in factors],
                    parse_math=False)  # fmt: skip
    axes.set_ylim(len(factors) - 0.5, -0.5)
    axes.grid(visible=True, axis="x")
    axes.grid(visible=False, axis="y")
    axes.use_sticky_edges = False  # room for the values beside zero, where all bars are on one side of it
    axes.margins(x=0.2)
    response, base = str(table["response"].iloc[0]), float(table["base_mean"].iloc[0])
    axes.set_xlabel(f"change of {label_in_unit(response, unit)}, from {number_text(base)} as written")
    axes.set_title("Most influential inputs", fontweight="bold", pad=pad)
    legend_below(axes, _handles(table, level), own=own)


def _kind(row: Mapping[Any, Any]) -> str:
    """Return how a level differs from that as written."""
    level, base = _number(row["level"]), _number(row["base_level"])
    if np.isnan(level) or np.isnan(base):
        return "another value"
    return "higher than written" if level > base else "lower than written"


def _handles(table: DataFrame, level: float) -> list[Artist]:
    """Return what the legend shows: the kinds of bars that there are, and the interval."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    kinds = {_kind(row) for row in table.to_dict("records")}
    bars = [Patch(label=kind, **look, **_EDGE) for kind, look in _LOOKS.items() if kind in kinds]
    whisker = Line2D([], [], color="0.15", linewidth=0.8, marker="|", markersize=5,
                     label=f"{percent_text(level, 4)} interval")  # fmt: skip
    return [*bars, whisker]


def _bar(axes: Axes, place: float, row: Mapping[Any, Any], height: float, key: str) -> None:
    """Draw one level: its value stands on the empty side of zero, where neither bar nor interval is in the way."""
    change = float(row["difference"])
    errors = [[max(0.0, change - row["low"])], [max(0.0, row["high"] - change)]]
    axes.barh(
        place, change, height=0.94 * height, xerr=errors, **_LOOKS[_kind(row)], **_EDGE,
        error_kw={"elinewidth": 0.8, "capsize": 1.6, "ecolor": "0.15"},
    )  # fmt: skip
    left = change >= 0
    end = np.nanmin([0.0, row["low"]]) if left else np.nanmax([0.0, row["high"]])
    axes.annotate(
        level_with_unit(key, row["level"]), (end, place),
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
