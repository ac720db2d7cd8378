"""Run scenarios whose numbers lie at the ends of their ranges, and beyond, on both engines side by side.

What must hold is that both give the same responses or the same refusal. A scenario that takes longer than ``--most``
seconds is left alone and counted. Each process has a limit on its address space, so that a lack of memory shows::

    python experiments/fuzzing/keys.py --scenarios 5000 --seed 1

The generator is in ``tests/key_ends.py``; the tests run a small sample of it. The exit status is 1 for a fault.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import resource
import signal
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from key_ends import answer, drawn  # noqa: E402


class Slow(BaseException):
    """A scenario takes too long."""


def _too_slow(number: int, frame: object) -> None:
    raise Slow


def outcome(changes: dict[str, object], most_s: float) -> str:
    """Return what became of a scenario: same, refused, slow, or a fault in words."""
    signal.setitimer(signal.ITIMER_REAL, most_s)
    try:
        ours, theirs = (answer(changes, engine) for engine in ("compiled", "reference"))
    except Slow:
        return "slow"
    except Exception as error:  # noqa: BLE001 - every other exception is what is looked for
        return f"fault: {type(error).__name__}: {error}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    if ours != theirs:
        return f"fault: {ours[:300]} | {theirs[:300]}"
    return "refused" if ours.startswith("refused") else "same"


def main() -> None:
    """Parse, run, count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenarios", type=int, default=1000, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="of the generator")
    parser.add_argument("--most", type=float, default=5.0, help="seconds for one scenario")
    parser.add_argument("--gigabytes", type=float, default=6.0, help="address space")
    arguments = parser.parse_args()
    for profile in ("pipe", "tcp"):
        answer({"network.profile": profile}, "compiled")  # compiling counts for no scenario
    resource.setrlimit(resource.RLIMIT_AS, (int(arguments.gigabytes * 1e9),) * 2)
    signal.signal(signal.SIGALRM, _too_slow)
    counts: Counter[str] = Counter()
    for changes in itertools.islice(drawn(random.Random(arguments.seed)), arguments.scenarios):  # noqa: S311
        found = outcome(changes, arguments.most)
        counts[found.partition(":")[0]] += 1
        if found.startswith("fault"):
            print(found, changes, flush=True)
    print(json.dumps({"scenarios": arguments.scenarios, "seed": arguments.seed, **counts}))
    sys.exit(1 if counts["fault"] else 0)


if __name__ == "__main__":
    main()
