"""How long a study would take, from a short look at a spread of its replications."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

from simsmtp.engines import expected_recipients
from simsmtp.model.plan import plan_of
from simsmtp.study.address import canonical
from simsmtp.study.chunks import Chunk, own_code, run_chunk
from simsmtp.study.runner import Plan, missing_tasks

if TYPE_CHECKING:
    from simsmtp.model.scenario import Scenario

_BUDGET_S = 2.0
_LOOKS = 200
_POOL_START_S = 1.0
_RECIPIENTS = 100_000
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


def estimate(plan: Plan) -> Estimate:
    """Run a spread of the missing replications for about two seconds, keep none, and extrapolate.

    Parameters
    ----------
    plan : Plan
        From :func:`simsmtp.study.runner.prepare`.
    """
    tasks = missing_tasks(plan)
    points, replications = len(plan.experiment.points), plan.experiment.replications
    distinct = len({canonical(point.scenario) for point in plan.experiment.points})
    workers = min(plan.workers, len(tasks), os.cpu_count() or 1) or 1  # more share the processors
    common = Chunk((), plan.experiment.seed, plan.engine, plan.strategies, os.getpid(), own_code(), tasks.recipients())
    seconds, looked = 0.0, 0
    began = time.perf_counter()
    # A stride that is prime to most counts visits unlike design points early.
    for index in range(min(len(tasks), _LOOKS)):
        task = tasks[index * 61 % len(tasks)]
        small, share = _part_of(task.scenario)
        ((_, row),) = run_chunk(common._replace(tasks=(task._replace(scenario=small),)))
        if index or len(tasks) == 1:  # the first one also pays for imports
            seconds, looked = seconds + row.duration_s / share, looked + 1
        if time.perf_counter() - began > _BUDGET_S:
            break
    mean = seconds / looked if looked else time.perf_counter() - began
    wall = mean * len(tasks) / workers + (_POOL_START_S if workers > 1 else 0.0)
    return Estimate(points, replications, distinct * replications - len(tasks), len(tasks), wall)


def _part_of(scenario: Scenario) -> tuple[Scenario, float]:
    """Return a scenario that takes about a second at most, and its share of the recipients: time grows with them."""
    work, share = scenario.workload, _RECIPIENTS / max(1, expected_recipients(scenario))
    if share >= 1:
        return scenario, 1.0
    if work.trace is not None:
        messages = plan_of(scenario).workload.messages
        share = max(share, 1 / messages)
        return scenario.replace({"workload.trace_messages": max(1, int(messages * share))}), share
    changes: dict[str, object] = {"workload.messages": max(1, int(work.messages * share))}
    each = max(1, expected_recipients(scenario) // work.messages)
    if each > _RECIPIENTS:
        changes["workload.recipients_per_message"] = _RECIPIENTS
    small = scenario.replace(changes)
    return small, expected_recipients(small) / expected_recipients(scenario)
