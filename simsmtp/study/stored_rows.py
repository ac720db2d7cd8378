"""Rows of a finished study: in memory while they are few, read from the store again and again when they are many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, overload

from simsmtp.study.store import Row, Store

if TYPE_CHECKING:
    from pathlib import Path

    from simsmtp.study.experiment import Experiment

KEPT = 100_000
"""Rows that a study keeps in memory, some 650 octets each."""


class StoredRows(Sequence[Row]):
    """The rows of one design point, read from the store whenever they are gone through.

    Parameters
    ----------
    path : Path
        Of the store, which has to stay there.
    scenario, replications : int
        Id of the scenario there, and how many of its replications belong to the study.
    count : int
        How many rows that are.
    """

    def __init__(self, path: Path, scenario: int, replications: int, count: int) -> None:
        self._path, self._scenario, self._replications, self._count = path, scenario, replications, count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Row]:
        with Store(self._path) as store:
            yield from store.rows(self._scenario, self._replications)

    @overload
    def __getitem__(self, place: int) -> Row: ...

    @overload
    def __getitem__(self, place: slice) -> list[Row]: ...

    def __getitem__(self, place: int | slice) -> Row | list[Row]:
        wanted = range(len(self))[place]
        if isinstance(wanted, int):
            return next(islice(self, wanted, None))
        first = min(wanted, default=0)
        held = list(islice(self, first, max(wanted, default=-1) + 1))
        return [held[one - first] for one in wanted]


def results_of(store: Store, experiment: Experiment, ids: Sequence[int]) -> Mapping[int, Sequence[Row]]:
    """Return number of the design point → its rows.

    Parameters
    ----------
    store : Store
        Which holds them.
    experiment : Experiment
        Whose points they are.
    ids : sequence of int
        Of the points' scenarios in the store.
    """
    replications = experiment.replications
    numbers = [point.number for point in experiment.points]
    if len(ids) * replications <= KEPT:
        return {number: list(store.rows(one, replications)) for number, one in zip(numbers, ids, strict=True)}
    return {
        number: StoredRows(store.path, one, replications, store.count(one, replications))
        for number, one in zip(numbers, ids, strict=True)
    }
