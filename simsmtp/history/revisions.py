"""Commits of a repository, read and never written: their order, and their files in a temporary folder."""

from __future__ import annotations

import io
import os
import re
import subprocess
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from simsmtp.errors import InputError

DIRTY = "-dirty"
"""Behind the commit of a working tree whose files were changed."""
_TIMEOUT_S = 300
_FIELDS = 4
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Repository(NamedTuple):
    """A git repository of the user's.

    Attributes
    ----------
    root : Path
        Top of its working tree, which is not touched.
    """

    root: Path

    def commit(self, name: str, key: str) -> str:
        """Return the full hash of a commit; what names none is an `InputError`."""
        try:
            return _git(self.root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").strip()
        except subprocess.CalledProcessError:
            allowed = f"a commit, tag or branch of {self.root}"
            raise InputError("names no commit", key=key, given=name, allowed=allowed) from None

    def between(self, good: str, bad: str) -> list[str]:
        """Return the commits after `good` up to `bad`, the oldest first; of a merge, its first parent.

        Raises
        ------
        InputError
            If `good` is not one of the first parents of `bad`.
        """
        after = _git(self.root, "rev-list", "--first-parent", "--reverse", f"{good}..{bad}").split()
        oldest = after[0] if after else bad
        parents = _git(self.root, "rev-list", "--parents", "--max-count=1", oldest).split()[1:2]
        if good != bad and parents != [good]:
            raise InputError("does not lead to --bad over first parents", key="--good", given=good[:12],
                             allowed=f"a commit of 'git log --first-parent {bad[:12]}'")  # fmt: skip
        return after

    def subject(self, commit: str) -> str:
        """Return the first line of what a commit says."""
        return _git(self.root, "log", "--max-count=1", "--format=%s", commit).strip()

    def files(self, commit: str) -> list[str]:
        """Return the names of the files that a commit changed against its first parent."""
        told = _git(self.root, "diff", "--name-only", "-z", f"{commit}^1", commit)
        return [name for name in told.split("\0") if name]

    def has(self, commit: str, name: str) -> bool:
        """Tell whether a commit has a file."""
        return bool(_git(self.root, "ls-tree", "--name-only", commit, "--", name))

    def extract(self, commit: str, folder: Path) -> None:
        """Write the files of a commit into a folder.

        ``git archive`` reads objects alone: unlike a worktree it writes nothing into the repository and runs no hook.
        """
        packed = _octets(self.root, "archive", "--format=tar", commit)
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")


def repository_of(folder: Path, key: str) -> Repository:
    """Return the repository that a folder is in; without one, or without git, that is an `InputError`."""
    try:
        return Repository(Path(_git(folder, "rev-parse", "--show-toplevel").rstrip("\n")))
    except (subprocess.CalledProcessError, NotADirectoryError, FileNotFoundError) as error:
        reason = "git is not installed" if getattr(error, "filename", "") == "git" else "is in no git repository"
        raise InputError(reason, key=key, given=str(folder), allowed="a folder in a clone") from None


def current_commit(folder: Path, *, aside: Path) -> str | None:
    """Return the commit that a folder is at, with `DIRTY` if its tracked files were changed; None without one.

    Parameters
    ----------
    folder : Path
        In a working tree.
    aside : Path
        A file whose changes do not count: the history file may be tracked itself.
    """
    try:
        head = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD").strip()
        top = Path(_git(folder, "rev-parse", "--show-toplevel").rstrip("\n"))
        told = _git(top, "status", "--porcelain", "-z", "--untracked-files=no", "--no-renames")
    except (subprocess.SubprocessError, OSError):
        return None
    own = Path(os.path.realpath(aside))
    changed = [name for line in told.split("\0") if (name := line[_FIELDS - 1 :]) and top.resolve() / name != own]
    return f"{head}{DIRTY}" if changed else head


def order_of(commits: Iterable[str], folder: Path) -> dict[str, int]:
    """Return commit → place, ancestors first, of those that the repository around a folder has; none without one."""
    hashes = sorted({one.removesuffix(DIRTY) for one in commits if _HASH.fullmatch(one.removesuffix(DIRTY))})
    try:
        told = _git(folder, "rev-list", "--topo-order", "--reverse", "--ignore-missing", *hashes, "--")
    except (subprocess.SubprocessError, OSError):
        return {}
    wanted = set(hashes)
    return {one: place for place, one in enumerate(told.split()) if one in wanted}


def _git(folder: Path, *arguments: str) -> str:
    return _octets(folder, *arguments).decode("utf-8", "surrogateescape")


def _octets(folder: Path, *arguments: str) -> bytes:
    return subprocess.run(  # noqa: S603 - what users give stands behind --end-of-options, or is a hash
        ["git", "--no-optional-locks", "-C", str(folder), *arguments],  # noqa: S607 - whichever git the user has
        capture_output=True, check=True, timeout=_TIMEOUT_S, env={**os.environ, "LC_ALL": "C"},
    ).stdout  # fmt: skip
