"""The summary of a study that may be larger than memory: some design points at a time, or some responses of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from simsmtp.rows.responses import COLUMNS
from simsmtp.statistics.summary import summarise

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pandas import DataFrame

    from simsmtp.experiment.design import DesignPoint
    from simsmtp.store.store import Row

CELLS = 2**23
"""Values that are in memory at a time, some 16 octets each with what is made of them."""

_PLACE = {name: place for place, name in enumerate(COLUMNS)}
_NOTHING = (float("nan"),) * len(COLUMNS)

Results = Mapping[int, "Sequence[Row]"]


def summarised(points: Sequence[DesignPoint], results: Results, factors: Sequence[str]) -> DataFrame:
    """Return mean, standard deviation and interval of every response at every design point.

    Parameters
    ----------
    points : sequence of DesignPoint
        In order.
    results : mapping
        Number of a point → its rows.
    factors : sequence of str
        Columns of the points.

    Returns
    -------
    DataFrame
        As of `simsmtp.statistics.summary.summarise`, to the last bit whatever the parts.
    """
    import pandas as pd

    parts = [
        summarise(_frame(some, results, factors, names), factors, names) for some, names in _parts(points, results)
    ]
    return pd.concat(parts, ignore_index=True)


def values_of(rows: Sequence[Row], names: Sequence[str]) -> NDArray[np.float64]:
    """Return some responses of rows, shape (rows, names); nan where a replication failed."""
    known = (_NOTHING if row.error is not None else row.responses for row in rows)
    places = [_PLACE[name] for name in names]
    some = (one[place] for one in known for place in places)
    values = chain.from_iterable(known) if len(names) == len(COLUMNS) else some
    count = len(rows) * len(names)
    return np.fromiter(values, dtype=np.float64, count=count).reshape(-1, len(names))


def _parts(points: Sequence[DesignPoint], results: Results) -> Iterator[tuple[Sequence[DesignPoint], Sequence[str]]]:
    """Yield which points and which responses to look at together."""
    some: list[DesignPoint] = []
    held = 0
    for point in points:
        count = len(results[point.number])
        if some and (held + count) * len(COLUMNS) > CELLS:
            yield from _by_response(some, held)
            some, held = [], 0
        some.append(point)
        held += count
    yield from _by_response(some, held)


def _by_response(some: list[DesignPoint], rows: int) -> Iterator[tuple[Sequence[DesignPoint], Sequence[str]]]:
    """Yield points with all responses, or a point with more rows than fit in with some responses after the other."""
    together = max(1, CELLS // max(rows, 1))
    for begin in range(0, len(COLUMNS), together):
        yield some, COLUMNS[begin : begin + together]


def _frame(points: Sequence[DesignPoint], results: Results, factors: Sequence[str], names: Sequence[str]) -> DataFrame:
    import pandas as pd

    rows = [results[point.number] for point in points]
    counts = [len(one) for one in rows]
    table = pd.DataFrame(np.concatenate([values_of(one, names) for one in rows]), columns=list(names))
    table.insert(0, "point", np.repeat([point.number for point in points], counts))
    for factor in factors:
        table[factor] = [
            point.factors[factor] for point, count in zip(points, counts, strict=True) for _ in range(count)
        ]
    return table
