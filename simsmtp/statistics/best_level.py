"""Which level is best: every level against the best of the others, all statements holding together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from simsmtp.errors import InputError
from simsmtp.rows.responses import BY_NAME
from simsmtp.statistics.intervals import Floats, check_level
from simsmtp.statistics.paired_difference import paired_difference
from simsmtp.statistics.summary import require_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pandas import DataFrame

    Flags = NDArray[np.bool_]

BETTER = ("higher", "lower")


def against_best(
    rows: DataFrame,
    factor: str,
    response: str,
    better: str = "",
    level: float = 0.95,
    blocks: Sequence[str] = (),
) -> DataFrame:
    """Say which levels of a factor may be best: "which batch size is best?".

    Multiple comparisons with the best: the constrained intervals of Hsu (1984) for the difference between a
    level and the best of the others. They are built from one-sided paired intervals of all pairs of levels at
    1 - (1 - `level`) / (k - 1) each (Bonferroni), so variances may differ and common random numbers are used.
    With probability `level` all k intervals hold at once. After Nelson and Matejcik (1995).

    Parameters
    ----------
    rows : DataFrame
        One row per replication: ``replication``, the factor, the blocks, the response, optionally ``error``.
    factor, response : str
        Columns.
    better : str
        ``"higher"`` or ``"lower"``; by default what the model says of the response.
    level : float
        Joint confidence level.
    blocks : sequence of str
        Other factors that vary in `rows`. The response is averaged over them within each replication: the
        replication stays the unit.

    Returns
    -------
    DataFrame
        One row per level, best mean first: ``level``, ``n``, ``mean``, ``difference`` (from the best of the
        other levels, in the unit of the response), ``low``, ``high``, ``verdict``: ``"best"`` (the only one that
        may be), ``"not distinguishable"`` (may be the best), ``"worse"``. An interval of a level that is worse
        ends at 0. Replications that lack a level are left out; with fewer than two nothing can be told apart.

    Raises
    ------
    InputError
        If a column is missing, `better` is unknown, there are not two levels, the levels were run in different
        blocks, or several rows of a replication share a level and the blocks do not tell them apart.
    """
    import pandas as pd

    check_level(level)
    sign = 1.0 if _direction(response, better) == "higher" else -1.0
    table = _complete(rows, factor, response, blocks)
    values = sign * table.to_numpy(np.float64)
    difference, low, high, possible = _constrained(values, level)
    ends = (low, high) if sign > 0 else (-high, -low)
    found = pd.DataFrame({
        "level": table.columns.to_numpy(), "n": len(table), "mean": sign * values.mean(axis=0) + 0.0,
        "difference": sign * difference + 0.0, "low": ends[0] + 0.0, "high": ends[1] + 0.0,
        "verdict": [_verdict(one, int(possible.sum())) for one in possible],
    })  # fmt: skip
    return found.sort_values("mean", ascending=sign < 0, kind="stable").reset_index(drop=True)


def _direction(response: str, better: str) -> str:
    known = better or (BY_NAME[response].better if response in BY_NAME else "")
    if known not in BETTER:
        raise InputError("say which way the response is better", key="better", given=known, allowed=BETTER)
    return known


def _complete(rows: DataFrame, factor: str, response: str, blocks: Sequence[str]) -> DataFrame:
    """Return replications by levels, averaged over the blocks, without incomplete replications."""
    require_columns(rows, ("replication", factor, response, *blocks))
    good = rows[rows["error"].isna()] if "error" in rows else rows
    unit = ["replication", factor, *blocks]
    if good.duplicated(unit).any():
        hint = "rows of one level of every other factor, or the other factors in blocks"
        raise InputError("several rows of a replication share a level", key=factor, allowed=hint)
    cells = good.pivot_table(
        index="replication", columns=[factor, *blocks], values=response, sort=False, dropna=False, aggfunc="first"
    )
    cells = cells.dropna(axis=1, how="all").dropna()  # combinations that the design does not hold
    if len(set(cells.columns.get_level_values(0).value_counts())) > 1:
        hint = "every level in every block"
        raise InputError("the levels were not run in the same blocks", key=factor, allowed=hint)
    table: DataFrame = cells.T.groupby(level=0, sort=False).mean().T
    if table.shape[1] < 2:
        raise InputError("needs two levels or more with values", key=factor, given=list(table.columns))
    return table


def _constrained(values: Floats, level: float) -> tuple[Floats, Floats, Floats, Flags]:
    """Return difference to the best other level, Hsu's constrained interval, and who may be best.

    Higher is better in `values` (replications by levels).
    """
    means = values.mean(axis=0)
    mean, low, high = _all_pairs(values, level)
    k = len(means)
    others = ~np.eye(k, dtype=bool)
    difference = np.array([mean[i, others[i]].min() for i in range(k)])
    top = np.array([high[i, others[i]].min() for i in range(k)])
    possible = top >= 0
    bottom = np.zeros(k)
    for i in range(k):
        rivals = possible & others[i]
        bottom[i] = min(0.0, low[i, rivals].min()) if rivals.any() else 0.0
    return difference, bottom, np.maximum(top, 0.0), possible


def _all_pairs(values: Floats, level: float) -> tuple[Floats, Floats, Floats]:
    """Return mean and ends of the one-sided intervals of level i - level j for all i and j."""
    k = values.shape[1]
    two_sided = 1 - min(2 * (1 - level) / (k - 1), 1 - 1e-9)
    mean, low, high = np.zeros((3, k, k))
    for i in range(k):
        for j in range(i):
            found = paired_difference(values[:, j], values[:, i], two_sided)
            ends = (found.low, found.high) if found.n > 1 else (-np.inf, np.inf)
            mean[i, j], low[i, j], high[i, j] = found.mean, *ends
            mean[j, i], low[j, i], high[j, i] = -found.mean, -ends[1], -ends[0]
    return mean, low, high


def _verdict(possible: bool, candidates: int) -> str:
    if not possible:
        return "worse"
    return "best" if candidates == 1 else "not distinguishable"
