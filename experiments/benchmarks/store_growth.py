"""Does a study slow down as its store grows? Rows appended and read per second, and memory, up to ten million rows.

    python experiments/benchmarks/store_growth.py [--rows 10000000] [--output results/performance]

Rows are those of a real replication under numbers of their own, added in chunks of 100 as a study adds them: every
chunk is one durable commit. At every power of ten everything is done that a study does once all is computed: looking
what is missing, digest, summary and figure. Writes ``store_growth.csv`` and ``.md``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).parents[2]))  # the tree this file lies in, installed or not

from fresh import peak_mib
from measured_on import machine_and_compilers

from simsmtp import Experiment, Scenario
from simsmtp.engines import run_replication
from simsmtp.model.plan import plan_of
from simsmtp.rows.responses import RESPONSES
from simsmtp.running.run_options import RunOptions
from simsmtp.running.runner import execute, prepare
from simsmtp.store.store import STORE, Row, Store
from simsmtp.study.study import Study

CHUNK, POINTS, WINDOW = 100, 100, 100_000
EXPERIMENT = {
    "study": {"name": "growth", "title": "The store as it grows", "seed": 0},
    "factors": {"client.batch_size": list(range(1, POINTS + 1))},
    "figure": {"x": "client.batch_size", "y": "delivered_per_s"},
}


def a_row() -> Row:
    """Return the row of one replication of the default scenario."""
    given = run_replication(plan_of(Scenario()), engine="reference").responses
    return Row(0, tuple((int if one.whole else float)(given[one.name]) for one in RESPONSES), "compiled", 0.001, None)


def measure(rows: int, folder: Path) -> list[dict[str, float]]:
    """Append so many rows, and measure the last 100,000 before every power of ten and what a study then does."""
    row, found = a_row(), []
    marks = [size for size in (10**power for power in range(5, 10)) if size < rows] + [rows]
    experiment = Experiment.from_dict(EXPERIMENT)
    with Store(folder / STORE) as store, tqdm(total=rows, unit="row") as bar:
        ids = store.scenario_ids([point.scenario for point in experiment.points], experiment.seed)
        window_began = time.perf_counter()
        for begin in range(0, rows, CHUNK):
            numbers = range(begin, begin + CHUNK)
            store.add([(ids[number % POINTS], row._replace(replication=number // POINTS)) for number in numbers])
            held = begin + CHUNK
            if held in marks:
                appended = WINDOW / (time.perf_counter() - window_began)
                files = (store.path, store.path.with_name(f"{STORE}-wal"))
                size = sum(one.stat().st_size for one in files if one.exists())
                found.append(
                    {"rows": held, "appended_per_s": appended, "bytes_per_row": size / held, **used(held, folder)}
                )
            if held + WINDOW in marks:
                window_began = time.perf_counter()
            bar.update(CHUNK)
    return found


def used(held: int, folder: Path) -> dict[str, float]:
    """Measure what a study of that many stored rows does, in seconds."""
    began = time.perf_counter()
    options = RunOptions(replications=held // POINTS, output=folder, progress=False)
    study = execute(prepare(Experiment.from_dict(EXPERIMENT), options))
    if (study.computed, study.reused) != (0, held):
        raise SystemExit(f"{held} rows were stored, {study.reused} found")
    seconds = {"resume_s": time.perf_counter() - began}
    for name, step in {"digest_s": digest, "summary_s": Study.summary, "figure_s": Study.plot}.items():
        began = time.perf_counter()
        step(study)
        seconds[name] = time.perf_counter() - began
    if set(study.summary()["n"]) != {held // POINTS}:
        raise SystemExit("the summary does not count every row")
    return {**seconds, "peak_mib": peak_mib()}


def digest(study: Study) -> str:
    """Work out the digest."""
    return study.digest


def markdown(found: list[dict[str, float]]) -> str:
    """Return the report."""
    lines = [
        "# The store as it grows\n",
        f"Chunks of {CHUNK} rows, each a durable commit, over {POINTS} design points; the rate is that of the last",
        f"{WINDOW:,} rows. Then what a study does whose rows are all there: *resume* finds that nothing is missing,",
        "*digest* and *summary* go through all rows, the *figure* is drawn from the summary. Beyond 100,000 rows none",
        "is kept in memory; the peak is that of the whole process so far. Wall time.",
        "Made by `python experiments/benchmarks/store_growth.py`.\n",
        "| rows held | appended per s | bytes per row | resume s | digest s | summary s | figure s | peak MiB |",
        "|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {one['rows']:,.0f} | {one['appended_per_s']:,.0f} | {one['bytes_per_row']:.0f} | {one['resume_s']:.2f} "
        f"| {one['digest_s']:.2f} | {one['summary_s']:.2f} | {one['figure_s']:.2f} | {one['peak_mib']:.0f} |"
        for one in found
    ]
    return "\n".join([*lines, "\n## Measured on\n", machine_and_compilers()]) + "\n"


def main() -> None:
    """Measure, and write rows and report."""
    parser = argparse.ArgumentParser(description="Time the store as it grows.")
    parser.add_argument("--rows", type=int, default=10_000_000, help="how many to append")
    parser.add_argument("--output", type=Path, default=Path("results/performance"), help="folder to write to")
    options = parser.parse_args()
    if options.rows < WINDOW or options.rows % WINDOW:
        parser.error(f"--rows {options.rows}: a multiple of {WINDOW:,} is needed")
    options.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.output) as folder:
        found = measure(options.rows, Path(folder))
    pd.DataFrame(found).to_csv(options.output / "store_growth.csv", index=False, float_format="%.6g")
    (options.output / "store_growth.md").write_text(markdown(found), encoding="utf-8")
    print(markdown(found))


if __name__ == "__main__":
    main()
