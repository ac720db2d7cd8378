"""Figures of sensitivity: the tornado, and Sobol indices."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from simsmtp.errors import InputError
from simsmtp.figures.labels import factor_name, level_text, response_label
from simsmtp.figures.line_styles import COLOURS, RC

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

_ROW_IN = 0.42
_BELOW, _ABOVE = COLOURS[2], COLOURS[1]  # blue and orange
_MOST = 12


def tornado_figure(table: DataFrame, response: str, title: str = "") -> Figure:
    """Draw how far each factor moves a response from its base, the largest swing on top.

    Parameters
    ----------
    table : DataFrame
        From `simsmtp.statistics.sensitivity.tornado`.
    response : str
        Which of its responses.
    title : str
        Above it.

    Returns
    -------
    matplotlib.figure.Figure
        A bar per level off the base: plain blue where the level lies below the base level, hatched orange above.
        Thin lines are paired intervals of the difference. The 12 largest swings are shown.

    Raises
    ------
    InputError
        If the table does not hold the response.
    """
    import matplotlib as mpl

    from simsmtp.figures.canvas import new_figure

    rows = _rows_of(table, response)
    factors = list(dict.fromkeys(rows["factor"]))[:_MOST]
    base = float(rows["base_mean"].iloc[0])
    with mpl.rc_context(RC):
        drawn = new_figure(7.0, 1.5 + _ROW_IN * len(factors))
        axes = drawn.subplots()
        for place, factor in enumerate(factors):
            _draw_bars(axes, place, rows[rows["factor"] == factor], base)
        axes.axvline(base, color="0.2", linewidth=1)
        _frame(axes, [_name(factor) for factor in factors], response_label(response))
        axes.set_xlim(*_room(rows[rows["factor"].isin(factors)], base))
        _tornado_legend(drawn, base)
        drawn.suptitle(fill(title, 78), fontsize=10.5)
    return drawn


def _rows_of(table: DataFrame, response: str) -> DataFrame:
    rows = table[table["response"] == response]
    if rows.empty:
        raise InputError(
            "no such response", key="response", given=response, allowed=list(dict.fromkeys(table["response"]))
        )
    return rows


def _draw_bars(axes: Axes, place: int, rows: DataFrame, base: float) -> None:
    """Draw the bars of a factor in one line, or one below the other if they point the same way."""
    ways = np.sign(rows["difference"])
    apart = len(rows) > 2 or (ways == 1).sum() > 1 or (ways == -1).sum() > 1
    height = 0.64 / len(rows) if apart else 0.6
    for index, (_, row) in enumerate(rows.iterrows()):
        aside = (index - (len(rows) - 1) / 2) * height if apart else 0.0
        _draw_bar(axes, place + aside, row, base, height)


def _draw_bar(axes: Axes, place: float, row: Any, base: float, height: float) -> None:
    above = _is_above(row["level"], row["base_level"])
    difference = float(row["difference"])
    axes.barh(place, difference, left=base, height=height, color=_ABOVE if above else _BELOW, alpha=0.85,
              hatch="//" if above else None, edgecolor="white", linewidth=0)  # fmt: skip
    if np.isfinite([row["low"], row["high"]]).all():
        ends = [[max(0.0, difference - row["low"])], [max(0.0, row["high"] - difference)]]
        axes.errorbar(base + difference, place, xerr=ends, color="0.15", linewidth=0, elinewidth=0.9, capsize=2)
    right = difference > 0 or (difference == 0 and above)
    tip = base + (row["high"] if right else row["low"]) if np.isfinite(row["high"]) else base + difference
    axes.annotate(level_text(row["level"]), (tip, place), xytext=(4 if right else -4, 0), textcoords="offset points",
                  ha="left" if right else "right", va="center", fontsize=7.5)  # fmt: skip


def _is_above(level: object, base: object) -> bool:
    numbers = isinstance(level, int | float | np.number) and isinstance(base, int | float | np.number)
    return bool(level > base) if numbers else True  # type: ignore[operator]


def _room(rows: DataFrame, base: float) -> tuple[float, float]:
    """Return the ends of the axis: wide enough for the labels of the levels."""
    ends = base + rows[["difference", "low", "high"]].to_numpy(np.float64)
    ends = np.append(ends[np.isfinite(ends)], base)
    margin = 0.09 * float(ends.max() - ends.min()) or 0.5
    return float(ends.min()) - margin, float(ends.max()) + margin


def _tornado_legend(drawn: Figure, base: float) -> None:
    from matplotlib.patches import Patch

    handles = [
        Patch(facecolor=_BELOW, alpha=0.85, label="level below the base"),
        Patch(facecolor=_ABOVE, alpha=0.85, hatch="//", edgecolor="white", label="above it, or another"),
    ]
    heading = f"base {level_text(base)} · thin lines: paired intervals"
    drawn.legend(handles=handles, loc="outside lower center", ncols=2, title=heading, frameon=False)


def sobol_figure(table: DataFrame, response: str, title: str = "") -> Figure:
    """Draw first-order and total Sobol indices with their intervals, the largest total on top.

    Parameters
    ----------
    table : DataFrame
        From `simsmtp.statistics.sensitivity.sobol`.
    response : str
        Which of its responses.
    title : str
        Above it.

    Raises
    ------
    InputError
        If the table does not hold the response.
    """
    import matplotlib as mpl

    from simsmtp.figures.canvas import new_figure

    rows = _rows_of(table, response).head(_MOST)
    with mpl.rc_context(RC):
        drawn = new_figure(6.4, 1.4 + _ROW_IN * len(rows))
        axes = drawn.subplots()
        _draw_indices(axes, rows, "first", -0.14, {"color": _BELOW, "marker": "o", "label": "alone (first order)"})
        _draw_indices(axes, rows, "total", 0.14,
                      {"color": COLOURS[4], "marker": "s", "label": "with its interactions (total)"})  # fmt: skip
        _frame(axes, [_name(factor) for factor in rows["factor"]],
               f"share of the variance of {response_label(response)}")  # fmt: skip
        axes.set_xlim(min(0.0, float(rows["first_low"].min()) * 1.1) - 0.02, max(1.02, float(rows["total_high"].max())))
        drawn.legend(loc="outside lower center", ncols=2, frameon=False)
        drawn.suptitle(fill(title, 74), fontsize=10.5)
    return drawn


def _draw_indices(axes: Axes, rows: DataFrame, kind: str, aside: float, look: dict[str, Any]) -> None:
    values, low, high = (rows[name].to_numpy(np.float64) for name in (kind, f"{kind}_low", f"{kind}_high"))
    errors = np.maximum(0, np.vstack([values - low, high - values]))
    axes.errorbar(values, np.arange(len(rows)) + aside, xerr=errors, linestyle="none", markersize=5, elinewidth=1,
                  capsize=2.5, **look)  # fmt: skip


def _frame(axes: Axes, names: list[str], label: str) -> None:
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    axes.set_xlabel(label)


def _name(factor: str) -> str:
    named = factor_name(".".join(factor.split(".")[:2]))
    inner = factor.split(".")[2:]  # a parameter of a distribution
    if inner:
        return f"{named.name}, {inner[-1]}"
    return f"{named.name} ({named.suffix})" if named.suffix else named.name
