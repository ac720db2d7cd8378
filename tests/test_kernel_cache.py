"""A compiled loop on disk is used only whole, and only for the sources it was made of."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import simsmtp
from simsmtp.engines import run_replication
from simsmtp.engines.compiled.toolchain.kernel_cache import KernelCache
from simsmtp.model.plan import plan_of

pytest.importorskip("numba", reason="the compiled engine needs numba: pip install 'simsmtp[fast]'")

needs_owners = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files have no owner on this system")
needs_root = pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root gives files to others")

ASKED = """
import simsmtp
from simsmtp.engines import run_replication
from simsmtp.model.plan import plan_of
from simsmtp.engines.compiled.toolchain.kernels import is_compiled
scenario = simsmtp.Scenario(client={"batch_size": 250})
print(is_compiled())
for engine in ("compiled", "reference"):
    print(run_replication(plan_of(scenario), engine=engine).responses)
"""


def _asked(home: Path, cache: Path) -> tuple[list[str], str]:
    """Return what a process says that has the package from a folder: its answers, and what it tells the user."""
    environment = os.environ | {"PYTHONPATH": str(home), "SIMSMTP_CACHE_DIR": str(cache)}
    done = subprocess.run(
        [sys.executable, "-c", ASKED], cwd=home, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines(), done.stderr


def _answers(home: Path, cache: Path) -> list[str]:
    return _asked(home, cache)[0]


@pytest.mark.slow
def test_an_edited_decision_is_not_answered_by_the_loop_compiled_before(tmp_path: Path) -> None:
    package = Path(simsmtp.__file__).parent
    shutil.copytree(package, tmp_path / "simsmtp", ignore=shutil.ignore_patterns("__pycache__"))
    cache = tmp_path / "cache"
    assert _answers(tmp_path, cache)[0] == "False"
    was_compiled, before, reference = _answers(tmp_path, cache)
    assert was_compiled == "True"
    assert before == reference
    decision = tmp_path / "simsmtp/policies/recipients.py"
    text = decision.read_text(encoding="utf-8")
    edited = text.replace("policy.limit - ", "policy.limit - 1 - ", 1)
    assert edited != text
    decision.write_text(edited, encoding="utf-8")
    was_compiled, after, reference = _answers(tmp_path, cache)
    assert was_compiled == "False"
    assert after == reference
    assert after != before


@pytest.mark.slow
def test_a_damaged_loop_is_compiled_again(tmp_path: Path) -> None:
    from simsmtp.engines.compiled.toolchain.kernels import kernel_folder

    run_replication(plan_of(simsmtp.Scenario()), engine="compiled")
    kept = tmp_path / "kernels" / kernel_folder().name
    shutil.copytree(kernel_folder(), kept)
    (file,) = kept.glob("*.loop")
    os.truncate(file, file.stat().st_size // 2)
    home = Path(simsmtp.__file__).parents[1]
    (_, healed, reference), told = _asked(home, tmp_path)
    assert healed == reference
    assert told == (f"simsmtp: compiling the fast engine again, for {file} was damaged: {TAKES}\n")
    (was_compiled, found, _), told = _asked(home, tmp_path)
    assert (was_compiled, found, told) == ("True", reference, "")


class Small:
    """Machine code that is kept as that of the loop is; `compiled` counts how often it was made."""

    def __init__(self, folder: Path) -> None:
        self.cache, self.compiled = KernelCache(folder, "a small function"), 0

    def load(self) -> bytes:
        found = self.cache.load(FILE)
        if found is None:
            self.compiled += 1
            self.cache.keep(FILE, CODE)
        return found or CODE


FILE, CODE = "processor.loop", b"code" * 1000
HEAD = b"simsmtp machine code 1\n"
TAKES = "about ten seconds of one processor"


def _small(folder: Path) -> Small:
    """Return what was compiled or found, once."""
    small = Small(folder)
    assert small.load() == CODE
    return small


def test_code_is_compiled_once_and_found_again_in_silence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "kernels/version"
    assert _small(folder).compiled == 1
    told = capsys.readouterr().err
    assert told == f"simsmtp: compiling a small function, once for this version: {TAKES}\n"
    assert _small(folder).compiled == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:-1],
        lambda content: content[:2000] + bytes(100) + content[2100:],
        lambda content: b"garbage" * 1000,
        lambda content: hashlib.sha256(content).digest() + content,
        lambda content: content.replace(HEAD, HEAD.replace(b"1", b"2")),
    ],
    ids=["empty", "truncated", "zeros in the middle", "garbage", "of another program", "of another version"],
)
def test_a_damaged_file_heals(tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: Any) -> None:
    _small(tmp_path / "version")
    (file,) = (tmp_path / "version").iterdir()
    before = file.read_bytes()
    file.write_bytes(damage(before))
    assert file.read_bytes() != before
    capsys.readouterr()
    assert _small(tmp_path / "version").compiled == 1
    told = capsys.readouterr().err
    assert told == f"simsmtp: compiling a small function again, for {file} was damaged: {TAKES}\n"
    assert _small(tmp_path / "version").compiled == 0
    assert capsys.readouterr().err == ""
    assert list((tmp_path / "version").iterdir()) == [file]


def test_a_folder_that_cannot_be_written_is_told_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.touch()
    _small(file / "kernels/version")
    assert capsys.readouterr().err == (
        "simsmtp: compiling a small function, in this run as in every run, "
        f"for nothing can be kept in {file}/kernels (not a directory): {TAKES}\n"
    )


def test_the_engine_does_not_count_on_a_folder_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from simsmtp.engines.compiled.toolchain.kernels import is_compiled

    (tmp_path / "file").touch()
    monkeypatch.setenv("SIMSMTP_CACHE_DIR", str(tmp_path / "file"))
    assert not is_compiled()


def _refused(folder: Path, reason: str) -> str:
    return (
        "simsmtp: compiling a small function, in this run as in every run, "
        f"for code is not loaded from {folder} ({reason}): {TAKES}\n"
    )


@pytest.fixture
def kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A file of code that this user compiled."""
    _small(tmp_path / "cache/kernels/version")
    capsys.readouterr()
    (file,) = (tmp_path / "cache/kernels/version").iterdir()
    return file


