"""Draw strategy files at random and run each in two processes with other hash seeds, on the engines that can.

What must hold is in ``tests/strategy_texts.py``: one version in both processes, another one for another constant, the
same answer of both engines, one line for what fails, and memory that stays below a limit. Example::

    python experiments/fuzzing/strategy_files.py --files 400
    python experiments/fuzzing/strategy_files.py --files 1 --first 273    # one file again
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
MOST_OCTETS = 6 * 2**30
"""Address space of a process: LLVM alone reserves much that it never touches."""


def main() -> None:
    """Parse, run both processes, compare, count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100, help="how many")
    parser.add_argument("--first", type=int, default=0, help="seed of the first")
    parser.add_argument("--reference", action="store_true", help="the reference engine only")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)  # one of the two processes
    arguments = parser.parse_args()
    if arguments.inside:
        inside(arguments)
    else:
        sys.exit(compare(arguments))


def inside(arguments: argparse.Namespace) -> None:
    """Print one line for each file."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_OCTETS, MOST_OCTETS))
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    from strategy_texts import checked

    with tempfile.TemporaryDirectory() as folder:
        for seed in range(arguments.first, arguments.first + arguments.files):
            try:
                found = checked(seed, Path(folder), compiled=not arguments.reference)
            except Exception as error:  # noqa: BLE001 - each is a fault
                found = {"fault": f"{type(error).__name__}: {error}"}
            megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            print(json.dumps({"seed": seed, **found, "megabytes": megabytes}), flush=True)


def compare(arguments: argparse.Namespace) -> int:
    """Compare what the two processes say; return 1 if there is a fault."""
    counts: Counter[str] = Counter()
    most, faults = 0, 0
    for one, other in zip(lines(arguments, "1"), lines(arguments, "2"), strict=True):
        most = max(most, one.pop("megabytes"), other.pop("megabytes"))
        fault = one.get("fault") or (one != other and "differs between processes")
        if fault:
            faults += 1
            print(f"fault at {one['seed']}: {fault}\n  {one}\n  {other}")
        answer = "fault" if fault else "refused" if "refused" in one else "ran" if one["answer"][0] == "(" else "failed"
        counts[f"{answer}, engines: {one.get('engines', 0)}"] += 1
    print(f"{sum(counts.values())} files, {faults} faults, at most {most} MB")
    for name, number in sorted(counts.items()):
        print(f"  {name}: {number}")
    return 1 if faults or sum(counts.values()) != arguments.files else 0


def lines(arguments: argparse.Namespace, hash_seed: str) -> Iterator[dict[str, object]]:
    """Yield what one process says of each file."""
    command = [sys.executable, __file__, "--inside", "--files", str(arguments.files), "--first", str(arguments.first)]
    command += ["--reference"] if arguments.reference else []
    env = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONWARNINGS": "ignore"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as child:
        assert child.stdout is not None
        yield from map(json.loads, child.stdout)


if __name__ == "__main__":
    main()
