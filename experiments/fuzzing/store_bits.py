"""Flip bits of the store of a small study: every flip is found, or changes nothing.

Each flipped store is read as a comparison reads it, run, and repaired; what must hold is in ``tests/stored_bits.py``.
Without ``--every`` all bits are flipped, which takes hours; a prime number visits all pages and columns. Example::

    python experiments/fuzzing/store_bits.py --every 37
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from stored_bits import Bench, Outcome
from tqdm import tqdm


def main() -> None:
    """Flip, count, and end with 1 if an answer was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="flip every so many bits")
    parser.add_argument("--first", type=int, default=0, help="the first bit to flip")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after that time")
    arguments = parser.parse_args()
    found: Counter[Outcome] = Counter()
    wrong: list[str] = []
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, tqdm(unit="flip") as bar, open(os.devnull, "w") as nowhere:  # noqa: PTH123
        bench = Bench(Path(folder))
        bits = len(bench.content) * 8
        bar.total = (bits - arguments.first) // arguments.every
        for bit in range(arguments.first, bits, arguments.every):
            if time.perf_counter() - began > arguments.seconds:
                break
            try:
                with contextlib.redirect_stderr(nowhere):  # what every repair says
                    found[bench.outcome(bench.flipped(bit))] += 1
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a fault
                wrong.append(f"bit {bit}: {type(error).__name__}: {error}")
            bar.update()
    print(f"{found.total() + len(wrong)} of {bits} bits of a store of {bits // 8} octets were flipped, one at a time")
    for outcome, count in found.most_common():
        repaired = "repaired" if outcome.repaired else "of another schema, left alone"
        print(f"{count:8} by a reader {outcome.read}, by a run {outcome.run}, {repaired}")
    print(f"{len(wrong):8} wrong answers or crashes", *wrong, sep="\n  ")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
