"""Shares of replications that show something, and bounds where none does.

The replication is the unit. "5 of 40 replications had a false NDR" is a binomial count; 5 of 40 million
recipients is not, for recipients of one replication share its fate.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from simsmtp.errors import InputError
from simsmtp.statistics.intervals import check_level


class Share(NamedTuple):
    """A share of replications with its two-sided interval.

    Attributes
    ----------
    n, events : int
        Replications, and those that showed it.
    share, low, high : float
        Share and ends of the interval; with no replication nan, 0 and 1.
    """

    n: int
    events: int
    share: float
    low: float
    high: float


def share_showing_any(values: ArrayLike, level: float = 0.95) -> Share:
    """Return the share of replications whose value is above 0, with its `clopper_pearson` interval.

    Parameters
    ----------
    values : array_like, shape (n,)
        One value per replication, such as ``false_ndr``; nan is left out.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    Share

    Raises
    ------
    InputError
        If `level` is not between 0 and 1.

    Examples
    --------
    >>> share_showing_any([0, 0, 3, 0, 1])  # doctest: +ELLIPSIS
    Share(n=5, events=2, share=0.4, low=0.052..., high=0.853...)
    """
    given = np.asarray(values, dtype=np.float64).ravel()
    given = given[~np.isnan(given)]
    n, events = len(given), int((given > 0).sum())
    return Share(n, events, events / n if n else float("nan"), *clopper_pearson(events, n, level))


def clopper_pearson(events: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return the ends of the exact two-sided interval of Clopper and Pearson (1934) for a probability.

    By the inverse of the incomplete beta function: `scipy.stats.binomtest`, which searches for the same numbers, costs
    two seconds to import and stops at 12 digits.

    Parameters
    ----------
    events, n : int
        Replications that showed it, and all.
    level : float
        Confidence level. At no event the upper end is `zero_bound` of level (1 + `level`) / 2.

    Raises
    ------
    InputError
        If `events` is not within 0 to `n`, or `level` not between 0 and 1.
    """
    from scipy.special import betaincinv

    _check(events, n, level)
    tail = (1 - level) / 2
    low = float(betaincinv(events, n - events + 1, tail)) if events else 0.0
    high = float(betaincinv(events + 1, n - events, 1 - tail)) if events < n else 1.0
    return low, high


def wilson(events: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return the ends of the score interval of Wilson (1927); parameters and errors as `clopper_pearson`.

    It is shorter, and covers at its level on average only.
    """
    from scipy.stats import binomtest

    _check(events, n, level)
    if n == 0:
        return 0.0, 1.0
    low, high = binomtest(events, n).proportion_ci(level, "wilson")
    return float(low), float(high)


def rule_of_three(n: int) -> float:
    """Return 3 / n, the textbook's approximation of `zero_bound` at level 0.95; at most 1."""
    return min(1.0, 3 / n) if n else 1.0


def _check(events: int, n: int, level: float) -> None:
    check_level(level)
    if n < 0:
        raise InputError("not a number of replications", key="n", given=n, allowed="0 or more")
    if not 0 <= events <= n:
        raise InputError("not a number of events", key="events", given=events, allowed=f"0 to {n}")
