"""The answer to a capacity plan in one verdict and four numbers: what terminal, report and notebook show first."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from simsmtp.experiment.capacity_table import CONNECTIONS
from simsmtp.experiment.scenario_keys import value_at
from simsmtp.model.numbers import counted, number_text, percent_text, seconds_text
from simsmtp.planning.bound_text import headroom, overload_text, room_text, utilisation, weak_part
from simsmtp.planning.search_keys import messages_per_s
from simsmtp.planning.sustainable_rate import sustainable_rate
from simsmtp.statistics.intervals import Interval, mean_interval
from simsmtp.statistics.judgements import MET, MISSED
from simsmtp.statistics.summary import clipped
from simsmtp.theory.asymptotic_bounds import left_out

if TYPE_CHECKING:
    from simsmtp.model.scenario import Scenario
    from simsmtp.planning.results import CapacityResults


class Number(NamedTuple):
    """One of the four numbers: what it is, its value with unit, and what it rests on."""

    name: str
    text: str
    note: str


class Headline(NamedTuple):
    """What is said first: whether the plan as written meets its objectives, and four numbers."""

    verdict: str
    numbers: tuple[Number, ...]


def headline(capacity: CapacityResults) -> Headline:
    """Return the verdict in one line, and the four numbers that a planner asks for."""
    sustainable = sustainable_rate(capacity)
    rate = Number("Sustainable rate", sustainable.text, sustainable.note)
    return Headline(verdict_text(capacity), (rate, _last_recipient(capacity), _bottleneck(capacity), _cost(capacity)))


def verdict_text(capacity: CapacityResults) -> str:
    """Return in one line whether the plan as written meets its objectives.

    A rate above the long-run bound is told here: a run may meet objectives only because it ends.
    """
    scenario = capacity.plan.scenario
    overload = overload_text(scenario, capacity.bounds)
    if capacity.verdict == MET:
        ends = " in a run that ends" if overload else ""
        return f"The plan as written meets its objectives{ends} ({setting_text(scenario)}). {overload}".rstrip()
    concerned = [one.objective.text for one in capacity.written.judgements if one.verdict == capacity.verdict]
    texts = " and ".join(concerned)
    if capacity.verdict == MISSED:
        are = "is" if len(concerned) == 1 else "are"
        text = f"The plan as written does not meet its objectives ({setting_text(scenario)}): {texts} {are} missed."
    else:
        runs = counted(len(capacity.written.rows), "replication")
        text = f"Inconclusive: {runs} do not tell whether the plan as written ({setting_text(scenario)}) meets {texts}."
    return f"{text} {overload}".rstrip()


def setting_text(scenario: Scenario) -> str:
    """Return what a plan asks for: its rate, batch size and connections."""
    rate = messages_per_s(scenario)
    arrivals = "all messages at once" if rate is None else f"{number_text(rate)} messages/s"
    connections = value_at(scenario, CONNECTIONS)
    each = " to each destination" if len(scenario.destinations) > 1 else ""
    many = "unlimited connections" if connections is None else counted(connections, "connection")
    return f"{arrivals}, batch size {scenario.client.batch_size}, {many}{each}"


def last_recipient(capacity: CapacityResults) -> Interval:
    """Return how long a run of the plan as written takes until the last recipient is settled, in seconds."""
    found = mean_interval(capacity.written.rows["makespan_s"].to_numpy(float), capacity.plan.table.level)
    low, high = clipped(found.low, found.high, "makespan_s")
    return found._replace(low=low, high=high)


def _last_recipient(capacity: CapacityResults) -> Number:
    name, rows, horizon = "Last recipient", capacity.written.rows, capacity.plan.scenario.horizon_s
    queued = float(rows["queued"].mean())
    if queued and horizon is not None:
        note = f"{number_text(queued)} recipients on average are still queued when the run ends"
        return Number(name, f"not within {seconds_text(horizon)}", note)
    found = last_recipient(capacity)
    if math.isnan(found.mean):
        return Number(name, "not known", "no run has a last reply")
    runs = f"from the first connect to the last reply, mean of {counted(found.n, 'replication')}"
    ends = [seconds_text(one) for one in (found.low, found.high) if not math.isnan(one)]
    if len(set(ends)) == 2:
        runs += f", {percent_text(capacity.plan.table.level, 4)} interval {ends[0]} to {ends[1]}"
    return Number(name, f"after {seconds_text(found.mean)}", runs)


def _bottleneck(capacity: CapacityResults) -> Number:
    name, scenario = "Bottleneck", capacity.plan.scenario
    if not capacity.bounds:
        why = " ".join(left_out(scenario)) or "nothing in the plan is limited"
        return Number(name, "none known", why.rstrip("."))
    bound = capacity.bounds[0]
    rate, busy, room = messages_per_s(scenario), utilisation(scenario, bound), headroom(scenario, bound)
    most = f"{number_text(bound.messages_per_s, 3)} messages/s"
    if rate is None or busy is None or room is None:
        return Number(name, bound.name, f"carries at most {most} in the long run")
    weak = bool(weak_part(capacity.bounds))
    least = "at least " if weak else ""
    note = (
        f"{least}{percent_text(busy)} in use at {number_text(rate)} messages/s; carries at most {most} in the long run"
    )
    return Number(name, f"{bound.name}: {room_text(room, weak=weak)}", note)


def _cost(capacity: CapacityResults) -> Number:
    if capacity.cost is None:
        return Number("Cost", "not asked for", "no prices in [capacity.prices]")
    cost = capacity.cost
    run, million = (f"{number_text(amount)} {cost.currency}".rstrip() for amount in (cost.run, cost.per_million))
    return Number("Cost", f"{run} a run", f"{million} per million delivered recipients, at the plan's own prices")
