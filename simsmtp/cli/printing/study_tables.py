"""Studies as tables on a terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsmtp.cli.printing.console import PlainConsole, new_table
from simsmtp.model.numbers import counted, number_text, seconds_text
from simsmtp.shown import shown
from simsmtp.statistics.pooled_percentiles import note_for

if TYPE_CHECKING:
    from pandas import DataFrame
    from rich.console import Console

    from simsmtp.study.study import Study

_MOST_ROWS = 40
_CELL = 18


def print_study(study: Study, written: Sequence[Path]) -> None:
    """Print mean ± half-width of the 95 % interval per design point, or a pivot of means if that is long."""
    console = PlainConsole(120)
    console.print(shown(study.experiment.title), style="bold", soft_wrap=True)
    summary = study.summary()
    if len(study.points) > _MOST_ROWS and _axis(study) is not None:
        _print_pivots(console, study, summary)
    else:
        _print_points(console, study, summary)
    if note := note_for(study.experiment.responses, study.destinations):
        console.print(note, soft_wrap=True)
    failed = f", {len(study.failures):,} failed" if study.failures else ""
    console.print(
        f"{counted(len(study.points), 'design point')} with "
        f"{counted(study.experiment.replications, 'replication')}: "
        f"{study.computed:,} computed, {study.reused:,} reused{failed}, in {seconds_text(study.duration_s)}",
        soft_wrap=True,
    )
    console.print(study.ran.text(study.engines), soft_wrap=True)
    console.print(f"{study.folder}: {', '.join(path.name for path in written)}", soft_wrap=True)


def _axis(study: Study) -> str | None:
    figure = study.experiment.figure
    return figure.x if figure is not None else None


def _print_points(console: Console, study: Study, summary: DataFrame) -> None:
    columns = study.experiment.columns
    points = study.points[:_MOST_ROWS]
    cells = {(row["point"], row["response"]): _mean_and_half(row) for row in summary.to_dict("records")}
    widths = [max(len(name), *(len(shown(point.factors[name])) for point in points)) + 2 for name in columns]
    together = max(1, (console.width - sum(widths)) // _CELL)
    wanted = study.experiment.responses
    for begin in range(0, len(wanted), together):
        table = new_table([*columns], wanted[begin : begin + together])
        for point in points:
            values = [cells[point.number, one] for one in wanted[begin : begin + together]]
            table.add_row(*map(shown, point.factors.values()), *values)
        console.print(table)
    if len(study.points) > len(points):
        console.print(f"… {len(study.points) - len(points):,} more design points in {study.folder / 'summary.csv'}")


def _mean_and_half(row: Mapping[Any, Any]) -> str:
    # The interval is cut at what the response can be; the half-width is that of the uncut one.
    half = max(row["high"] - row["mean"], row["mean"] - row["low"])
    return number_text(row["mean"]) + ("" if math.isnan(half) else f" ± {number_text(half, 2)}")


def _print_pivots(console: Console, study: Study, summary: DataFrame) -> None:
    axis = _axis(study)
    others = [name for name in study.experiment.columns if name != axis]
    for response in study.experiment.responses:
        part = summary[summary["response"] == response]
        pivot = part.pivot_table(index=others, columns=axis, values="mean", sort=False, dropna=False)
        table = new_table(
            [name.rpartition(".")[2] for name in others],
            [shown(level) for level in pivot.columns],
            f"{response}, mean by {axis}",
        )
        for levels, values in zip(pivot.index, pivot.to_numpy(), strict=True):
            named = levels if isinstance(levels, tuple) else (levels,)
            table.add_row(*map(shown, named), *(number_text(value, 3) for value in values))
        console.print(table)
    console.print(f"Every response with its interval: {study.folder / 'summary.csv'}", soft_wrap=True)
