"""The answer to a capacity plan in words, point by point, and what it assumes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from simsmtp.experiment.capacity_table import RATE
from simsmtp.model.numbers import number_text, percent_text
from simsmtp.model.plan import plan_of
from simsmtp.model.workload_table import PoissonArrivals
from simsmtp.planning.bound_text import bottleneck_text
from simsmtp.planning.finding_text import finding_text
from simsmtp.planning.headline import verdict_text
from simsmtp.planning.search_keys import messages_per_s, rate_on_grid
from simsmtp.planning.sustainable_rate import BOUND, sustainable_rate
from simsmtp.statistics.intervals import zero_bound
from simsmtp.statistics.pooled_percentiles import pooled_mark, pooled_note
from simsmtp.theory.asymptotic_bounds import left_out

if TYPE_CHECKING:
    from pandas import DataFrame

    from simsmtp.model.scenario import Scenario
    from simsmtp.planning.results import CapacityResults, Cost


def answer(capacity: CapacityResults) -> str:
    """Return the answer as one paragraph."""
    return " ".join(answers(capacity))


def answers(capacity: CapacityResults) -> list[str]:
    """Return the answer point by point: the plan as written, each search, the bottleneck, the cost."""
    scenario = capacity.plan.scenario
    parts = [verdict_text(capacity), *_judged(capacity)]
    for key, one in capacity.findings.items():
        parts.append(finding_text(scenario, one) + (_beyond_bound(capacity) if key == RATE else ""))
    parts += _pooled(capacity) + _thin_percentiles(capacity)
    if text := bottleneck_text(scenario, capacity.bounds):
        parts.append(text)
    parts += left_out(scenario)
    if capacity.cost is not None:
        cost = capacity.cost
        parts.append(
            f"A run costs {_price(cost.run, cost)}, {_price(cost.per_million, cost)} per million delivered recipients."
        )
    return parts


def _price(amount: float, cost: Cost) -> str:
    return f"{number_text(amount)} {cost.currency}".rstrip()


def size_text(scenario: Scenario, rows: DataFrame) -> str:
    """Return how large a replication is: messages counted, not estimated, and the mean of its recipients."""
    recipients = number_text(float(rows["recipients"].mean()))
    return f"{plan_of(scenario).workload.messages:,} messages to {recipients} recipients on average"


def assumptions(capacity: CapacityResults) -> list[str]:
    """Return what the answer rests on, one sentence each."""
    plan, rows = capacity.plan, capacity.written.rows
    level, most = plan.table.level, plan.experiment.replications
    size = size_text(plan.scenario, rows)
    looks = f"at most {most} replications answer a question, {min(plan.table.first_look, most)} where that is enough"
    bound = percent_text(zero_bound(most, level))
    bar = "its mean over replications is compared, and the end of"
    interval = f"{percent_text(level, 6)} t interval"
    told = [
        f"A replication is one run of {size}, {_arrivals(plan.scenario)}, until all are settled; {looks}.",
        f"A percentile is that of each replication by itself; {bar} the {interval} has to pass.",
    ]
    if any(one.forbids_any for one in plan.objectives):
        told.append(
            f"“== 0” means none in any replication: {most} without any allow up to {bound} of runs that show some."
        )
    if capacity.findings:
        fresh = plan.experiment.seed + 1
        told.append(
            "A search changes one thing and leaves the rest as written; it takes for granted that more of it makes "
            f"the objectives steadily harder or easier to meet. What it found was run again under seed {fresh} "
            "(the next ones where a step back was needed)."
        )
    if RATE in capacity.findings and rate_on_grid(plan.objectives):
        told.append(
            "An objective here may fail at low rates and hold at high ones, so that of the rate nothing was taken for "
            f"granted: {len(capacity.findings[RATE].tried)} rates were tried, over the whole range of the search; of "
            "those in between nothing is known."
        )
    if note := pooled_note(len(plan.scenario.destinations)):
        told.append(note)
    if capacity.bounds:
        told.append("Bounds and utilisation are formulas over means for the long run, not measurements.")
    if capacity.cost is not None:
        told.append("Costs hold all connections from the first connect to the last reply; prices are the plan's own.")
    return told


def above_offered(capacity: CapacityResults) -> str:
    """Return why more was delivered than offered; empty where that is at no rate of the curve."""
    curve, workload = capacity.curve, capacity.plan.scenario.workload
    above = int((curve["delivered_per_s"] > curve["offered_per_s"]).sum())
    if not above:
        return ""
    resent = ", resent copies are delivered on top" if workload.resend != "none" else ""
    return (
        f"Delivered is above offered at {above} of {len(curve)} rates: offered is the long-run mean, a run ends with "
        f"its last message, n messages have n - 1 gaps between them, and by chance these may be short{resent}."
    )


def as_written(capacity: CapacityResults) -> str:
    """Return what the plan as written does: the verdict, and what was seen of each objective."""
    return " ".join([verdict_text(capacity), *_judged(capacity)])


def _judged(capacity: CapacityResults) -> list[str]:
    """Return a sentence for each verdict: objectives of which the same is to be said share one."""
    pooled = pooled_mark(len(capacity.plan.scenario.destinations))
    alike: dict[tuple[str, str], list[str]] = {}
    for one in capacity.written.judgements:
        mark = f"{pooled}: " if pooled and one.objective.percentile is not None else ""
        alike.setdefault((one.verdict, mark + one.sentence), []).append(one.objective.text)
    return [
        f"{' and '.join(texts)} {'is' if len(texts) == 1 else 'are'} {verdict} ({sentence})."
        for (verdict, sentence), texts in alike.items()
    ]


def _arrivals(scenario: Scenario) -> str:
    if isinstance(scenario.workload.arrivals, PoissonArrivals):
        return "Poisson arrivals"
    return "all at once" if messages_per_s(scenario) is None else "arrivals as in the trace"


def _pooled(capacity: CapacityResults) -> list[str]:
    """Say where an objective on a delay is met or missed by all destinations together."""
    note = pooled_note(len(capacity.plan.scenario.destinations))
    asked = [one.text for one in capacity.plan.objectives if one.percentile is not None]
    if not note or not asked:
        return []
    return [
        f"About {' and '.join(asked)}: {note[0].lower()}{note[1:]} Whether each of them meets it alone is not known."
    ]


def _thin_percentiles(capacity: CapacityResults) -> list[str]:
    """Say so where an objective asks for a percentile that a replication is too small for."""
    asked = {one.response for one in capacity.plan.objectives}
    table = capacity.percentiles
    thin = [row for row in table.to_dict("records") if row["column"] in asked and math.isnan(row["plan"])]
    return [f"The runs are too small to estimate delay {row['percentile']} ({row['note']})." for row in thin]


def _beyond_bound(capacity: CapacityResults) -> str:
    """Say so where a rate passes only because the run ends."""
    sustainable = sustainable_rate(capacity)
    if sustainable.basis != BOUND:
        return ""
    bound = capacity.bounds[0]
    return (
        f" That is above the long-run bound of {bound.name}, {number_text(bound.messages_per_s, 3)} messages/s: the "
        "queue grows as long as messages arrive. Plan for less than this bound."
    )
