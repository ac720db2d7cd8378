"""The answer to a capacity plan in words, point by point, and what it assumes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from simsmtp.experiment.capacity_table import CONNECTIONS, RATE
from simsmtp.experiment.scenario_keys import value_at
from simsmtp.model.numbers import counted, number_text, percent_text
from simsmtp.model.plan import plan_of
from simsmtp.model.scenario import PoissonArrivals
from simsmtp.planning.bound_text import bottleneck_text, overload_text
from simsmtp.planning.finding_text import finding_text
from simsmtp.planning.search_keys import messages_per_s, rate_on_grid, with_value
from simsmtp.statistics.intervals import zero_bound
from simsmtp.statistics.judgements import MET, MISSED, Judgement
from simsmtp.statistics.pooled_percentiles import pooled_mark, pooled_note
from simsmtp.theory.asymptotic_bounds import left_out

if TYPE_CHECKING:
    from pandas import DataFrame

    from simsmtp.model.scenario import Scenario
    from simsmtp.planning.results import CapacityResults, Cost, Finding


def answer(capacity: CapacityResults) -> str:
    """Return the answer as one paragraph."""
    return " ".join(answers(capacity))


def answers(capacity: CapacityResults) -> list[str]:
    """Return the answer point by point: the plan as written, each search, the bottleneck, the cost."""
    parts = [text for text in (overload_text(capacity.plan.scenario, capacity.bounds), as_written(capacity)) if text]
    parts += [
        " ".join([finding_text(capacity.plan.scenario, one), *_beyond_bound(capacity, one)])
        for one in capacity.findings.values()
    ]
    parts += _pooled(capacity) + _thin_percentiles(capacity)
    if text := bottleneck_text(capacity.plan.scenario, capacity.bounds):
        parts.append(text)
    parts += left_out(capacity.plan.scenario)
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
    """Return what the plan as written does."""
    said = {MET: "meets its objectives", MISSED: "misses its objectives"}
    verdict = said.get(capacity.verdict, "may or may not meet its objectives: the replications allowed do not tell")
    judged = "; ".join(_judged(capacity.written.judgements, pooled_mark(len(capacity.plan.scenario.destinations))))
    return f"As written ({_setting(capacity.plan.scenario)}) the plan {verdict}: {judged}."


def _judged(judgements: Sequence[Judgement], pooled: str) -> list[str]:
    """Return a clause for each verdict: objectives of which the same is to be said share one."""
    alike: dict[tuple[str, str], list[str]] = {}
    for one in judgements:
        mark = f"{pooled}: " if pooled and one.objective.percentile is not None else ""
        alike.setdefault((one.verdict, mark + one.sentence), []).append(one.objective.text)
    return [
        f"{' and '.join(texts)} {'is' if len(texts) == 1 else 'are'} {verdict} ({sentence})"
        for (verdict, sentence), texts in alike.items()
    ]


def _setting(scenario: Scenario) -> str:
    rate = messages_per_s(scenario)
    arrivals = "all messages at once" if rate is None else f"{number_text(rate)} messages/s"
    connections = value_at(scenario, CONNECTIONS)
    each = " to each destination" if len(scenario.destinations) > 1 else ""
    many = "unlimited connections" if connections is None else counted(connections, "connection")
    return f"{arrivals}, batch size {scenario.client.batch_size}, {many}{each}"


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
    return [f"Mind what {' and '.join(asked)} means here. {note} Whether each of them meets it alone is not known."]


def _thin_percentiles(capacity: CapacityResults) -> list[str]:
    """Say so where an objective asks for a percentile that a replication is too small for."""
    asked = {one.response for one in capacity.plan.objectives}
    table = capacity.percentiles
    thin = [row for row in table.to_dict("records") if row["column"] in asked and math.isnan(row["plan"])]
    return [f"Mind that delay {row['percentile']} is not carried by runs of this size ({row['note']})." for row in thin]


def _beyond_bound(capacity: CapacityResults, finding: Finding) -> list[str]:
    """Say so where a rate passes only because the run ends."""
    rate = None if finding.value is None else messages_per_s(with_value(capacity.plan.scenario, RATE, finding.value))
    if finding.key != RATE or rate is None or not capacity.bounds or capacity.bounds[0].headroom(rate) >= 0:
        return []
    bound = number_text(capacity.bounds[0].messages_per_s, 3)
    text = (
        f"Mind that {number_text(rate)} messages/s is above the long-run bound of {bound} messages/s: the queue grows "
        "as long as messages arrive, and what is met is met by runs of this size, which end; for traffic that goes on, "
        "stay below."
    )
    return [text]
