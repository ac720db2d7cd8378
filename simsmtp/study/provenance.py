"""Where results come from: sources, versions, machine, seed, command."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import simsmtp
from simsmtp.study.address import code_hash

if TYPE_CHECKING:
    from datetime import datetime

    from simsmtp.study.study import Study

PROVENANCE = "provenance.json"
_PACKAGES = ("joblib", "matplotlib", "numba", "numpy", "pandas", "pydantic", "scipy", "simpy")


def provenance(study: Study, command: str | None = None) -> dict[str, Any]:
    """Return what has to be known to get a study's results again.

    Parameters
    ----------
    study : Study
        A finished study.
    command : str, optional
        The command line that ran it.
    """
    return {
        "study": study.name,
        "digest": study.digest,
        "seed": study.experiment.seed,
        "design_points": len(study.points),
        "replications": study.experiment.replications,
        "computed": study.computed,
        "reused": study.reused,
        "failed": len(study.failures),
        "engines": study.engines,
        **circumstances(command, study.started, study.duration_s),
    }


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
        "simsmtp": simsmtp.__version__,
        "commit": commit,
        "clean": clean,
        "code": code_hash(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "platform": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
    }


def kept_provenance(folder: Path, *, computed: int, digest: str) -> bytes | None:
    """Return the provenance in a folder if this run added nothing: it tells of the run that computed the results.

    Parameters
    ----------
    folder : Path
        Of the results.
    computed : int
        Replications that this run computed.
    digest : str
        Of its results.
    """
    path = folder / PROVENANCE
    if computed or not path.is_file():
        return None
    content = path.read_bytes()
    try:
        noted = json.loads(content)
    except ValueError:
        return None
    return content if isinstance(noted, dict) and noted.get("digest") == digest else None


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
    package, here = Path(simsmtp.__file__).parent, Path("simsmtp")
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
