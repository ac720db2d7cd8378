"""The panels of a study's figure on paper: which responses are drawn once, and where each panel stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simsmtp.figures.layout import Layout, points
from simsmtp.figures.outside import letter

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, FigureBase
    from pandas import DataFrame


class Panel(NamedTuple):
    """One panel of a figure.

    Attributes
    ----------
    response, level
        What it shows.
    axes : Axes
        Where it is drawn.
    letter : str
        As the figure calls it.
    is_bottom : bool
        The x axis has a label.
    is_repeated : bool
        It holds for all levels.
    """

    response: str
    level: object
    axes: Axes
    letter: str
    is_bottom: bool = True
    is_repeated: bool = False


def repeated_responses(
    layout: Layout, rows: DataFrame, theory: DataFrame | None, marks: Sequence[float | None]
) -> tuple[str, ...]:
    """Return the responses that are the same in every panel: means, intervals, closed forms and marks are equal.

    Parameters
    ----------
    layout, rows
        From `simsmtp.figures.layout.lay_out`.
    theory : DataFrame, optional
        Closed forms, tidy.
    marks : sequence of float or None
        What is marked on the x axis of each panel.
    """
    if len(layout.panels) < 2 or len(set(marks)) > 1:
        return ()
    tables = [rows] if theory is None else [rows, theory]
    return tuple(one for one in layout.figure.y if all(_is_equal(layout, table, one) for table in tables))


def _is_equal(layout: Layout, table: DataFrame, response: str) -> bool:
    lines = [*layout.lines, *([None] if None not in layout.lines else [])]
    for line in lines:
        first, *others = (np.array(points(table, layout.x, response, line, panel)) for panel in layout.panels)
        if not all(np.array_equal(first, one, equal_nan=True) for one in others):
            return False
    return True


def panels_on(drawn: Figure, layout: Layout) -> list[Panel]:
    """Add the axes of all panels to a figure, and return the panels as they are read: row by row.

    Responses that depend on the panel stand in a grid. Those that do not follow below it, side by side, in a part of
    the figure of their own: so the panels of neither part make room for the labels of the other.
    """
    rows, columns = layout.shape
    heights = [count for count in (rows, layout.rows_below) if count]
    parts: Sequence[FigureBase] = [drawn]
    if len(heights) > 1:
        parts = list(drawn.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0])
    found: list[Panel] = []
    if rows:
        grid = parts[0].subplots(rows, columns, sharex=True, sharey="col" if layout.upright else "row", squeeze=False)
        for (row, column), axes in np.ndenumerate(grid):
            response, level = _what(layout, row, column)
            found.append(Panel(response, level, axes, letter(len(found)), is_bottom=row == rows - 1))
    if layout.repeated:
        grid = parts[-1].subplots(layout.rows_below, layout.beside, squeeze=False)
        for response, axes in zip(layout.repeated, grid.flat, strict=False):
            found.append(Panel(response, layout.panels[0], axes, letter(len(found)), is_repeated=True))
        for axes in grid.flat[len(layout.repeated) :]:
            axes.remove()
    return found


def _what(layout: Layout, row: int, column: int) -> tuple[str, object]:
    if layout.upright:
        return layout.varied[column], layout.panels[row]
    return layout.varied[row], layout.panels[column]


def one_panel(axes: Axes, layout: Layout) -> Panel:
    """Return the one panel of a figure that is drawn into axes of the user's own."""
    return Panel(layout.figure.y[0], layout.panels[0], axes, "")


def mark_of(marks: Mapping[object, float | None], panel: object) -> float | None:
    """Return the mark of a panel; the entry None holds for panels that are not named."""
    return marks[panel] if panel in marks else marks.get(None)
