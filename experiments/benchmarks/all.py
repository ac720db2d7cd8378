"""Everything in ``results/performance``, made anew one after the other.

    python experiments/benchmarks/all.py [--before REVISION] [--output FOLDER]

Takes about an hour, of which ten million stored rows are a third; nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    """Run one benchmark after the other; the first that fails ends it."""
    parser = argparse.ArgumentParser(description="Make everything in results/performance anew.")
    parser.add_argument("--before", metavar="REVISION", help="beside which what users feel is measured")
    parser.add_argument("--output", type=Path, default=Path("results", "performance"), metavar="FOLDER")
    options = parser.parse_args()
    before = ["--before", options.before] if options.before else []
    for name, more in {"felt": before, "compiled_engine": [], "reference_engine": [], "store_growth": []}.items():
        call = [sys.executable, str(HERE / f"{name}.py"), "--output", str(options.output), *more]
        subprocess.run(call, check=True)


if __name__ == "__main__":
    main()
