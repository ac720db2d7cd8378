"""The answers to a capacity plan on a terminal: the paragraph first, then the tables it rests on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsmtp.cli.printing.console import PlainConsole, new_table
from simsmtp.figures.labels import of_destination
from simsmtp.model.numbers import counted, number_text, percent_text, seconds_text, signed_text
from simsmtp.planning.answer_text import above_offered, answers, assumptions
from simsmtp.planning.bound_text import headroom, headroom_text, utilisation
from simsmtp.shown import shown
from simsmtp.statistics.objectives import delay_unit
from simsmtp.statistics.pooled_percentiles import pooled_mark

if TYPE_CHECKING:
    from rich.table import Table

    from simsmtp.planning.capacity import Capacity

_MOST_BOUNDS = 8
_WIDTH = 120


def print_capacity(capacity: Capacity, written: Sequence[Path]) -> None:
    """Print answer, assumptions and tables."""
    console = PlainConsole(_WIDTH)
    console.print(shown(capacity.plan.experiment.title), style="bold")
    first, *others = answers(capacity)
    console.print(f"\n{first}")
    for one in others:
        console.print(f"- {one}")
    console.print()
    console.print("What this rests on:")
    for one in assumptions(capacity):
        console.print(f"- {one}")
    console.print()
    for table in _tables(capacity):
        console.print(table)
    if note := above_offered(capacity):
        console.print(note)
    console.print(f"{counted(capacity.computed, 'replication')} computed, {capacity.reused:,} reused, in "
                  f"{seconds_text(capacity.duration_s)}", soft_wrap=True)  # fmt: skip
    console.print(capacity.ran.text(capacity.engines), soft_wrap=True)
    console.print(f"{capacity.plan.prepared.folder}: {', '.join(path.name for path in written)}", soft_wrap=True)


def _tables(capacity: Capacity) -> list[Table]:
    tables = [_percentiles(capacity), _bounds(capacity)]
    if not capacity.curve.empty:
        tables.append(_curve(capacity))
    if not capacity.tornado.empty:
        tables.append(_tornado(capacity))
    return [table for table in tables if table.row_count]


def _percentiles(capacity: Capacity) -> Table:
    edge = bool(capacity.percentiles["edge"].notna().any())
    unit = delay_unit(capacity.plan.objectives)
    title = f"Delay from arrival to acceptance ({unit.name}){_pooled(capacity)}"
    table = new_table(["percentile"], ["as written"] + ["largest rate"] * edge, title)
    table.add_column("what it rests on", overflow="fold")
    for row in capacity.percentiles.to_dict("records"):
        cells = [_with_ends(row, name, unit.factor) for name in ("plan", *(["edge"] if edge else []))]
        table.add_row(str(row["percentile"]), *cells, str(row["note"]))
    return table


def _bounds(capacity: Capacity) -> Table:
    table = new_table(["resource"], ["messages/s", "recipients/s", "in use", "headroom"],
                      "Long-run bounds on the arrival rate, the tightest first")  # fmt: skip
    table.add_column("formula", overflow="fold")
    for bound in capacity.bounds[:_MOST_BOUNDS]:
        busy = utilisation(capacity.plan.scenario, bound)
        room = headroom(capacity.plan.scenario, bound)
        more, less = ("≥ ", "≤ ") if bound.weak else ("", "")
        shares = ["-", "-"]
        if busy is not None and room is not None:
            shares = [f"{more}{percent_text(busy)}", f"{less}{headroom_text(room)}"]
        rates = number_text(bound.messages_per_s, 3), number_text(bound.recipients_per_s, 3)
        table.add_row(bound.name, *rates, *shares, bound.formula)
    return table


def _curve(capacity: Capacity) -> Table:
    late = capacity.late
    unit = delay_unit(capacity.plan.objectives)
    title = (f"Saturation curve: recipients offered and delivered a second, delays ({unit.name}){_pooled(capacity)}, "
             "n replications")  # fmt: skip
    table = new_table([], ["messages/s", "offered", "delivered", "median", f"p({late[7:9]})", "n", "objectives"], title)
    for row in capacity.curve.to_dict("records"):
        delays = [_with_ends(row, name, unit.factor) for name in ("delay_p50_s", late)]
        cells = [_with_ends(row, "delivered_per_s"), *delays]
        offered = number_text(row["messages_per_s"]), number_text(row["offered_per_s"])
        table.add_row(*offered, *cells, str(row["n"]), str(row["verdict"]))
    return table


def _tornado(capacity: Capacity) -> Table:
    first = capacity.tornado.iloc[0]
    base = number_text(first["base_mean"])
    title = f"What sways {first['response']}: changes from {base} as written, paired by replication"
    table = new_table(["factor"], ["as written", "instead", "change", "n"], title)
    for row in capacity.tornado.to_dict("records"):
        middle, low, high = (signed_text(row[name], 3) for name in ("difference", "low", "high"))
        change = f"{middle} ({low} … {high})"
        levels = [
            number_text(one, 6) if isinstance(one, float) else str(one) for one in (row["base_level"], row["level"])
        ]
        table.add_row(_named(capacity, row["factor"]), *levels, change, str(row["n"]))
    return table


def _named(capacity: Capacity, factor: str) -> str:
    """Return a factor with the name of its destination in place of the number."""
    key, where = of_destination(factor, [one.name for one in capacity.plan.scenario.destinations])
    return f"{where}: {key}" if where else key


def _pooled(capacity: Capacity) -> str:
    mark = pooled_mark(len(capacity.plan.scenario.destinations))
    return f", {mark}" if mark else ""


def _with_ends(row: Mapping[Any, Any], name: str, factor: float = 1.0) -> str:
    mean, low, high = (float(row[f"{name}{end}"]) / factor for end in ("", "_low", "_high"))
    if math.isnan(mean):
        return "-"
    return number_text(mean, 3) + ("" if math.isnan(low) else f" ({number_text(low, 3)} … {number_text(high, 3)})")
