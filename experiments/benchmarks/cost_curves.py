"""How cost and memory grow: with recipients, with connections, over processes; and what it takes to begin."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from c_program import Contended
from contests import COMPILED, answer, contended
from fresh import Fresh, replication
from reference_engine import REFERENCE
from side_by_side import Row, clocked, measured, take_turns

from simsmtp import Scenario

PER_MESSAGE = 250
RECIPIENTS, SESSIONS, UNCONTENDED = "recipients", "connections", "connections, workers unlimited"
HUNDRED_MILLION, STUDY, STARTUP = "100 million recipients", "study", "startup"
WARM, AUTO, COLD = "warm cache, engine compiled", "warm cache, engine auto", "empty cache, engine compiled"
ROWS_KEPT, ROWS_WRITTEN = f"{COMPILED}, rows on", f"{COMPILED}, rows written as CSV"
_ENGINES = {"compiled": COMPILED, "reference": REFERENCE}

EXPERIMENT = """\
[study]
name = "speed"
title = "Replications over processes"
replications = {replications}
seed = 1

[scenario.workload]
messages = {messages}
recipients_per_message = {each}
"""


def headline(recipients: int) -> dict[str, Any]:
    """Return the headline scenario, a message of 250 recipients after the other, with so many in all."""
    return {"workload": {"messages": recipients // PER_MESSAGE, "recipients_per_message": PER_MESSAGE}}


def by_recipients(*, quick: bool) -> list[Row]:
    """Measure time and memory from 10,000 recipients on, each run in a fresh process, rows off."""
    rows: list[Row] = []
    sizes = {"compiled": 6 if quick else 8, "reference": 5 if quick else 6}
    for engine, most in sizes.items():
        for power in range(4, most + 1):
            recipients = 10**power
            for number in range(1 if quick or power >= 8 or engine == "reference" else 3):
                found = Fresh(replication(headline(recipients), engine)).wait()
                _demand(found, recipients)
                name, memory = _ENGINES[engine], found["peak_mib"]
                rows.append(measured("curve", RECIPIENTS, name, number, recipients, found["run_s"], peak_mib=memory))
    return rows


def with_rows(*, quick: bool) -> list[Row]:
    """Measure time and memory with recipient rows: kept by a replication; simulated, run again and written."""
    rows: list[Row] = []
    for power in range(5, 7 if quick else 8):
        recipients = 10**power
        for name, kind in ((ROWS_KEPT, "kept"), (ROWS_WRITTEN, "written")):
            found = Fresh(replication(headline(recipients), rows=kind)).wait()
            _demand(found, recipients)
            memory = found["peak_mib"]
            rows.append(measured("curve", RECIPIENTS, name, 0, recipients, found["run_s"], peak_mib=memory))
    return rows


def _demand(found: dict[str, Any], recipients: int) -> None:
    if found["responses"]["recipients"] != recipients or found["responses"]["delivered"] != recipients:
        raise SystemExit(f"{recipients} recipients were asked for, found {found['responses']}")


def by_sessions(*, quick: bool) -> list[Row]:
    """Measure a RCPT command's cost over the number of connections to four workers, and to unlimited ones."""
    rows: list[Row] = []
    for sessions in (1, 10, 100, 1000) if quick else (1, 3, 10, 30, 100, 300, 1000):
        small, large = Contended(1000, connections=sessions), Contended(20_000, connections=sessions)
        contestants = [
            clocked(COMPILED, lambda large=large: answer(contended(large)), large.rcpts),
            clocked(REFERENCE, lambda small=small: answer(contended(small), "reference"), small.rcpts),
        ]
        rounds = 1 if quick else 3
        taken = take_turns("curve", f"{SESSIONS} {sessions}", contestants, rounds)
        free = {"workload": contended(large).workload, "client": contended(large).client}
        easy = clocked(COMPILED, lambda free=free: answer(Scenario(**free)), large.rcpts)
        rows += taken + take_turns("curve", f"{UNCONTENDED} {sessions}", [easy], rounds)
    return rows


def hundred_million() -> list[Row]:
    """Measure 100 million recipients as two replications in two processes that start at once."""
    half = 50_000_000
    processes = [Fresh(replication(headline(half), number=number, warm=False)) for number in range(2)]
    found = [process.wait() for process in processes]
    for one in found:
        _demand(one, half)
    wall, memory = max(one["wall_s"] for one in found), sum(one["peak_mib"] for one in found)
    return [measured("scale", HUNDRED_MILLION, "two processes", 0, 2 * half, wall, peak_mib=memory)]


def over_processes(*, quick: bool) -> list[Row]:
    """Measure the replications of a study over one process and over two, from ``simsmtp.run`` to its rows."""
    replications, messages = 300 if quick else 12_000, 400
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "speed.toml")
        text = EXPERIMENT.format(replications=replications, messages=messages, each=PER_MESSAGE)
        path.write_text(text, encoding="utf-8")
        for number in range(1 if quick else 3):
            for workers in (1, 2) if number % 2 else (2, 1):
                output = str(Path(folder, f"{number}-{workers}"))
                study = {"path_or_experiment": str(path), "workers": workers, "output": output}
                taken = Fresh({"study": study}).wait()["run_s"]
                rows.append(measured("scale", STUDY, f"{workers} at a time", number, replications, taken))
    return rows


def startup(*, quick: bool) -> list[Row]:
    """Measure a process that runs the default scenario, from its start to its end."""
    rows: list[Row] = []
    for number in range(3 if quick else 7):
        for name, engine in ((WARM, "compiled"), (AUTO, "auto")):
            found = Fresh(replication({}, engine, warm=False)).wait()
            rows.append(measured("startup", STARTUP, name, number, 1, found["wall_s"], peak_mib=found["peak_mib"]))
    with tempfile.TemporaryDirectory() as folder:
        found = Fresh(replication({}, warm=False), cache=Path(folder)).wait()
    return [*rows, measured("startup", STARTUP, COLD, 0, 1, found["wall_s"], peak_mib=found["peak_mib"])]
