"""Two sets of per-replication rows of one design, and whether the new one is worse than a margin allows.

Simulated responses have no machine noise, so equal code gives equal bits, and a comparison has two tiers:

1. *Exact.* A digest of the rows of each design point. Equal: "OK (identical)", nothing to test.
2. *Paired margin test*, only where they differ (`simsmtp.gate.verdicts.judge`).

How often it errs. Every cell (design point and response) that is tested can raise an alarm, so alarms are
corrected over all of them (Holm): the probability of *any* REGRESSION among cells whose true change lies within
the margin is at most ``alarm``, 1 % by default. OK is the claim that *no* cell is worse, which every cell has to
support by itself: there each cell keeps the full level, and a change beyond the margin passes with probability
(1 - level) / 2 at most. Looking twice (after adding replications) spends half of both at each look.
What is decided without a test (see `judge`) is a fact about the replications that were seen, on the same mail, and
takes no part in this.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from simsmtp.errors import InputError
from simsmtp.gate.comparison import ALARM, Comparison
from simsmtp.gate.verdicts import CHANGED, FAILED, IDENTICAL, INCONCLUSIVE, Cell, Margin, judge, with_alarms
from simsmtp.rows.responses import BY_NAME, COLUMNS
from simsmtp.statistics.intervals import check_level

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["ALARM", "Comparison", "Margin", "Margins", "compare_rows", "digest_of", "read_margins"]

Margins = float | Mapping[str, float | Margin]


def compare_rows(
    base_rows: DataFrame,
    new_rows: DataFrame,
    *,
    factors: Sequence[str] = (),
    responses: Sequence[str] | None = None,
    margins: Margins = 0.05,
    level: float = 0.95,
    alarm: float = ALARM,
    looks: int = 1,
    means_only: bool = False,
    name: str = "",
    notes: Sequence[str] = (),
    caveats: Sequence[tuple[str, str]] = (),
) -> Comparison:
    """Compare per-replication rows, paired by design point and replication.

    Parameters
    ----------
    base_rows, new_rows : DataFrame
        ``point``, ``replication``, the responses, and optionally ``error``; the factors stand in `new_rows`.
        Design points are paired by ``point``; replications that only one side has are left out.
    factors : sequence of str
        Factor columns, carried over.
    responses : sequence of str, optional
        By default all that both tables hold.
    margins : float or mapping
        Relative margin for all responses, or response → relative margin or `Margin`; 5 % where not given.
    level : float
        Confidence level of the intervals.
    alarm : float
        Probability of any false REGRESSION.
    looks : int
        How many times in all the data are looked at: each look gets its share of both error probabilities.
    means_only : bool
        The rows hold means: the exact tier alone applies, and what differs is INCONCLUSIVE.
    name, notes, caveats
        Passed on, see `Comparison`.

    Raises
    ------
    InputError
        For a response, margin or level that cannot be used, and if there is nothing to pair.
    """
    check_level(level)
    check_level(alarm)
    names = _responses(responses, base_rows, new_rows)
    allowed = read_margins(margins)
    level, alarm = 1 - (1 - level) / looks, alarm / looks
    failed = _failed(new_rows)
    base, new = _paired(base_rows, new_rows)
    if base.empty and not failed:
        raise InputError("no replication stands on both sides", key="replication")
    points = new_rows.drop_duplicates("point")[["point", *factors]]
    points.columns = ["point", *(f"{name} (factor)" if name in Cell._fields else name for name in factors)]
    keys, cells = _cells(base, new, names, allowed, level)
    cells = [_means_only(cell) for cell in cells] if means_only else cells
    columns = tuple(points.columns[1:])
    table = _table(points, columns, keys, with_alarms(cells, alarm), failed)
    return Comparison(table, base, new, columns, level, alarm, name, tuple(notes), tuple(caveats))


def read_margins(given: Margins) -> dict[str, Margin]:
    """Return a margin for every response; what cannot be used is an `InputError`."""
    each = given if isinstance(given, Mapping) else dict.fromkeys(COLUMNS, given)
    margins = dict.fromkeys(COLUMNS, Margin())
    for name, one in each.items():
        _require_response(name, COLUMNS)
        margins[name] = one if isinstance(one, Margin) else Margin(one)
        try:
            usable = all(0 <= part < np.inf for part in margins[name])
        except TypeError:  # no number
            usable = False
        if not usable:
            raise InputError("not a margin", key="margin", given=one, allowed="0 or more; 0.05 is 5 %")
    return margins


def _responses(given: Sequence[str] | None, *tables: DataFrame) -> list[str]:
    held = [name for name in COLUMNS if all(name in table for table in tables)]
    for name in given or ():
        _require_response(name, held)
    return held if given is None else list(dict.fromkeys(given))


def _require_response(name: str, allowed: Sequence[str]) -> None:
    if name not in allowed:
        raise InputError("unknown response", key="response", given=name, allowed=allowed)


def _failed(rows: DataFrame) -> dict[int, int]:
    if "error" not in rows:
        return {}
    points, counts = np.unique(rows[rows["error"].notna()]["point"].to_numpy(np.int64), return_counts=True)
    return dict(zip(points.tolist(), counts.tolist(), strict=True))


def _paired(*tables: DataFrame) -> tuple[DataFrame, DataFrame]:
    good = [table[table["error"].isna()] if "error" in table else table for table in tables]
    base, new = (table.set_index(["point", "replication"]).sort_index() for table in good)
    common = base.index.intersection(new.index).sort_values()
    return base.loc[common].reset_index(), new.loc[common].reset_index()


def _cells(
    base: DataFrame, new: DataFrame, names: Sequence[str], margins: Mapping[str, Margin], level: float
) -> tuple[list[tuple[int, str]], list[Cell]]:
    keys, cells = [], []
    values = [{name: table[name].to_numpy(np.float64) for name in (*names, "recipients")} for table in (base, new)]
    for point, places in _places(base):
        a, b = ({name: one[places] for name, one in side.items()} for side in values)
        identical = digest_of(a, names) == digest_of(b, names)
        same_mail = np.array_equal(a["recipients"], b["recipients"])
        for name in names:
            keys.append((point, name))
            if identical or np.array_equal(a[name], b[name], equal_nan=True):
                cells.append(_identical(a[name], margins[name]))
            else:
                cells.append(judge(a[name], b[name], BY_NAME[name], margins[name], level, same_mail=same_mail))
    return keys, cells


def _places(rows: DataFrame) -> Iterator[tuple[int, np.ndarray]]:
    points = rows["point"].to_numpy(np.int64)
    yield from ((int(point), np.flatnonzero(points == point)) for point in np.unique(points))


def _means_only(cell: Cell) -> Cell:
    if cell.verdict in {IDENTICAL, CHANGED}:
        return cell
    reason = "only means are known: they can be equal, or not"
    return cell._replace(low=float("nan"), high=float("nan"), p=float("nan"), verdict=INCONCLUSIVE, reason=reason)


def digest_of(values: Mapping[str, np.ndarray], names: Sequence[str]) -> str:
    """Return the hash of the per-replication responses of a design point, to the last bit."""
    digest = hashlib.sha256()
    for name in names:
        known = np.where(np.isnan(values[name]), np.nan, values[name] + 0.0)  # one nan, one zero
        digest.update(f"{name} {len(known)} ".encode() + known.tobytes())
    return digest.hexdigest()


def _identical(values: np.ndarray, margin: Margin) -> Cell:
    known = values[~np.isnan(values)]
    mean = float(known.mean()) if len(known) else float("nan")
    return Cell(len(known), mean, mean, 0.0, 0.0, 0.0, margin.relative, True, float("nan"), IDENTICAL, "")


def _table(
    points: DataFrame, factors: Sequence[str], keys: Sequence[tuple[int, str]], cells: Sequence[Cell],
    failed: Mapping[int, int],
) -> DataFrame:  # fmt: skip
    import pandas as pd

    rows = [[*key, *cell] for key, cell in zip(keys, cells, strict=True)]
    nothing = [float("nan")] * 6
    rows += [[point, "", 0, *nothing, False, float("nan"), FAILED, f"{count} replications failed"]
             for point, count in failed.items()]  # fmt: skip
    table = pd.DataFrame(rows, columns=["point", "response", *Cell._fields])
    merged = points.merge(table, on="point", how="inner")
    return merged[["point", *factors, "response", *Cell._fields]]
