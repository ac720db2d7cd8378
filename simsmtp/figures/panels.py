"""Drawing inside the panels of a figure: lines with intervals, closed forms, the marked limit, ticks."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from simsmtp.figures.labels import axis_label, level_label, level_text, levels_label, response_label
from simsmtp.figures.layout import Layout, Points, points
from simsmtp.figures.line_styles import THEORY, LineStyle
from simsmtp.statistics.summary import natural_range

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Transform
    from pandas import DataFrame

    from simsmtp.figures.axes import XAxis

_BEYOND = "0.955"
_LIMIT = "0.25"
_LABEL_CHARS = 31  # of an axis label beside the lowest row
_TITLE_CHARS = 32  # of a title, which has a letter beside it
_SIDE_CHARS = 18  # of what stands beside a row
_MANY_FOLD = 3_000
PAD = 14
"""Points between a panel and its title: the name of the marked limit stands there."""
# All bars of a line are one artist: gaps between them, and markers at their ends.
_BAR: Any = {"linewidth": 0.8, "solid_capstyle": "butt", "marker": "_", "markersize": 3.2, "markeredgewidth": 0.8}


def draw_panel(
    axes: Axes, layout: Layout, rows: DataFrame, theory: DataFrame | None, *, response: str, panel: object
) -> None:
    """Draw one response of one panel: every line with its intervals, closed forms below.

    Where there is a closed form, the simulated points are not joined: the curve joins them, or does not.
    """
    common = _draw_theory(axes, layout, theory, (response, None, panel))
    for line, style in zip(layout.lines, layout.styles, strict=True):
        own = line is not None and _draw_theory(axes, layout, theory, (response, line, panel))
        shown = style._replace(dashes="none") if common or own else style
        there = points(rows, layout.x, response, line, panel)
        _draw_line(axes, there, shown, apart=not layout.x.joined(), is_log=layout.scale(response) == "log")


def fit_to_scale(rows: DataFrame, response: str, scale: str) -> DataFrame:
    """Return the rows of a response with intervals within what it can be.

    On a log scale, bars that reach zero end at half the smallest mean.
    """
    fitting = rows[rows["response"] == response]
    fitting = fitting.assign(**{end: fitting[end].clip(*natural_range(response)) for end in ("low", "high")})
    positive = fitting.loc[fitting["mean"] > 0, "mean"]
    if scale != "log" or positive.empty:
        return fitting
    return fitting.assign(low=fitting["low"].clip(lower=positive.min() / 2))


def scale_y(axes: Axes, rows: DataFrame, response: str, scale: str) -> None:
    """Set the scale and the range of a response; a linear one starts at zero where it cannot be negative.

    ``symlog`` is for counts that are often zero: linear from 0 to 1, logarithmic above.
    """
    if scale == "symlog":
        axes.set_yscale(scale, linthresh=1, linscale=0.5)
    else:
        axes.set_yscale(scale)
    values = rows.loc[rows["response"] == response, ["mean", "low", "high"]].to_numpy(np.float64).ravel()
    values = values[np.isfinite(values) & ((values > 0) | (scale != "log"))]
    if not len(values):  # nothing has a place on the scale: no tick would say anything
        axes.set_yticks([])
        axes.set_yticks([], minor=True)
        return
    low, high = float(values.min()), float(values.max())
    if scale in {"log", "symlog"}:
        axes.set_ylim(low / 1.25 if scale == "log" else -0.3, high * 1.25 or 1.0)
        log_ticks(axes, scale)
        return
    if natural_range(response)[0] == 0:
        low, high = min(low, 0.0), high or 1.0
    span = (high - low) or 1.0
    # Lines at zero are a result, often the result: they must not hide in the axis.
    axes.set_ylim(low - 0.05 * span, high + 0.05 * span)


def log_ticks(axes: Axes, scale: str) -> None:
    """Label 1, 2 and 5 of each decade, or 1 alone of many, as plain numbers: readers should not take powers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator, SymmetricalLogLocator

    low, high = axes.get_ylim()
    many = scale == "log" and high > _MANY_FOLD * low
    locator = LogLocator(subs=(1.0,) if many else (1.0, 2.0, 5.0), numticks=20)
    from_zero = SymmetricalLogLocator(base=10, linthresh=1)
    axes.yaxis.set_major_locator(locator if scale == "log" else from_zero)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: level_text(value)))
    axes.yaxis.set_minor_locator(NullLocator())


def scale_x(axes: Axes, axis: XAxis, mark: float | None, width_pt: float) -> None:
    """Put a tick at every level and a label at every level that has room for one."""
    axes.set_xscale("log" if axis.scale == "log" else "linear")
    labels = axis.labels(width_pt, mark)
    crowded = axis.scale == "category" and sum(map(len, labels)) * 6 > width_pt
    axes.set_xticks(axis.positions, labels, parse_math=False)
    if crowded:
        axes.tick_params(axis="x", labelrotation=35)
        for text in axes.get_xticklabels():
            text.set_horizontalalignment("right")
    axes.set_xticks([], minor=True)
    axes.set_xlim(*axis.limits())


