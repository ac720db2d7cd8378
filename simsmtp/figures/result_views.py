"""One scenario at a glance: a table for notebooks and a picture, both from rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from simsmtp.figures.labels import level_text, response_label
from simsmtp.figures.line_styles import COLOURS, RC
from simsmtp.figures.outside import write_letters
from simsmtp.figures.own_axes import axes_of, figure_of
from simsmtp.model.numbers import number_text, percent_text
from simsmtp.rows.responses import BY_NAME, COLUMNS
from simsmtp.shown import html_text
from simsmtp.statistics.intervals import Floats, all_zero, mean_interval, zero_bound
from simsmtp.statistics.summary import clipped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

LEDGER = COLUMNS[COLUMNS.index("delivered") : COLUMNS.index("queued") + 1]
_ALWAYS = {"delivered", "false_ndr", "lost"}
_OTHERS = ("false_ndr_rate", "delivered_per_s", "makespan_s", "rcpt_per_delivered")
_DELAYS = ("delay_p50_s", "delay_p95_s", "delay_p99_s")
_NONE = "n/a"
_MOST_CURVES = 50
_MOST_POINTS = 2000
_BEYOND = 1.08


def result_table(replications: DataFrame, caption: str, level: float = 0.95) -> str:
    """Return an HTML table of the means and t intervals of one scenario.

    Parameters
    ----------
    replications : DataFrame
        One row per replication, with every response column.
    caption : str
        Plain text above it; escaped.
    level : float
        Confidence level.
    """
    shown = [name for name in LEDGER if name in _ALWAYS or replications[name].any()]
    names = ["recipients", *shown, *_OTHERS, *_DELAYS]
    rows = "".join(_table_row(name, replications[name].to_numpy(np.float64), level) for name in names)
    head = f"<tr><th></th><th>mean</th><th>{percent_text(level, 4)} interval</th></tr>"
    return f"<table><caption>{html_text(caption)}</caption><thead>{head}</thead><tbody>{rows}</tbody></table>"


def _table_row(name: str, values: Floats, level: float) -> str:
    label = html_text(response_label(name))
    title = html_text(BY_NAME[name].meaning)
    found = mean_interval(values, level)
    cells = f"<td>{_text(found.mean)}</td><td>{_interval_text(name, values, level)}</td>"
    return f'<tr><th title="{title}" style="text-align: left">{label}</th>{cells}</tr>'


def _interval_text(name: str, values: Floats, level: float) -> str:
    found = mean_interval(values, level)
    if BY_NAME[name].better == "lower" and not BY_NAME[name].unit and all_zero(values):
        return f"never seen: in at most {percent_text(zero_bound(found.n, level), 2)} of replications"
    if found.n < 2:
        return _NONE
    low, high = clipped(found.low, found.high, name)
    return f"{_text(low)} … {_text(high)}"


def _text(value: float) -> str:
    if np.isnan(value):
        return _NONE
    return number_text(round(value, 1), 6) if abs(value) >= 1000 else number_text(value)


def result_figure(
    replications: DataFrame, recipients: Callable[[], DataFrame], title: str, axes: object = None
) -> Figure:
    """Draw what became of the recipients of one scenario, and when they were accepted.

    Left: recipients in each class of the ledger, mean and t interval over replications. Right: share of
    the valid recipients that were accepted within a time; a curve that ends below 1 shows how many
    never were. Thin curves are single replications, the thick one is all of them.

    Parameters
    ----------
    replications : DataFrame
        One row per replication, with every response column.
    recipients : callable
        Returns one row per recipient: ``replication``, ``valid``, ``delay_s``. Called where they are drawn.
    title : str
        Above both; axes of the user's own get none.
    axes : Axes or two of them, optional
        Of the user's own: one for the left part alone, two for both.

    Returns
    -------
    matplotlib.figure.Figure
        Built without pyplot, or that of the axes.

    Raises
    ------
    InputError
        If `axes` is something else.
    """
    import matplotlib as mpl

    from simsmtp.figures.canvas import new_figure

    if axes is not None:
        own = axes_of(axes)
        _draw_ledger(own[0], replications)
        if len(own) > 1:
            _draw_delays(own[1], recipients())
        return figure_of(own[0])
    with mpl.rc_context(RC):
        drawn = new_figure(8.2, 3.4)
        left, right = drawn.subplots(1, 2, width_ratios=[1.1, 1])
        _draw_ledger(left, replications)
        _draw_delays(right, recipients())
        write_letters([left, right])
        drawn.supxlabel(_note(len(replications)), fontsize=7.5, color="0.25")
        drawn.suptitle(title, fontsize=10.5)
    return drawn


def _note(count: int) -> str:
    """Say what the bars and curves are."""
    if count < 2:
        return "one replication: no interval"
    some = f"the first {_MOST_CURVES} replications" if count > _MOST_CURVES else "single replications"
    return f"bars: mean and 95 % t interval over {count:,} replications; thin curves: {some}, thick curve: all together"


def _draw_ledger(axes: Axes, replications: DataFrame) -> None:
    found = [mean_interval(replications[name].to_numpy(np.float64)) for name in LEDGER]
    means = np.array([one.mean for one in found])
    ends = np.array([clipped(one.low, one.high, name) for one, name in zip(found, LEDGER, strict=True)])
    errors = np.maximum(0, np.vstack([means - ends[:, 0], ends[:, 1] - means]))
    errors[:, means == 0] = np.nan
    colours = [COLOURS[3] if BY_NAME[name].better != "lower" else COLOURS[4] for name in LEDGER]
    places = np.arange(len(LEDGER))
    axes.barh(places, means, xerr=errors, color=colours, height=0.62, error_kw={"elinewidth": 1, "capsize": 2.5})
    tops = np.where(np.isnan(ends[:, 1]), means, ends[:, 1])
    for place, mean, top in zip(places, means, tops, strict=True):
        axes.annotate(_text(mean), (top, place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set_yticks(places, [name.replace("_", " ").replace("ndr", "NDR") for name in LEDGER])
    axes.invert_yaxis()
    axes.set_xlim(0, max(float(tops.max()) * 1.15, 1.0))
    axes.grid(visible=False)
    axes.set_xlabel("recipients per replication")


def _draw_delays(axes: Axes, recipients: DataFrame) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    valid = recipients[recipients["valid"]]
    last = float(valid["delay_s"].max())
    if np.isnan(last):
        axes.text(0.5, 0.5, "no recipient was accepted", ha="center", transform=axes.transAxes)
    else:
        for _, one in list(valid.groupby("replication"))[:_MOST_CURVES]:
            _draw_curve(axes, one["delay_s"].to_numpy(np.float64), last, color="0.7", linewidth=0.6)
        _draw_curve(axes, valid["delay_s"].to_numpy(np.float64), last, color=COLOURS[2], linewidth=1.8)
        wide = last > 50 * float(valid["delay_s"].min()) > 0
        axes.set_xscale("log" if wide else "linear")
        if wide:  # in plain numbers, as in other figures
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: level_text(value)))
            axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlim(None if wide else 0, _BEYOND * last or 1.0)
    axes.set_ylim(0, 1.04)
    axes.set_xlabel("delay from arrival to first acceptance (s)")
    axes.set_ylabel("share of valid recipients accepted")


def _draw_curve(axes: Axes, delays: Floats, last: float, **look: Any) -> None:
    accepted = np.sort(delays[~np.isnan(delays)])
    if not len(accepted):
        return
    # Steps of a long curve are finer than paper shows.
    some = np.unique(np.linspace(0, len(accepted) - 1, _MOST_POINTS).astype(np.int64))
    times, shares = accepted[some], (some + 1) / len(delays)
    axes.step([times[0], *times, _BEYOND * last], [0, *shares, shares[-1]], where="post", **look)
