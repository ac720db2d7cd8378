"""Files that users name: without an end, no files at all, with a byte order mark, or hours of nothing once unpacked."""

from __future__ import annotations

import gzip
import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from study_files import TINY, cli, engine, here, own_registry, written

import simsmtp
from simsmtp.calibration.measured import read_measured
from simsmtp.calibration.parameters import read_calibration
from simsmtp.errors import InputError
from simsmtp.experiment.experiment_file import load_case, load_experiment
from simsmtp.gate.baseline import load_baseline, write_baseline
from simsmtp.model import traces
from simsmtp.model.traces import read_trace
from simsmtp.planning.capacity import prepare_capacity
from simsmtp.report.results_folder import read_record
from simsmtp.running.runner import prepare, run

__all__ = ["engine", "here", "own_registry"]
BOM = b"\xef\xbb\xbf"
READERS: dict[str, Callable[[Path], Any]] = {
    "experiment": load_experiment,
    "case": load_case,
    "run": prepare,
    "capacity": prepare_capacity,
    "trace": read_trace,
    "measured": read_measured,
    "calibration": read_calibration,
    "baseline": load_baseline,
    "compare, base": lambda path: simsmtp.compare(path, path),
    "report": read_record,
}
NO_FILES = [
    "fifo",
    "fifo.toml",
    "socket",
    "/dev/zero",
    "/dev/full",
    "loop",
    "loop.toml",
    "folder.toml",
    "x" * 5000,
    "a\0b",
]


class Waits(BaseException):
    """Nobody takes it for something else, as they would a TimeoutError."""


@pytest.fixture(autouse=True)
def at_once() -> Iterator[None]:
    """A reader that waits for a writer is interrupted, which fails the test."""

    def waits(number: int, frame: FrameType | None) -> None:
        raise Waits

    before = signal.signal(signal.SIGALRM, waits)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def odd(here: Path) -> Path:
    """A folder with what is no file."""
    for name in ("fifo", "fifo.toml", "summary.csv"):
        os.mkfifo(here / name)
    for name in ("loop", "loop.toml"):
        (here / name).symlink_to(name)
    (here / "folder.toml").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
    return here


@pytest.mark.parametrize("name", NO_FILES, ids=lambda name: repr(name[:12]))
@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_file_is_refused_at_once(odd: Path, reader: str, name: str) -> None:
    with pytest.raises(InputError) as caught:
        READERS[reader](Path(name))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1500


@pytest.mark.parametrize(
    "name", ["fifo", "loop", "folder.toml", "/dev/zero", "x" * 5000, "a\0b"], ids=lambda name: name[:9]
)
def test_a_trace_that_is_no_file_is_named_with_its_line(odd: Path, name: str) -> None:
    path = written(odd, f"{TINY}\n[scenario.server]\n[scenario.network]\n", "study.toml")
    text = path.read_text().replace("[scenario.workload]\n", f"[scenario.workload]\ntrace = {json.dumps(name)}\n")
    path.write_text(text)
    line = 1 + next(number for number, one in enumerate(text.split("\n")) if one.startswith("trace"))
    for load in (load_experiment, load_case, prepare):
        with pytest.raises(InputError, match=r"workload\.trace") as caught:
            load(path)
        assert caught.value.line == line
    with pytest.raises(InputError):
        simsmtp.simulate({"workload": {"trace": name}})


def test_a_results_folder_of_fifos_is_refused_at_once(odd: Path) -> None:
    for name in ("replications.sqlite", "provenance.json"):
        os.mkfifo(odd / "folder.toml" / name)
    for refuse in (read_record, load_baseline):
        with pytest.raises(InputError):
            refuse(odd)
        with pytest.raises(InputError):
            refuse(odd / "folder.toml")


@pytest.mark.parametrize("name", ["fifo", "socket", "/dev/zero", "folder.toml"])
def test_a_baseline_is_not_written_over_what_is_no_file(odd: Path, own_registry: None, name: str) -> None:
    study = run(written(odd, TINY), replications=2, workers=1)
    with pytest.raises(InputError):
        write_baseline(study, name)


def test_the_command_line_answers_what_is_no_file_with_one_line(odd: Path) -> None:
    for command in (["run", "--dry-run"], ["capacity"], ["trace"]):
        done = cli(odd, command[0], "fifo", *command[1:])
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == "simsmtp: fifo: is not a regular file; allowed: a TOML file\n"


# -- byte order marks ---------------------------------------------------------------------------------------------


def test_a_byte_order_mark_is_no_part_of_an_experiment(here: Path) -> None:
    path = here / "study.toml"
    path.write_bytes(BOM + TINY.encode())
    assert load_experiment(path).points == load_experiment(written(here, TINY, "plain.toml")).points
    assert load_case(path) == load_case(here / "plain.toml")


@pytest.mark.parametrize(
    "text",
    [
        "a r1 0\na r2 0\nb r3 5\n",
        "# rows\na r1 0\n",
        "\na r1 0\n",
        "Jan  1 00:00:00 mx postfix/qmgr[1]: ABC: from=<a@b>, size=9, nrcpt=2 (queue active)\n",
        "2024-01-01T00:00:00Z mx postfix/qmgr[1]: ABC: from=<a@b>, size=9, nrcpt=2 (queue active)\n" * 2,
    ],
)
@pytest.mark.parametrize("form", ["auto", "own"])
@pytest.mark.parametrize("zipped", [False, True])
def test_a_byte_order_mark_is_no_part_of_a_trace(tmp_path: Path, text: str, form: str, zipped: bool) -> None:
    own = "postfix-log" if "qmgr" in text else "rows"
    plain, marked = tmp_path / "plain", tmp_path / "marked"
    plain.write_bytes(text.encode())
    marked.write_bytes(gzip.compress(BOM + text.encode()) if zipped else BOM + text.encode())
    assert read_trace(marked, own if form == "own" else form) == read_trace(plain)


