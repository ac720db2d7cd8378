"""Differences between strategies, replication by replication: one, several at once, many responses, the best."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simsmtp.errors import InputError
from simsmtp.statistics.best_level import against_best
from simsmtp.statistics.intervals import Floats, check_level
from simsmtp.statistics.paired_difference import Difference, paired_difference

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = [
    "Difference", "against_best", "benjamini_hochberg", "differences_by_response", "holm", "paired_difference",
    "simultaneous",
]  # fmt: skip


def simultaneous(
    pairs: Mapping[str, tuple[ArrayLike, ArrayLike]], level: float = 0.95, method: str = "auto"
) -> DataFrame:
    """Compare several pairs at once, all intervals holding together at the level.

    Parameters
    ----------
    pairs : mapping
        Name of the comparison → base and new values, as for `paired_difference`.
    level : float
        Confidence level of all intervals together.
    method : str
        As for `paired_difference`.

    Returns
    -------
    DataFrame
        One row per comparison: ``comparison``, the fields of `Difference`, and ``p_adjusted``. The intervals are
        Bonferroni's, each at level 1 - (1 - `level`) / k. The p-values are adjusted after Holm (1979), which
        never rejects less than Bonferroni.

    Raises
    ------
    InputError
        As `paired_difference`.
    """
    import pandas as pd  # noqa: PLC0415 - importing pandas is paid for only where it is used

    check_level(level)
    each = 1 - (1 - level) / max(len(pairs), 1)
    found = [paired_difference(base, new, each, method) for base, new in pairs.values()]
    table = pd.DataFrame(found, columns=Difference._fields)
    table.insert(0, "comparison", list(pairs))
    return table.assign(p_adjusted=holm(table["p"]))


def holm(p_values: ArrayLike) -> Floats:
    """Return p-values adjusted for their number after Holm (1979); nan stays nan and counts nowhere."""
    return _adjusted(p_values, _holm)


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """Return p-values adjusted for the false discovery rate after Benjamini and Hochberg (1995); nan stays nan.

    Rejecting those of at most q keeps the expected share of false rejections at or below q, also where the
    statistics depend on each other positively, as responses of one run do in the main.
    """
    return _adjusted(p_values, _benjamini_hochberg)


def _adjusted(p_values: ArrayLike, rule: Callable[[Floats], Floats]) -> Floats:
    given = np.array(p_values, dtype=np.float64).ravel()
    known = ~np.isnan(given)
    given[known] = rule(given[known])
    return given


def _holm(p: Floats) -> Floats:
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return _in_order(steps, order)


def _benjamini_hochberg(p: Floats) -> Floats:
    order = np.argsort(p, kind="stable")
    steps = p[order] * len(p) / np.arange(1, len(p) + 1)
    return _in_order(np.minimum.accumulate(steps[::-1])[::-1], order)


def _in_order(steps: Floats, order: NDArray[np.int64]) -> Floats:
    adjusted = np.empty_like(steps)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


def differences_by_response(
    base: DataFrame, new: DataFrame, responses: Sequence[str], level: float = 0.95
) -> DataFrame:
    """Compare two scenarios in many responses, the p-values adjusted for the false discovery rate.

    Parameters
    ----------
    base, new : DataFrame
        One row per replication: ``replication``, the responses, optionally ``error``. Replications that both
        sides hold without an error are paired.
    responses : sequence of str
        Columns to compare.
    level : float
        Confidence level of each interval by itself.

    Returns
    -------
    DataFrame
        One row per response: ``response``, the fields of `Difference`, and ``p_adjusted`` after Benjamini and
        Hochberg (1995).
    """
    import pandas as pd  # noqa: PLC0415

    left, right = (_by_replication(side, responses) for side in (base, new))
    both = left.index.intersection(right.index)
    found = [paired_difference(left.loc[both, name], right.loc[both, name], level) for name in responses]
    table = pd.DataFrame(found, columns=Difference._fields)
    table.insert(0, "response", list(responses))
    return table.assign(p_adjusted=benjamini_hochberg(table["p"]))


def _by_replication(rows: DataFrame, responses: Sequence[str]) -> DataFrame:
    good = rows[rows["error"].isna()] if "error" in rows else rows
    if good["replication"].duplicated().any():
        raise InputError("each replication should occur once", key="replication", allowed="rows of one design point")
    return good.set_index("replication")[list(responses)]
