"""What answering a capacity plan would take: its questions, their replications, and the time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simsmtp.experiment.capacity_table import RATE
from simsmtp.model.numbers import counted, number_text
from simsmtp.planning.capacity import expected
from simsmtp.planning.finding_text import SOUGHT
from simsmtp.planning.plan import CapacityPlan
from simsmtp.running.pilot import wall_s
from simsmtp.running.tasks import Tasks


class CapacityEstimate(NamedTuple):
    """What answering a plan would take.

    Attributes
    ----------
    asked : tuple of str
        What is asked, one clause each.
    questions, replications : int
        About how many questions that is, and how many replications they take in all.
    most_replications : int
        Replications if every question needs as many as it may get.
    each : int
        The most that a question gets.
    seconds : float
        Estimate of the time, as if nothing were stored.
    """

    asked: tuple[str, ...]
    questions: int
    replications: int
    most_replications: int
    each: int
    seconds: float


def estimate_capacity(plan: CapacityPlan) -> CapacityEstimate:
    """Run the plan as written for about two seconds, keep nothing, and extrapolate.

    Parameters
    ----------
    plan : CapacityPlan
        From `simsmtp.planning.plan.prepare_capacity`.
    """
    questions, replications = expected(plan)
    each = plan.experiment.replications
    tasks = Tasks({1: plan.scenario}, each, lambda *_: np.empty(0, dtype=np.int64))
    prepared = plan.prepared._replace(at_stake=replications * tasks.recipients() // each)
    seconds = wall_s(prepared, tasks, replications)
    return CapacityEstimate(tuple(_asked(plan)), questions, replications, questions * each, each, seconds)


def _asked(plan: CapacityPlan) -> list[str]:
    found = [f"does the plan as written meet {' and '.join(one.text for one in plan.objectives)}?"]
    for key, ends in plan.table.search.items():
        found.append(f"the {SOUGHT[key]} that does, from {' to '.join(number_text(one) for one in ends)}")
    if RATE in plan.table.search and plan.table.curve_points:
        found.append(f"the saturation curve, at {counted(plan.table.curve_points, 'further rate')}")
    if plan.table.factors:
        found.append(f"what {', '.join(plan.table.factors)} would change, each at two other values")
    return found
