"""The figure of a validation: predicted against measured durations, and what is left of the error where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from simsmtp.figures.labels import level_text
from simsmtp.figures.line_styles import COLOURS, RC, THEORY
from simsmtp.figures.outside import write_letters
from simsmtp.figures.own_axes import axes_of, figure_of
from simsmtp.model.numbers import number_text, percent_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BAND = 0.25
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def pairs_figure(rows: Sequence[Mapping[str, Any]], ax: object = None) -> Figure:
    """Draw a validation.

    Parameters
    ----------
    rows : sequence of mapping
        One per setting, as `simsmtp validate --json` has them: ``receiver rate_mbit loss rtt_ms calibrated``;
        ``measured_s`` and ``predicted_s`` with ``_low_s`` and ``_high_s``; ``error`` and ``pipe_error`` as fractions.
    ax : Axes or two of them, optional
        Draw into axes of the user's own: one gets the pairs, two get the pairs and the errors.

    Raises
    ------
    InputError
        If `ax` is something else.
    """
    import matplotlib as mpl

    from simsmtp.figures.canvas import new_figure

    levels = sorted({row["rtt_ms"] for row in rows})
    with mpl.rc_context(RC):
        if ax is not None:
            own = axes_of(ax)
            for axes, draw in zip(own, (_draw_pairs, _draw_errors), strict=False):
                draw(axes, rows, levels)
            own[0].legend(frameon=False)
            return figure_of(own[0])
        figure = new_figure(7.2, 3.8)
        pairs, errors = figure.subplots(1, 2, width_ratios=(1, 1.05))
        _draw_pairs(pairs, rows, levels)
        _draw_errors(errors, rows, levels)
        write_letters([pairs, errors])
        figure.suptitle(_title(rows), fontsize=9)
        figure.legend(loc="outside lower center", ncols=4, frameon=False)
    return figure


def _title(rows: Sequence[Mapping[str, Any]]) -> str:
    receivers = sorted({row["receiver"] for row in rows} - {""})
    rates = sorted({row["rate_mbit"] for row in rows if row["rate_mbit"]})
    losses = sorted({row["loss"] for row in rows if row["loss"]})
    parts = ["Sessions predicted"]
    parts += [f"with {' and '.join(receivers)}"] if receivers else []
    parts += [f"at {', '.join(map(number_text, rates))} Mbit/s"] if rates else []
    parts += [f"with {', '.join(percent_text(loss) for loss in losses)} of the packets lost"] if losses else []
    return " ".join(parts)


def _draw_pairs(axes: Axes, rows: Sequence[Mapping[str, Any]], levels: Sequence[float]) -> None:
    from matplotlib.ticker import FuncFormatter

    sides = ("measured", "predicted")
    ends = (min(row[f"{side}_low_s"] for row in rows for side in sides) * 0.8,
            max(row[f"{side}_high_s"] for row in rows for side in sides) * 1.25)  # fmt: skip
    axes.fill_between(
        ends,
        [end * (1 - _BAND) for end in ends],
        [end * (1 + _BAND) for end in ends],
        color="0.93",
        zorder=0,
        label=f"within {percent_text(_BAND)}",
    )
    axes.plot(ends, ends, **THEORY)
    for place, rtt in enumerate(levels):
        some = [row for row in rows if row["rtt_ms"] == rtt]
        x, y = [row["measured_s"] for row in some], [row["predicted_s"] for row in some]
        spans = [_span(some, "measured"), _span(some, "predicted")]
        axes.errorbar(
            x, y, xerr=spans[0], yerr=spans[1], fmt="none", ecolor=_colour(place), elinewidth=0.5, alpha=0.6, zorder=2
        )
        look = _style(place, calibrated=some[0]["calibrated"])
        axes.plot(x, y, linestyle="none", label=f"RTT {number_text(rtt)} ms", **look)
    axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends, aspect="equal")
    for one in (axes.xaxis, axes.yaxis):
        one.set_major_formatter(FuncFormatter(lambda value, _: level_text(value)))
    axes.set_xlabel("measured (s): median and range of repeats")
    axes.set_ylabel("predicted (s): median and range")
    axes.grid(visible=True, axis="both")


def _draw_errors(axes: Axes, rows: Sequence[Mapping[str, Any]], levels: Sequence[float]) -> None:
    axes.axhspan(-100 * _BAND, 100 * _BAND, color="0.93", zorder=0)
    axes.axhline(0, **THEORY)
    for place, rtt in enumerate(levels):
        some = sorted((row for row in rows if row["rtt_ms"] == rtt), key=lambda row: row["measured_s"])
        steps = [place + 0.6 * ((number + 0.5) / len(some) - 0.5) for number in range(len(some))]
        axes.plot(steps, [100 * row["pipe_error"] for row in some], linestyle="none", marker="x", markersize=3,
                  color="0.6", label="delay and bandwidth alone" if place == 0 else None)  # fmt: skip
        style = _style(place, calibrated=some[0]["calibrated"])
        axes.plot(steps, [100 * row["error"] for row in some], linestyle="none", **style)
    axes.set_xticks(range(len(levels)), [number_text(rtt) for rtt in levels])
    axes.set_xlabel("round-trip time (ms); hollow: calibrated")
    axes.set_ylabel("error of the median (%)")


def _span(rows: Sequence[Mapping[str, Any]], name: str) -> list[list[float]]:
    below = [row[f"{name}_s"] - row[f"{name}_low_s"] for row in rows]
    return [below, [row[f"{name}_high_s"] - row[f"{name}_s"] for row in rows]]


def _colour(place: int) -> str:
    return COLOURS[1:][place % (len(COLOURS) - 1)]


def _style(place: int, *, calibrated: bool) -> dict[str, Any]:
    colour = _colour(place)
    return {
        "marker": _MARKERS[place % len(_MARKERS)],
        "markersize": 4,
        "color": colour,
        "markerfacecolor": "white" if calibrated else colour,
        "zorder": 3,
    }
