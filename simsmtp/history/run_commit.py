"""One experiment at one commit: its files in a temporary folder, run by a fresh process, and the rows it computed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsmtp.errors import SimsmtpError
from simsmtp.files import parse_json
from simsmtp.rows.responses import COLUMNS
from simsmtp.store.address import PACKAGE, code_hash

if TYPE_CHECKING:
    from pandas import DataFrame

    from simsmtp.history.revisions import Repository
    from simsmtp.running.run_options import RunOptions

# Runs in the process of a commit, with that commit's simsmtp: what it uses is public, and old.
_PROGRAM = """
import json, sys
import simsmtp
with open(sys.argv[1], encoding="utf-8") as file:
    asked = json.load(file)
rows = simsmtp.run(asked["experiment"], output=asked["output"], progress=False, **asked["options"]).rows
names = [name for name in asked["columns"] if name in rows]
table = {name: rows[name].astype(object).where(rows[name].notna(), None).tolist() for name in names}
with open(sys.argv[2], "w", encoding="utf-8") as file:
    json.dump(table, file, default=float)
"""
PACKAGE_FILE = "simsmtp/__init__.py"
"""What tells a repository of this package from others."""
_LONGEST = 300


class CommitError(SimsmtpError):
    """The experiment cannot be run at a commit; the text says why."""


def rows_at(
    repository: Repository, commit: str, experiment: Path, options: RunOptions, *, timeout_s: float
) -> tuple[DataFrame, str]:
    """Return the rows of an experiment at a commit, and the hash of the code that computed them.

    Parameters
    ----------
    repository : Repository
        If a commit of it holds the package simsmtp, that is what runs; else the one that is installed.
    commit : str
        Its hash.
    experiment : Path
        The same file for all commits.
    options : RunOptions
        Settings, strategies and replications. Strategy files in the repository are those of the commit.
    timeout_s : float
        Longest time.

    Raises
    ------
    CommitError
        If it fails or takes too long.
    """
    with tempfile.TemporaryDirectory(prefix="simsmtp-history-") as name:
        folder, tree = Path(name), Path(name) / "tree"
        try:
            repository.extract(commit, tree)
        except (subprocess.SubprocessError, OSError) as error:
            raise CommitError(f"its files cannot be read: {error}") from None
        has_package = (tree / PACKAGE_FILE).is_file()
        given: dict[str, Any] = {
            "settings": list(options.settings), "replications": options.replications, "workers": options.workers,
            "strategies": strategies_at([str(one) for one in options.strategies], repository.root, tree),
        }  # fmt: skip
        asked = {
            "experiment": str(experiment.resolve()), "output": str(folder / "results"),
            "columns": ["point", "replication", *COLUMNS, "error"],
            "options": {name: one for name, one in given.items() if one},
        }  # fmt: skip
        (folder / "asked.json").write_text(json.dumps(asked), encoding="utf-8")
        _run(folder, tree, tree if has_package else PACKAGE.parent, timeout_s)
        return _table(folder / "rows.json"), code_hash(tree / "simsmtp") if has_package else code_hash()


def strategies_at(given: Sequence[str], root: Path, tree: Path) -> list[str]:
    """Return strategies as a commit has them: files of the repository in its tree, all others as they are."""
    found = []
    for one in given:
        own, top = Path(one).resolve(), root.resolve()
        if not Path(one).exists():  # the name of a strategy
            found.append(one)
        else:
            found.append(str(tree / own.relative_to(top)) if own.is_relative_to(top) else str(own))
    return found


def _run(folder: Path, tree: Path, package: Path, timeout_s: float) -> None:
    paths = [str(package), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-P", "-c", _PROGRAM, str(folder / "asked.json"), str(folder / "rows.json")]
    with subprocess.Popen(  # noqa: S603 - fixed arguments
        command, cwd=tree, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
        start_new_session=True,
    ) as process:  # fmt: skip
        try:
            _, said = process.communicate(timeout=timeout_s)
        except BaseException as error:  # Ctrl-C, too: nothing of it goes on
            _kill(process)
            if isinstance(error, subprocess.TimeoutExpired):
                raise CommitError(f"it takes more than {timeout_s:g} s") from None
            raise
    if process.returncode:
        raise CommitError((said.strip() or f"exit code {process.returncode}").splitlines()[-1][:_LONGEST])


def _kill(process: subprocess.Popen[str]) -> None:
    """End a process with the workers that it started."""
    if os.name == "posix":
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def _table(path: Path) -> DataFrame:
    import pandas as pd

    try:
        table = parse_json(path.read_bytes())
        rows = pd.DataFrame(table)
        return rows.astype({name: "float64" for name in COLUMNS if name in rows})
    except (OSError, ValueError, TypeError) as error:
        raise CommitError(f"it gave no rows: {error}") from None
