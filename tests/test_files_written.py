"""What users name as an output is replaced as a whole, follows no planted link, and is never a device."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

import simsmtp
from simsmtp.engines import run_replication
from simsmtp.errors import InputError
from simsmtp.files import open_appending, replace_file, replacing, why_not_replaceable

Write = Callable[[Path], object]

needs_links = pytest.mark.skipif(os.name != "posix", reason="FIFOs, devices and links are those of POSIX")
pytestmark = needs_links

TOML = """[study]
name = "small"
title = "small"
replications = 2

[scenario.workload]
recipients_per_message = 3
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> simsmtp.Study:
    return _study_in(tmp_path_factory.mktemp("study"), "results")


def _study_in(folder: Path, results: str) -> simsmtp.Study:
    (folder / "small.toml").write_text(TOML, encoding="utf-8")
    found = simsmtp.run(folder / "small.toml", output=folder / results, workers=1)
    found.write(figure=False)
    return found


def _report(study: simsmtp.Study) -> Write:
    from simsmtp.report.report import write_report

    return lambda path: write_report(study.folder, path)


def _baseline(study: simsmtp.Study) -> Write:
    from simsmtp.gate.baseline import write_baseline

    return lambda path: write_baseline(study, path)


def _compared(study: simsmtp.Study) -> Write:
    from simsmtp.cli.ci.documents import targets_of, write_comparison

    def write(path: Path) -> None:
        write_comparison(simsmtp.compare(study.folder, study.folder), targets_of(["junit"], output=path))

    return write


def _recipients(study: simsmtp.Study) -> Write:
    from simsmtp.output.recipient_files import write_recipients

    del study

    def write(path: Path) -> None:  # its format follows from the name
        write_recipients(path, [pd.DataFrame({"recipient": [1, 2]})])

    return write


def _pcap(study: simsmtp.Study) -> Write:
    from simsmtp.dialogue.pcap import write_pcap
    from simsmtp.model.plan import plan_of
    from simsmtp.protocol.wire import AddressBook

    scenario = study.experiment.scenario
    output = run_replication(plan_of(scenario), engine="reference", dialogue=True)
    return lambda path: write_pcap(path, output, plan_of(scenario), AddressBook(scenario.workload.address_chars, 1))


def _rows(study: simsmtp.Study) -> Write:
    from simsmtp.cli.live_case import RowFile

    del study

    def write(path: Path) -> None:
        rows = RowFile(path, ["recipient", "reply"])
        rows.open()
        rows.write([1, "250 ok"])
        rows.close()

    return write


def _audit_baseline(study: simsmtp.Study) -> Write:
    from simsmtp.audit.judgement import Verdict
    from simsmtp.audit.verdicts import write_baseline

    del study
    return lambda path: write_baseline(path, {("postfix", "cell"): Verdict.UNAFFECTED})


def _audit_text(study: simsmtp.Study) -> Write:
    from simsmtp.cli.ci.documents import write_file

    del study
    return lambda path: write_file(path, "<testsuites/>", "--junit")


def _calibration(study: simsmtp.Study) -> Write:
    from simsmtp.calibration.parameters import START, Calibration, write_calibration

    del study
    return lambda path: write_calibration(Calibration(START, "postfix", (2.0,), 1, 1, 0.1, 0.1), path)


WRITERS = {
    "report": _report,
    "run --write-baseline": _baseline,
    "compare --output": _compared,
    "write_recipients": _recipients,
    "trace --pcap": _pcap,
    "serve and send --rows": _rows,
    "audit --write-baseline": _audit_baseline,
    "audit --junit and --markdown": _audit_text,
    "calibrate --output": _calibration,
}


@pytest.fixture(params=WRITERS)
def write(request: pytest.FixtureRequest, study: simsmtp.Study) -> Write:
    """Every function that writes one file whose name the user gives."""
    return WRITERS[request.param](study)


def _content_of(write: Write, folder: Path) -> bytes:
    write(folder / "usual.csv")
    return (folder / "usual.csv").read_bytes()


