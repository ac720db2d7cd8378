"""How large a study may be: counted before anything is made of it, so that what is too large is said at once."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from simsmtp.errors import InputError
from simsmtp.model.counted import counted
from simsmtp.progress import note

if TYPE_CHECKING:
    from simsmtp.experiment.experiment import Experiment
    from simsmtp.experiment.factors import Factor

MOST_POINTS = 16_384
"""Design points: each is checked as a whole, at some thousand a second."""
MOST_COLUMNS = 200
"""Factors and other keys that points set."""
MOST_REPLICATIONS = 50_000_000
"""Replications of a study, over all its points: what is left to do takes nine octets for each."""
MOST_SETTINGS = 1000
MOST_WORKERS = 512
"""Worker processes on one machine, unless it has more processors."""
LONGEST_NAME = 100
"""Characters of a study's name: names of files are made of it."""


def check_points(factors: Sequence[Factor], sampled: int, listed: int) -> None:
    """Raise an `InputError` if a design has too many points: the product of levels and sampled points, and the listed.

    Parameters
    ----------
    factors : sequence of Factor
        With their levels.
    sampled, listed : int
        Points spread over ranges, 0 for none, and points listed one by one.
    """
    crossed = math.prod(len(factor.levels) for factor in factors) * max(1, sampled)
    points = crossed + listed if factors or sampled else max(1, listed)
    if points > MOST_POINTS:
        # The factor to blame is the one with most levels, unless points were spread or listed in greater number.
        sizes = {f"factors.{factor.name}": len(factor.levels) for factor in factors}
        sizes |= {"design.points": sampled, "points": listed}
        raise InputError("too many design points", key=max(sizes, key=lambda key: sizes[key]),
                         given=points, allowed=f"{MOST_POINTS:,} in all")  # fmt: skip


def check_columns(columns: Sequence[str]) -> None:
    """Raise an `InputError` if factors and points set too many different keys."""
    if len(columns) > MOST_COLUMNS:
        raise InputError(
            "too many factors and keys of points", key="factors", given=len(columns), allowed=f"{MOST_COLUMNS} in all"
        )


def check_replications(experiment: Experiment) -> None:
    """Raise an `InputError` if a study has too many replications over all its points."""
    in_all = experiment.replications * len(experiment.points)
    if in_all > MOST_REPLICATIONS:
        most = max(1, MOST_REPLICATIONS // len(experiment.points))
        raise InputError("too many replications", key="study.replications", given=experiment.replications,
                         allowed=f"up to {most:,} of {len(experiment.points):,} design points")  # fmt: skip


def worker_count(workers: object, *, are_ours: bool = True) -> int:
    """Return how many workers to start; more than there are processors are allowed, and said.

    Parameters
    ----------
    workers : int or None
        None is one per processor.
    are_ours : bool
        False where nothing is started on this machine.

    Raises
    ------
    InputError
        If it is no such number.
    """
    processors = os.cpu_count() or 1
    if workers is None:
        return processors
    most = max(MOST_WORKERS, processors)
    if isinstance(workers, bool) or not isinstance(workers, int) or not 1 <= workers <= most:
        raise InputError("not a usable number", key="workers", given=workers, allowed=f"1 to {most}")
    if workers > processors and are_ours:
        _say_shared(workers, processors)
    return workers


@cache
def _say_shared(workers: int, processors: int) -> None:
    note(f"up to {counted(workers, 'worker')} share {counted(processors, 'processor')}")


def results_folder(output: str | Path | None, name: str) -> Path:
    """Return the folder that results go to, ``results/<name>`` by default.

    Raises
    ------
    InputError
        If there can be no such folder.
    """
    folder = Path("results") / name if output is None else Path(output)
    try:
        # Of a folder that is to be made, the nearest one that is there.
        there = next(one for one in (folder, *folder.absolute().parents) if os.path.lexists(one))
        is_folder, reason = there.is_dir(), "is not a folder"
        folder.stat()
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        is_folder, reason = False, str(getattr(error, "strerror", None) or error).lower()
    if not is_folder:
        raise InputError(reason, key="output", given=str(output or folder), allowed="a folder, or a new name")
    return folder
