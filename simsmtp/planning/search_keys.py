"""What a capacity plan searches in its scenario: the arrival rate, batch size, connections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from simsmtp.experiment.capacity_table import RATE
from simsmtp.experiment.scenario_keys import value_at
from simsmtp.model.plan import plan_of
from simsmtp.model.workload_table import PoissonArrivals

if TYPE_CHECKING:
    from simsmtp.model.scenario import Scenario
    from simsmtp.statistics.objectives import Objective


def with_value(scenario: Scenario, key: str, value: Any) -> Scenario:
    """Return a scenario with what is searched set to a value; ``rate`` of a trace is a multiple."""
    if key == RATE:
        is_trace = not isinstance(scenario.workload.arrivals, PoissonArrivals)
        key = "workload.trace_speedup" if is_trace else "workload.arrivals.rate_per_s"
        return scenario.replace({key: float(value)})
    return scenario.replace({key: int(value) if isinstance(value, float) and value.is_integer() else value})


def written_value(scenario: Scenario, key: str) -> float | None:
    """Return the value the plan itself has for what is searched; None for no limit."""
    if key == RATE:
        arrivals = scenario.workload.arrivals
        if isinstance(arrivals, PoissonArrivals):
            return arrivals.rate_per_s
        return scenario.workload.trace_speedup
    value = value_at(scenario, key)
    return None if value is None else float(value)


def messages_per_s(scenario: Scenario) -> float | None:
    """Return the mean arrival rate; None where messages do not arrive over time."""
    arrivals = scenario.workload.arrivals
    if isinstance(arrivals, PoissonArrivals):
        return arrivals.rate_per_s
    workload = plan_of(scenario).workload
    if not workload.trace_arrivals or workload.trace[-1].arrival_ns == 0:
        return None
    return (len(workload.trace) - 1) * 1e9 / workload.trace[-1].arrival_ns * workload.speedup


def rate_is_multiple(scenario: Scenario) -> bool:
    """Tell whether the rate is searched as a multiple of a trace's own."""
    return not isinstance(scenario.workload.arrivals, PoissonArrivals)


def rate_on_grid(objectives: Sequence[Objective]) -> bool:
    """Tell whether the rate is tried on a grid: one of the objectives may fail at low rates and hold at high ones."""
    return not all(one.is_harder_when_busier for one in objectives)
