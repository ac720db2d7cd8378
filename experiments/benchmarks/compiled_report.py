"""What was measured of the compiled engine, as a page of tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import c_program
import numpy as np
import per_event
import queue_peers
from contests import C_O2, C_O3, COMPILED, COMPILED_SAME_SIZE, CONTENDED, LONE, PER_COMMAND, WITH_C
from cost_curves import (
    AUTO,
    COLD,
    HUNDRED_MILLION,
    RECIPIENTS,
    ROWS_KEPT,
    ROWS_WRITTEN,
    SESSIONS,
    STARTUP,
    STUDY,
    UNCONTENDED,
    WARM,
)
from measured_on import machine_and_compilers
from reference_engine import REFERENCE
from side_by_side import Row, cost, ratio, spread, table
from where_time_goes import STEPS, Split, Step

INTRODUCTION = """\
The same scenarios on the compiled engine and beside it. Contestants give the same results, which is checked before
anything is timed; they take turns; figures are medians over rounds, ratios medians of the rounds' ratios (lowest
and highest in brackets). Processor time, unless a line says wall time.
Made by `python experiments/benchmarks/compiled_engine.py`."""


QUICK = """\
**A quick run: fewer and shorter rounds, whose figures are too short to hold against the aims.**"""


class Findings(NamedTuple):
    """All that was measured, perhaps in a quick run."""

    rows: list[Row]
    waits: dict[str, float]
    splits: list[Split]
    profiles: dict[str, list[Step]]
    quick: bool


def markdown(found: Findings) -> str:
    """Return the report."""
    parts = [
        "# Speed of the compiled engine",
        INTRODUCTION,
        *([QUICK] if found.quick else []),
        "![Cost curves](compiled_engine.png)",
        "## Aims",
        _aims(found.rows, quick=found.quick),
        "## Beside the other engines and models",
        _contests(found.rows),
        "## What an event costs the processor",
        _per_event(found.rows, quick=found.quick),
        "## One queue in five simulators",
        _queue(found),
        "## Cost and memory against recipients",
        _by_recipients(found.rows),
        "## Cost against connections",
        _by_sessions(found.rows),
        "## Where the time goes",
        _splits(found.splits),
        *(_profile(case, steps) for case, steps in found.profiles.items()),
        "## Measured on",
        machine_and_compilers(),
    ]
    return "\n\n".join(parts) + "\n"


def has(rows: Sequence[Row], case: str) -> bool:
    """Tell whether a case was measured."""
    return any(row["case"] == case for row in rows)


def seconds_of(rows: Sequence[Row], case: str, contestant: str) -> float:
    """Return the median time of one run."""
    chosen = [row["seconds"] for row in rows if (row["case"], row["contestant"]) == (case, contestant)]
    return float(np.median(np.array(chosen, float)))


def memory_of(rows: Sequence[Row], case: str, contestant: str, units: int) -> float:
    """Return the largest peak of resident memory, in MiB."""
    key = (case, contestant, units)
    return max(float(str(row["peak_mib"])) for row in rows if (row["case"], row["contestant"], row["units"]) == key)


def _times(rows: Sequence[Row], case: str, over: str, under: str) -> str:
    low, high = spread(rows, case, over, under)
    figure = ratio(rows, case, over, under)
    digits = 0 if figure >= 50 else 2
    return f"{figure:,.{digits}f} ({low:,.{digits}f} to {high:,.{digits}f})"


def _yes(met: bool) -> str:
    return "**met**" if met else "**not met**"


def _aims(rows: Sequence[Row], *, quick: bool) -> str:
    lines: list[tuple[str, str, str, str]] = []

    def at_least(what: str, case: str, over: str, under: str, aim: float) -> None:
        measured = _times(rows, case, over, under)
        lines.append((what, f"≥ {aim:,g}", measured, _yes(ratio(rows, case, over, under) >= aim)))

    def at_same_size(case: str, over: str) -> None:
        measured = _times(rows, case, over, COMPILED_SAME_SIZE)
        lines.append((f"the same, compiled on a run as small as the {over}'s", "", measured, ""))

    at_least("contended: reference ÷ compiled, per RCPT", CONTENDED, REFERENCE, COMPILED, 300)
    at_same_size(CONTENDED, REFERENCE)
    at_least("lone pipelined session: per-command ÷ compiled, per RCPT", LONE, PER_COMMAND, COMPILED, 1000)
    at_same_size(LONE, PER_COMMAND)
    if has(rows, WITH_C):
        met = _yes(ratio(rows, WITH_C, COMPILED, C_O2) <= 1.2)
        lines.append(("contended: compiled ÷ C, per RCPT", "≤ 1.2", _times(rows, WITH_C, COMPILED, C_O2), met))
    else:
        lines.append(("contended: compiled ÷ C, per RCPT", "≤ 1.2", c_program.ABSENT, "not measured"))
    lines += _aims_of_scale(rows)
    replications = next(row["units"] for row in rows if row["case"] == STUDY)
    at_least(f"a study of {replications:,} replications of 100,000 recipients, workers started for it, wall time: "
             "1 ÷ 2 workers", STUDY, "1 at a time", "2 at a time", 1.8)  # fmt: skip
    for what, name, aim in (
        ("default scenario in a fresh process, warm cache, wall time", WARM, 1.5),
        ("the same, engine auto", AUTO, 1.5),
        ("the same, first ever run, empty cache", COLD, 5),
    ):
        taken = seconds_of(rows, STARTUP, name)
        lines.append((what, f"≤ {aim:g} s", f"{taken:.2f} s", _yes(taken <= aim)))
    if quick:
        return table(("what", "aim", "measured"), [line[:3] for line in lines])
    return table(("what", "aim", "measured", ""), lines)


def _aims_of_scale(rows: Sequence[Row]) -> list[tuple[str, str, str, str]]:
    what = "two replications of 50 million recipients of the headline scenario in two fresh processes"
    if not has(rows, HUNDRED_MILLION):
        return [(what, "≤ 60 s and 1 GiB", "left out by --quick", "not measured")]
    (row,) = (row for row in rows if row["case"] == HUNDRED_MILLION)
    wall, memory = float(str(row["seconds"])), float(str(row["peak_mib"]))
    return [
        (f"{what}: wall time, start to end", "≤ 60 s", f"{wall:.1f} s", _yes(wall <= 60)),
        (f"{what}: peak memory of both together", "≤ 1,024 MiB", f"{memory:.0f} MiB", _yes(memory <= 1024)),
    ]


def _contests(rows: Sequence[Row]) -> str:
    lines = []
    for case, names in (
        (CONTENDED, (COMPILED, COMPILED_SAME_SIZE, REFERENCE)),
        (LONE, (COMPILED, COMPILED_SAME_SIZE, REFERENCE, PER_COMMAND)),
        (WITH_C, (COMPILED, C_O2, C_O3)),
    ):
        for name in names if has(rows, case) else ():
            units = next(row["units"] for row in rows if (row["case"], row["contestant"]) == (case, name))
            times = "1" if name == COMPILED else _times(rows, case, name, COMPILED)
            lines.append((case, name, f"{units:,}", f"{cost(rows, case, name):,.1f}", times))
    head = ("case", "contestant", "RCPT commands", "ns per RCPT", "÷ compiled engine")
    note = (
        "Contended: 1,000 connections to 4 workers, messages of 50 recipients, constant service times. "
        "Lone: one message over one connection, 1,000 recipients at a time, bandwidth unlimited."
    )
    c = (
        f" C: `contended.c`, {c_program.version()}; it has the compiled engine's counts, makespan and percentiles "
        "of the delay, to the nanosecond."
    )
    return f"{table(head, lines)}\n\n{note}{c if has(rows, WITH_C) else ''}"


def _per_event(rows: Sequence[Row], *, quick: bool) -> str:
    counted = [row for row in rows if row["part"] == per_event.PART]
    if not counted:
        return f"Not counted: {'left out by --quick' if quick else per_event.ABSENT}."
    lines = [
        (str(row["contestant"]), *(f"{row[name]:.2f}" if name in row else "" for name in per_event.COUNTS))
        for row in counted
    ]
    by = str(counted[0]["tool"])
    simulated = "" if by == per_event.PERF else " The processor is a simulated one with simple caches and guesses."
    note = (
        f"Contended, per event, of which two are an RCPT; by {by}: the difference of two runs of "
        f"{per_event.SHORT.messages:,} and {per_event.LONG.messages:,} messages.{simulated}"
    )
    return f"{table(('program', *per_event.COUNTS), lines)}\n\n{note}"


def _queue(found: Findings) -> str:
    names = list(dict.fromkeys(str(row["contestant"]) for row in found.rows if row["part"] == "queue"))
    first = queue_peers.COMPILED
    lines = []
    for name in sorted(names, key=lambda name: cost(found.rows, queue_peers.CASE, name)):
        wait = found.waits.get(name, found.waits["simsmtp"])
        times = _times(found.rows, queue_peers.CASE, name, first) if name != first else "1"
        lines.append((name, f"{cost(found.rows, queue_peers.CASE, name) / 1e3:,.2f}", times, f"{wait:.4f}"))
    lines += [(peer, f"absent (pip install {peer})", "", "") for peer in queue_peers.absent()]
    head = ("simulator", "µs per customer", f"÷ {first}", "mean wait")
    note = (
        f"M/M/4 at a load of 0.8; waits in mean service times, by the Erlang C formula {found.waits['Erlang C']:.4f}. "
        f"The peers are given the same customers, for whom {found.waits['recursion']:.4f} is exact. simsmtp draws its "
        "own, and what it simulates is more: for every customer a connection, EHLO, MAIL, RCPT, DATA, text and QUIT, "
        f"of which RCPT alone takes time. Its mean wait is over {queue_peers.REPLICATIONS} replications, with a "
        f"standard error of {found.waits['error']:.4f}; both engines give the same bits."
    )
    return f"{table(head, lines)}\n\n{note}"


def _by_recipients(rows: Sequence[Row]) -> str:
    lines = []
    for name in (COMPILED, ROWS_KEPT, ROWS_WRITTEN, REFERENCE):
        curve = points(rows, name)
        for size, taken in curve:
            memory = memory_of(rows, RECIPIENTS, name, size)
            lines.append((name, f"{size:,}", f"{taken:.4g}", f"{taken / size * 1e9:,.1f}", f"{memory:.0f}"))
    head = ("engine", "recipients", "seconds", "ns per recipient", "peak memory (MiB)")
    note = (
        "Messages of 250 recipients, limit 100, so 1.8 RCPT commands a recipient; wall time in a fresh process whose "
        "engine is loaded; rows off unless it says otherwise. Rows that are written were not kept: the time is that of "
        "two runs and of the file. Memory is the most the whole process ever had, interpreter and libraries included."
    )
    return f"{table(head, lines)}\n\n{note}"


def points(rows: Sequence[Row], name: str) -> list[tuple[int, float]]:
    """Return recipients and median seconds of an engine's curve."""
    chosen = [row for row in rows if (row["case"], row["contestant"]) == (RECIPIENTS, name)]
    sizes = sorted({int(str(row["units"])) for row in chosen})
    return [(size, float(np.median([row["seconds"] for row in chosen if row["units"] == size]))) for size in sizes]


