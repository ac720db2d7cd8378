"""How long a study would take, from a short look at a spread of its replications."""

from __future__ import annotations

import os
import time
from typing import NamedTuple

from simsmtp import engines
from simsmtp.model.plan import plan_of
from simsmtp.running.chunks import run_chunk
from simsmtp.running.places import START_S
from simsmtp.running.runner import PreparedRun, missing_tasks
from simsmtp.running.tasks import Tasks, part_of
from simsmtp.store.address import canonical

_BUDGET_S = 2.0
_LOOKS = 200
_TIMES_FASTER = 50
"""What the compiled engine gains at least where a study is worth compiling it."""
_RECIPIENTS = 30_000
"""Most recipients of a look; of longer replications a part is run."""


class Estimate(NamedTuple):
    """What a run would do.

    Attributes
    ----------
    points, replications : int
        Design points, and replications of each.
    stored, missing : int
        Replications that are in the store, and that would be computed.
    seconds : float
        Estimate of the time that takes.
    """

    points: int
    replications: int
    stored: int
    missing: int
    seconds: float


def estimate(prepared: PreparedRun) -> Estimate:
    """Run a spread of the missing replications for about two seconds, keep none, and extrapolate.

    Parameters
    ----------
    prepared : PreparedRun
        From :func:`simsmtp.running.runner.prepare`.
    """
    tasks = missing_tasks(prepared)
    points, replications = len(prepared.experiment.points), prepared.experiment.replications
    distinct = len({canonical(point.scenario) for point in prepared.experiment.points})
    wall = wall_s(prepared, tasks, len(tasks))
    return Estimate(points, replications, distinct * replications - len(tasks), len(tasks), wall)


def wall_s(prepared: PreparedRun, tasks: Tasks, count: int) -> float:
    """Run a spread of some tasks for about two seconds, keep none, and return how long `count` like them would take."""
    workers = min(prepared.workers, count, os.cpu_count() or 1) or 1  # more share the processors
    common = prepared.common(tasks)
    plan = plan_of(tasks[0].scenario) if tasks else None
    meanwhile = plan is not None and engines.choose_engine(plan, common.engine, at_stake=common.at_stake).meanwhile
    if meanwhile:  # nothing is compiled to see how long it takes without
        common = common._replace(engine="reference")
    seconds, looked = 0.0, 0
    began = time.perf_counter()
    # A stride that is prime to most counts visits unlike design points early.
    for index in range(min(max(len(tasks), 2), _LOOKS) if tasks else 0):
        task = tasks[index * 61 % len(tasks)]
        small, share = part_of(task.scenario, _RECIPIENTS)
        ((_, row),) = run_chunk(common.of(task._replace(scenario=small)))
        if index:  # the first one also pays for imports
            seconds, looked = seconds + row.duration_s / share, looked + 1
        if looked and time.perf_counter() - began > _BUDGET_S:
            break
    mean = seconds / max(1, looked)
    wall = mean * count / workers + (START_S if workers > 1 else 0.0)
    if meanwhile and wall > engines.COMPILING_S:
        wall = engines.COMPILING_S + (wall - engines.COMPILING_S) / _TIMES_FASTER
    return wall
