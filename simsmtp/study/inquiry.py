"""The questions of a capacity plan: what passes, where that ends, what the curve and the tornado look like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from simsmtp.analysis.judgements import MET, UNDECIDED, Judgement, judge, verdict_of
from simsmtp.study.bounds import recipients_per_message
from simsmtp.study.capacity_stages import curve_rates, curve_table, tornado_table
from simsmtp.study.capacity_table import RATE
from simsmtp.study.planning import CapacityPlan, messages_per_s, with_value, written_value
from simsmtp.study.search import Edge, largest, rounded, smallest_whole

if TYPE_CHECKING:
    from pandas import DataFrame

    from simsmtp.model.scenario import Scenario
    from simsmtp.study.evaluate import Evaluator

_CONFIRMATIONS = 3


class Look(NamedTuple):
    """One scenario that was looked at.

    Attributes
    ----------
    stage : str
        ``"plan"``, what was searched, ``"confirm …"``, ``"curve"`` or ``"tornado"``.
    changes : dict
        What differs from the plan as written.
    seed : int
        Key of the draws.
    rows : DataFrame
        One row per replication.
    judgements : tuple of Judgement
        What they say of each objective.
    """

    stage: str
    changes: dict[str, Any]
    seed: int
    rows: DataFrame
    judgements: tuple[Judgement, ...]

    @property
    def verdict(self) -> str:
        """What the judgements come to."""
        return verdict_of(self.judgements)


class Finding(NamedTuple):
    """The answer to one search.

    Attributes
    ----------
    key : str
        What was searched.
    edge : Edge
        The value that passes and the nearest one that does not, before confirmation.
    bounds : tuple of float
        Between which was searched.
    value : float or None
        The value that also passed on fresh seeds; None if none did.
    confirmation : Look or None
        The last look on fresh seeds.
    """

    key: str
    edge: Edge
    bounds: tuple[float, float]
    value: float | None
    confirmation: Look | None


class Inquiry:
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
        while True:
            (rows,) = self.evaluator.rows([scenario], count, seed)
            found = self._noted(stage, values, seed, rows)
            if found.verdict != UNDECIDED or count >= most:
                break
            count = min(2 * count, most)
        self.looks.append(found)
        at = ", ".join(f"{key} {value:g}" for key, value in values.items()) or "as written"
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

        def passes(value: float) -> bool:
            scenario = with_value(self.plan.scenario, key, value)
            return self.look(key, scenario, {key: value}, first=self.plan.table.first_look).verdict == MET

        if key == RATE:
            edge = largest(passes, written_value(self.plan.scenario, key) or low, low, high, tolerance)
        else:
            edge = smallest_whole(lambda value: passes(int(value)), int(low), int(high), tolerance)
        return self._confirmed(key, edge, (low, high))

    def _confirmed(self, key: str, edge: Edge, bounds: tuple[float, float]) -> Finding:
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
            value = self._stepped_back(key, value)
        return Finding(key, edge, bounds, None, look)

    def _stepped_back(self, key: str, value: float) -> float:
        factor = 1 + self.plan.table.tolerance
        return rounded(value / factor) if key == RATE else max(value + 1, float(int(value * factor)))

    def curve(self, finding: Finding | None, late: str) -> DataFrame:
        """Fill the saturation curve in between and beyond the rates that the search looked at."""
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
        tables = self.evaluator.rows(scenarios, count, seed) if scenarios else []
        found = [self._noted(stage, one, seed, rows) for one, rows in zip(values, tables, strict=True)]
        self.looks += found
        return found

    def _with(self, values: Mapping[str, Any]) -> Scenario:
        scenario = self.plan.scenario
        for key, value in values.items():
            scenario = with_value(scenario, key, value)
        return scenario
