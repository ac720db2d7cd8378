"""Capacity planning: what a plan can carry, what it needs, its bottleneck, and what it costs."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simsmtp.errors import InputError
from simsmtp.experiment.capacity_table import RATE
from simsmtp.model.plan import plan_of
from simsmtp.planning.capacity_search import CapacitySearch
from simsmtp.planning.evaluator import Evaluator
from simsmtp.planning.plan import CapacityOptions, CapacityPlan, PlanSource, prepare_capacity
from simsmtp.planning.result_tables import cost_of, late_percentile, percentile_table
from simsmtp.planning.results import CapacityResults, Finding, Look
from simsmtp.planning.search_keys import rate_on_grid
from simsmtp.public_names import ShowsPublicNames
from simsmtp.running.option_keywords import with_keywords
from simsmtp.running.tasks import Tasks
from simsmtp.shown import html_text, shown
from simsmtp.theory.asymptotic_bounds import bounds_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Capacity", "Finding", "Look", "capacity", "prepare_capacity", "run_capacity"]

_QUESTIONS = {"rate": 7, "client.batch_size": 6, "client.connections": 5}
_ON_GRID = 20


class Capacity(ShowsPublicNames, CapacityResults):
    """All answers to a capacity plan; what they are is told by `simsmtp.planning.results.CapacityResults`."""

    def write(self, *, figure: bool = True, command: str | None = None) -> list[Path]:
        """Write ``capacity.json``, ``summary.csv``, provenance and the figure into the plan's folder; return paths."""
        from simsmtp.planning.capacity_files import write_capacity

        return write_capacity(self, figure=figure, command=command)

    def answer(self) -> str:
        """Return the answer as one paragraph."""
        from simsmtp.planning.answer_text import answer

        return answer(self)

    def to_dict(self) -> dict[str, Any]:
        """Return everything that was found as plain values, as ``capacity.json`` has it: nan and infinity are None."""
        from simsmtp.planning.capacity_files import document_of_capacity

        return document_of_capacity(self)

    def plot(self, ax: object = None) -> Figure:
        """Draw the saturation curve, the delays and the tornado, as far as the plan asked for them.

        Parameters
        ----------
        ax : Axes or several, optional
            Draw into axes of your own: one gets the first of these, or give one for each.

        Raises
        ------
        InputError
            If the plan asked for none of them, or `ax` is something else.
        """
        from simsmtp.planning.capacity_files import figure_of

        if self.curve.empty and self.tornado.empty:
            allowed = "a plan that searches the rate, or varies factors"
            raise InputError("there is no curve and no tornado to draw", key="capacity", allowed=allowed)
        return figure_of(self, ax)

    def __repr__(self) -> str:
        from simsmtp.planning.finding_text import value_text
        from simsmtp.planning.sustainable_rate import sustainable_rate

        scenario = self.plan.scenario
        found = [f"sustainable rate: {sustainable_rate(self).text}"] if RATE in self.findings else []
        found += [
            f"{key}: {'none found' if one.value is None else value_text(scenario, key, one.value)}"
            for key, one in self.findings.items()
            if key != RATE
        ]
        return f"<Capacity: {shown(' · '.join([self.plan.experiment.title, f'objectives {self.verdict}', *found]))}>"

    def _repr_html_(self) -> str:
        """Return verdict, numbers, figure, words and tables, as notebooks show them: in the order of a report."""
        from simsmtp.report.capacity_sections import capacity_parts

        found = self.to_dict()
        parts = [content for _, _, content in capacity_parts(found, self._figure_html())]
        return f"<h3>{html_text(found['title'])}</h3>{''.join(parts)}"

    def _figure_html(self) -> str:
        if self.curve.empty and self.tornado.empty:
            return ""
        from simsmtp.figures.canvas import png_html

        return png_html(self.plot(), f"{self.plan.experiment.title}: figure. The numbers are in the tables below.")


@with_keywords(CapacityOptions)
def capacity(plan: PlanSource, options: CapacityOptions) -> Capacity:
    """Find out what a plan can carry, what it needs to meet its objectives, and what it costs.

    Parameters
    ----------
    plan : str, Path, Experiment, Scenario or dict
        An experiment file with a table ``[capacity]``, an experiment built in Python, or a scenario, whose tables may
        stand in a dict. A scenario needs `objectives`, and says in `search` what to find out.
    **options
        As of `simsmtp.planning.plan.CapacityOptions`.

    Returns
    -------
    Capacity
        The answers: as text, tables, a figure and plain values.

    Raises
    ------
    PercentileSupportError
        For an objective on a percentile that a run of this size does not carry.
    InputError
        If anything given cannot be used.
    UnfinishedError
        If a replication failed, or the disk is full. What was finished is stored.

    Examples
    --------
    A relay with one connection gets 2 messages a second. Are 95 % there within a second, and up to which rate? ::

        arrivals = {"dist": "poisson", "rate_per_s": 2.0}
        scenario = simsmtp.Scenario(workload={"messages": 200, "recipients_per_message": 10, "arrivals": arrivals})
        simsmtp.capacity(scenario, objectives=["delay p(95) < 1 s"], search={"rate": (0.5, 20)})
    """
    return run_capacity(prepare_capacity(plan, options))


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
