"""The compiled engine beside the reference engine, the plain per-command model and C: same results, then times."""

from __future__ import annotations

import tempfile
from pathlib import Path

from c_program import Contended, ask, build, responses
from per_command_model import Settings
from per_command_model import run as run_per_command
from reference_engine import COUNTS, REFERENCE
from side_by_side import Contestant, Row, clocked, demand_equal, take_turns

from simsmtp import Scenario
from simsmtp.engines import run_replication
from simsmtp.model.plan import plan_of

COMPILED, COMPILED_SAME_SIZE, PER_COMMAND = "compiled engine", "compiled engine, same size", "per-command model"
C_O2, C_O3 = "C, -O2", "C, -O3 -march=native"
CONTENDED, LONE, WITH_C = "contended", "lone pipelined session", "contended, beside C"

_C_CHECKS = (Contended(20_000), Contended(37, 20, 5, 2), Contended(3000, 99, 200, 1), Contended(5, 100, 1, 3))


def contended(case: Contended) -> Scenario:
    """Return the scenario that `contended.c` simulates."""
    return Scenario(
        workload={"messages": case.messages, "recipients_per_message": case.recipients},
        client={"connections": case.connections},
        server={"workers": case.workers, "recipient_limit": 100},
    )


def lone(recipients: int) -> Scenario:
    """Return the scenario of one message over one connection, a thousand recipients at a time, none refused."""
    return Scenario(
        workload={"recipients_per_message": recipients},
        client={"batch_size": 1000},
        server={"recipient_limit": 1000},
        network={"bandwidth_mbit": None},
    )


def answer(scenario: Scenario, engine: str = "compiled") -> dict[str, float]:
    """Return the responses of one replication."""
    return dict(run_replication(plan_of(scenario), engine=engine).responses)


def engines(scenario: Scenario, large: Scenario, units: int, units_of_large: int) -> list[Contestant]:
    """Return the compiled engine on a large and a small run, and the reference engine on the small one."""
    return [
        clocked(COMPILED, lambda: answer(large), units_of_large),
        clocked(COMPILED_SAME_SIZE, lambda: answer(scenario), units),
        clocked(REFERENCE, lambda: answer(scenario, "reference"), units),
    ]


def against_reference(*, quick: bool) -> list[Row]:
    """Measure the contended scenario on both engines."""
    small, large = Contended(1000 if quick else 2000), Contended(20_000)
    scenario = contended(small)
    found = {name: answer(scenario, name) for name in ("reference", "compiled")}
    demand_equal(CONTENDED, found)
    contestants = engines(scenario, contended(large), small.rcpts, large.rcpts)
    return take_turns("contests", CONTENDED, contestants, 3 if quick else 9)


def against_per_command(*, quick: bool) -> list[Row]:
    """Measure the lone session on both engines and on the plain per-command model."""
    small, large = 20_000, 1_000_000
    settings = Settings(small, 1000, 1000)
    theirs = run_per_command(settings)
    found = {name: answer(lone(small), name) for name in ("reference", "compiled")}
    demand_equal(LONE, found)
    counts = {"compiled": found["compiled"], PER_COMMAND: theirs}
    demand_equal(LONE, {name: {key: one[key] for key in COUNTS} for name, one in counts.items()})
    if abs(found["compiled"]["makespan_s"] - theirs["makespan_s"]) > 1e-9 * small:
        raise SystemExit(f"{LONE}: makespans differ: {found['compiled']['makespan_s']} and {theirs['makespan_s']} s")
    contestants = [
        *engines(lone(small), lone(large), small, large),
        clocked(PER_COMMAND, lambda: run_per_command(settings), small),
    ]
    return take_turns("contests", LONE, contestants, 5 if quick else 11)


def against_c(*, quick: bool) -> list[Row]:
    """Measure the contended scenario beside a C program; no rows where there is no C compiler."""
    case = Contended(20_000)
    with tempfile.TemporaryDirectory() as folder:
        programs = {C_O2: build(Path(folder), "-O2"), C_O3: build(Path(folder), "-O3", "-march=native")}
        built = {name: program for name, program in programs.items() if program is not None}
        if not built:
            return []
        for check in _C_CHECKS:
            found = {name: responses(ask(program, check)) for name, program in built.items()}
            ours = answer(contended(check))
            demand_equal(f"{WITH_C} {check}", found | {COMPILED: {key: ours[key] for key in found[C_O2]}})
        contestants = [
            clocked(COMPILED, lambda: answer(contended(case)), case.rcpts),
            *(
                Contestant(name, lambda program=program: ask(program, case)["taken_ns"] / 1e9, case.rcpts)
                for name, program in built.items()
            ),
        ]
        return take_turns("contests", WITH_C, contestants, 5 if quick else 15)
