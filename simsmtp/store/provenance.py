"""Where results come from: sources, versions, machine, seed, command."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsmtp._version import __version__
from simsmtp.errors import InputError
from simsmtp.files import parse_json, read_text, replace_file
from simsmtp.output.file_hashes import PROVENANCE, hash_of
from simsmtp.progress import note
from simsmtp.store.address import PACKAGE, address, code_hash

if TYPE_CHECKING:
    from datetime import datetime

    from simsmtp.model.scenario import Scenario

_TOLD = ("study", "seed", "design_points", "replications", "code", "inputs")
"""What tells a run from another one; where all are equal, the digests are."""
_PACKAGES = ("joblib", "matplotlib", "numba", "numpy", "pandas", "pydantic", "scipy", "simpy")


def circumstances(command: str | None, started: datetime, duration_s: float) -> dict[str, Any]:
    """Return how something was run: command line, time, sources, versions, machine.

    Parameters
    ----------
    command : str or None
        The command line.
    started : datetime
        When it began.
    duration_s : float
        How long it took.
    """
    commit, clean = _commit()
    return {
        "command": command,
        "started": started.isoformat(timespec="seconds"),
        "duration_s": round(duration_s, 3),
        "simsmtp": __version__,
        "commit": commit,
        "clean": clean,
        "code": code_hash(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "platform": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
    }


def provenance_to_write(folder: Path, new: dict[str, Any], files: Mapping[str, bytes]) -> bytes:
    """Return the content of provenance.json: as it is if this run added nothing, for it tells of the one that did.

    Parameters
    ----------
    folder : Path
        Of the results.
    new : dict
        What `simsmtp.study.study_files.provenance` tells of this run, or of the one that made opened results.
    files : mapping
        Name → content of the files whose hashes are noted.

    Raises
    ------
    InputError
        If nothing was computed, and the digest noted for the same inputs is not that of the stored results.
    """
    path = folder / PROVENANCE
    hashes = {name: hash_of(content) for name, content in files.items()}
    noted = _noted(path, must=not new.get("computed"))
    same = noted is not None and all(noted.get(key) == new.get(key) for key in _TOLD) and not noted.get("failed")
    if noted is not None and not (same and noted.get("digest") == new.get("digest")):
        if same and not new.get("computed"):
            raise InputError(
                "notes another digest than that of the stored results, and nothing was computed",
                file=str(path), key="digest", given=noted.get("digest"),
                allowed=f"{new['digest']}; delete the file to have it written anew",
            )  # fmt: skip
        if same:
            note(f"{path} noted the digest {noted.get('digest')} for the same inputs; it is now {new['digest']}")
        elif not new.get("computed"):
            note(f"{path} told of another run; it now tells of this one, which took all results from the store")
    elif noted is not None and (noted == new or not new.get("computed")):
        new, hashes = noted, {**(noted.get("files") or {}), **hashes}
    return (json.dumps({**new, "files": hashes}, indent=2) + "\n").encode()


def note_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Add the hashes of further files to the provenance in a folder, if there is one."""
    noted = _noted(folder / PROVENANCE, must=True)
    if noted is not None:
        added = {name: hash_of(content) for name, content in files.items()}
        noted["files"] = {**(noted.get("files") or {}), **added}
        replace_file(folder / PROVENANCE, (json.dumps(noted, indent=2) + "\n").encode())


def _noted(path: Path, *, must: bool) -> dict[str, Any] | None:
    """Return what is noted, None if there is nothing; what cannot be read is an error or, unless it must be, told."""
    if not path.exists():
        return None
    hint = "what simsmtp wrote; delete the file to have it written anew"
    try:
        noted = parse_json(read_text(path, allowed=hint))
    except ValueError:
        noted = None
    if isinstance(noted, dict):
        return noted
    if must:
        raise InputError("holds no table of provenance", file=str(path), allowed=hint)
    note(f"{path} could not be read; it is written anew")
    return None


def inputs_of(asked: Iterable[tuple[Scenario, int, object]]) -> str:
    """Return one hash of all that results depend on: of scenarios, seeds, and what else was asked of each."""
    found = hashlib.sha256()
    for scenario, seed, rest in asked:
        found.update(f"{address(scenario, seed)} {rest}\n".encode())
    return found.hexdigest()


def command_line(arguments: list[str] | None = None) -> str:
    """Return the command line, with nothing of absolute paths but the last part."""
    given = sys.argv[1:] if arguments is None else arguments
    return " ".join(["simsmtp", *(_without_folder(one) for one in given)])


def _without_folder(argument: str) -> str:
    head, equals, value = argument.partition("=")
    if equals and Path(value).is_absolute():
        return f"{head}={Path(value).name}"
    return Path(argument).name if Path(argument).is_absolute() else argument


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _commit() -> tuple[str | None, bool | None]:
    """Return the commit of the sources and whether they are as committed; None without a repository."""
    # An installed copy may lie in somebody else's repository: only a tracked one has a commit. One that was
    # installed from the clone it is run in has that clone's, as long as their sources are the same.
    package, here = PACKAGE, Path("simsmtp")
    if not _git(package, "ls-files", "__init__.py"):
        package = here
    if not _git(package, "ls-files", "__init__.py") or code_hash(package) != code_hash():
        return None, None
    changes = _git(package, "status", "--porcelain", "--", ":/", ":(top,exclude)results")
    return _git(package, "rev-parse", "HEAD"), changes == ""


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - fixed arguments
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - whichever git the user has
            capture_output=True, text=True, check=True, timeout=20,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
