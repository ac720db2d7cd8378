"""How fast is the reference engine? Side by side with the plain per-command SimPy model a user would write.

    python experiments/benchmarks/reference_engine.py [--quick] [--output results/performance]

Both simulate the same thing, which is checked before anything is timed: one message over one connection at a
time, workers not contended, bandwidth unlimited, per-recipient rows off. They take turns, so that whatever else
the machine does hits both; every figure is a median over rounds, every ratio the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from measured_on import machine
from per_command_model import Settings
from per_command_model import run as run_per_command
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).parents[2]))  # the tree this file lies in, installed or not

from simsmtp import Scenario
from simsmtp.engines import run_replication
from simsmtp.figures.canvas import new_figure
from simsmtp.figures.line_styles import RC, line_styles
from simsmtp.model.plan import plan_of

REFERENCE, PER_COMMAND = "reference engine", "per-command model"
ENGINES = (REFERENCE, PER_COMMAND)
COUNTS = ("delivered", "rcpt_commands", "transactions", "connections")
AIMS = {"batch 50": 3, "batch 1,000, limit 1,000": 10, "batch 1,000, limit 100": 10}  # issue 2, "Cost"

INTRODUCTION = """\
Recipients simulated per second, next to a plain SimPy model with one process per command in flight
(`experiments/benchmarks/per_command_model.py`). Both give the same counts and makespan, which is checked first.
Processor time; medians over rounds in which the two take turns.
Made by `python experiments/benchmarks/reference_engine.py`."""


class Case(NamedTuple):
    """One thing to simulate; `growth` cases differ in recipients alone."""

    name: str
    recipients: int
    batch_size: int
    limit: int
    rounds: int
    growth: bool = False


def cases(*, quick: bool) -> list[Case]:
    """Return what is timed."""
    rounds = 5 if quick else 15
    sizes = [(10**3, rounds), (10**4, 5), (10**5, 3), (10**6, 1)]
    return [
        Case("batch 50", 1000, 50, 100, rounds),
        Case("batch 100", 1000, 100, 100, rounds),
        Case("batch 1,000, limit 1,000", 1000, 1000, 1000, rounds),
        Case("batch 1,000, limit 100", 1000, 1000, 100, rounds),
        *(Case(f"{n:,} recipients", n, 50, 100, many, growth=True) for n, many in sizes[: 3 if quick else 4]),
    ]


def contestants(case: Case) -> dict[str, Callable[[], dict[str, float]]]:
    """Return what runs a case once and returns its counts, by engine."""
    scenario = Scenario(
        workload={"recipients_per_message": case.recipients},
        client={"batch_size": case.batch_size},
        server={"recipient_limit": case.limit},
        network={"bandwidth_mbit": None},
    )
    settings = Settings(case.recipients, case.batch_size, case.limit)
    return {
        REFERENCE: lambda: run_replication(plan_of(scenario), engine="reference").responses,
        PER_COMMAND: lambda: run_per_command(settings),
    }


def check_alike(case: Case) -> int:
    """Return the RCPT commands of a case; exit if the two do not simulate the same thing."""
    ours, theirs = (run() for run in contestants(case).values())
    if [ours[name] for name in COUNTS] != [theirs[name] for name in COUNTS]:
        sys.exit(f"{case.name}: the models differ, so their times do not compare: {ours} and {dict(theirs)}")
    if abs(ours["makespan_s"] - theirs["makespan_s"]) > 1e-9 * case.recipients:
        sys.exit(f"{case.name}: makespans differ: {ours['makespan_s']} s and {theirs['makespan_s']} s")
    return int(ours["rcpt_commands"])


def seconds(run: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """Return the time of one call: by default of the processor, which other processes disturb least."""
    begin = clock()
    run()
    return clock() - begin


def timed(case: Case) -> Iterator[dict[str, object]]:
    """Yield one row per round and engine; the engines take turns, and so does who begins."""
    rcpt_commands = check_alike(case)
    runs = contestants(case)
    for number in range(case.rounds):
        for engine in ENGINES if number % 2 else ENGINES[::-1]:
            taken = seconds(runs[engine])
            yield {
                **case._asdict(),
                "rcpt_commands": rcpt_commands,
                "engine": engine,
                "round": number,
                "seconds": taken,
                "recipients_per_s": case.recipients / taken,
                "us_per_rcpt": taken / rcpt_commands * 1e6,
            }


def measure(*, quick: bool) -> pd.DataFrame:
    """Return all rows."""
    rows: list[dict[str, object]] = []
    with tqdm(cases(quick=quick), unit="case") as bar:
        for case in bar:
            bar.set_description(case.name)
            rows += timed(case)
    return pd.DataFrame(rows).drop(columns="rounds")


def start_up_seconds(rounds: int) -> float | None:
    """Return the median wall time of ``simsmtp --version`` in a fresh process; None if it does not run."""
    call = [sys.executable, "-m", "simsmtp", "--version"]
    root = Path(__file__).parents[2]
    if subprocess.run(call, cwd=root, capture_output=True, check=False).returncode:
        return None

    def start() -> None:
        subprocess.run(call, cwd=root, capture_output=True, check=True)

    return float(np.median([seconds(start, time.perf_counter) for _ in range(rounds)]))


def medians(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row per case with the medians of both engines and the median ratio."""
    by_round = rows.pivot_table(index=["name", "round"], columns="engine", values="seconds")
    ratio = (by_round[PER_COMMAND] / by_round[REFERENCE]).groupby("name").median()
    keys = ["name", "growth", "recipients", "rcpt_commands"]
    values = ["seconds", "recipients_per_s", "us_per_rcpt"]
    table = rows.pivot_table(index=keys, columns="engine", values=values, aggfunc="median", sort=False)
    table = table.reset_index(keys[1:])
    table["ratio", ""] = ratio
    return table


