"""Rows of one store in another: what `Study.write` keeps of a study elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from simsmtp.errors import InputError
from simsmtp.store.store import ALL, Store

_TOGETHER = 10_000


def copy_rows(source: Path, ids: Iterable[int], replications: int, target: Path) -> None:
    """Add rows of a store to another one, under the addresses that they have; rows that are finished there stay.

    Parameters
    ----------
    source, target : Path
        Of the stores; the target is made if there is none.
    ids : iterable of int
        Of scenarios in the source.
    replications : int
        How many of the first replications.

    Raises
    ------
    InputError
        If the source is not there any more, or one of them is damaged or cannot be written.
    """
    if not source.exists():
        raise InputError("the study's results are not there any more", file=str(source), allowed="the file as it was")
    with Store(source, read_only=True) as old, Store(target) as new:
        known = {one.id: one for one in old.scenarios()}
        for scenario in dict.fromkeys(ids):
            number = new.id_at(known[scenario].address)
            number = new.add_scenario(known[scenario][1:]) if number is None else number
            finished = set(new.finished(number, ALL).tolist())
            rows = (row for row in old.rows(scenario, replications) if row.replication not in finished)
            while some := [(number, row) for row in islice(rows, _TOGETHER)]:
                new.add(some)
