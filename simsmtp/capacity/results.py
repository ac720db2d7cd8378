"""What a capacity plan finds: looks at scenarios, findings of searches, costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from simsmtp.capacity.edge_search import Edge
from simsmtp.statistics.judgements import Judgement, verdict_of

if TYPE_CHECKING:
    from pandas import DataFrame


from typing import TYPE_CHECKING

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
