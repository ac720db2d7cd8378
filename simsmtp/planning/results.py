"""What a capacity plan finds: scenarios looked at, edges found, the cost; all of it together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from simsmtp.planning.edge_search import Edge
from simsmtp.planning.plan import CapacityPlan
from simsmtp.statistics.judgements import Judgement, verdict_of
from simsmtp.study.engine_tally import EngineTally
from simsmtp.theory.asymptotic_bounds import Bound

if TYPE_CHECKING:
    from pandas import DataFrame


class Cost(NamedTuple):
    """What the plan as written costs, at the planner's prices.

    Attributes
    ----------
    run, low, high : float
        Mean over replications of the cost of one run, with its interval.
    connections : float
        Part of it for connections; nan where their number is not limited.
    commands : float
        Part of it for RCPT commands.
    per_million : float
        Cost per million delivered recipients.
    currency : str
        As given.
    """

    run: float
    low: float
    high: float
    connections: float
    commands: float
    per_million: float
    currency: str


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
    tried : tuple of (float, bool)
        Every value that was judged, ascending, and whether it passed.
    lowest : Finding or None
        Where values too small do not pass either: the smallest value of the same stretch, in the same terms.
    """

    key: str
    edge: Edge
    bounds: tuple[float, float]
    value: float | None
    confirmation: Look | None
    tried: tuple[tuple[float, bool], ...] = ()
    lowest: Finding | None = None


@dataclass(frozen=True)
class CapacityResults:
    """All answers to a capacity plan.

    Attributes
    ----------
    plan : CapacityPlan
        What was asked.
    written : Look
        The plan as written.
    findings : dict
        Search key → `Finding`.
    curve, percentiles, tornado : DataFrame
        Saturation curve; percentiles of delay; sensitivity. Empty where not asked for.
    late : str
        The percentile of delay that the curve shows.
    bounds : list of Bound
        Theoretical bounds of the plan as written, the tightest first.
    cost : Cost or None
        From the planner's prices, where there are some.
    looks : list of Look
        Everything that was run.
    computed, reused : int
        Replications computed now, and found in the store.
    engines : dict
        Engine → replications that it ran.
    ran : EngineTally
        Which engines ran in this run, and why.
    started : datetime
        When this run began.
    duration_s : float
        How long it took.
    """

    plan: CapacityPlan
    written: Look
    findings: Mapping[str, Finding]
    curve: DataFrame
    percentiles: DataFrame
    tornado: DataFrame
    late: str
    bounds: Sequence[Bound]
    cost: Cost | None
    looks: Sequence[Look] = field(repr=False)
    computed: int
    reused: int
    engines: Mapping[str, int]
    ran: EngineTally
    started: datetime
    duration_s: float

    @property
    def verdict(self) -> str:
        """Whether the plan as written meets its objectives: ``"met"``, ``"missed"``, ``"undecided"``."""
        return self.written.verdict
