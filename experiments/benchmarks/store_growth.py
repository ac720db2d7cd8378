"""Does the store slow down as it grows? Rows appended per second, memory and bytes a row, up to ten million rows.

    python experiments/benchmarks/store_growth.py [--rows 10000000] [--output results/performance]

Rows are those of a real replication under numbers of their own, added in chunks of 100 as a study adds them: every
chunk is one durable commit. Then the rows of one design point are read back. Writes ``store_growth.csv`` and ``.md``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[2]))  # the tree this file lies in, installed or not

from fresh import peak_mib

from simsmtp import Scenario
from simsmtp.engines import run_replication
from simsmtp.model.responses import RESPONSES
from simsmtp.study.store import Row, Store

CHUNK, POINTS, WINDOW = 100, 100, 100_000


def a_row() -> Row:
    """Return the row of one replication of the default scenario."""
    given = run_replication(Scenario(), engine="reference").responses
    return Row(0, tuple((int if one.whole else float)(given[one.name]) for one in RESPONSES), "compiled", 0.001, None)


def measure(rows: int, folder: Path) -> list[dict[str, float]]:
    """Append so many rows and measure the last 100,000 before every power of ten and at the end."""
    row, path, found = a_row(), folder / "replications.sqlite", []
    marks = [size for size in (10**power for power in range(5, 10)) if size < rows] + [rows]
    with Store(path) as store:
        scenarios = [Scenario(client={"batch_size": size}) for size in range(1, POINTS + 1)]
        ids = store.scenario_ids(scenarios, 0)
        window_began = time.perf_counter()
        for begin in range(0, rows, CHUNK):
            numbers = range(begin, begin + CHUNK)
            store.add([(ids[number % POINTS], row._replace(replication=number // POINTS)) for number in numbers])
            held = begin + CHUNK
            if held in marks:
                appended = WINDOW / (time.perf_counter() - window_began)
                found.append({"rows": held, "appended_per_s": appended, **_read(store, path, ids[0], held)})
            if held + WINDOW in marks:
                window_began = time.perf_counter()
    return found


def _read(store: Store, path: Path, scenario: int, held: int) -> dict[str, float]:
    memory, began = peak_mib(), time.perf_counter()
    read = len(store.rows(scenario, 1000))
    seconds = time.perf_counter() - began
    files = (path, path.with_name(f"{path.name}-wal"))
    size = sum(one.stat().st_size for one in files if one.exists())
    return {"read_per_s": read / seconds, "bytes_per_row": size / held, "peak_mib": memory}


def markdown(found: list[dict[str, float]]) -> str:
    """Return the report."""
    lines = [
        "# The store as it grows\n",
        f"Chunks of {CHUNK} rows, each a durable commit, over {POINTS} design points; the rate is that of the last",
        f"{WINDOW:,} rows, reading is of the first 1,000 replications of one point. Wall time.",
        "Made by `python experiments/benchmarks/store_growth.py`.\n",
        "| rows held | appended per second | read per second | bytes per row | peak memory (MiB) |",
        "|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {one['rows']:,.0f} | {one['appended_per_s']:,.0f} | {one['read_per_s']:,.0f} "
        f"| {one['bytes_per_row']:.0f} | {one['peak_mib']:.0f} |"
        for one in found
    ]
    return "\n".join(lines) + "\n"


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
