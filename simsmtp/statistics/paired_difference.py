"""The paired difference between two scenarios run with one seed.

Under common random numbers both meet the same recipients, arrivals and delays in a replication. What they
differ by in it is one value; the interval is that of the mean of these values.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from simsmtp.errors import InputError
from simsmtp.statistics.bootstrap import Bootstrap, bootstrap
from simsmtp.statistics.intervals import Floats, Interval, mean_interval

METHODS = ("auto", "t", "bca")
SKEWED = 1.0
BOOTSTRAP_FROM, BOOTSTRAP_BELOW = 10, 200


class Difference(NamedTuple):
    """The mean of new - base over replications, with its interval.

    Attributes
    ----------
    n : int
        Replications that have both values.
    mean, sd : float
        Of the differences, in the unit of the values; nan where undefined.
    low, high : float
        Ends of the interval; nan with fewer than two differences.
    method : str
        ``"identical"`` (every pair is equal), ``"constant"`` (every difference is equal), ``"t"``, ``"bca"``,
        ``"t and bca"`` (each end the farther of the two), ``""`` (too few to tell).
    p : float
        Two-sided p-value of "no difference": 1 if identical, nan with fewer than two differences.
    """

    n: int
    mean: float
    sd: float
    low: float
    high: float
    method: str
    p: float


def paired_difference(base: ArrayLike, new: ArrayLike, level: float = 0.95, method: str = "auto") -> Difference:
    """Return how much `new` differs from `base`, replication by replication.

    The rule of ``"auto"``: pairs that are all equal, or differ all by the same, have no width. Otherwise the
    paired t interval; and where the differences are skewed (adjusted Fisher-Pearson skewness beyond ±1, 10 to
    199 of them) the BCa bootstrap as well, of which each end is taken if it lies farther out. The bootstrap
    alone is never chosen: with few differences it covers less than t (``results/verification``). From 200 on the
    two agree.

    Parameters
    ----------
    base, new : array_like, shape (n,)
        One value per replication, the same replications in the same order. A pair with a nan is left out.
    level : float
        Confidence level, between 0 and 1.
    method : str
        ``"auto"``, ``"t"`` or ``"bca"`` (Efron 1987, with a fixed seed).

    Returns
    -------
    Difference

    Raises
    ------
    InputError
        If the lengths differ, `level` is not between 0 and 1 or `method` is unknown.

    Examples
    --------
    >>> paired_difference([10, 20, 30], [12, 21, 33])  # doctest: +ELLIPSIS
    Difference(n=3, mean=2.0, sd=1.0, low=-0.48..., high=4.48..., method='t', p=0.07...)
    """
    if method not in METHODS:
        raise InputError("unknown method", key="method", given=method, allowed=METHODS)
    differences = _differences(base, new)
    found = mean_interval(differences, level)
    if found.n < 2:
        return Difference(*found, "", float("nan"))
    if found.sd == 0:
        return Difference(*found, *(("identical", 1.0) if found.mean == 0 else ("constant", 0.0)))
    chosen = _fitting(differences) if method == "auto" else method
    resampled = bootstrap(differences) if chosen != "t" else None
    return _with_ends(found, chosen, resampled, level)


def _differences(base: ArrayLike, new: ArrayLike) -> Floats:
    a, b = (np.asarray(one, dtype=np.float64).ravel() for one in (base, new))
    if len(a) != len(b):
        raise InputError("pairs need as many values on both sides", key="new", given=len(b), allowed=f"{len(a)} values")
    differences: Floats = b - a
    return differences[~np.isnan(differences)]


def _fitting(differences: Floats) -> str:
    import pandas as pd

    enough = BOOTSTRAP_FROM <= len(differences) < BOOTSTRAP_BELOW
    return "t and bca" if enough and abs(float(pd.DataFrame(differences).skew().iloc[0])) > SKEWED else "t"


def _with_ends(found: Interval, method: str, resampled: Bootstrap | None, level: float) -> Difference:
    p = _t_p_value(found)
    if resampled is None:
        return Difference(*found, method, p)
    low, high = resampled.interval(level)
    if method == "bca":
        return Difference(found.n, found.mean, found.sd, low, high, method, resampled.p_value())
    ends = min(low, found.low), max(high, found.high)
    return Difference(found.n, found.mean, found.sd, *ends, method, max(p, resampled.p_value()))


def _t_p_value(found: Interval) -> float:
    from scipy.special import stdtr

    return float(2 * stdtr(found.n - 1, -abs(found.mean) * np.sqrt(found.n) / found.sd))