def sessions(rows: Sequence[Row]) -> list[int]:
    """Return the numbers of connections measured."""
    found = {str(row["case"]) for row in rows}
    return sorted(int(case.split()[-1]) for case in found if case.startswith(f"{SESSIONS} "))


def _by_sessions(rows: Sequence[Row]) -> str:
    lines = []
    for number in sessions(rows):
        case, free = f"{SESSIONS} {number}", f"{UNCONTENDED} {number}"
        figures = (cost(rows, case, COMPILED), cost(rows, case, REFERENCE), cost(rows, free, COMPILED))
        times = _times(rows, case, REFERENCE, COMPILED)
        lines.append((f"{number:,}", *(f"{one:,.0f}" for one in figures[:2]), times, f"{figures[2]:,.0f}"))
    head = ("connections", "compiled, ns per RCPT", "reference", "reference ÷ compiled", "compiled, no worker limit")
    return f"{table(head, lines)}\n\nMessages of 50 recipients; four workers, save in the last column."


def _splits(splits: Sequence[Split]) -> str:
    lines = []
    for one in splits:
        kernel = one.microseconds["kernel"]
        events = one.handled + one.jumped
        per = f"{kernel / one.rcpts * 1e3:,.0f}" if one.rcpts >= 1000 else ""
        counts = (f"{one.handled:,}", f"{one.jumped:,}", per, f"{kernel / events * 1e3:,.0f}")
        lines.append((one.case, *(f"{one.microseconds[step]:,.0f}" for step in STEPS), *counts))
    head = ("compiled engine, µs of", *STEPS, "events", "jumped", "ns per RCPT", "ns per event")
    note = (
        "Wall time, medians. *Plan*: from the scenario to integers; *packing*: into arrays; *kernel*: the event loop; "
        "*growing*: arrays made longer between two events; *unpacking*: responses. Jumped events are those that were "
        "next anyway and never entered the heap; without workers a whole flight is one event."
    )
    return f"{table(head, lines)}\n\n{note}"


def _profile(case: str, steps: Sequence[Step]) -> str:
    lines = [(f"`{one.name}`", f"{one.share:.1%}", f"{one.calls:,}", f"{one.own_us:.2f}") for one in steps]
    head = (f"reference engine, {case}", "own time", "calls", "µs each")
    return f"{table(head, lines)}\n\nBy `cProfile`, which makes calls dearer than they are."