def _hits(file: Path) -> int:
    return 1 - _small(file.parent).compiled


@needs_owners
@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757, 0o1777], ids=oct)
@pytest.mark.parametrize("above", [0, 1, 2], ids=["the folder itself", "one above", "two above"])
def test_code_is_not_loaded_from_a_folder_that_others_may_write_to(
    kept: Path, capsys: pytest.CaptureFixture[str], mode: int, above: int
) -> None:
    folder = kept.parents[above]
    folder.chmod(mode)
    before = kept.read_bytes()
    if above and mode == 0o1777:  # what is in it is ours, and stays so
        assert _hits(kept) == 1
        return
    assert _hits(kept) == 0
    told = capsys.readouterr().err
    assert told == _refused(kept.parents[1], f"others may write to {folder}; chmod go-w takes that away")
    assert kept.read_bytes() == before
    assert list(kept.parent.iterdir()) == [kept]


@needs_owners
@pytest.mark.parametrize("mode", [0o664, 0o646], ids=oct)
def test_code_is_not_loaded_from_a_file_that_others_may_write_to(
    kept: Path, capsys: pytest.CaptureFixture[str], mode: int
) -> None:
    kept.chmod(mode)
    assert _hits(kept) == 0
    told = capsys.readouterr().err
    assert told == _refused(kept.parents[1], f"others may write to {kept}; chmod go-w takes that away")


@needs_root
@pytest.mark.parametrize("above", [-1, 0, 1, 2], ids=["file", "folder", "one above", "two above"])
def test_code_is_not_loaded_where_another_user_owns_something_on_the_way(
    kept: Path, capsys: pytest.CaptureFixture[str], above: int
) -> None:
    another = kept if above < 0 else kept.parents[above]
    os.chown(another, 65534, 65534)
    assert _hits(kept) == 0
    assert capsys.readouterr().err == _refused(kept.parents[1], f"{another} belongs to another user, 65534")


@needs_owners
def test_nothing_is_made_in_a_cache_that_others_may_write_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    _small(shared / "kernels/version")
    assert "code is not loaded from" in capsys.readouterr().err
    assert list(shared.iterdir()) == []


