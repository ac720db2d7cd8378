"""What only one side of a comparison has: it is left out, and the verdict says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from simsmtp.gate.verdicts import INCONCLUSIVE, OK
from simsmtp.model.numbers import counted
from simsmtp.rows.responses import COLUMNS

if TYPE_CHECKING:
    from pandas import DataFrame, Index

    from simsmtp.gate.recorded_results import RecordedResults


def caveats_of(
    base: RecordedResults, new: RecordedResults, pairs: Mapping[int, int], *, some: bool = False
) -> list[tuple[str, str]]:
    """Return what stands on one side only, with the best verdict that this leaves.

    Parameters
    ----------
    base, new : RecordedResults
        Both sides.
    pairs : mapping
        Design point of `new` → design point of `base`.
    some : bool
        Fewer replications than the base holds were run on purpose, which the gate tells in a note.
    """
    caveats = [*_points(base, new, pairs), *_responses(base, new)]
    if base.means_only or new.means_only:
        return caveats + _spreads(base, new, pairs)
    return caveats if some else [*caveats, *_replications(base, new, pairs)]


def _points(base: RecordedResults, new: RecordedResults, pairs: Mapping[int, int]) -> Iterator[tuple[str, str]]:
    # Two labels of one scenario are one point.
    covered = [{side.points[number - 1].identity or number for number in numbers}
               for side, numbers in ((base, pairs.values()), (new, pairs))]  # fmt: skip
    missing, more = (
        sum((one.identity or number) not in known for number, one in enumerate(side.points, 1))
        for side, known in zip((base, new), covered, strict=True)
    )
    if missing:
        yield INCONCLUSIVE, f"{counted(missing, 'design point')} of {base.source} not in {new.source}"
    if more:
        yield OK, f"{counted(more, 'design point')} of {new.source} not in {base.source} and left out"


def _responses(base: RecordedResults, new: RecordedResults) -> Iterator[tuple[str, str]]:
    for one, other, verdict in ((base, new, INCONCLUSIVE), (new, base, OK)):
        alone = [name for name in COLUMNS if name in one.rows and name not in other.rows]
        if alone:
            yield verdict, f"{', '.join(alone)} of {one.source} not in {other.source}"


def _replications(base: RecordedResults, new: RecordedResults, pairs: Mapping[int, int]) -> Iterator[tuple[str, str]]:
    renumbered = base.rows["point"].map({there: number for number, there in pairs.items()})
    failed = int(base.rows["error"].notna().sum()) if "error" in base.rows else 0
    if failed:
        yield OK, f"{counted(failed, 'replication')} failed in {base.source}"
    sides = [_finished(base.rows.assign(point=renumbered)), _finished(new.rows[new.rows["point"].isin(pairs)])]
    for index, one, other in ((0, base, new), (1, new, base)):
        alone = len(sides[index].difference(sides[1 - index]))
        if alone:
            yield OK, f"{counted(alone, 'replication')} of {one.source} not in {other.source} and left out"


def _finished(rows: DataFrame) -> Index:
    kept = rows[rows["point"].notna()]
    kept = kept[kept["error"].isna()] if "error" in kept else kept
    return kept.astype({"point": "int64"}).set_index(["point", "replication"]).index


def _spreads(base: RecordedResults, new: RecordedResults, pairs: Mapping[int, int]) -> list[tuple[str, str]]:
    """Tell where means may be equal and the rows behind them are not."""
    from simsmtp.gate.read_results import means_of

    replications = base.replications if base.means_only else new.replications
    a, b = (means_of(side, replications, of="sd").set_index("point") for side in (base, new))
    names = [name for name in COLUMNS if name in a and name in b]
    unlike = sum(
        not np.array_equal(a.loc[there, names].to_numpy(float), b.loc[number, names].to_numpy(float), equal_nan=True)
        for number, there in pairs.items()
        if there in a.index and number in b.index
    )
    where = f"at {counted(unlike, 'design point')}" if unlike else ""
    return [(INCONCLUSIVE, f"standard deviations differ {where}: the rows are not the same")] if unlike else []
