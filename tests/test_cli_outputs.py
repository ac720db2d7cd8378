"""Outputs that cannot be written: standard output, disks, folders, stores in use."""

from __future__ import annotations

import csv
import errno
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from study_files import TINY, FakeEngine, command, engine, environment, here, own_registry, written

from simsmtp import files
from simsmtp.__main__ import _exit_code
from simsmtp.cli.live_case import RowFile
from simsmtp.store import store

__all__ = ["engine", "here", "own_registry"]

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")


def shell(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S602 - redirections are what this is about
        line, shell=True, cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )  # fmt: skip


@needs_full
@pytest.mark.parametrize(
    "arguments",
    [["--version"], ["--help"], ["keys"], ["keys", "--json"], ["presets"], ["trace", "study.toml", "--json"]],
)
def test_a_full_standard_output_is_one_line_and_1(tmp_path: Path, arguments: list[str]) -> None:
    written(tmp_path, TINY)
    done = shell(tmp_path, f"{' '.join(command(*arguments))} > /dev/full")
    assert done.stderr == "simsmtp: standard output: no space left on device; not all of it was written\n"
    assert done.returncode == 1


@needs_full
@pytest.mark.parametrize("shape", ["", "--json"])
def test_a_run_whose_output_is_full_has_written_its_results(tmp_path: Path, shape: str) -> None:
    written(tmp_path, TINY)
    line = command("run", "study.toml", "--no-figure", "--workers", 1, "--replications", 1, shape)
    done = shell(tmp_path, f"{' '.join(line)} > /dev/full")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert (tmp_path / "results/tiny/summary.csv").exists()


def test_a_closed_standard_output_is_told_before_anything_is_done(tmp_path: Path) -> None:
    written(tmp_path, TINY)
    done = shell(tmp_path, f"{' '.join(command('run', 'study.toml', '--json'))} >&-")
    assert (done.returncode, done.stderr) == (1, "simsmtp: standard output: is closed; > /dev/null throws it away\n")
    assert [one.name for one in tmp_path.iterdir()] == ["study.toml"]


@needs_full
@pytest.mark.parametrize("to", [">&-", "> /dev/full"])
def test_a_standard_error_that_nobody_gets_changes_no_output(tmp_path: Path, to: str) -> None:
    done = shell(tmp_path, f"{' '.join(command('presets', 'windows-2003', '--json'))} 2{to}")
    assert (done.returncode, done.stdout[0]) == (0, "[")
    assert shell(tmp_path, f"{' '.join(command('presets', 'nobody'))} 2{to}").returncode == 2


@pytest.mark.parametrize("arguments", [["keys"], ["keys", "--json"], ["--help"]])
def test_a_reader_who_leaves_does_not_change_the_exit_code(tmp_path: Path, arguments: list[str]) -> None:
    done = shell(tmp_path, f"{{ {' '.join(command(*arguments))}; echo $? > code; }} | head -c 5")
    assert (done.stderr, len(done.stdout)) == ("", 5)
    assert (tmp_path / "code").read_text(encoding="utf-8") == "0\n"


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, here: Path) -> Callable[..., int]:
    """Run the command line in this process, with the fake engine; returns the exit code."""
    written(here, TINY)

    def called(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["simsmtp", *map(str, arguments)])
        return _exit_code()

    return called


RUN = ("run", "study.toml", "--no-figure", "--workers", 1)


def test_a_disk_that_is_full_in_the_middle_loses_nothing_and_says_what_is_kept(
    call: Callable[..., int], engine: FakeEngine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = store._prepare

    def small(base: sqlite3.Connection, has_tables: bool) -> None:
        prepare(base, has_tables)
        base.execute("PRAGMA max_page_count = 12")

    with monkeypatch.context() as patch:
        patch.setattr(store, "_prepare", small)
        patch.setattr("simsmtp.running.chunks._CHUNK_S", 0.01)  # more than one of them
        assert call(*RUN, "--replications", 100) == 1
    complaint = capsys.readouterr().err
    assert "replications.sqlite: database or disk is full; the same command goes on" in complaint
    with closing(sqlite3.connect("results/tiny/replications.sqlite")) as base:
        ((kept,),) = base.execute("SELECT COUNT(*) FROM replication")
    assert 0 < kept < 400
    assert f"{kept} of 400 replications are stored" in complaint
    assert call(*RUN, "--replications", 100) == 0
    assert f"{400 - kept} computed, {kept} reused" in capsys.readouterr().out


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, 1), (errno.EIO, 1), (errno.EROFS, 2), (errno.EACCES, 2)])
def test_results_that_cannot_be_written_are_one_line_with_the_file(
    call: Callable[..., int], engine: FakeEngine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    number: int, code: int,
) -> None:  # fmt: skip
    def refuses(path: Path, content: bytes) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(files, "replace_file", refuses)
    assert call(*RUN, "--json") == code
    out, complaint = capsys.readouterr()
    assert out == ""
    reason = os.strerror(number)[1:]
    assert complaint.splitlines()[-1].startswith("simsmtp: results/tiny/summary.csv: cannot be written: ")
    assert reason in complaint
    assert "Traceback" not in complaint


def test_a_store_that_another_process_holds_is_told_and_nothing_is_lost(
    call: Callable[..., int], engine: FakeEngine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_BUSY_S", 0.05)
    assert call(*RUN) == 0
    with closing(sqlite3.connect("results/tiny/replications.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        capsys.readouterr()
        assert call(*RUN, "--seed", 8) == 1
        complaint = capsys.readouterr().err
        assert "replications.sqlite: another process uses it" in complaint
        assert complaint.count("\n") == 1
        assert call(*RUN) == 0  # all is stored, so nothing is waited for
    assert call(*RUN, "--seed", 8) == 0


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that nobody can write to")
@pytest.mark.parametrize("arguments", [("run", "study.toml", "--output", "/proc/none"), (*RUN, "--output", "a/file/x")])
def test_a_folder_that_cannot_be_made_is_bad_input(
    call: Callable[..., int], engine: FakeEngine, capsys: pytest.CaptureFixture[str], arguments: tuple[object, ...]
) -> None:
    Path("a").mkdir()
    Path("a/file").write_text("", encoding="utf-8")
    assert call(*arguments) == 2
    complaint = capsys.readouterr().err
    assert "cannot be used as a store" in complaint or "not a directory" in complaint
    assert complaint.count("\n") == 1


@needs_full
def test_rows_of_mail_that_cannot_be_kept_are_told_at_once_and_fail_when_the_mail_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = RowFile(tmp_path / "rows.csv", ("recipient", "code"))
    rows.open()
    assert rows._file is not None
    rows._file.close()
    rows._file = FULL.open("w", encoding="utf-8", buffering=1)
    rows._writer = csv.writer(rows._file)
    rows.write(("a@b.example", 250))
    assert "no further rows are kept" in capsys.readouterr().err
    rows.write(("c@b.example", 250))
    with pytest.raises(OSError, match="No space left") as caught:
        rows.close()
    assert caught.value.filename == str(tmp_path / "rows.csv")
    assert capsys.readouterr().err == ""
