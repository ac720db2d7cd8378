"""The figure of a study: one row of panels per response, one line per level, every interval drawn."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from simsmtp.errors import InputError
from simsmtp.figures.labels import factor_label, factor_name, level_text, level_with_unit, plain_level
from simsmtp.figures.layout import FigureSpec, Layout, lay_out, tidy
from simsmtp.figures.line_styles import RC, THEORY
from simsmtp.figures.own_axes import figure_of, require_axes
from simsmtp.figures.panels import (
    draw_panel,
    fit_to_scale,
    limit_of,
    mark_limit,
    name_response,
    panel_title,
    scale_x,
    scale_y,
)
from simsmtp.model.numbers import percent_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from pandas import DataFrame

_ROW_IN = 2.45
_MANY_ROWS_IN = 2.0  # three rows or more
_TITLE_CHARS_PER_INCH = 11


def plot_study(
    summary: DataFrame,
    figure: FigureSpec,
    *,
    title: str,
    marks: Mapping[Any, float | None],
    theory: DataFrame | None = None,
    level: float = 0.95,
) -> Figure:
    """Draw a study.

    Parameters
    ----------
    summary : DataFrame
        As `simsmtp.statistics.summary.summarise` returns it, with the factors that `figure` names.
    figure : FigureSpec
        What to show. Lines and panels stand in order of appearance, numbers on the x axis in their own
        order. Lines go through the true x. The markers of one x are set side by side, in the order of the legend,
        by less than half the smallest gap between levels, so that those that coincide are told apart.
    title : str
        Above everything.
    marks : mapping
        For each level of the panel factor, the recipient limit on the x axis, or None for no mark. The
        entry None holds for panels that are not named.
    theory : DataFrame, optional
        Closed forms in the same shape: the x factor, ``response``, ``mean``, and the line and panel
        factors unless a curve holds for all of them. Thin grey lines under the points.
    level : float
        Confidence level of `summary`, named in the legend.

    Returns
    -------
    matplotlib.figure.Figure
        Built without pyplot: nothing global is touched and no display is needed.

    Raises
    ------
    InputError
        If `summary` lacks a factor or has nothing to draw, several of its points share one place in the
        figure, or a level has no place on the x scale.
    """
    import matplotlib as mpl

    from simsmtp.figures.canvas import new_figure

    layout, rows = lay_out(summary, figure)
    with mpl.rc_context(RC):
        drawn = new_figure(*_size(layout))
        _fill(_grid(drawn, layout), layout, rows, marks, theory)
        _legend(drawn, layout, _note(rows, summary, level), theory=theory is not None)
        drawn.suptitle(fill(title, int(drawn.get_figwidth() * _TITLE_CHARS_PER_INCH)), fontsize=11)
    return drawn


def plot_study_into(
    axes: object,
    summary: DataFrame,
    figure: FigureSpec,
    *,
    title: str | None,
    marks: Mapping[Any, float | None],
    theory: DataFrame | None = None,
) -> Figure:
    """Draw one response of one panel into axes of the user's own, which keep their look and their place.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    summary, figure, marks, theory
        As of `plot_study`.
    title : str or None
        Above the axes; None leaves their title as it is.

    Returns
    -------
    matplotlib.figure.Figure
        That of the axes.

    Raises
    ------
    InputError
        As of `plot_study`; if `axes` is something else, or `figure` has several responses or panels.
    """
    own = require_axes(axes)
    if len(figure.y) > 1:
        raise InputError("axes of your own take one response", key="y", given=list(figure.y), allowed=figure.y)
    root = figure_of(own)
    layout, rows = lay_out(summary, figure, own.get_window_extent().width / root.dpi)
    if len(layout.panels) > 1:
        levels = [level_text(one) for one in layout.panels]
        allowed = f"one level of it, as in where={{{figure.panel!r}: {layout.panels[0]!r}}}, or line={figure.panel!r}"
        raise InputError(f"axes of your own take one panel, and {figure.panel} has {len(levels)} levels", key="panel",
                         given=levels, allowed=allowed)  # fmt: skip
    _fill(np.array([[own]]), layout, rows, marks, theory)
    if handles := _handles(layout, theory=theory is not None):
        # A title or a level may hold dollar signs: no formula is meant.
        legend = own.legend(handles=handles, title=_heading(layout, ""), handlelength=3.4)
        for text in legend.get_texts():
            text.set_parse_math(False)
    if title is not None:
        own.set_title(title, pad=14, parse_math=False)  # the mark has its name above the axes, too
    return root


def _fill(
    grid: Any, layout: Layout, rows: DataFrame, marks: Mapping[Any, float | None], theory: DataFrame | None
) -> None:
    """Draw all panels into axes, one row for each response and one column for each panel."""
    figure = layout.figure
    marked = {plain_level(panel): mark for panel, mark in marks.items()}
    closed = None if theory is None else tidy(theory, figure)
    for row, response in enumerate(figure.y):
        scale = (figure.y_scale or ["linear"] * len(figure.y))[row]
        fitting = fit_to_scale(rows, response, scale)
        for column, panel in enumerate(layout.panels):
            draw_panel(grid[row, column], layout, fitting, closed, response=response, panel=panel)
        scale_y(grid[row, 0], fitting, response, scale)
        name_response(grid[row, 0], layout, response)
    for column, panel in enumerate(layout.panels):
        _frame(grid[:, column], layout, panel, limit_of(marked, panel))
    for axes in grid[:, -1] if layout.upright else grid[-1]:
        axes.set_xlabel(factor_label(figure.x))


def _grid(drawn: Figure, layout: Layout) -> Any:
    """Return the axes, one row for each response and one column for each panel, however they stand on paper."""
    if layout.upright:
        return drawn.subplots(*layout.shape, sharex=True, sharey="col", squeeze=False).T
    return drawn.subplots(*layout.shape, sharex=True, sharey="row", squeeze=False)


def _size(layout: Layout) -> tuple[float, float]:
    rows, columns = layout.shape
    legend_rows = -(-(len(layout.lines) + 1) // _legend_columns(layout))
    height = _ROW_IN if rows < 3 else _MANY_ROWS_IN
    return layout.panel_in * columns + 0.5, height * rows + 1.15 + 0.18 * legend_rows


def _legend_columns(layout: Layout) -> int:
    return max(3, int(layout.panel_in * layout.shape[1] / 1.65))


def _frame(column: Any, layout: Layout, panel: object, mark: float | None) -> None:
    panel_title(column[-1 if layout.upright else 0], layout, panel)
    for row, axes in enumerate(column):
        scale_x(axes, layout.x, mark, layout.inner_pt)
        mark_limit(axes, layout.x, mark, label=row == 0)


def _note(rows: DataFrame, summary: DataFrame, level: float) -> str:
    """Say what the bars are, if there are any."""
    if not (rows["high"] - rows["low"]).notna().any() or "n" not in summary:
        return ""
    most = int(summary["n"].max())
    return f"bars: {percent_text(level, 4)} t interval over {most:,} replications"


def _handles(layout: Layout, *, theory: bool) -> list[Line2D]:
    """Return what a legend shows: the lines by their levels, and the closed form."""
    from matplotlib.lines import Line2D

    factor = layout.figure.line
    handles = [
        Line2D([], [], label=level_with_unit(factor, level), **style.kwargs())
        for level, style in zip(layout.lines, layout.styles, strict=True)
        if factor is not None
    ]
    return [*handles, Line2D([], [], label="closed form", **THEORY)] if theory else handles


def _heading(layout: Layout, note: str) -> str:
    factor = layout.figure.line
    return " · ".join(text for text in (factor_name(factor).name if factor else "", note) if text)


def _legend(drawn: Figure, layout: Layout, note: str, *, theory: bool) -> None:
    handles = _handles(layout, theory=theory)
    drawn.legend(
        handles=handles,
        loc="outside lower center",
        ncols=min(len(handles), _legend_columns(layout)) or 1,
        title=_heading(layout, note),
        frameon=False,
        handlelength=3.4,
    )
