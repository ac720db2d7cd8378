"""The answers to a capacity plan on a terminal, in the order of its report: verdict, numbers, figure, words, tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from simsmtp.cli.printing.console import PlainConsole
from simsmtp.cli.printing.lines import say, wrapped
from simsmtp.cli.printing.tables import columns_of, print_table
from simsmtp.figures.labels import label_in_unit, of_destination
from simsmtp.model.numbers import counted, number_text, percent_text, seconds_text, signed_text
from simsmtp.planning.answer_text import above_offered, answers, as_written, assumptions
from simsmtp.planning.bound_text import headroom, headroom_text, utilisation
from simsmtp.planning.headline import headline
from simsmtp.shown import shown
from simsmtp.statistics.objectives import delay_unit, unit_of
from simsmtp.statistics.pooled_percentiles import pooled_mark

if TYPE_CHECKING:
    from simsmtp.planning.capacity import Capacity

_MOST_BOUNDS = 8
_NAMES = 18
"""Columns for the names of the four numbers."""


def print_capacity(capacity: Capacity, written: Sequence[Path], *, quiet: bool = False) -> None:
    """Print the answers; quiet only what is true of the plan as written."""
    console = PlainConsole()
    if quiet:
        console.print(as_written(capacity))
        return
    console.print(shown(capacity.plan.experiment.title), style="bold")
    found = headline(capacity)
    console.print(f"\n{found.verdict}", style="bold")
    for one in found.numbers:
        say("\n" + wrapped(f"{one.name:<{_NAMES}}{one.text}", 0, _NAMES))
        say(wrapped(one.note, _NAMES))
    console.print()
    for path in (one for one in written if one.suffix == ".png"):
        console.print(f"Figure: {path}")
    for title, points in (("In words:", answers(capacity)[1:]), ("What this rests on:", assumptions(capacity))):
        console.print(f"\n{title}")
        for point in points:
            console.print(f"- {point}")
    console.print()
    for table in (_percentiles, _bounds, _curve, _tornado):
        if (rows := table(capacity)) and rows.rows:
            _print(console, rows)
    if note := above_offered(capacity):
        console.print(note)
    console.print(f"{counted(capacity.computed, 'replication')} computed, {capacity.reused:,} reused, in "
                  f"{seconds_text(capacity.duration_s)}")  # fmt: skip
    console.print(capacity.ran.text(capacity.engines))
    console.print(f"{capacity.plan.prepared.folder}: {', '.join(path.name for path in written)}")


class _Found(NamedTuple):
    """A table of an answer: its first column is the key; `texts` are the names of columns that hold words."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    texts: Sequence[str] = ()


def _print(console: PlainConsole, found: _Found) -> None:
    key, *values = [replace(one, is_text=one.head in found.texts) for one in columns_of(found.heads, found.rows)]
    print_table(console, [key], values, title=found.title)


def _percentiles(capacity: Capacity) -> _Found:
    edge = bool(capacity.percentiles["edge"].notna().any())
    unit = delay_unit(capacity.plan.objectives)
    names = ("plan", *(["edge"] if edge else []))
    rows = [
        [str(row["percentile"]), *(_with_ends(row, name, unit.factor) for name in names), str(row["note"])]
        for row in capacity.percentiles.to_dict("records")
    ]
    heads = ["percentile", *["as written", "largest rate that passes"][: len(names)], "what it rests on"]
    return _Found(
        f"Delay from arrival to acceptance ({unit.name}){_pooled(capacity)}", heads, rows, [heads[0], heads[-1]]
    )


def _bounds(capacity: Capacity) -> _Found:
    heads = ["resource", "messages/s", "recipients/s", "in use", "headroom", "formula"]
    rows = []
    for bound in capacity.bounds[:_MOST_BOUNDS]:
        busy = utilisation(capacity.plan.scenario, bound)
        room = headroom(capacity.plan.scenario, bound)
        more, less = ("≥ ", "≤ ") if bound.weak else ("", "")
        shares = ["-", "-"]
        if busy is not None and room is not None:
            shares = [f"{more}{percent_text(busy)}", f"{less}{headroom_text(room)}"]
        rates = number_text(bound.messages_per_s, 3), number_text(bound.recipients_per_s, 3)
        rows.append([bound.name, *rates, *shares, bound.formula])
    return _Found("Long-run bounds on the arrival rate, the tightest first", heads, rows, ["resource", "formula"])


def _curve(capacity: Capacity) -> _Found | None:
    if capacity.curve.empty:
        return None
    late = capacity.late
    unit = delay_unit(capacity.plan.objectives)
    title = (f"Saturation curve: recipients offered and delivered a second, delays ({unit.name}){_pooled(capacity)}, "
             "n replications")  # fmt: skip
    heads = ["messages/s", "offered", "delivered", "median", f"p({late[7:9]})", "n", "objectives"]
    rows = []
    for row in capacity.curve.to_dict("records"):
        delays = [_with_ends(row, name, unit.factor) for name in ("delay_p50_s", late)]
        offered = number_text(row["messages_per_s"]), number_text(row["offered_per_s"])
        rows.append([*offered, _with_ends(row, "delivered_per_s"), *delays, str(row["n"]), str(row["verdict"])])
    return _Found(title, heads, rows)


def _tornado(capacity: Capacity) -> _Found | None:
    if capacity.tornado.empty:
        return None
    first = capacity.tornado.iloc[0]
    unit = unit_of(first["response"], capacity.plan.objectives)
    base, label = number_text(first["base_mean"] / unit.factor), label_in_unit(first["response"], unit)
    title = f"Most influential inputs: changes of {label} from {base} as written, paired by replication"
    rows = []
    for row in capacity.tornado.to_dict("records"):
        middle, low, high = (signed_text(row[name] / unit.factor, 3) for name in ("difference", "low", "high"))
        levels = [
            number_text(one, 6) if isinstance(one, float) else str(one) for one in (row["base_level"], row["level"])
        ]
        rows.append([_named(capacity, row["factor"]), *levels, f"{middle} ({low} to {high})", str(row["n"])])
    return _Found(title, ["factor", "as written", "instead", "change", "n"], rows, ["factor"])


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
    return number_text(mean, 3) + ("" if math.isnan(low) else f" ({number_text(low, 3)} to {number_text(high, 3)})")
