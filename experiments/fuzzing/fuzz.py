"""Throw octets at one of the package's readers, guided by which of its lines and branches they reach.

Needs atheris (``pip install atheris``) in an environment that can import simsmtp; tests and CI do not. What must hold
is in ``tests/fuzz_targets.py``. Example, fifteen minutes and then the figures::

    python experiments/fuzzing/fuzz.py server --seconds 900 --work /tmp/fuzzing
    python experiments/fuzzing/figures.py --work /tmp/fuzzing

The target ``changed`` needs no atheris: it changes valid experiments and settings here and there, as
``tests/experiment_texts.py`` does, and says which branches of the readers that reached::

    python experiments/fuzzing/fuzz.py changed --seconds 600 --work /tmp/fuzzing

The work folder keeps a corpus for each target, so that a further run goes on from there, a line for each run in
``runs.jsonl``, and an input for each fault. The corpus of the tests is where a first run begins.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TARGETS = ("server", "client", "replies", "texts", "experiment", "capture", "changed")
READERS = ("experiment/experiment.py", "experiment/experiment_file.py", "experiment/file_tables.py",
           "experiment/factors.py", "experiment/design.py", "experiment/sampling.py", "experiment/settings.py",
           "experiment/source_map.py", "experiment/scenario_keys.py", "experiment/size_limits.py",
           "experiment/study_and_figure.py", "experiment/capacity_table.py", "experiment/trace_files.py",
           "model/toml_text.py", "model/toml_lines.py")  # fmt: skip
LONGEST, LONGEST_FILE = 1500, 3000


def main() -> None:
    """Parse, then fuzz until the time is over or a fault is found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--work", type=Path, default=Path("fuzzing"), help="folder of corpora, logs and faults")
    parser.add_argument("--seconds", type=int, default=900, help="how long")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)  # the process that is measured
    arguments = parser.parse_args()
    if arguments.target == "changed":
        sys.exit(change(arguments.work, arguments.seconds))
    if arguments.inside:
        fuzz(arguments.target, options(arguments.target, arguments.work, arguments.seconds))
    else:
        sys.exit(measure(arguments.target, arguments.work, arguments.seconds))


def options(target: str, work: Path, seconds: int) -> list[str]:
    """Return libFuzzer's options; its corpus begins with that of the tests, and with the shipped experiments."""
    corpus = work / target
    if not corpus.is_dir():
        known = ROOT / "tests" / "fuzz_corpus" / target
        corpus.mkdir(parents=True)
        for path in (*known.glob("*"), *(ROOT.glob("experiments/*.toml") if target == "experiment" else ())):
            shutil.copy(path, corpus)
    return [
        f"-max_total_time={seconds}",
        f"-max_len={LONGEST_FILE if target in {'experiment', 'capture'} else LONGEST}",
        "-timeout=20",
        "-rss_limit_mb=1500",
        "-print_final_stats=1",
        f"-dict={HERE / 'words.dict'}",
        f"-artifact_prefix={work}/{target}-",
        str(corpus),
    ]


def fuzz(target: str, arguments: list[str]) -> None:
    """Fuzz; does not return."""
    import atheris

    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    with atheris.instrument_imports(include=["simsmtp", "email"]):
        from fuzz_targets import TARGETS
    atheris.Setup([sys.argv[0], *arguments], TARGETS[target])
    atheris.Fuzz()


def measure(target: str, work: Path, seconds: int) -> int:
    """Fuzz in a process of its own, show its log and note what it came to; return its exit status."""
    work.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, __file__, target, "--inside", "--work", str(work), "--seconds", str(seconds)]
    log = ""
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace") as child:
        assert child.stderr is not None
        for line in child.stderr:
            print(line, end="")
            log += line
    before = os.times()
    states = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", log)
    inputs = re.search(r"number_of_executed_units:\s*(\d+)", log)
    artifact = re.search(r"Test unit written to (\S+)", log)
    row = {
        "target": target,
        "inputs": int(inputs[1]) if inputs else 0,
        "cpu_s": round(before.children_user + before.children_system, 1),
        "edges": int(states[-1][0]) if states else 0,
        "features": int(states[-1][1]) if states else 0,
        "corpus": int(states[-1][2]) if states else 0,
        "fault": Path(artifact[1]).name if artifact else "",
    }
    with (work / "runs.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    return child.returncode


def change(work: Path, seconds: int) -> int:
    """Change experiments and settings until the time is over; note what it came to; return 1 for a fault."""
    import coverage

    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    files = [str(ROOT / "simsmtp" / one) for one in READERS]
    watched = coverage.Coverage(branch=True, data_file=None, config_file=False, include=files)
    outcomes: Counter[str] = Counter()
    begun, spent = time.monotonic(), time.process_time()
    work.mkdir(parents=True, exist_ok=True)
    with watched.collect():
        from experiment_texts import broken, setting, tried

        seed = int(begun * 1e6)
        while time.monotonic() - begun < seconds:
            seed += 1
            choose = random.Random(seed)  # noqa: S311
            text, settings = broken(choose), [setting(choose) for _ in range(choose.choice([0, 0, 1, 2]))]
            try:
                outcomes[tried(text.encode(), settings)] += 1
            except Exception:  # noqa: BLE001 - that is what is looked for
                outcomes["faults"] += 1
                (work / f"changed-{seed}").write_text("\n".join([text, *settings, traceback.format_exc()]))
    watched.report(show_missing=True)
    row = {"target": "changed", "inputs": outcomes.total(), "cpu_s": round(time.process_time() - spent, 1), **outcomes}
    print(json.dumps(row))
    with (work / "changed.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    return int(outcomes["faults"] > 0)


if __name__ == "__main__":
    main()
