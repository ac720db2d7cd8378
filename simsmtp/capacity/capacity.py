"""Capacity planning: what a plan can carry, what it needs, its bottleneck, and what it costs."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from simsmtp.capacity.capacity_search import CapacitySearch
from simsmtp.capacity.evaluator import Evaluator
from simsmtp.capacity.plan import CapacityOptions, CapacityPlan, prepare_capacity
from simsmtp.capacity.result_tables import cost_of, late_percentile, percentile_table
from simsmtp.capacity.results import CapacityResults, Finding, Look
from simsmtp.capacity.search_keys import rate_on_grid
from simsmtp.experiment.capacity_table import RATE
from simsmtp.experiment.experiment import Experiment
from simsmtp.model.plan import plan_of
from simsmtp.running.option_keywords import with_keywords
from simsmtp.running.tasks import Tasks
from simsmtp.shown import html_text
from simsmtp.theory.asymptotic_bounds import bounds_of

__all__ = ["Capacity", "Finding", "Look", "plan_capacity", "prepare_capacity", "run_capacity"]

_QUESTIONS = {"rate": 7, "client.batch_size": 6, "client.connections": 5}
_ON_GRID = 20


class Capacity(CapacityResults):
    """All answers to a capacity plan; what they are is told by `simsmtp.capacity.results.CapacityResults`."""

    def write(self, *, figure: bool = True, command: str | None = None) -> list[Path]:
        """Write ``capacity.json``, ``summary.csv``, provenance and the figure into the plan's folder; return paths."""
        from simsmtp.capacity.capacity_files import write_capacity

        return write_capacity(self, figure=figure, command=command)

    def answer(self) -> str:
        """Return the answer as one paragraph."""
        from simsmtp.capacity.answer_text import answer

        return answer(self)

    def _repr_html_(self) -> str:
        """Return the answer, what it assumes and its tables, as notebooks show it."""
        from simsmtp.capacity.capacity_files import document_of_capacity
        from simsmtp.report.capacity_sections import capacity_answer, capacity_tables

        found = document_of_capacity(self)
        return f"<h3>{html_text(found['title'])}</h3>{capacity_answer(found)}{capacity_tables(found)}"


@with_keywords(CapacityOptions)
def plan_capacity(path: str | Path | Experiment, options: CapacityOptions) -> Capacity:
    """Answer a capacity plan; value and errors as of `prepare_capacity` and `run_capacity`.

    Parameters
    ----------
    path : str, Path or Experiment
        An experiment file with a table ``[capacity]``, or an experiment built in Python.
    **options
        As of `simsmtp.capacity.plan.CapacityOptions`.
    """
    return run_capacity(prepare_capacity(path, options))


def run_capacity(plan: CapacityPlan) -> Capacity:
    """Answer a checked plan.

    Returns
    -------
    Capacity
        Its verdict is that of the plan as written. Every replication is in the store of the plan's folder, so that
        a plan that was stopped goes on from there.
    """
    began, started = time.perf_counter(), datetime.now(UTC)
    bounds = bounds_of(plan.scenario)  # what cannot be answered is found before hours of replications
    first = Tasks({1: plan.scenario}, 1, lambda *_: np.empty(0, dtype=np.int64))
    questions, replications = expected(plan)
    prepared = plan.prepared._replace(at_stake=replications * first.recipients())
    evaluator = Evaluator(prepared, questions, replications * prepared.expected_s(first))
    evaluator.check_determinism(first, plan.experiment.seed, "the plan as written")  # before anything is written
    with evaluator:
        inquiry = CapacitySearch(plan, evaluator)
        written = inquiry.look("plan", plan.scenario, {}, first=plan.experiment.replications)
        findings = {key: inquiry.search(key) for key in plan.table.search}
        late = late_percentile(plan.objectives, float(written.rows["recipients"].mean()))
        curve = inquiry.curve(findings.get(RATE), late)
        tornado = inquiry.tornado(written)
    confirmed = findings[RATE].confirmation if RATE in findings else None
    at_edge = confirmed.rows if confirmed is not None and findings[RATE].value is not None else None
    messages = plan_of(plan.scenario).workload.messages
    return Capacity(
        plan, written, findings, curve,
        percentile_table(written.rows, at_edge, messages, plan.table.level), tornado, late,
        bounds, cost_of(plan.scenario, plan.table, written.rows),
        inquiry.looks, evaluator.computed, evaluator.reused, evaluator.engines, evaluator.ran,
        started, time.perf_counter() - began,
    )  # fmt: skip


def expected(plan: CapacityPlan) -> tuple[int, int]:
    """Return about how many questions a plan asks, and how many replications that takes."""
    most, first = plan.experiment.replications, min(plan.table.first_look, plan.experiment.replications)
    each = _QUESTIONS | ({RATE: _ON_GRID} if rate_on_grid(plan.objectives) else {})
    looks = sum(each[key] for key in plan.table.search)
    looks += (plan.table.curve_points if RATE in plan.table.search else 0) + 2 * len(plan.table.factors)
    confirmed = len(plan.table.search)
    # A look that is undecided is taken again with twice the replications: as often as not, once.
    return 1 + looks + confirmed, most + looks * 2 * first + confirmed * most
