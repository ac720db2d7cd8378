"""What fuzzing came to: a table for each reader, and the inputs that the tests keep.

Reads the work folder of ``fuzz.py``. Lines and branches are counted by running the whole corpus of a target under
coverage.py, in the modules that read octets for it. With ``--keep`` the smallest inputs that together reach them all
are copied to ``tests/fuzz_corpus``, unless those that are there reach them already.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import coverage

ROOT = Path(__file__).parents[2]
CORPUS = ROOT / "tests" / "fuzz_corpus"
READERS = {
    "server": ("live/server_session.py", "live/command_line.py", "live/envelope.py", "live/incoming.py",
               "live/lines.py", "live/text.py", "live/mailboxes.py", "live/served.py"),
    "client": ("live/client_session.py", "live/client_transaction.py", "live/replies.py", "live/lines.py",
               "live/sending.py", "live/parcels.py", "protocol/capabilities.py"),
    "replies": ("live/replies.py", "live/lines.py", "protocol/replies.py", "protocol/capabilities.py"),
    "texts": ("live/incoming.py", "live/text.py", "live/lines.py", "audit/dsn.py"),
    "experiment": ("experiment/experiment.py", "experiment/experiment_file.py", "experiment/file_tables.py",
                   "experiment/source_map.py", "experiment/factors.py", "experiment/study_and_figure.py",
                   "experiment/design.py", "experiment/scenario_keys.py", "experiment/sampling.py",
                   "model/toml_lines.py", "model/scenario.py", "model/complaints.py", "model/combinations.py",
                   "model/distribution_table.py"),
    "capture": ("dialogue/capture.py", "dialogue/capture_file.py", "dialogue/tcp_segments.py",
                "dialogue/tcp_streams.py", "dialogue/smtp_exchange.py", "dialogue/captured_session.py",
                "dialogue/captured_recipients.py"),
}  # fmt: skip
Arcs = set[tuple[str, int, int]]


def main() -> None:
    """Parse, count, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", default=list(READERS), help="readers, by default all")
    parser.add_argument("--work", type=Path, default=Path("fuzzing"), help="folder that fuzz.py worked in")
    parser.add_argument("--keep", action="store_true", help="copy what the tests should keep")
    arguments = parser.parse_args()
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    runs = [json.loads(line) for line in (arguments.work / "runs.jsonl").read_text(encoding="utf-8").splitlines()]
    print("| reader | inputs tried | CPU minutes | runs | edges reached | corpus | lines reached | branches reached |")
    print("|---|---|---|---|---|---|---|---|")
    for target in arguments.targets:
        own = [run for run in runs if run["target"] == target]
        inputs = sorted((arguments.work / target).glob("*"), key=lambda path: (path.stat().st_size, path.name))
        kept = sorted(CORPUS.joinpath(target).glob("*"))
        if arguments.keep:
            keep(target, kept, inputs)
        lines, branches = reached(target, [*kept, *inputs])
        minutes = sum(run["cpu_s"] for run in own) / 60
        print(
            f"| {target} | {sum(run['inputs'] for run in own):,} | {minutes:.1f} | {len(own)} "
            f"| {max(run['edges'] for run in own)} | {len(inputs)} | {lines} | {branches} |"
        )


def _watch(target: str, paths: Iterable[Path]) -> coverage.Coverage:
    """Run inputs under coverage."""
    from fuzz_targets import TARGETS

    watched = coverage.Coverage(
        branch=True, data_file=None, config_file=False, include=[str(ROOT / "simsmtp" / one) for one in READERS[target]]
    )
    with watched.collect():
        for path in paths:
            TARGETS[target](path.read_bytes())
    return watched


def keep(target: str, kept: list[Path], inputs: list[Path]) -> None:
    """Copy each input that reaches a line or a branch that those kept before it do not."""
    known = arcs_of(target, kept)
    for path in inputs:
        new = arcs_of(target, [path]) - known
        if new:
            known |= new
            octets = path.read_bytes()
            name = f"found-{hashlib.sha256(octets).hexdigest()[:8]}"
            (CORPUS / target / name).write_bytes(octets)


def arcs_of(target: str, paths: list[Path]) -> Arcs:
    """Return what inputs go through: file, from line, to line."""
    data = _watch(target, paths).get_data()
    return {(file, *arc) for file in data.measured_files() for arc in data.arcs(file) or ()}


def reached(target: str, paths: list[Path]) -> tuple[str, str]:
    """Return how many lines of functions, and branches, inputs reach."""
    watched = _watch(target, paths)
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        watched.json_report(outfile=file.name)
        files = json.loads(Path(file.name).read_text(encoding="utf-8"))["files"]
    hit = lines = 0
    for name, found in files.items():
        inside = _in_functions(Path(name))
        hit += len(inside & set(found["executed_lines"]))
        lines += len(inside & {*found["executed_lines"], *found["missing_lines"]})
    sums = [found["summary"] for found in files.values()]
    branches = sum(one["covered_branches"] for one in sums), sum(one["num_branches"] for one in sums)
    return f"{hit} of {lines}", f"{branches[0]} of {branches[1]}"


def _in_functions(path: Path) -> set[int]:
    """Return the lines that stand in functions; the others are run by the import."""
    inside: set[int] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inside |= set(range(node.body[0].lineno, (node.end_lineno or 0) + 1))
    return inside


if __name__ == "__main__":
    main()
