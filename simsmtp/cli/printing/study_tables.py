"""Studies as tables on a terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsmtp.cli.printing.console import PlainConsole
from simsmtp.cli.printing.tables import columns_of, print_table, short_names
from simsmtp.model.numbers import counted, number_text, seconds_text
from simsmtp.shown import shown
from simsmtp.statistics.pooled_percentiles import note_for

if TYPE_CHECKING:
    from pandas import DataFrame

    from simsmtp.study.study import Study

_MOST_ROWS = 40


def print_study(study: Study, written: Sequence[Path]) -> None:
    """Print what was run, then mean ± half-width of the 95 % interval per design point, or a pivot of means."""
    console = PlainConsole()
    console.print(shown(study.experiment.title), style="bold")
    failed = f", {len(study.failures):,} failed" if study.failures else ""
    console.print(
        f"{counted(len(study.points), 'design point')} with "
        f"{counted(study.experiment.replications, 'replication')}: "
        f"{study.computed:,} computed, {study.reused:,} reused{failed}, in {seconds_text(study.duration_s)}\n"
    )
    summary = study.summary()
    if len(study.points) > _MOST_ROWS and _axis(study) is not None:
        _print_pivots(console, study, summary)
    else:
        _print_points(console, study, summary)
    if note := note_for(study.experiment.responses, study.destinations):
        console.print(note)
    console.print(study.ran.text(study.engines))
    console.print(f"{study.folder}: {', '.join(path.name for path in written)}")


def _axis(study: Study) -> str | None:
    figure = study.experiment.figure
    return figure.x if figure is not None else None


def _print_points(console: PlainConsole, study: Study, summary: DataFrame) -> None:
    points = study.points[:_MOST_ROWS]
    cells = {(row["point"], row["response"]): _mean_and_half(row) for row in summary.to_dict("records")}
    names = short_names(study.experiment.columns)
    keys = columns_of(names, [list(point.factors.values()) for point in points], is_text=True)
    wanted = study.experiment.responses
    values = columns_of(wanted, [[cells[point.number, one] for one in wanted] for point in points])
    print_table(console, keys, values, number="point")
    if len(study.points) > len(points):
        console.print(f"{len(study.points) - len(points):,} more design points: {study.folder / 'summary.csv'}")


def _mean_and_half(row: Mapping[Any, Any]) -> str:
    # The interval is cut at what the response can be; the half-width is that of the uncut one.
    half = max(row["high"] - row["mean"], row["mean"] - row["low"])
    return number_text(row["mean"]) + ("" if math.isnan(half) else f" ± {number_text(half, 2)}")


def _print_pivots(console: PlainConsole, study: Study, summary: DataFrame) -> None:
    axis = _axis(study)
    others = [name for name in study.experiment.columns if name != axis]
    for response in study.experiment.responses:
        part = summary[summary["response"] == response]
        pivot = part.pivot_table(index=others, columns=axis, values="mean", sort=False, dropna=False)
        rows = [levels if isinstance(levels, tuple) else (levels,) for levels in pivot.index]
        means = [[number_text(value, 3) for value in values] for values in pivot.to_numpy()]
        title = f"{response}, mean by {axis}"
        print_table(console, columns_of(short_names(others), rows, is_text=True), columns_of(pivot.columns, means),
                    title=title)  # fmt: skip
    console.print(f"Every response with its interval: {study.folder / 'summary.csv'}")
