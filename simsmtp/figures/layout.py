"""What a figure shows and where: the choice of factors, and the rows cut into lines and panels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from simsmtp.errors import InputError
from simsmtp.figures.axes import XAxis, x_axis
from simsmtp.figures.labels import plain_level
from simsmtp.figures.line_styles import LineStyle, line_styles
from simsmtp.statistics.summary import STATISTICS, require_columns

if TYPE_CHECKING:
    from pandas import DataFrame


_MARKERS_SPREAD = 0.6  # of the smallest gap between levels: each marker stays nearer to its own level than to another
_LABELS_IN = 0.4  # beside a panel
_ABREAST = 4  # panels beside each other that are still legible on a page


class FigureSpec(Protocol):
    """What a figure shows: the ``[figure]`` table of an experiment, or any object with these attributes."""

    @property
    def x(self) -> str:
        """Factor on the x axis."""

    @property
    def y(self) -> Sequence[str]:
        """Responses, one row of panels each."""

    @property
    def line(self) -> str | None:
        """Factor with one line per level."""

    @property
    def panel(self) -> str | None:
        """Factor with one column of panels per level."""

    @property
    def x_scale(self) -> str | None:
        """``"linear"``, ``"log"`` or ``"category"``; None for one that fits the levels."""

    @property
    def y_scale(self) -> Sequence[str] | None:
        """One scale per response; None for linear ones."""


class Layout(NamedTuple):
    """What all panels of a figure share.

    Attributes
    ----------
    figure : FigureSpec
        What to show.
    x : XAxis
        The common x axis.
    lines, panels : list
        Levels, in order of appearance; ``[None]`` without such a factor.
    styles : list of LineStyle
        One per line.
    panel_in : float
        Width of a panel with its labels, in inches.
    repeated : tuple of str
        Responses that are the same in all panels, and drawn once.
    """

    figure: FigureSpec
    x: XAxis
    lines: list[object]
    panels: list[object]
    styles: list[LineStyle]
    panel_in: float
    repeated: tuple[str, ...] = ()

    def without(self, repeated: Sequence[str]) -> Layout:
        """Return the layout with responses drawn once; where these are all, panels are as wide as a lone one."""
        width = self.panel_in if len(repeated) < len(self.figure.y) else _panel_width(self.x, 1)
        return self._replace(repeated=tuple(repeated), panel_in=width)

    def inner_pt(self, *, is_repeated: bool) -> float:
        """Return the width of a panel without its labels, in points."""
        columns = max(self.shape[1], 1)
        return _inner_pt(self.panel_in * columns / self.beside if is_repeated else self.panel_in)

    def scale(self, response: str) -> str:
        """Return the scale of the y axis of a response."""
        figure = self.figure
        return (figure.y_scale or ["linear"] * len(figure.y))[list(figure.y).index(response)]

    @property
    def varied(self) -> list[str]:
        """The responses that have a panel for each level."""
        return [one for one in self.figure.y if one not in self.repeated]

    @property
    def beside(self) -> int:
        """How many of the repeated responses stand beside each other: as many as there are columns above, or fewer."""
        return min(len(self.repeated), max(self.shape[1], 1))

    @property
    def rows_below(self) -> int:
        """The rows that the repeated responses take below the others."""
        return -(-len(self.repeated) // max(self.beside, 1))

    @property
    def upright(self) -> bool:
        """True where there are so many panels that they stand one below the other, responses side by side."""
        return len(self.panels) > _ABREAST

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the grid on paper, without the repeated responses."""
        responses, panels = len(self.varied), len(self.panels)
        if not responses:
            return (0, 0)
        return (panels, responses) if self.upright else (responses, panels)


