"""What users feel of the speed: whole commands and calls, beside the same ones of an earlier revision.

    python experiments/benchmarks/felt.py [--before REVISION] [--rounds 5] [--output results/performance]

Wall time from the start of a process to its end, unless a line says otherwise; medians over rounds in which the two
revisions take turns, ratios medians of the rounds' ratios. Run it in a clone: the earlier revision is taken out of git
into a folder for temporary files. Each has compiled its loop before, save where a line says that the cache is empty.
Writes ``felt.csv`` and ``felt.md``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from cost_curves import EXPERIMENT, PER_MESSAGE
from measured_on import machine_and_compilers
from side_by_side import Row, costs, measured, ratio, spread, table

ROOT = Path(__file__).parents[2]
NOW, BEFORE = "now", "before"
PART = "felt"

_SIMULATE = """
import time, simsmtp
simsmtp.simulate({}, replications=1000, engine="compiled")
began = time.perf_counter()
simsmtp.simulate({}, replications=1000, engine="compiled")
between = time.perf_counter()
simsmtp.simulate({}, replications=21000, engine="compiled")
print(time.perf_counter() - between - (between - began))
"""
_REFERENCE = """
import time, simsmtp
simsmtp.simulate({scenario}, engine="reference")
began = time.process_time()
simsmtp.simulate({scenario}, replications=300, engine="reference")
print(time.process_time() - began)
"""
_WORKER = "import simsmtp.running.worker_processes, simsmtp.engines.reference"
_COMPILED = "import simsmtp; simsmtp.simulate({}, engine='compiled')"
_SMALL = {
    "one recipient": '{"workload": {"recipients_per_message": 1}}',
    "default": "{}",
    "headline, batch 300": '{"workload": {"messages": 4}, "client": {"batch_size": 300}}',
}


class Case(NamedTuple):
    """What is timed in a process of its own: arguments of Python, and what a user hopes for.

    Attributes
    ----------
    name, aim : str, float
        What it is; seconds for one run, if there is an aim.
    arguments : sequence of str
        Of Python; ``OUT`` is an empty folder.
    units : int
        What one run gets done.
    is_printed : bool
        The process prints its own time.
    is_cold : bool
        No loop was compiled before.
    """

    name: str
    arguments: Sequence[str]
    units: int = 1
    aim: float | None = None
    is_printed: bool = False
    is_cold: bool = False


def cases(folder: Path) -> list[Case]:
    """Return what is timed."""
    many, billion = folder / "many.toml", folder / "billion.toml"
    many.write_text(EXPERIMENT.format(replications=20_000, messages=1, each=PER_MESSAGE), encoding="utf-8")
    billion.write_text(EXPERIMENT.format(replications=2, messages=2_000_000, each=PER_MESSAGE), encoding="utf-8")
    run = ("-m", "simsmtp", "run")
    headline = str(ROOT / "experiments" / "kb822105.toml")
    small = [
        Case(f"reference engine, {name}: processor time of a replication",
             ("-c", _REFERENCE.format(scenario=scenario)), 300, is_printed=True)
        for name, scenario in _SMALL.items()
    ]  # fmt: skip
    return [
        Case("headline study, 5,400 replications, with its figure", (*run, headline, "--output", "OUT"), aim=1.6),
        Case("20,000 replications of the default scenario, stored", (*run, str(many), "--output", "OUT", "--no-figure"),
             aim=3.0),
        Case("simulate: a replication of the default scenario beyond 1,000", ("-c", _SIMULATE), 20_000, 15e-6, True),
        *small,
        Case("simsmtp --version", ("-m", "simsmtp", "--version")),
        Case("what a worker process imports for the reference engine", ("-c", _WORKER)),
        Case("simulate({}) in a fresh process", ("-c", "import simsmtp; simsmtp.simulate({})")),
        Case("first compiled run ever, empty cache",
             ("-c", _COMPILED), aim=5.0, is_cold=True),
        Case("headline study, engine auto, empty cache", (*run, headline, "--output", "OUT"), is_cold=True),
        Case("a billion recipients: two replications at a time",
             (*run, str(billion), "--output", "OUT", "--no-figure", "--engine", "compiled"), aim=20.0),
    ]  # fmt: skip


def timed(case: Case, tree: Path, cache: Path) -> tuple[float, float]:
    """Return how long a case takes with the package of a tree, and the most memory its process had, in MiB."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = [str(Path(folder, "out")) if one == "OUT" else one for one in case.arguments]
        home = Path(folder, "cache") if case.is_cold else cache
        environment = os.environ | {"PYTHONPATH": str(tree), "SIMSMTP_CACHE_DIR": str(home)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # modules are compiled once, as on a user's machine
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *arguments], cwd=folder, env=environment, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        printed = process.stdout.read() if process.stdout else ""
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
    if status:
        raise SystemExit(f"{case.name}: it ended with status {status} in {tree}")
    return float(printed) if case.is_printed else wall, used.ru_maxrss / 1024