@needs_owners
def test_the_place_that_a_link_leads_to_counts_and_the_folder_of_the_link(
    kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "public").mkdir()
    (tmp_path / "link").symlink_to(kept.parents[2])
    (tmp_path / "public/link").symlink_to(kept.parents[2])
    through = [tmp_path / way / "kernels/version" / kept.name for way in ("link", "public/link")]
    assert [_hits(one) for one in through] == [1, 1]
    (tmp_path / "public").chmod(0o777)
    assert [_hits(one) for one in through] == [1, 0]
    kept.parents[2].chmod(0o777)
    assert [_hits(one) for one in through] == [0, 0]


@needs_owners
def test_a_link_in_place_of_a_file_of_code_is_not_followed(
    kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.move(kept, tmp_path / "elsewhere")
    kept.symlink_to(tmp_path / "elsewhere")
    assert _hits(kept) == 0
    assert capsys.readouterr().err == _refused(kept.parents[1], f"{kept} is a link")


@needs_owners
def test_a_fifo_in_place_of_a_file_of_code_is_not_waited_for(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept.unlink()
    os.mkfifo(kept)
    assert _hits(kept) == 0
    assert capsys.readouterr().err == _refused(kept.parents[1], f"{kept} is not a regular file")


@needs_owners
def test_what_is_kept_is_loaded_again_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        _small(tmp_path / "a/kernels/version")
    finally:
        os.umask(before)
    (file,) = (tmp_path / "a/kernels/version").iterdir()
    modes = [one.stat().st_mode & 0o777 for one in (file, *file.parents[:3])]
    assert modes == [0o644, 0o755, 0o755, 0o755]
    assert _hits(file) == 1


def test_without_a_home_nothing_below_the_working_folder_is_a_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from simsmtp.engines.compiled.toolchain.kernels import is_compiled, kernel_folder

    monkeypatch.delenv("SIMSMTP_CACHE_DIR", raising=False)
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: f"~/.cache/{name}")
    monkeypatch.chdir(tmp_path)
    kernel_folder().mkdir(parents=True)
    (kernel_folder() / "planted.loop").write_bytes(b"")
    assert not is_compiled()
    _small(Path("~/.cache/simsmtp/kernels/version"))
    assert "(there is no home folder; SIMSMTP_CACHE_DIR names another)" in capsys.readouterr().err
    assert not Path("~/.cache/simsmtp/kernels/version").exists()


@needs_owners
def test_the_engine_does_not_count_on_a_folder_that_others_may_write_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from simsmtp.engines.compiled.toolchain.kernels import is_compiled, kernel_folder

    monkeypatch.setenv("SIMSMTP_CACHE_DIR", str(tmp_path))
    kernel_folder().mkdir(parents=True)
    (kernel_folder() / "x.loop").write_bytes(b"")
    assert is_compiled()
    kernel_folder().parent.chmod(0o777)
    assert not is_compiled()


def test_only_folders_of_kept_code_are_removed_when_there_are_many(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"linux-6.{number}").mkdir()
        (tmp_path / f"{number:032x}").mkdir()
    _small(tmp_path / ("f" * 32))
    left = {one.name for one in tmp_path.iterdir()}
    assert {f"linux-6.{number}" for number in range(20)} <= left
    assert len(left) == 20 + 16


def test_a_disk_that_is_full_costs_what_is_kept_and_not_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(path: Path, content: bytes) -> None:
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", half)
    _small(tmp_path / "version")
    assert "a small function could not be kept for the next run: no space left on device" in capsys.readouterr().err
    assert list((tmp_path / "version").iterdir()) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from test_kernel_cache import _small
os.replace = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)
_small(Path(sys.argv[1]))
"""


def test_a_kill_in_the_middle_leaves_nothing_damaged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(simsmtp.__file__).parents[1])])
    done = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path / "version"], env=os.environ | {"PYTHONPATH": paths}, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert [one.suffix for one in (tmp_path / "version").iterdir()] == [".part"]
    _small(tmp_path / "version")
    assert "once for this version" in capsys.readouterr().err