def mark_limit(axes: Axes, axis: XAxis, mark: float | None, *, label: bool) -> None:
    """Mark the recipient limit with a dashed line and shade what lies beyond it."""
    if mark is None or not axis.holds(mark):
        return
    place = axis.place(mark)
    axes.axvspan(place, axis.limits()[1], color=_BEYOND, linewidth=0, zorder=0)
    axes.axvline(place, color=_LIMIT, linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)
    if label:
        axes.annotate(
            f"recipient limit {level_text(mark)}",
            (place, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=7.5,
            color=_LIMIT,
        )


def name_response(axes: Axes, layout: Layout, response: str) -> None:
    """Write beside the first panel of a response what it is; above it, where panels stand upright."""
    if layout.upright and response not in layout.repeated:
        axes.set_title(fill(response_label(response), _TITLE_CHARS), pad=PAD, fontweight="bold")
    else:
        label = axis_label(response)
        if len(label) > _LABEL_CHARS:
            label = label.replace(" (", "\n(")
        axes.set_ylabel("\n".join(fill(line, _LABEL_CHARS) for line in label.splitlines()))


def panel_title(axes: Axes, layout: Layout, panel: object, *, is_repeated: bool) -> None:
    """Write which level a panel shows, or that it is for all of them: above it, or to the right of an upright row."""
    if layout.figure.panel is None:
        return
    if is_repeated:
        axes.set_title(f"{levels_label(layout.figure.panel, layout.panels)}: equal", pad=PAD, fontweight="bold")
        return
    name = level_label(layout.figure.panel, panel)
    if layout.upright:
        axes.annotate(
            fill(name, _SIDE_CHARS), (1, 0.5), xycoords="axes fraction", xytext=(6, 0), textcoords="offset points",
            rotation=270, ha="left", va="center", fontsize=9, fontweight="bold",
        )  # fmt: skip
    else:
        axes.set_title(name, pad=PAD, fontweight="bold")


def _draw_line(axes: Axes, given: Points, style: LineStyle, *, apart: bool, is_log: bool) -> None:
    """Draw line and bars through the true x, and markers a step aside, so that those that coincide are told apart.

    Between names, where there is no line and x is no quantity, the bars stay with their markers. What has no place
    on a log scale, a mean of 0, gets its marker at the lower edge, where no line leads.
    """
    look, aside = style.kwargs(), _aside(axes, style.step)
    hidden = given.mean <= 0 if is_log else np.zeros(len(given.mean), dtype=bool)
    shown = Points(given.x, *(np.where(hidden, np.nan, one) for one in given[1:]))
    if hidden.any():
        edge = _aside(axes, style.step, at_edge=True)
        _add_line(axes, given.x[hidden], np.zeros(hidden.sum()), edge, **(look | {"linestyle": "none", "zorder": 3}))
    place = aside if apart else axes.transData
    # A low end that was lifted onto a log scale may lie above a mean of 0: there is no bar then.
    low, high = np.minimum(shown.low, shown.mean), np.maximum(shown.high, shown.mean)
    ends = np.column_stack([low, high, np.full_like(low, np.nan)])
    _add_line(axes, np.repeat(shown.x, 3), ends.ravel(), place, color=style.color, **_BAR)
    _add_line(axes, shown.x, shown.mean, place, **(look | {"marker": "none", "zorder": 2.1}))
    _add_line(axes, shown.x, shown.mean, aside, **(look | {"linestyle": "none", "zorder": 3}))


def _add_line(axes: Axes, x: np.ndarray, y: np.ndarray, transform: Transform, **look: Any) -> None:
    """Add a line to a panel whose limits are set elsewhere: neither they nor the layout go by what is drawn."""
    from matplotlib.lines import Line2D

    axes.add_artist(Line2D(x, y, clip_on=False, in_layout=False, transform=transform, **look))


def _draw_theory(axes: Axes, layout: Layout, theory: DataFrame | None, place: tuple[str, object, object]) -> bool:
    """Draw the closed form of a line, by its panel or for all panels; tell whether there is one."""
    response, line, panel = place
    if theory is None:
        return False
    for key in dict.fromkeys([panel, None]):
        curve = points(theory, layout.x, response, line, key)
        if len(curve.x):
            no_place = (curve.mean <= 0) & (layout.scale(response) == "log")
            axes.plot(curve.x, np.where(no_place, np.nan, curve.mean), **THEORY)
            return True
    return False


def _aside(axes: Axes, step_pt: float, *, at_edge: bool = False) -> Transform:
    """Return the data's transform with a step aside on paper: equally wide on every scale.

    With `at_edge`, y is 0 at the lower edge of the axes in place of a value.
    """
    from matplotlib.transforms import ScaledTranslation

    place = axes.get_xaxis_transform() if at_edge else axes.transData
    return place + ScaledTranslation(step_pt / 72, 0, axes.figure.dpi_scale_trans)
