"""Rows of a finished study: in memory while they are few, read from the store again and again when they are many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, overload

from simsmtp.store.failures import damaged
from simsmtp.store.store import Row, Store

if TYPE_CHECKING:
    from pathlib import Path

    from simsmtp.experiment.experiment import Experiment

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
    place : str
        Name of the design point.
    """

    def __init__(self, path: Path, scenario: int, replications: int, place: str) -> None:
        self._path, self._scenario, self._replications, self._place = path, scenario, replications, place

    def __len__(self) -> int:
        return self._replications

    def __iter__(self) -> Iterator[Row]:
        count = 0
        with Store(self._path) as store:
            for count, row in enumerate(store.rows(self._scenario, self._replications, self._place), 1):  # noqa: B007
                yield row
        require_all(self._path, count, self._replications, self._place)

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


def place_of(number: int | str, factors: Mapping[str, object]) -> str:
    """Return what a design point is called in the message about a damaged row."""
    levels = ", ".join(f"{name}={level}" for name, level in factors.items())
    return f"design point {number}{f' ({levels})' if levels else ''}"


def require_all(path: Path, count: int, replications: int, place: str) -> None:
    """Raise a `DamagedError` if rows that were stored cannot be found."""
    if count != replications:
        raise damaged(path, f"{count} rows of {replications} can be found", place)


def verify_rows(store: Store, experiment: Experiment, ids: Sequence[int]) -> None:
    """Raise a `DamagedError` if a stored row of an experiment is damaged; parameters as `results_of`."""
    for point, one in zip(experiment.points, ids, strict=True):
        for _ in store.rows(one, experiment.replications, place_of(point.number, point.factors)):
            pass


def results_of(store: Store, experiment: Experiment, ids: Sequence[int]) -> Mapping[int, Sequence[Row]]:
    """Return number of the design point → its rows.

    Parameters
    ----------
    store : Store
        Which holds them, all of them.
    experiment : Experiment
        Whose points they are.
    ids : sequence of int
        Of the points' scenarios in the store.
    """
    replications = experiment.replications
    places = {
        point.number: (one, place_of(point.number, point.factors))
        for point, one in zip(experiment.points, ids, strict=True)
    }
    if len(ids) * replications <= KEPT:
        return {number: every_row(store, one, replications, place) for number, (one, place) in places.items()}
    for one, place in places.values():
        require_all(store.path, store.count(one, replications), replications, place)
    return {number: StoredRows(store.path, one, replications, place) for number, (one, place) in places.items()}


def every_row(store: Store, scenario: int, replications: int, place: str = "") -> list[Row]:
    """Return the first rows of a scenario, of which none may be missing."""
    found = list(store.rows(scenario, replications, place))
    require_all(store.path, len(found), replications, place)
    return found
