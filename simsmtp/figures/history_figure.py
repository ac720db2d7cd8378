"""The figure of a history: each response over the commits, with its interval and the commits that changed it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from simsmtp.figures.line_styles import COLOURS, RC
from simsmtp.model.numbers import number_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST = 12
_LONGEST = 70


class _Entry(Protocol):
    @property
    def mean(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


class _Series(Protocol):
    @property
    def response(self) -> str: ...
    @property
    def factors(self) -> Mapping[str, Any]: ...
    @property
    def commits(self) -> Sequence[str]: ...
    @property
    def entries(self) -> Sequence[_Entry]: ...
    @property
    def changes(self) -> Sequence[int]: ...


def history_figure(series: Sequence[_Series]) -> Figure:
    """Draw series below each other, twelve at most.

    Parameters
    ----------
    series : sequence
        As `simsmtp.history.changes.series_of` returns them.
    """
    import matplotlib as mpl

    from simsmtp.figures.canvas import new_figure

    drawn = series[:_MOST]
    with mpl.rc_context(RC):
        figure = new_figure(6.2, 0.55 + 0.75 * max(len(drawn), 1))
        if not drawn:
            figure.suptitle("The history is empty", fontsize=9)
            return figure
        for axes, one in zip(figure.subplots(len(drawn), squeeze=False)[:, 0], drawn, strict=True):
            _draw(axes, one)
        more = f"; {len(series) - _MOST} more are not drawn" if len(series) > _MOST else ""
        figure.supxlabel(f"commits, the oldest first; a dot is a commit that changed the values{more}", fontsize=8)
    return figure


def _draw(axes: Axes, one: _Series) -> None:
    at = np.arange(len(one.commits))
    mean, low, high = (np.array([getattr(entry, name) for entry in one.entries]) for name in ("mean", "low", "high"))
    axes.fill_between(at, low, high, color=COLOURS[0], alpha=0.18, linewidth=0, step="mid")
    axes.plot(at, mean, color=COLOURS[0], linewidth=1.3, drawstyle="steps-mid", marker="." if len(at) == 1 else "")
    changed = list(one.changes)
    axes.plot(at[changed], mean[changed], "o", color=COLOURS[1], markersize=4)
    if changed:
        last = changed[-1]
        side = "right" if 2 * last >= len(at) - 1 else "left"
        axes.annotate(one.commits[last][:8], (at[last], mean[last]), xytext=(-6 if side == "right" else 6, 3),
                      textcoords="offset points", ha=side, fontsize=7)  # fmt: skip
    levels = ", ".join(f"{name.rpartition('.')[2]} {level}" for name, level in one.factors.items())
    title = f"{one.response}: {levels}" if levels else one.response
    axes.set_title(title if len(title) <= _LONGEST else f"{title[: _LONGEST - 2]} …", loc="left", fontsize=8, pad=3)
    axes.text(1.01, 0.5, number_text(float(mean[-1])), transform=axes.transAxes, va="center", fontsize=8)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.margins(x=0.02, y=0.25)
    for side_name in ("top", "right", "left", "bottom"):
        axes.spines[side_name].set_visible(False)


def write_history_figure(path: Path, series: Sequence[_Series]) -> None:
    """Draw series and write them as PNG or SVG, by the name of the file."""
    from simsmtp.figures.canvas import figure_files
    from simsmtp.files import replace_file, write_errors

    files = figure_files(history_figure(series), path.stem)
    with write_errors(path, "--figure"):
        replace_file(path, files[path.stem + path.suffix])
