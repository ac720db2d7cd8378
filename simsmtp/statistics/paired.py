"""Differences between strategies, replication by replication: one, several at once, the best."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from simsmtp.statistics.best_level import against_best
from simsmtp.statistics.intervals import Floats, check_level
from simsmtp.statistics.paired_difference import Difference, paired_difference

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["Difference", "against_best", "holm", "paired_difference", "simultaneous"]


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
    import pandas as pd

    check_level(level)
    each = 1 - (1 - level) / max(len(pairs), 1)
    found = [paired_difference(base, new, each, method) for base, new in pairs.values()]
    table = pd.DataFrame(found, columns=Difference._fields)
    table.insert(0, "comparison", list(pairs))
    return table.assign(p_adjusted=holm(table["p"]))


def holm(p_values: ArrayLike) -> Floats:
    """Return p-values adjusted for their number after Holm (1979); nan stays nan and counts nowhere."""
    given = np.array(p_values, dtype=np.float64).ravel()
    known = ~np.isnan(given)
    p = given[known]
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    given[known] = adjusted
    return given
