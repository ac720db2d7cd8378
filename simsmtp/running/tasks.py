"""What is left to compute of a study: one task per replication without a result, none of them written out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, overload

import numpy as np

from simsmtp import engines
from simsmtp.model.plan import plan_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simsmtp.model.scenario import Scenario

Finished = Callable[[int, int], "NDArray[np.int64]"]
"""From the id of a scenario and a number of replications to those of them that have a result, as
`simsmtp.store.store.Store.finished`."""


class Task(NamedTuple):
    """One replication to run: the scenario with its id in the store."""

    scenario_id: int
    scenario: Scenario
    replication: int


class Tasks(Sequence[Task]):
    """The replications of some scenarios that have no result, in eight octets each.

    Replication by replication, so that what an interrupted study holds covers all scenarios.

    Parameters
    ----------
    scenarios : mapping
        Scenarios by their id in the store.
    replications : int
        Of each.
    finished : callable
        Tells which have a result.
    """

    def __init__(self, scenarios: Mapping[int, Scenario], replications: int, finished: Finished) -> None:
        self._scenarios, self._replications = tuple(scenarios.items()), replications
        left = np.ones((replications, len(scenarios)), dtype=np.bool_)
        for column, one in enumerate(scenarios):
            left[finished(one, replications), column] = False
        self._places = np.flatnonzero(left)

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, place: int) -> Task: ...

    @overload
    def __getitem__(self, place: slice) -> list[Task]: ...

    def __getitem__(self, place: int | slice) -> Task | list[Task]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        replication, column = divmod(int(self._places[place]), len(self._scenarios))
        return Task(*self._scenarios[column], replication)

    def unfinished(self, finished: Finished) -> int:
        """Return how many of these tasks still have no result."""
        return int(np.isin(self._places, Tasks(dict(self._scenarios), self._replications, finished)._places).sum())

    @property
    def asked(self) -> int:
        """Replications of all scenarios, those that have a result included."""
        return len(self._scenarios) * self._replications

    def firsts(self) -> list[Task]:
        """Return the first task of every scenario that has one here."""
        _, places = np.unique(self._places % len(self._scenarios), return_index=True)
        return [self[int(place)] for place in places]

    def scenarios(self) -> list[Scenario]:
        """Return the scenarios that have a task here."""
        return [scenario for scenario, count in self._counts() if count]

    def recipients(self) -> int:
        """Return about how many recipients all these tasks have."""
        works = ((plan_of(scenario).workload, count) for scenario, count in self._counts())
        return sum(count * engines.expected_recipients(work) for work, count in works)

    def _counts(self) -> Iterator[tuple[Scenario, int]]:
        counts = np.bincount(self._places % len(self._scenarios), minlength=len(self._scenarios))
        return zip((scenario for _, scenario in self._scenarios), counts.tolist(), strict=True)
