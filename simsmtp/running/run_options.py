"""What a run is asked for, checked before anything is written: its size, workers, traces, and where results go."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from simsmtp.errors import InputError
from simsmtp.experiment.size_limits import MOST_REPLICATIONS, MOST_WORKERS
from simsmtp.model.numbers import counted
from simsmtp.progress import note

if TYPE_CHECKING:
    from simsmtp.experiment.experiment import Experiment


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


def check_plans(experiment: Experiment) -> None:
    """Make an engine's plan of every scenario and read every trace once, before anything is written.

    Raises
    ------
    InputError
        For a malformed trace with its line, and for whatever else no engine could run.
    """
    from simsmtp.model.plan import plan_of

    seen = set()
    for point in experiment.points:
        workload = point.scenario.workload
        trace = (workload.trace, workload.trace_format)
        if workload.trace is None or trace not in seen:
            try:
                plan_of(point.scenario)
            except (ArithmeticError, ValueError) as error:  # numbers that are each allowed and together are not
                reason = str(error).partition("\n")[0]
                raise InputError(f"no engine can run design point {point.number}: {reason}", key="scenario") from None
        seen.add(trace)
