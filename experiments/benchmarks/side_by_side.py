"""Contestants that take turns, so that whatever else the machine does hits all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from reference_engine import seconds

Row = dict[str, object]


class Contestant(NamedTuple):
    """What is timed: `run` returns its own time in seconds; `units` is what it got done meanwhile."""

    name: str
    run: Callable[[], float]
    units: int


def clocked(name: str, call: Callable[[], object], units: int) -> Contestant:
    """Return a contestant timed from outside by the processor's time."""
    return Contestant(name, lambda: seconds(call), units)


def take_turns(part: str, case: str, contestants: Sequence[Contestant], rounds: int) -> list[Row]:
    """Return one row per round and contestant; who begins changes from round to round."""
    rows: list[Row] = []
    for number in range(rounds):
        order = contestants if number % 2 else contestants[::-1]
        rows += [measured(part, case, one.name, number, one.units, one.run()) for one in order]
    return rows


def measured(part: str, case: str, contestant: str, number: int, units: int, taken: float, **more: object) -> Row:
    """Return one measurement as a row of the table."""
    cost = taken / units * 1e9
    row = {"part": part, "case": case, "contestant": contestant, "round": number, "units": units}
    return {**row, "seconds": taken, "ns_per_unit": cost, **more}


def costs(rows: Sequence[Row], case: str, contestant: str) -> np.ndarray:
    """Return the cost of a unit in nanoseconds, round after round."""
    chosen = [row for row in rows if (row["case"], row["contestant"]) == (case, contestant)]
    return np.array([row["ns_per_unit"] for row in sorted(chosen, key=lambda row: int(str(row["round"])))])


def cost(rows: Sequence[Row], case: str, contestant: str) -> float:
    """Return the median cost of a unit in nanoseconds."""
    return float(np.median(costs(rows, case, contestant)))


def ratio(rows: Sequence[Row], case: str, over: str, under: str) -> float:
    """Return the median over the rounds of how many times dearer one contestant is than another."""
    return float(np.median(costs(rows, case, over) / costs(rows, case, under)))


def spread(rows: Sequence[Row], case: str, over: str, under: str) -> tuple[float, float]:
    """Return the lowest and the highest ratio of a round."""
    found = costs(rows, case, over) / costs(rows, case, under)
    return float(found.min()), float(found.max())


def demand_equal(what: str, found: Mapping[str, Mapping[str, float]]) -> None:
    """Exit with a message unless all contestants have the same results."""
    (first, expected), *others = found.items()
    for name, results in others:
        differ = {key: (expected[key], results[key]) for key in expected if expected[key] != results[key]}
        if differ:
            raise SystemExit(f"{what}: {first} and {name} differ, so their times do not compare: {differ}")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown: the first column is text, the others numbers."""
    lines = [f"| {' | '.join(row)} |" for row in (head, *rows)]
    return "\n".join([lines[0], "|---|" + "--:|" * (len(head) - 1), *lines[1:]])