def measure(before: str | None, rounds: int) -> list[Row]:
    """Time every case, now and before."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trees = {NOW: ROOT}
        if before:
            trees[BEFORE] = folder / "before"
            subprocess.run(["git", "worktree", "add", "--detach", str(trees[BEFORE]), before], cwd=ROOT, check=True)
        try:
            for case in cases(folder):
                once = rounds if case.aim is None or case.aim < 10 else 1
                for number in range(1 if case.is_cold else once):
                    for who, tree in sorted(trees.items(), reverse=bool(number % 2)):
                        cache = folder / f"cache-{who}"
                        if not case.is_cold and not cache.exists():
                            timed(Case("", ("-c", _COMPILED)), tree, cache)
                        taken, memory = timed(case, tree, cache)
                        rows.append(measured(PART, case.name, who, number, case.units, taken, peak_mib=memory))
                        print(f"{case.name}, {who}: {taken:.3f} s", file=sys.stderr)
        finally:
            if before:
                subprocess.run(["git", "worktree", "remove", "--force", str(trees[BEFORE])], cwd=ROOT, check=True)
    return rows


def markdown(rows: Sequence[Row], aims: dict[str, float | None], before: str | None) -> str:
    """Return the report."""
    lines = []
    for case, aim in aims.items():
        each_s = float(np.median(costs(rows, case, NOW))) / 1e9
        memory = max(float(str(row["peak_mib"])) for row in rows if (row["case"], row["contestant"]) == (case, NOW))
        verdict = "" if aim is None else f"≤ {_time(aim)}: " + ("**met**" if each_s <= aim else "**not met**")
        earlier = times = ""
        if before:
            earlier = _time(float(np.median(costs(rows, case, BEFORE))) / 1e9)
            low, high = spread(rows, case, NOW, BEFORE)
            times = f"{ratio(rows, case, NOW, BEFORE):.2f} ({low:.2f} to {high:.2f})"
        lines.append((case, verdict, _time(each_s), earlier, times, f"{memory:.0f}"))
    head = ("what", "aim", "now", f"at {before}" if before else "before", "now ÷ before", "peak memory (MiB)")
    introduction = (__doc__ or "").partition("\n\n    python")[0]
    how = (
        f"{introduction} Wall time of a process from its start to its end unless a line says otherwise, medians over "
        "rounds in which the two take turns; ratios are medians of the rounds' ratios (lowest and highest in "
        "brackets). Memory is the most a process had; less than the measuring process itself has is not seen.\n"
        "Made by `python experiments/benchmarks/felt.py"
        f"{f' --before {before}' if before else ''}`."
    )
    return f"# What users feel\n\n{how}\n\n{table(head, lines)}\n\nMeasured on: {machine_and_compilers()}\n"


def _time(seconds: float) -> str:
    if seconds < 1e-3:
        return f"{seconds * 1e6:.3g} µs"
    return f"{seconds * 1e3:.3g} ms" if seconds < 0.1 else f"{seconds:.2f} s"


def main() -> None:
    """Measure, and write rows and report."""
    parser = argparse.ArgumentParser(description="Time what users feel, beside an earlier revision.")
    parser.add_argument("--before", metavar="REVISION", help="anything that git knows; by default nothing is beside it")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds of what is short (default: 5)")
    parser.add_argument("--output", type=Path, default=Path("results", "performance"), metavar="FOLDER")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    rows = measure(options.before, options.rounds)
    pd.DataFrame(rows).to_csv(options.output / "felt.csv", index=False, float_format="%.9g")
    with tempfile.TemporaryDirectory() as folder:
        aims = {case.name: case.aim for case in cases(Path(folder))}
    report = markdown(rows, aims, options.before)
    (options.output / "felt.md").write_text(report, encoding="utf-8")
    print(report)


if __name__ == "__main__":
    main()
