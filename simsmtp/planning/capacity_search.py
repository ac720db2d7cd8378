"""The search of a capacity plan: what passes, where that ends, the saturation curve and the tornado."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from simsmtp.experiment.capacity_table import RATE
from simsmtp.model.numbers import number_text
from simsmtp.planning.edge_search import Edge, Question, geometric_grid, largest, last_stretch, rounded, smallest_whole
from simsmtp.planning.plan import CapacityPlan
from simsmtp.planning.result_tables import curve_rates, curve_table, tornado_table
from simsmtp.planning.results import Finding, Look
from simsmtp.planning.search_keys import messages_per_s, rate_on_grid, with_value, written_value
from simsmtp.statistics.judgements import MET, UNDECIDED, judge
from simsmtp.store.stored_rows import place_of
from simsmtp.theory.asymptotic_bounds import recipients_per_message

if TYPE_CHECKING:
    from pandas import DataFrame

    from simsmtp.model.scenario import Scenario
    from simsmtp.planning.evaluator import Evaluator

_CONFIRMATIONS = 3
_GRID = 12  # rates of the grid where an objective may fail at low ones, the one as written apart


class CapacitySearch:
    """Asks the questions of a plan one after the other, and notes every look.

    Parameters
    ----------
    plan : CapacityPlan
        What to ask.
    evaluator : Evaluator
        Runs the replications.

    Attributes
    ----------
    looks : list of Look
        Everything that was run.
    """

    def __init__(self, plan: CapacityPlan, evaluator: Evaluator) -> None:
        self.plan = plan
        self.evaluator = evaluator
        self.looks: list[Look] = []

    def look(
        self, stage: str, scenario: Scenario, values: dict[str, Any], *, first: int, seed: int | None = None
    ) -> Look:
        """Judge a scenario, with twice the replications as long as it is undecided and the budget allows."""
        most, seed = self.plan.experiment.replications, self.plan.experiment.seed if seed is None else seed
        count = min(first, most)
        at = ", ".join(f"{key} {number_text(value)}" for key, value in values.items()) or "as written"
        while True:
            (rows,) = self.evaluator.rows([scenario], count, seed, [place_of(stage, values)])
            found = self._noted(stage, values, seed, rows)
            if found.verdict != UNDECIDED or count >= most:
                break
            count = min(2 * count, most)
        self.looks.append(found)
        self.evaluator.answered()
        self.evaluator.say(f"{stage}: {at}: {found.verdict} ({count} replications)")
        return found

    def _noted(self, stage: str, values: dict[str, Any], seed: int, rows: DataFrame) -> Look:
        level = self.plan.table.level
        judged = tuple(judge(one, rows[one.response].to_numpy(float), level) for one in self.plan.objectives)
        return Look(stage, values, seed, rows, judged)

    def search(self, key: str) -> Finding:
        """Find the edge of what passes, and confirm it on fresh seeds."""
        low, high = self.plan.table.search[key]
        tolerance = self.plan.table.tolerance
        tried: dict[float, bool] = {}

        def passes(value: float) -> bool:
            scenario = with_value(self.plan.scenario, key, value)
            look = self.look(key, scenario, {key: value}, first=self.plan.table.first_look)
            tried[float(value)] = look.verdict == MET
            return tried[float(value)]

        if key != RATE:
            edge = smallest_whole(lambda value: passes(int(value)), int(low), int(high), tolerance)
            found = self._confirmed(key, edge, (low, high))
        elif rate_on_grid(self.plan.objectives):
            found = self._last_stretch(passes, low, high)
        else:
            edge = largest(passes, written_value(self.plan.scenario, key) or low, low, high, tolerance)
            found = self._confirmed(key, edge, (low, high))
        return found._replace(bounds=(low, high), tried=tuple(sorted(tried.items())))

    def _last_stretch(self, passes: Question, low: float, high: float) -> Finding:
        """Find the rates that pass on a grid over the whole search, and confirm both ends of the last stretch."""
        written = written_value(self.plan.scenario, RATE) or low
        grid = sorted({*geometric_grid(low, high, _GRID), *([written] if low < written < high else [])})
        lower, upper = last_stretch(passes, grid, self.plan.table.tolerance)
        found = self._confirmed(RATE, upper, (lower.passes or low, high))
        if lower.fails is None or found.value is None:
            return found
        return found._replace(lowest=self._confirmed(RATE, lower, (low, found.value), up=True))

    def _confirmed(self, key: str, edge: Edge, bounds: tuple[float, float], *, up: bool = False) -> Finding:
        """Judge the value that passed on fresh seeds; step back where it does not pass, a few times."""
        value, look = edge.passes, None
        for attempt in range(_CONFIRMATIONS):
            if value is None or not bounds[0] <= value <= bounds[1]:
                break
            seed = (self.plan.experiment.seed + 1 + attempt) % 2**63
            scenario = with_value(self.plan.scenario, key, value)
            most = self.plan.experiment.replications
            look = self.look(f"confirm {key}", scenario, {key: value}, first=most, seed=seed)
            if look.verdict == MET:
                return Finding(key, edge, bounds, value, look)
            value = self._stepped_back(key, value, up=up)
        return Finding(key, edge, bounds, None, look)

    def _stepped_back(self, key: str, value: float, *, up: bool) -> float:
        factor = 1 + self.plan.table.tolerance
        if key == RATE:
            return rounded(value * factor if up else value / factor)
        return max(value + 1, float(int(value * factor)))

    def curve(self, finding: Finding | None, late: str) -> DataFrame:
        """Fill the saturation curve in between and beyond the rates that the search looked at; no points, no curve."""
        if not self.plan.table.curve_points:
            return curve_table((), self._arrivals, late, self.plan.table.level)
        looked = [look for look in self.looks if look.stage == RATE]
        if finding is not None:
            rates = curve_rates(finding, self.plan.table.curve_points, [look.changes[RATE] for look in looked])
            looked += self._side_by_side("curve", [{RATE: rate} for rate in rates])
        return curve_table(looked, self._arrivals, late, self.plan.table.level)

    def _arrivals(self, value: float) -> tuple[float, float]:
        scenario = with_value(self.plan.scenario, RATE, value)
        rate = messages_per_s(scenario) or float("nan")
        return rate, rate * recipients_per_message(scenario)

    def tornado(self, written: Look) -> DataFrame:
        """Vary each factor alone between its two values."""
        factors = self.plan.table.factors
        looked = self._side_by_side("tornado", [{key: value} for key, pair in factors.items() for value in pair])
        response = next((one.response for one in self.plan.objectives if not one.forbids_any), "delay_p99_s")
        return tornado_table(looked, written.rows, self.plan.scenario, response, self.plan.table.level)

    def _side_by_side(self, stage: str, values: Sequence[dict[str, Any]]) -> list[Look]:
        scenarios = [self._with(one) for one in values]
        seed, count = self.plan.experiment.seed, min(self.plan.table.first_look, self.plan.experiment.replications)
        places = [place_of(stage, one) for one in values]
        tables = self.evaluator.rows(scenarios, count, seed, places) if scenarios else []
        found = [self._noted(stage, one, seed, rows) for one, rows in zip(values, tables, strict=True)]
        self.looks += found
        self.evaluator.answered(len(found))
        return found

    def _with(self, values: Mapping[str, Any]) -> Scenario:
        scenario = self.plan.scenario
        for key, value in values.items():
            scenario = with_value(scenario, key, value)
        return scenario
