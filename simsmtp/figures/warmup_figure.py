"""The figure of a warm-up: a series, its batches, and where it is cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from simsmtp.figures.line_styles import COLOURS, RC
from simsmtp.figures.outside import legend_below
from simsmtp.figures.own_axes import figure_of, require_axes
from simsmtp.model.numbers import number_text
from simsmtp.statistics.intervals import Floats
from simsmtp.statistics.warmup import BATCH, Warmup

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def warmup_figure(series: ArrayLike, warmup: Warmup, title: str = "", ax: Axes | None = None) -> Figure:
    """Draw a series with its batches of five and the cut.

    Parameters
    ----------
    series : array_like, shape (n,)
        Delays in seconds, as `delay_series` returns them.
    warmup : Warmup
        From `mser5`.
    title : str
        Above it; axes of the user's own get none.
    ax : Axes, optional
        Draw into axes of the user's own.

    Raises
    ------
    InputError
        If `ax` is something else.
    """
    import matplotlib as mpl

    from simsmtp.figures.canvas import new_figure

    given = np.asarray(series, dtype=np.float64).ravel()
    with mpl.rc_context(RC):
        if ax is not None:
            _draw(require_axes(ax), given, warmup, own=True)
            return figure_of(ax)
        drawn = new_figure(6.6, 3.2)
        _draw(drawn.subplots(), given, warmup, own=False)
        drawn.suptitle(title, fontsize=10.5)
    return drawn


def _draw(axes: Axes, given: Floats, warmup: Warmup, *, own: bool) -> None:
    axes.plot(np.arange(len(given)), given, color="0.75", linewidth=0.7, label="messages")
    count = len(given) // BATCH
    means = given[: count * BATCH].reshape(count, BATCH).mean(axis=1)
    centres = np.arange(count) * BATCH + (BATCH - 1) / 2
    axes.plot(centres, means, color=COLOURS[2], linewidth=1.2, label=f"batches of {BATCH}")
    _draw_cut(axes, given, warmup)
    axes.set_xlabel("message, in order of arrival")
    axes.set_ylabel("mean delay (s)")
    legend_below(axes, axes.get_legend_handles_labels()[0], own=own)


def _draw_cut(axes: Axes, given: Floats, warmup: Warmup) -> None:
    colour = COLOURS[4] if warmup.late else "0.25"
    axes.axvspan(0, warmup.cut, color="0.94", linewidth=0, zorder=0)
    label = f"cut at {warmup.cut}" + (": too late" if warmup.late else "")
    axes.axvline(warmup.cut, color=colour, linestyle=(0, (4, 2)), linewidth=1.1, label=label)
    if warmup.cut < len(given):
        mean = float(given[warmup.cut :].mean())
        axes.plot([warmup.cut, len(given)], [mean, mean], color=COLOURS[3], linestyle=":", linewidth=1.6,
                  label=f"mean after the cut: {number_text(mean)} s")  # fmt: skip
    axes.set_xlim(0, len(given))
    axes.set_ylim(bottom=0)