def test_a_new_file_is_written_and_nothing_is_left_beside_it(write: Write, tmp_path: Path) -> None:
    assert _content_of(write, tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["usual.csv"]
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE((tmp_path / "usual.csv").stat().st_mode) == 0o666 & ~mask


@pytest.mark.parametrize("device", ["/dev/null", "/dev/full", "/dev/fd/1", "/proc/self/comm"])
def test_a_device_is_refused_and_stays_what_it_is(write: Write, device: str, tmp_path: Path) -> None:
    path = Path(device)
    if device in {"/dev/null", "/dev/full"} or "recipients" in write.__qualname__:
        path = tmp_path / "device.csv"  # a link to it: should this test fail, no device is lost
        path.symlink_to(device)
        if not path.is_char_device():
            return  # a link to a file: see below
    with pytest.raises(InputError, match=r"cannot be written|something else"):
        write(path)
    assert path.is_symlink() or path == Path(device)
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("path", ["/dev/null", "/dev/stdout", "/dev/new", "/dev/fd/63", "/proc/self/new", "/sys/new"])
def test_nothing_is_put_where_the_system_keeps_devices(path: str) -> None:
    assert why_not_replaceable(Path(path))
    assert not why_not_replaceable(Path("/dev/shm/new"))  # noqa: S108 - memory that holds files; nothing is made


def test_a_fifo_is_refused_and_not_waited_for(write: Write, tmp_path: Path) -> None:
    path = tmp_path / "fifo.csv"
    os.mkfifo(path)
    with pytest.raises(InputError, match=r"not a regular file|something else"):
        write(path)
    assert path.is_fifo()


def test_a_folder_is_refused_and_left(write: Write, tmp_path: Path) -> None:
    path = tmp_path / "folder.csv"
    path.mkdir()
    with pytest.raises(InputError, match=r"folder|something else"):
        write(path)
    assert list(tmp_path.rglob("*")) == [path]


def test_a_path_through_a_file_is_refused(write: Write, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be written"):
        write(tmp_path / "file/inner.csv")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "kept"


def test_a_name_that_is_too_long_is_refused(write: Write, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        write(tmp_path / f"{'n' * 300}.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_replaced_and_what_it_leads_to_is_left(write: Write, tmp_path: Path) -> None:
    content = _content_of(write, tmp_path)
    target = tmp_path / "target.csv"
    target.write_bytes(content)
    before = target.stat()
    links = {tmp_path / "link.csv": target, tmp_path / "nowhere.csv": tmp_path / "nothing", tmp_path / "loop.csv": None}
    for path, leads_to in links.items():
        path.symlink_to(leads_to or path)
        write(path)
        assert not path.is_symlink()
        assert path.read_bytes() == content
    after = target.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert not (tmp_path / "nothing").exists()


def test_planted_links_with_the_names_of_unfinished_files_are_not_followed(write: Write, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("kept", encoding="utf-8")
    folder = tmp_path / "folder"
    folder.mkdir()
    planted = {folder / name for name in (".out.csv.part", "out.csv.part", "out.part", ".out.part")}
    for one in planted:
        one.symlink_to(secret)
    write(folder / "out.csv")
    assert secret.read_text(encoding="utf-8") == "kept"
    assert set(folder.iterdir()) == planted | {folder / "out.csv"}
    assert not (folder / "out.csv").is_symlink()


def test_files_of_a_results_folder_that_are_links_are_replaced(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("kept", encoding="utf-8")
    (tmp_path / "real").mkdir()
    (tmp_path / "results").symlink_to(tmp_path / "real")  # a folder that is a link is the user's own doing
    names = ("summary.csv", "experiment.json", "provenance.json")
    for name in names:
        (tmp_path / "real" / name).symlink_to(secret)
    _study_in(tmp_path, "results")
    assert secret.read_text(encoding="utf-8") == "kept"
    assert all((tmp_path / "real" / name).is_file() and not (tmp_path / "real" / name).is_symlink() for name in names)


@pytest.mark.parametrize("name", ["summary.csv", "experiment.json", "provenance.json"])
def test_a_results_folder_with_a_fifo_in_the_place_of_a_file_is_told(
    study: simsmtp.Study, tmp_path: Path, name: str
) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match=f"{name}: .*is not a regular file"):
        study.write(tmp_path, figure=False)


@pytest.mark.parametrize("kind", ["FIFO", "device", "folder"])
def test_a_store_that_is_no_file_is_told_and_not_waited_for(tmp_path: Path, kind: str) -> None:
    from simsmtp.store.store import Store

    path = tmp_path / "replications.sqlite"
    {"FIFO": os.mkfifo, "device": lambda path: path.symlink_to("/dev/null"), "folder": Path.mkdir}[kind](path)
    for read_only in (False, True):
        with pytest.raises(InputError, match="cannot be used as a store"):
            Store(path, read_only=read_only)


def test_figures_follow_no_links(tmp_path: Path) -> None:
    from simsmtp.figures.canvas import new_figure, save_figure

    (tmp_path / "secret").write_text("kept", encoding="utf-8")
    for ending in ("png", "svg"):
        (tmp_path / f"figure.{ending}").symlink_to(tmp_path / "secret")
    png, svg = save_figure(new_figure(1, 1), tmp_path, "figure")
    assert (tmp_path / "secret").read_text(encoding="utf-8") == "kept"
    assert png.read_bytes().startswith(b"\x89PNG")
    assert svg.read_bytes().startswith(b"<?xml")
    with pytest.raises(InputError, match="cannot be written"):
        save_figure(new_figure(1, 1), tmp_path / "secret", "figure")


def test_ndrs_follow_no_links(tmp_path: Path) -> None:
    from simsmtp.dialogue.ndr import write_ndrs
    from simsmtp.model.plan import plan_of
    from simsmtp.protocol.wire import AddressBook

    scenario = simsmtp.Scenario(workload={"recipients_per_message": 3, "unknown_share": 1.0})
    output = run_replication(plan_of(scenario), engine="reference", recipients=True, dialogue=True)
    (tmp_path / "secret").write_text("kept", encoding="utf-8")
    (tmp_path / "ndr-0.eml").symlink_to(tmp_path / "secret")
    written = write_ndrs(tmp_path, output, plan_of(scenario), AddressBook(20, 1))
    assert tmp_path / "ndr-0.eml" in written
    assert (tmp_path / "secret").read_text(encoding="utf-8") == "kept"


def _journal(folder: Path) -> tuple[Path, Callable[[], object]]:
    from simsmtp.audit.journal import Journal

    row: Any = SimpleNamespace(document=lambda: {"sender": "postfix", "name": "cell", "verdict": "unaffected"})
    return folder / "audit.jsonl", lambda: Journal(folder).add(row)


def _lab_rows(folder: Path) -> tuple[Path, Callable[[], object]]:
    from simsmtp.lab.journal import NAMES, Journal

    path = folder / "audit.jsonl"
    return path, lambda: Journal(path).add(dict.fromkeys(NAMES, 1))


@pytest.mark.parametrize("place", [_journal, _lab_rows], ids=["audit --output", "lab --output"])
def test_rows_that_are_appended_go_to_a_file_of_ones_own(place: Any, tmp_path: Path) -> None:
    path, add = place(tmp_path)
    add()
    add()
    assert len(path.read_text(encoding="utf-8").splitlines()) == 2
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(InputError, match="not a regular file"):
        add()
    path.unlink()
    path.symlink_to("/dev/null")
    with pytest.raises(InputError, match="not a regular file"):
        add()
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    add()  # a link where only this user could have made it
    assert (tmp_path / "elsewhere").read_text(encoding="utf-8").count("\n") == 1
    tmp_path.chmod(0o1777)
    with pytest.raises(InputError, match=r"a link in .*, which everybody may write to"):
        add()
    assert (tmp_path / "elsewhere").read_text(encoding="utf-8").count("\n") == 1


def test_what_may_be_anothers_is_not_appended_to(tmp_path: Path) -> None:
    own = tmp_path / "own"
    public = tmp_path / "public"
    public.mkdir()
    public.chmod(0o1777)
    own.write_text("kept\n", encoding="utf-8")
    os.link(own, public / "rows")
    with pytest.raises(OSError, match="may be another's"):
        open_appending(public / "rows")
    (public / "rows").unlink()
    with open_appending(public / "rows") as file:
        file.write("mine\n")
    if os.geteuid() == 0:
        os.chown(public / "rows", 65534, 65534)
        with pytest.raises(OSError, match="may be another's"):
            open_appending(public / "rows")
    assert own.read_text(encoding="utf-8") == "kept\n"


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old", encoding="utf-8")

    def fail() -> None:
        with replacing(path) as part:
            part.write_text("half", encoding="utf-8")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_long_names_in_any_script_can_be_written(tmp_path: Path) -> None:
    for name in ("n" * 255, "名" * 85, "🙂" * 63):
        replace_file(tmp_path / name, name)
        assert (tmp_path / name).read_text(encoding="utf-8") == name


@pytest.mark.parametrize(
    "arguments",
    [
        ["report", "RESULTS", "--output"],
        ["run", "FILE", "--output", "RESULTS", "--write-baseline"],
        ["compare", "RESULTS", "RESULTS", "--to", "junit", "--output"],
        ["trace", "FILE", "--pcap"],
        ["serve", "--listen", "127.0.0.1:0", "--seconds", "0.1", "--rows"],
        ["audit", "smtplib", "--quick", "--junit"],
        ["audit", "smtplib", "--quick", "--write-baseline"],
    ],
    ids=lambda arguments: f"{arguments[0]} {arguments[-1]}",
)
def test_the_command_line_refuses_a_fifo_in_one_line(
    arguments: list[str], study: simsmtp.Study, tmp_path: Path
) -> None:
    (tmp_path / "file.toml").write_text(TOML, encoding="utf-8")
    os.mkfifo(tmp_path / "fifo")
    names = {"RESULTS": str(study.folder), "FILE": str(tmp_path / "file.toml")}
    command = [sys.executable, "-m", "simsmtp", *(names.get(one, one) for one in arguments), str(tmp_path / "fifo")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert str(tmp_path / "fifo") in done.stderr


def test_json_of_a_report_names_the_file(study: simsmtp.Study, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "simsmtp", "report", str(study.folder), "--json", "--output"]
    done = subprocess.run([*command, str(tmp_path / "out")], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"report": str(tmp_path / "out")}