def slope(table: pd.DataFrame, engine: str) -> float:
    """Return the exponent of the growth of cost with recipients: 1 is linear."""
    growth = table[table["growth"]]
    return float(np.polyfit(np.log(growth["recipients"]), np.log(growth["seconds", engine]), 1)[0])


def markdown(table: pd.DataFrame, start_up: float | None) -> str:
    """Return the report."""
    head = ["case", "recipients", "RCPT commands"]
    head += [f"{engine}, recipients/s" for engine in ENGINES] + ["ratio", "aim"]
    head += [f"{engine}, µs per RCPT" for engine in ENGINES]
    rows = [_line(row) for _, row in table.reset_index().iterrows()]
    slopes = " and ".join(f"{slope(table, engine):.3f} ({engine})" for engine in ENGINES)
    version = "does not run" if start_up is None else f"takes {start_up:.2f} s (aim: under 0.3 s)"
    parts = [
        "# Speed of the reference engine",
        INTRODUCTION,
        "\n".join([f"| {' | '.join(head)} |", "|---|" + "--:|" * (len(head) - 1), *rows]),
        f"Time grows as recipients to the power {slopes}, at batch 50; 1 is linear.",
        f"`python -m simsmtp --version` {version}.",
        f"Measured on: {machine()}.",
    ]
    return "\n\n".join(parts) + "\n"


def _line(row: pd.Series) -> str:
    name = str(row["name", ""])
    cells = [
        name,
        f"{row['recipients', '']:,}",
        f"{row['rcpt_commands', '']:,}",
        *(f"{row['recipients_per_s', engine]:,.0f}" for engine in ENGINES),
        f"**{row['ratio', '']:.1f}**",
        f"≥ {AIMS[name]}" if name in AIMS else "",
        *(f"{row['us_per_rcpt', engine]:.2f}" for engine in ENGINES),
    ]
    return f"| {' | '.join(cells)} |"


def draw(table: pd.DataFrame, path: Path) -> None:
    """Draw how cost grows with recipients."""
    import matplotlib as mpl

    growth = table[table["growth"]]
    with mpl.rc_context(RC):
        figure = new_figure(5.2, 3.6)
        axes = figure.add_subplot(xscale="log", yscale="log")
        for engine, style in zip(ENGINES, line_styles(2, 0.0, joined=True), strict=True):
            label = f"{engine} (slope {slope(table, engine):.2f})"
            axes.plot(growth["recipients"], growth["seconds", engine], label=label, **style.kwargs())
        axes.set(xlabel="recipients of one message, batch size 50", ylabel="processor time to simulate it (s)")
        axes.legend(frameon=False)
        figure.savefig(path, dpi=200, metadata={"Software": None})


def main() -> None:
    """Measure, and write rows, report and figure."""
    parser = argparse.ArgumentParser(description="Time the reference engine beside a plain per-command model.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, at most 100,000 recipients")
    parser.add_argument("--output", type=Path, default=Path("results/performance"), help="folder to write to")
    options = parser.parse_args()
    rows = measure(quick=options.quick)
    report = markdown(medians(rows), start_up_seconds(5 if options.quick else 15))
    options.output.mkdir(parents=True, exist_ok=True)
    rows.to_csv(options.output / "reference_engine.csv", index=False, float_format="%.9g")
    (options.output / "reference_engine.md").write_text(report, encoding="utf-8")
    draw(medians(rows), options.output / "reference_engine.png")
    print(report)


if __name__ == "__main__":
    main()