def test_a_byte_order_mark_is_no_part_of_results(here: Path, own_registry: None) -> None:
    study = run(written(here, TINY), replications=2, workers=1, output="out")
    study.write(figure=False)
    baseline = write_baseline(study, here / "baseline.csv")
    for path in (baseline, here / "out" / "summary.csv", here / "out" / "experiment.json"):
        path.write_bytes(BOM + path.read_bytes())
    assert simsmtp.compare(baseline, here / "out").exit_code == 0
    assert load_baseline(here / "out" / "summary.csv").means_only
    assert read_record(here / "out").name == "tiny"


def test_a_byte_order_mark_is_no_part_of_what_was_measured(tmp_path: Path) -> None:
    row = {"N": 5, "batch": 5, "limit": 3, "size": 100, "cache": "on", "pipelining": True, "rtt_ms": 2, "duration_s": 1}
    path = tmp_path / "measured.jsonl"
    path.write_bytes(BOM + json.dumps(row).encode() + b"\n")
    assert len(read_measured(path)) == 1


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"rate_mbit": "x"}, "rate_mbit"),
        ({"loss": [1]}, "loss"),
        ({"cache": []}, "cache"),
        ({"pipelining": {}}, "pipelining"),
        ({"duration_s": 1e300}, "duration_s"),
        ({"rtt_ms": 10**400}, "rtt_ms"),
    ],
)
def test_a_measured_line_with_odd_values_is_named(tmp_path: Path, change: dict[str, Any], key: str) -> None:
    row = {"N": 5, "batch": 5, "limit": 3, "size": 100, "cache": "on", "pipelining": True, "rtt_ms": 2, "duration_s": 1}
    path = written(tmp_path, json.dumps(row | change), "measured.jsonl")
    with pytest.raises(InputError) as caught:
        read_measured(path)
    assert (caught.value.line, caught.value.key) == (1, key)


@pytest.mark.parametrize("line", ["[" * 100_000, "9" * 5000, '{"N": ' + "9" * 5000 + "}"])
def test_a_measured_line_without_bound_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(InputError, match="no JSON") as caught:
        read_measured(written(tmp_path, line, "measured.jsonl"))
    assert caught.value.line == 1


@pytest.mark.parametrize("text", ["version = 1\nfitted_to = 3", "version = 1\nparameters = 3", "x = " + "[" * 5000,
                                  "version = " + "9" * 5000])  # fmt: skip
def test_a_calibration_with_odd_tables_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError):
        read_calibration(written(tmp_path, text, "calibration.toml"))


# -- traces without an end ----------------------------------------------------------------------------------------


def _zipped(path: Path, head: bytes, block: bytes, times: int) -> Path:
    with path.open("wb") as file, gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1) as packed:
        packed.write(head)
        for _ in range(times):
            packed.write(block)
    return path


@pytest.mark.parametrize("form", ["rows", "postfix-log"])
def test_lines_without_a_message_are_read_only_so_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr(traces, "MOST_SKIPPED", 1000)
    row = "a r 0\n" if form == "rows" else (
        "2024-01-01T00:00:00Z mx postfix/qmgr[1]: ABC: from=<a@b>, size=9, nrcpt=2 (queue active)\n"
    )  # fmt: skip
    path = tmp_path / "trace"
    path.write_text(row + "# nothing\n" * 1000)
    assert len(read_trace(path, form)) == 1
    path.write_text((row + "\n" * 900) * 5)
    assert read_trace(path, form)
    path.write_text(row + "# nothing\n" * 1001)
    with pytest.raises(InputError, match="1,000 lines in a row without a message") as caught:
        read_trace(path, form)
    assert caught.value.line == 1002


def test_a_small_file_that_unpacks_to_very_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "FREE_OCTETS", 2**17)
    path = _zipped(tmp_path / "trace.gz", b"", b"a r 0\n" * 10_000, 50)
    assert path.stat().st_size * 100 < 50 * 60_000
    with pytest.raises(InputError, match="grows too much when decompressed"):
        read_trace(path)
    path = _zipped(tmp_path / "small.gz", b"", b"a r 0\n" * 10_000, 2)
    assert read_trace(path)[0].recipients == 20_000


def test_a_trace_of_too_many_messages_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "MOST_MESSAGES", 10)
    path = written(tmp_path, "".join(f"a r {number}\n" for number in range(11)), "rows")
    with pytest.raises(InputError, match="too many messages") as caught:
        read_trace(path)
    assert caught.value.line == 11


def test_an_endless_line_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(2**40)
    for refuse in (read_trace, load_experiment, load_baseline, read_measured):
        with pytest.raises(InputError):
            refuse(path)


@pytest.mark.slow
def test_millions_of_compressed_comments_are_answered_soon(tmp_path: Path) -> None:
    path = _zipped(tmp_path / "trace.gz", b"a r 0\n", b"# nothing\n" * 100_000, 30)
    with pytest.raises(InputError, match="2,000,000 lines in a row"):
        read_trace(path)
