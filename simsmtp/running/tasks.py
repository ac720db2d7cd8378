"""What is left to compute of a study: one task per replication without a result, none of them written out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
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


class TaskBlock(NamedTuple):
    """Replications of one scenario to run in one go."""

    scenario_id: int
    scenario: Scenario
    replications: tuple[int, ...]

    def tasks(self) -> Iterator[Task]:
        """Yield the replications one by one."""
        for one in self.replications:
            yield Task(self.scenario_id, self.scenario, one)


class Tasks(Sequence[Task]):
    """The replications of some scenarios that have no result, in an octet each.

    Replication by replication, or some at a time of each scenario, so that what an interrupted study holds covers all
    scenarios.

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
        self._scenarios = tuple(scenarios.items())
        self._left = np.ones((replications, len(scenarios)), dtype=np.bool_)
        for column, one in enumerate(scenarios):
            self._left[finished(one, replications), column] = False
        self._count = int(np.count_nonzero(self._left))

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, place: int) -> Task: ...

    @overload
    def __getitem__(self, place: slice) -> list[Task]: ...

    def __getitem__(self, place: int | slice) -> Task | list[Task]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        replication, column = divmod(int(self._places[place]), len(self._scenarios))
        return Task(*self._scenarios[column], replication)

    @cached_property
    def _places(self) -> NDArray[np.int64]:
        return np.flatnonzero(self._left)

    def blocks(self, height: Callable[[], int]) -> Iterator[TaskBlock]:
        """Yield all of them, `height()` replications at a time of each scenario that has so many left."""
        begin = 0
        while begin < len(self._left):
            end = begin + height()
            band = self._left[begin:end]
            for column, (scenario_id, scenario) in enumerate(self._scenarios):
                found = np.flatnonzero(band[:, column]) + begin
                if len(found):
                    yield TaskBlock(scenario_id, scenario, tuple(found.tolist()))
            begin = end

    def unfinished(self, finished: Finished) -> int:
        """Return how many of these tasks still have no result."""
        now = Tasks(dict(self._scenarios), len(self._left), finished)
        return int(np.count_nonzero(self._left & now._left))

    @property
    def asked(self) -> int:
        """Replications of all scenarios, those that have a result included."""
        return self._left.size

    def firsts(self) -> list[Task]:
        """Return the first task of every scenario that has one here, in their order."""
        has_any, firsts = np.any(self._left, axis=0), np.argmax(self._left, axis=0)
        found = zip(self._scenarios, has_any.tolist(), firsts.tolist(), strict=True)
        return [Task(*one, first) for one, has_one, first in found if has_one]

    def scenarios(self) -> list[Scenario]:
        """Return the scenarios that have a task here."""
        return [scenario for scenario, count in self._counts() if count]

    def recipients(self) -> int:
        """Return about how many recipients all these tasks have."""
        return sum(count * each for (_, count), each in zip(self._counts(), self._each, strict=True))

    def recipients_of_each(self) -> dict[int, int]:
        """Return about how many recipients a replication has, by the id of its scenario."""
        return {one: each for (one, _), each in zip(self._scenarios, self._each, strict=True)}

    @cached_property
    def _each(self) -> list[int]:
        return [engines.expected_recipients(plan_of(scenario).workload) for _, scenario in self._scenarios]

    def _counts(self) -> Iterator[tuple[Scenario, int]]:
        counts = np.count_nonzero(self._left, axis=0)
        return zip((scenario for _, scenario in self._scenarios), counts.tolist(), strict=True)


def part_of(scenario: Scenario, most: int) -> tuple[Scenario, float]:
    """Return a scenario of so many recipients at most, and its share of the recipients: time grows with them."""
    work = plan_of(scenario).workload
    recipients, messages = engines.expected_recipients(work), work.messages
    if recipients <= most:
        return scenario, 1.0
    if work.trace:
        part = max(1, messages * most // recipients)
        return scenario.replace({"workload.trace_messages": part}), part / messages
    changes = {"workload.messages": max(1, messages * most // recipients)}
    if recipients // messages > most:
        changes["workload.recipients_per_message"] = most
    small = scenario.replace(changes)
    return small, engines.expected_recipients(plan_of(small).workload) / recipients
