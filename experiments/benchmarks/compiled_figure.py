"""What was measured of the compiled engine, as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import queue_peers
from compiled_report import Findings, memory_of, points, sessions
from contests import C_O2, COMPILED, WITH_C
from cost_curves import RECIPIENTS, ROWS_KEPT, SESSIONS, UNCONTENDED
from reference_engine import REFERENCE
from side_by_side import Row, cost

from simsmtp.figures.canvas import new_figure
from simsmtp.figures.line_styles import RC, LineStyle, line_styles

ENGINES = (COMPILED, REFERENCE)


def draw(found: Findings, path: Path) -> None:
    """Draw time and memory against recipients, cost against connections, and one queue in four simulators."""
    with mpl.rc_context(RC):
        figure = new_figure(8.0, 6.2)
        axes = figure.subplots(2, 2)
        styles = line_styles(3, 0.0, joined=True)
        _times(axes[0, 0], found.rows, styles)
        _sessions(axes[0, 1], found.rows, styles)
        _memory(axes[1, 0], found.rows, styles)
        _queue(axes[1, 1], found)
        figure.savefig(path, dpi=200, metadata={"Software": None})


def _times(axes: Any, rows: Sequence[Row], styles: Sequence[LineStyle]) -> None:
    for name, style in zip(ENGINES, styles, strict=False):
        sizes, taken = zip(*points(rows, name), strict=True)
        axes.loglog(sizes, taken, label=name, **style.kwargs())
    axes.set(xlabel="recipients, in messages of 250", ylabel="wall time to simulate them (s)")
    axes.legend(frameon=False)


def _memory(axes: Any, rows: Sequence[Row], styles: Sequence[LineStyle]) -> None:
    for name, style in zip((*ENGINES, ROWS_KEPT), styles, strict=True):
        sizes = [size for size, _ in points(rows, name)]
        axes.semilogx(sizes, [memory_of(rows, RECIPIENTS, name, size) for size in sizes], label=name, **style.kwargs())
    axes.set(xlabel="recipients, in messages of 250", ylabel="peak memory of the process (MiB)")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)


def _sessions(axes: Any, rows: Sequence[Row], styles: Sequence[LineStyle]) -> None:
    numbers = sessions(rows)
    for case, name, label, style in (
        (SESSIONS, COMPILED, f"{COMPILED}, 4 workers", styles[0]),
        (SESSIONS, REFERENCE, f"{REFERENCE}, 4 workers", styles[1]),
        (UNCONTENDED, COMPILED, f"{COMPILED}, workers unlimited", styles[2]),
    ):
        axes.loglog(numbers, [cost(rows, f"{case} {one}", name) for one in numbers], label=label, **style.kwargs())
    if any(row["case"] == WITH_C for row in rows):
        axes.plot([1000], [cost(rows, WITH_C, C_O2)], "k*", markersize=8, label="C, 4 workers")
    axes.set(xlabel="connections", ylabel="cost of a RCPT command (ns)")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * 30)
    axes.legend(frameon=False, loc="upper left")


def _queue(axes: Any, found: Findings) -> None:
    names = list(dict.fromkeys(str(row["contestant"]) for row in found.rows if row["part"] == "queue"))
    names.sort(key=lambda name: -cost(found.rows, queue_peers.CASE, name))
    values = [cost(found.rows, queue_peers.CASE, name) / 1e3 for name in names]
    axes.semilogx(values, names, "o", color="black", markersize=5)
    for value, name in zip(values, names, strict=True):
        axes.annotate(f"{value:,.1f}", (value, name), (6, 0), textcoords="offset points", va="center")
    axes.set(xlabel=f"cost of a customer, {queue_peers.CASE} (µs)", xlim=(min(values) / 3, max(values) * 6))
    axes.margins(y=0.15)
