"""How fast is the compiled engine? Beside the reference engine, a per-command model, C, and other simulators.

    python experiments/benchmarks/compiled_engine.py [--quick] [--output FOLDER]

Contestants give the same results, which is checked before anything is timed, and take turns, so that whatever else
the machine does hits all; every figure is a median over rounds, every ratio the median of the rounds' ratios.
Writes ``compiled_engine.csv``, ``.md`` and ``.png`` into ``results/performance``; a quick run, which is too short to
hold against the aims, into ``results/performance-quick``. Ciw, salabim, cimba, a C
compiler, perf and valgrind are optional.
"""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).parents[2]))  # the tree this file lies in, installed or not
if find_spec("numba") is None:
    sys.exit("compiled_engine.py: numba is not installed, so there is no compiled engine; pip install '.[fast]'")

import compiled_figure
import compiled_report
import contests
import cost_curves
import per_event
import queue_peers
import where_time_goes
from compiled_report import Findings
from side_by_side import Row

from simsmtp import Scenario
from simsmtp.engines import get_ready
from simsmtp.model.plan import plan_of


def measure(*, quick: bool) -> Findings:
    """Measure everything."""
    get_ready(plan_of(Scenario()), "compiled", at_stake=10**9)
    rows: list[Row] = []
    steps = {
        "compiled and reference": contests.against_reference,
        "compiled and per-command": contests.against_per_command,
        "compiled and C": contests.against_c,
        "recipients": cost_curves.by_recipients,
        "recipient rows": cost_curves.with_rows,
        "connections": cost_curves.by_sessions,
        "replications": cost_curves.over_processes,
        "startup": cost_curves.startup,
    }
    with tqdm(total=len(steps) + 4, unit="part") as bar:
        for name, step in steps.items():
            bar.set_description(name)
            rows += step(quick=quick)
            bar.update()
        bar.set_description("100 million")
        rows += [] if quick else cost_curves.hundred_million()
        bar.update()
        bar.set_description("per event")
        rows += [] if quick else per_event.count()
        bar.update()
        bar.set_description("queue")
        found, waits = queue_peers.measure(quick=quick)
        bar.update()
        bar.set_description("profiles")
        splits, profiles = where_time_goes.splits(quick=quick), where_time_goes.profiles(quick=quick)
        bar.update()
    return Findings(rows + found, waits, splits, profiles, quick)


def main() -> None:
    """Measure, and write rows, report and figure."""
    parser = argparse.ArgumentParser(description="Time the compiled engine beside others.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, at most a million recipients: no verdicts")
    parser.add_argument("--output", type=Path, metavar="FOLDER",
                        help="folder to write to; by default results/performance, with --quick "
                             "results/performance-quick")  # fmt: skip
    options = parser.parse_args()
    output = options.output or Path("results", "performance-quick" if options.quick else "performance")
    output.mkdir(parents=True, exist_ok=True)
    found = measure(quick=options.quick)
    table = pd.DataFrame(found.rows)
    table.to_csv(output / "compiled_engine.csv", index=False, float_format="%.9g")
    report = compiled_report.markdown(found)
    (output / "compiled_engine.md").write_text(report, encoding="utf-8")
    compiled_figure.draw(found, output / "compiled_engine.png")
    print(report)
    print(f"written to {output}")


if __name__ == "__main__":
    main()