class Points(NamedTuple):
    """What one line shows in one panel, in x order: arrays of equal length, nan where there is nothing."""

    x: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def tidy(table: DataFrame, figure: FigureSpec) -> DataFrame:
    """Return rows with columns ``x``, ``line``, ``panel``, ``response``, ``mean``, ``low``, ``high``.

    Levels become plain hashable values, see `simsmtp.figures.labels.plain_level`. A line or panel factor
    that `table` lacks gives None, an interval that it lacks nan.

    Raises
    ------
    InputError
        If the x factor, ``response`` or ``mean`` is missing.
    """
    import pandas as pd

    require_columns(table, (figure.x, "response", "mean"))
    shown = table[table["response"].isin(list(figure.y))]
    columns: dict[str, object] = {"response": shown["response"].to_numpy()}
    for name, factor in (("x", figure.x), ("line", figure.line), ("panel", figure.panel)):
        levels = shown[factor] if factor is not None and factor in shown else [None] * len(shown)
        columns[name] = pd.Series([plain_level(level) for level in levels], dtype=object)
    for name in ("mean", "low", "high"):
        columns[name] = shown[name].to_numpy(np.float64) if name in shown else np.nan
    return pd.DataFrame(columns)


def lay_out(summary: DataFrame, figure: FigureSpec, width_in: float | None = None) -> tuple[Layout, DataFrame]:
    """Return the layout of a figure and its tidy rows.

    Parameters
    ----------
    summary, figure
        As of `simsmtp.figures.study_figure.plot_study`.
    width_in : float, optional
        Width of a panel without its labels, in inches, where that is given; by default one that fits.

    Raises
    ------
    InputError
        If a factor is missing, there is nothing to draw, several points share one place, or a level has
        no place on the x scale.
    """
    for factor in (figure.line, figure.panel):
        if factor is not None and factor not in summary:
            raise InputError("no such factor", key=factor, allowed=_factors(summary))
    shown = tidy(summary, figure)
    if shown.empty:
        raise InputError("nothing to draw: no row of these responses", key="figure.y", given=list(figure.y))
    _check_places(shown, summary, figure)
    lines, panels = list(dict.fromkeys(shown["line"])), list(dict.fromkeys(shown["panel"]))
    axis = x_axis(list(shown["x"]), figure.x_scale, figure.x)
    width = _panel_width(axis, len(panels)) if width_in is None else width_in + _LABELS_IN
    room = _MARKERS_SPREAD * axis.gap() * _inner_pt(width)
    styles = line_styles(len(lines), room, joined=axis.joined(), levels=lines)
    return Layout(figure, axis, lines, panels, styles, width), shown


def points(rows: DataFrame, axis: XAxis, response: str, line: object, panel: object) -> Points:
    """Return what belongs to one line of one panel, in x order."""
    # Compared one by one: pandas never finds None equal to None.
    keys = zip(rows["response"], rows["line"], rows["panel"], strict=True)
    mine = [place for place, key in enumerate(keys) if key == (response, line, panel)]
    x = np.array([axis.place(level) for level in rows["x"].to_numpy()[mine]], dtype=np.float64)
    order = np.array(mine, dtype=np.int64)[np.argsort(x, kind="stable")]
    return Points(
        np.sort(x, kind="stable"), *(rows[name].to_numpy(np.float64)[order] for name in ("mean", "low", "high"))
    )


def _panel_width(axis: XAxis, panels: int) -> float:
    """Return the width in inches: more for a lone panel, and for many categories."""
    least = 5.4 if panels == 1 else 3.3
    return max(least, 0.3 * len(axis.levels)) if axis.scale == "category" else least


def _inner_pt(panel_in: float) -> float:
    return (panel_in - _LABELS_IN) * 72


def _check_places(shown: DataFrame, summary: DataFrame, figure: FigureSpec) -> None:
    places = list(zip(shown["response"], shown["panel"], shown["line"], shown["x"], strict=True))
    if len(set(places)) == len(places):
        return
    used = {figure.x, figure.line, figure.panel}
    left = [name for name in _factors(summary) if name not in used and len(set(map(plain_level, summary[name]))) > 1]
    one_level = ", ".join(f"{name!r}: {plain_level(summary[name].iloc[0])!r}" for name in left)
    remedy = f"a line or a panel for {' and '.join(left)}, or one level of it, as in plot(where={{{one_level}}})"
    raise InputError("several design points share one place in the figure", key="figure",
                     allowed=remedy if left else "one row each")  # fmt: skip


def _factors(summary: DataFrame) -> list[str]:
    return [str(name) for name in summary.columns if name not in {"point", *STATISTICS}]
