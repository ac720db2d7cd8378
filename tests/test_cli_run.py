"""The command line as a user meets it: what is printed, written, and returned."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest
from study_files import LONG, STRATEGY, TINY, cli, command, document, environment, heed_ctrl_c, written

from simsmtp import __version__

FAILING = STRATEGY.replace('"""Take', 'assert tally.accepted < 100\n    """Take')
HEAVY = {"numpy", "pandas", "scipy", "pydantic", "matplotlib", "joblib", "simpy", "rich"}
STORE = "results/tiny/replications.sqlite"


def test_a_run_prints_a_table_and_writes_its_files(tmp_path: Path) -> None:
    written(tmp_path, TINY)
    done = cli(tmp_path, "run", "study.toml", "--set", "study.responses=['delivered', 'false_ndr']")
    assert done.returncode == 0, done.stderr
    for part in ("Tiny", "batch_size", "one-stop", "±", "12 computed, 0 reused", "summary.csv"):
        assert part in done.stdout
    assert "12/12" in done.stderr
    names = {file.name for file in (tmp_path / "results/tiny").iterdir()}
    assert names == {"replications.sqlite", "summary.csv", "provenance.json", "experiment.json", "tiny.png", "tiny.svg"}
    note = json.loads((tmp_path / "results/tiny/provenance.json").read_text(encoding="utf-8"))
    assert note["command"].startswith("simsmtp run study.toml --set")
    assert str(tmp_path) not in json.dumps(note)


def test_json_is_one_document_and_results_are_reused(tmp_path: Path) -> None:
    written(tmp_path, TINY)
    first = document(cli(tmp_path, "run", "study.toml", "--json", "--no-figure", "--workers", 1))
    assert (first["name"], first["folder"], first["computed"], first["reused"]) == ("tiny", "results/tiny", 12, 0)
    assert first["points"][3]["factors"] == {"client.batch_size": 200, "client.strategy": "one-stop"}
    delivered = first["points"][0]["responses"]["delivered"]
    assert delivered["n"] == 3
    assert delivered["low"] <= delivered["mean"] <= delivered["high"]
    again = document(cli(tmp_path, "run", "study.toml", "--json", "--no-figure", "--workers", 2))
    assert (again["computed"], again["reused"], again["digest"]) == (0, 12, first["digest"])
    elsewhere = document(cli(tmp_path, "run", "study.toml", "--json", "--no-figure", "--workers", 1, "--output", "two"))
    assert (elsewhere["computed"], elsewhere["digest"]) == (12, first["digest"])


def test_brackets_are_printed_as_they_are(tmp_path: Path) -> None:
    written(tmp_path, TINY.replace('"Tiny"', '"Limits [1, 2] of [red]one[/red]"'))
    done = cli(tmp_path, "run", "study.toml", "--no-figure", "--output", "kept [bold]")
    assert "Limits [1, 2] of [red]one[/red]" in done.stdout
    assert "kept [bold]: summary.csv" in done.stdout


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    written(tmp_path, TINY)
    done = cli(tmp_path, "run", "study.toml", "--dry-run")
    assert done.returncode == 0
    assert "4 design points, 3 replications of each" in done.stdout
    assert "12 to compute" in done.stdout
    assert "estimate" in done.stdout
    assert document(cli(tmp_path, "run", "study.toml", "--dry-run", "--json"))["missing"] == 12
    assert [file.name for file in tmp_path.iterdir()] == ["study.toml"]


def test_a_dry_run_refuses_a_precision_that_the_run_would_refuse(tmp_path: Path) -> None:
    written(tmp_path, TINY)
    for precision in ("delivered_per_s", "delivered_per_s ±-5%", "delivered_per_s ±nan%", "fast ±5%"):
        done = cli(tmp_path, "run", "study.toml", "--dry-run", "--precision", precision)
        assert (done.returncode, done.stdout) == (2, "")
        assert "precision: " in done.stderr


def test_a_strategy_file_becomes_one_more_line(tmp_path: Path) -> None:
    written(tmp_path, TINY)
    written(tmp_path, STRATEGY, "mine.py")
    found = document(
        cli(tmp_path, "run", "study.toml", "--strategy", "mine.py", "--json", "--no-figure", "--workers", 1)
    )
    own = found["points"][-1]
    assert own["factors"]["client.strategy"] == "optimist"
    assert own["responses"]["lost"]["mean"] > 0
    assert "optimist" in (tmp_path / "results/tiny/summary.csv").read_text(encoding="utf-8")


def test_a_failing_replication_ends_with_exit_code_1_after_the_rest(tmp_path: Path) -> None:
    written(tmp_path, TINY)
    written(tmp_path, FAILING, "mine.py")
    done = cli(tmp_path, "run", "study.toml", "--strategy", "mine.py", "--json", "--workers", 1, "--no-figure")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["failures"]
    assert all(one["error"].startswith("AssertionError") for one in found["failures"])
    assert found["points"][0]["responses"]["delivered"]["n"] == 3
    assert "client.strategy=optimist" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["run", "missing.toml"], ["missing.toml: cannot be read"]),
        (["run", "study.toml", "--set", "client.batch_size=0"], ["client.batch_size", "given: 0"]),
        (["run", "broken.toml"], ["broken.toml:2: not valid TOML"]),
        (["run", "study.toml", "--replications", "0"], ["--replications"]),
        (["run", "study.toml", "--replication", "2"], ["--replication"]),
        (["run", "study.toml", "--engine", "warp"], ["engine", "'warp'", "auto"]),
        (["run"], ["EXPERIMENT"]),
        (["walk"], ["walk"]),
        (["presets", "windows"], ["windows-2003-rtm"]),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(tmp_path: Path, arguments: list[str], parts: list[str]) -> None:
    written(tmp_path, TINY)
    written(tmp_path, "x = 1\ny = = 2\n", "broken.toml")
    done = cli(tmp_path, *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("simsmtp: ")
    assert done.stderr.count("\n") == 1
    for part in parts:
        assert part in done.stderr
    assert sorted(file.name for file in tmp_path.iterdir()) == ["broken.toml", "study.toml"]


def test_ctrl_c_ends_with_130_and_keeps_what_is_finished(tmp_path: Path) -> None:
    written(tmp_path, LONG)
    running = start(tmp_path, workers=2)
    wait_for_rows(tmp_path)
    os.killpg(running.pid, signal.SIGINT)
    _, complaint = running.communicate(timeout=20)
    assert running.returncode == 130
    assert "Traceback" not in complaint
    assert "the same command resumes" in complaint
    assert f"{stored_rows(tmp_path)} of 1600 replications are stored" in complaint


SLOWLY = ["run", "study.toml", "--json", "--no-figure", "--engine", "reference"]


def start(folder: Path, *, workers: int) -> subprocess.Popen[str]:
    arguments = [*SLOWLY, "--workers", workers]
    return subprocess.Popen(
        command(*arguments), cwd=folder, env=environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, preexec_fn=heed_ctrl_c,  # noqa: PLW1509
    )  # fmt: skip


def stored_rows(folder: Path) -> int:
    path = folder / STORE
    if not path.exists():
        return 0
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as base:
        try:
            return int(base.execute("SELECT count(*) FROM replication").fetchone()[0])
        except sqlite3.OperationalError:  # the tables are still to come
            return 0


def wait_for_rows(folder: Path, more_than: int = 0) -> None:
    until = time.monotonic() + 30
    while stored_rows(folder) <= more_than:
        assert time.monotonic() < until, "nothing was stored in 30 s"
        time.sleep(0.05)


def workers_of(pid: int) -> list[int]:
    listed = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if "LokyProcess" in line]


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes through /proc")
def test_a_study_killed_at_random_moments_ends_with_the_rows_of_one_that_was_not(tmp_path: Path) -> None:
    (tmp_path / "calm").mkdir()
    written(tmp_path / "calm", LONG)
    written(tmp_path, LONG)
    calm = document(cli(tmp_path / "calm", *SLOWLY, "--workers", 1))
    moments = random.Random(822105)  # noqa: S311 - nothing secret
    for kill in range(4):
        running = start(tmp_path, workers=2)
        if kill:
            wait_for_rows(tmp_path, stored_rows(tmp_path))
        time.sleep(moments.uniform(0.0, 0.6))
        workers = workers_of(running.pid)
        assert len(workers) == 2 or not kill
        running.kill()
        running.communicate()
        until = time.monotonic() + 15
        while any(map(is_running, workers)) and time.monotonic() < until:
            time.sleep(0.05)
        assert not any(map(is_running, workers)), "workers outlive their parent"
    resumed = document(cli(tmp_path, *SLOWLY))
    assert resumed["reused"] > 0
    assert resumed["digest"] == calm["digest"]


@pytest.mark.slow
def test_a_killed_worker_loses_nothing(tmp_path: Path) -> None:
    written(tmp_path, LONG)
    running = start(tmp_path, workers=2)
    wait_for_rows(tmp_path)
    os.kill(workers_of(running.pid)[0], signal.SIGKILL)
    out, complaint = running.communicate(timeout=60)
    assert running.returncode == 0, complaint
    found = json.loads(out)
    assert (found["computed"], found["failures"]) == (1600, [])


def test_the_version_is_told_quickly(tmp_path: Path) -> None:
    began = time.perf_counter()
    done = cli(tmp_path, "--version")
    assert done.stdout == f"simsmtp {__version__}\n"
    assert time.perf_counter() - began < 2  # 0.05 s where nothing else runs


@pytest.mark.parametrize(
    ("arguments", "forbidden"),
    [
        (["--version"], {"click", *HEAVY}),
        (["--help"], HEAVY),
        (["run", "--help"], HEAVY),
        (["presets", "--help"], HEAVY),
        ([], HEAVY),
        (["run", "study.toml", "--dry-run"], {"matplotlib", "pandas", "rich"}),
        (["run", "study.toml", "--no-figure", "--workers", "2"], {"matplotlib", "joblib", "numba", "llvmlite"}),
        (["run", "study.toml", "--json", "--no-figure", "--workers", "1"], {"matplotlib", "rich"}),
        (["run", "study.toml", "--workers", "1"], {"matplotlib.pyplot"}),
    ],
)
def test_a_command_imports_nothing_heavy_that_it_does_not_use(
    tmp_path: Path, arguments: list[str], forbidden: set[str]
) -> None:
    written(tmp_path, TINY)
    code = (
        f"import sys; sys.argv = {['simsmtp', *arguments]!r}\n"
        "from simsmtp.__main__ import main\n"
        "try: main()\nexcept SystemExit as end: assert not end.code, end.code\n"
        f"print(sorted({forbidden!r} & set(sys.modules)))"
    )
    printed = subprocess.run(
        [*command()[:1], "-c", code], env=environment(), cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert printed.stdout.endswith("[]\n")


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["presets", "--help"], []])
def test_help_is_printed(tmp_path: Path, arguments: list[str]) -> None:
    done = cli(tmp_path, *arguments)
    assert done.returncode == 0
    assert "Usage: simsmtp" in done.stdout


def test_presets_are_listed_with_values_and_sources(tmp_path: Path) -> None:
    shown = cli(tmp_path, "presets").stdout
    for part in ("windows-2003-rtm", "client.preset", 'strategy = "one-stop"', "RFC 5321"):
        assert part in shown
    listed = document(cli(tmp_path, "presets", "windows-2003", "--json"))
    assert [one["name"] for one in listed] == ["windows-2003"]  # type: ignore[index]
    assert listed[0]["values"]["recipient_limit"] == 100  # type: ignore[index]


def test_a_closed_pipe_is_no_drama(tmp_path: Path) -> None:
    written(tmp_path, TINY)
    line = f"{' '.join(command('run', 'study.toml', '--json', '--no-figure', '--workers', 1))} | head -c 10"
    done = subprocess.run(  # noqa: S602 - a pipe is what this is about
        line, shell=True, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("{")
    assert "Traceback" not in done.stderr
    assert "Broken" not in done.stderr


@pytest.mark.parametrize("shape", ["", "--json", "--to=junit"])
def test_a_verdict_that_nobody_reads_is_never_a_pass(tmp_path: Path, shape: str) -> None:
    written(tmp_path, TINY)
    options = ("--no-figure", "--replications", 12, "--write-baseline", "base.csv")
    assert cli(tmp_path, "run", "study.toml", *options).returncode == 0
    rows = [line.split(",") for line in (tmp_path / "base.csv").read_text(encoding="utf-8").splitlines()]
    place = next(row.index("makespan_s") for row in rows if row[0] == "point")
    for row in rows:
        if row[0].isdigit():
            row[place] = repr(float(row[place]) / 2)
    written(tmp_path, "".join(f"{','.join(row)}\n" for row in rows), "base.csv")
    line = " ".join(command("compare", "base.csv", "results/tiny", "--response", "makespan_s", shape))
    done = subprocess.run(  # noqa: S602 - a pipe is what this is about
        f"{{ {line}; echo $? > code; }} | true", shell=True, cwd=tmp_path, env=environment(), capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    # 3, or 1 where it was cut short while there was more to say than a pipe holds.
    ended = (tmp_path / "code").read_text(encoding="utf-8").strip()
    assert ended in ({"3", "1"} if shape else {"3"}), done.stderr
    assert "Traceback" not in done.stderr


def test_an_unexpected_error_is_a_crash_with_its_traceback(tmp_path: Path) -> None:
    code = (
        "import sys, simsmtp.running.runner as runner\n"
        "def broken(*a, **k): raise RuntimeError('a defect')\n"
        "runner.prepare = broken\n"
        "sys.argv = ['simsmtp', 'run', 'study.toml']\n"
        "from simsmtp.__main__ import main\nmain()"
    )
    done = subprocess.run([*command()[:1], "-c", code], env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "RuntimeError: a defect" in done.stderr
