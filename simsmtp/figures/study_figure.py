"""The figure of a study: one row of panels per response, one line per level, every interval drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill, wrap
from typing import TYPE_CHECKING, Any, cast

from simsmtp.errors import InputError
from simsmtp.figures.grid import Panel, mark_of, one_panel, panels_on, repeated_responses
from simsmtp.figures.labels import factor_label, factor_name, level_text, level_with_unit, plain_level
from simsmtp.figures.layout import FigureSpec, Layout, lay_out, tidy
from simsmtp.figures.line_styles import RC, THEORY
from simsmtp.figures.notes import notes
from simsmtp.figures.outside import write_letters
from simsmtp.figures.own_axes import figure_of, require_axes
from simsmtp.figures.panels import (
    PAD,
    draw_panel,
    fit_to_scale,
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
_MANY_ROWS_IN = 2.1  # three rows or more
_HEADS_IN = 0.5  # titles, tick labels and labels of axes between the grid and what is below it
_TITLE_CHARS_PER_INCH = 11
_GAP_IN = 0.05  # between panels and the legend
_NOTE_IN = 0.14  # a line of notes
_NOTE_CHARS_PER_INCH = 15

Marks = Mapping[Any, float | None]


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

    Notes
    -----
    A response that is exactly equal for all levels of the panel factor is drawn once. What the panels cannot show is
    said below the legend: lines that coincide, points without a value, zeros on a log axis.
    """
    import matplotlib as mpl

    from simsmtp.figures.canvas import new_figure

    layout, rows = lay_out(summary, figure)
    closed = None if theory is None else tidy(theory, figure)
    marked = {plain_level(panel): mark for panel, mark in marks.items()}
    limits = [mark_of(marked, panel) for panel in layout.panels]
    layout = layout.without(repeated_responses(layout, rows, closed, limits))
    with mpl.rc_context(RC):
        drawn = new_figure(*_size(layout, ()))
        panels = panels_on(drawn, layout)
        _fill(panels, layout, rows, marked, closed)
        write_letters([one.axes for one in panels], PAD)
        said = _said(layout, rows, panels, limits)
        drawn.set_size_inches(_size(layout, said))
        _legend(drawn, layout, _note(rows, summary, level), said, theory=theory is not None)
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
    marked = {plain_level(panel): mark for panel, mark in marks.items()}
    _fill([one_panel(own, layout)], layout, rows, marked, None if theory is None else tidy(theory, figure))
    if handles := _handles(layout, theory=theory is not None):
        # A title or a level may hold dollar signs: no formula is meant.
        legend = own.legend(handles=handles, title=_heading(layout, ""), handlelength=3.4)
        for text in legend.get_texts():
            text.set_parse_math(False)
    if title is not None:
        own.set_title(title, pad=PAD, parse_math=False)  # the mark has its name above the axes, too
    return root


def _fill(panels: Sequence[Panel], layout: Layout, rows: DataFrame, marks: Marks, theory: DataFrame | None) -> None:
    """Draw all panels into their axes."""
    for response in layout.figure.y:
        scale = layout.scale(response)
        fitting = fit_to_scale(rows, response, scale)
        first, *others = (one for one in panels if one.response == response)
        for one in (first, *others):
            draw_panel(one.axes, layout, fitting, theory, response=response, panel=one.level)
        scale_y(first.axes, fitting, response, scale)
        name_response(first.axes, layout, response)
    for one in panels:
        _frame(one, layout, mark_of(marks, one.level))


def _frame(one: Panel, layout: Layout, mark: float | None) -> None:
    row, column = _place(one, layout)
    is_first = one.is_repeated or (column == layout.shape[1] - 1 if layout.upright else row == 0)
    if is_first:
        panel_title(one.axes, layout, one.level, is_repeated=one.is_repeated)
    scale_x(one.axes, layout.x, mark, layout.inner_pt(is_repeated=one.is_repeated))
    mark_limit(one.axes, layout.x, mark, label=one.is_repeated or row == 0)
    if one.is_bottom:
        one.axes.set_xlabel(factor_label(layout.figure.x))


def _place(one: Panel, layout: Layout) -> tuple[int, int]:
    """Return the row and column of a panel in the grid."""
    if one.is_repeated:
        return 0, 0
    places = layout.varied.index(one.response), layout.panels.index(one.level)
    return (places[1], places[0]) if layout.upright else places


def _size(layout: Layout, said: Sequence[str]) -> tuple[float, float]:
    rows, columns = layout.shape
    legend_rows = -(-(len(layout.lines) + 1) // _legend_columns(layout))
    height = _ROW_IN if rows + layout.rows_below < 3 else _MANY_ROWS_IN
    below = layout.rows_below * (height + (_HEADS_IN if rows else 0))
    return layout.panel_in * max(columns, 1) + 0.5, height * rows + below + 1.15 + 0.18 * legend_rows + _strip(said)


def _strip(said: Sequence[str]) -> float:
    """Return the height of the notes in inches."""
    return _NOTE_IN * len(said) + (0.06 if said else 0)


def _said(layout: Layout, rows: DataFrame, panels: Sequence[Panel], limits: Sequence[float | None]) -> list[str]:
    """Return the notes in lines."""
    width = int(_size(layout, ())[0] * _NOTE_CHARS_PER_INCH)
    return [line for one in notes(layout, rows, panels, limits) for line in wrap(one, width, break_on_hyphens=False)]


def _legend_columns(layout: Layout) -> int:
    return max(3, int(layout.panel_in * max(layout.shape[1], 1) / 1.65))


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


def _legend(drawn: Figure, layout: Layout, note: str, said: Sequence[str], *, theory: bool) -> None:
    """Put the legend below all panels, and the notes below the legend."""
    handles = _handles(layout, theory=theory)
    strip = _strip(said) / drawn.get_figheight()
    if said:
        drawn.text(0.5, strip, "\n".join(said), ha="center", va="top", fontsize=7.5, color="0.25", parse_math=False)
    legend = drawn.legend(
        handles=handles,
        loc="lower center",
        bbox_to_anchor=(0.5, strip),
        ncols=min(len(handles), _legend_columns(layout)) or 1,
        title=_heading(layout, note),
        frameon=False,
        handlelength=3.4,
    )
    # What stands below the panels is no part of their layout, which would make room for a legend, but not for notes.
    legend.set_in_layout(False)
    box, engine = legend.get_tightbbox(), cast("Any", drawn.get_layout_engine())
    below = strip + (box.height / drawn.bbox.height if box else 0.0) + _GAP_IN / drawn.get_figheight()
    engine.set(rect=(0, below, 1, 1 - below))
