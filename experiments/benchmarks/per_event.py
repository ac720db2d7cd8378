"""What an event costs the processor, in C and in the compiled loop: instructions, branches, misses of the caches.

Counted by the processor itself (`perf stat`) where the kernel permits it, else by a simulated one (cachegrind, whose
caches and whose guesses of branches are simple ones). What a program does once is told from what it does per event by
two runs of different length. A simulated processor takes minutes, most of them to import Numba. Run as a script it is
the child that is counted: it simulates so many messages.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # the tree this file lies in, installed or not

from c_program import Contended, ask, build
from side_by_side import Row

PART, LOOP, C = "per event", "compiled loop", "C, -O2"
COUNTS = ("instructions", "branches", "branch misses", "L1 misses", "last-level misses")
ABSENT = "neither `perf stat` may count here nor is valgrind installed, so nothing was counted per event"
PERF, CACHEGRIND = "perf stat", "cachegrind"
_EVENTS = ("instructions:u", "branches:u", "branch-misses:u", "L1-dcache-load-misses:u", "LLC-load-misses:u")
SHORT, LONG = Contended(2000), Contended(12_000)
# Valgrind does not know the newest instructions, so the loop is compiled for a processor of 2013.
_FOR_VALGRIND = {"NUMBA_CPU_NAME": "x86-64-v3", "NUMBA_CPU_FEATURES": "+avx2,+fma,+bmi,+bmi2,+cx16"}


def tool() -> str | None:
    """Return what may count here: the processor, a simulated one, or nothing."""
    if shutil.which("perf") is not None and None not in _by_perf(["true"], {}):
        return PERF
    return CACHEGRIND if shutil.which("valgrind") is not None else None


def _by_perf(call: Sequence[str], environment: dict[str, str]) -> list[float | None]:
    """Return what the processor counted; None for what it cannot."""
    perf = ["perf", "stat", "-x", ",", "-e", ",".join(_EVENTS), *call]
    done = subprocess.run(perf, env=os.environ | environment, capture_output=True, text=True, check=False)
    found = [line.split(",") for line in done.stderr.splitlines() if line.count(",") > 3]
    counts = {line[2]: float(line[0]) for line in found if line[0].isdigit()}
    return [counts.get(event) for event in _EVENTS]


def _by_cachegrind(call: Sequence[str], environment: dict[str, str]) -> list[float | None]:
    """Return what a simulated processor counted."""
    grind = ["valgrind", "--tool=cachegrind", "--cache-sim=yes", "--branch-sim=yes", "--cachegrind-out-file=/dev/null"]
    done = subprocess.run([*grind, *call], env=os.environ | environment, capture_output=True, text=True, check=True)
    names = ("I +refs", "Branches", "Mispredicts", "D1 +misses", "LLd misses")
    found = [re.search(rf"== {name}: +([\d,]+)", done.stderr) for name in names]
    return [float(one[1].replace(",", "")) if one else None for one in found]


def _row(
    contestant: str, by: str, counted: Callable[[Contended], list[float | None]], events: Callable[[Contended], int]
) -> Row:
    """Return what an event costs: the difference of two runs, over that of their events."""
    more = events(LONG) - events(SHORT)
    pairs = zip(COUNTS, counted(SHORT), counted(LONG), strict=True)
    costs = {name: (long - short) / more for name, short, long in pairs if short is not None and long is not None}
    return {"part": PART, "case": PART, "contestant": contestant, "tool": by, "units": more, **costs}


def count() -> list[Row]:
    """Return a row for the compiled loop and one for C, if there is a C compiler; none if nothing can count."""
    by = tool()
    if by is None:
        return []
    counted = _by_perf if by == PERF else _by_cachegrind
    with tempfile.TemporaryDirectory() as folder:
        program = build(Path(folder), "-O2")
        older = by == CACHEGRIND and platform.machine() in {"x86_64", "AMD64"}
        environment = {"SIMSMTP_CACHE_DIR": folder, "PYTHONHASHSEED": "0", **(_FOR_VALGRIND if older else {})}

        def child(case: Contended) -> list[str]:
            return [sys.executable, __file__, str(case.messages)]

        def handled(case: Contended) -> int:
            done = subprocess.run(child(case), env=os.environ | environment, capture_output=True, text=True, check=True)
            return int(done.stdout)

        rows = [_row(LOOP, by, lambda case: counted(child(case), environment), handled)]
        if program is not None:
            rows.append(
                _row(
                    C,
                    by,
                    lambda case: counted([str(program), *map(str, case)], {}),
                    lambda case: sum(ask(program, case)[name] for name in ("handled", "bypassed")),
                )
            )
    return rows


def _simulate(messages: int) -> None:
    """Simulate the contended scenario, and print how many events that took."""
    from contests import contended

    from simsmtp.engines.compiled import replication
    from simsmtp.model.plan import plan_of

    worlds = []
    world_of = replication.world_of

    def watched(*given: object, **named: object) -> object:
        worlds.append(world_of(*given, **named))  # type: ignore[arg-type]
        return worlds[0]

    replication.world_of = watched  # type: ignore[assignment]
    replication.run(plan_of(contended(Contended(messages))), seed=0, replication=0)
    run = worlds[0]["run"][0]
    print(int(run["handled"]) + int(run["bypassed"]))


if __name__ == "__main__":
    _simulate(int(sys.argv[1]))
