"""Confidence intervals over replications.

The replication is the unit: recipients and messages inside one are correlated and are never pooled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simsmtp.errors import InputError

Floats = NDArray[np.float64]


class Interval(NamedTuple):
    """A mean over replications and its t interval.

    Attributes
    ----------
    n : int
        Replications that have a value.
    mean, sd : float
        Mean and standard deviation of these values, in the unit of the values; nan where undefined.
    low, high : float
        Ends of the interval; nan with fewer than two values.
    """

    n: int
    mean: float
    sd: float
    low: float
    high: float


def mean_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """Return the mean of one value per replication with its t interval.

    Parameters
    ----------
    values : array_like, shape (n,)
        One value per replication. Nan means that a replication has no value (``rcpt_per_delivered``
        when nothing was delivered): it is left out, and `n` tells.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    Interval
        With equal values its width is zero. For a share that is 0 in every replication that says
        little; `zero_bound` says what is known.

    Raises
    ------
    InputError
        If `level` is not between 0 and 1.

    Examples
    --------
    >>> mean_interval([4.0, 6.0, 8.0, float("nan")])  # doctest: +ELLIPSIS
    Interval(n=3, mean=6.0, sd=2.0, low=1.03..., high=10.96...)
    """
    check_level(level)
    given = np.asarray(values, dtype=np.float64).ravel()
    given = given[~np.isnan(given)]
    n = len(given)
    mean, sd = _moments(given)
    half = float(half_width(np.array([n]), np.array([sd]), level)[0])
    return Interval(n, mean, sd, mean - half, mean + half)


def _moments(given: Floats) -> tuple[float, float]:
    if len(given) == 0:
        return float("nan"), float("nan")
    if len(given) == 1:
        return float(given[0]), float("nan")
    if given.min() == given.max():
        return float(given[0]), 0.0  # summing equal values would round
    return float(given.mean()), float(given.std(ddof=1))


def half_width(n: NDArray[np.int64], sd: Floats, level: float) -> Floats:
    """Return the half-widths of t intervals, elementwise.

    Parameters
    ----------
    n : ndarray of int
        Replications with a value.
    sd : ndarray of float, same shape
        Their standard deviation.
    level : float
        Confidence level.

    Returns
    -------
    ndarray of float
        Nan where `n` is below 2.
    """
    from scipy.special import stdtrit

    enough = np.maximum(n, 2)
    half: Floats = stdtrit(enough - 1.0, (1 + level) / 2) * sd / np.sqrt(enough)
    return np.where(n < 2, np.nan, half)


def zero_bound(n: int, level: float = 0.95) -> float:
    """Return the upper bound on the probability of an event that was seen in none of `n` replications.

    The one-sided Clopper-Pearson bound at zero events, close to 3 / n at level 0.95 ("rule of three").
    It bounds the probability that *a replication* shows any such event, for example any false NDR. It is
    no bound per recipient: recipients of one replication share its fate.

    Parameters
    ----------
    n : int
        Replications without the event.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    float
        A probability; 1 when `n` is 0, where nothing is known.

    Raises
    ------
    InputError
        If `n` is negative or `level` is not between 0 and 1.

    Examples
    --------
    >>> round(zero_bound(20), 3)
    0.139
    """
    check_level(level)
    if n < 0:
        raise InputError("not a number of replications", key="n", given=n, allowed="0 or more")
    return 1.0 - (1.0 - level) ** (1.0 / n) if n else 1.0


def all_zero(values: Sequence[float] | Floats) -> bool:
    """Tell whether there are values, nan aside, and every one is exactly 0: the case for `zero_bound`."""
    given = np.asarray(values, dtype=np.float64)
    given = given[~np.isnan(given)]
    return len(given) > 0 and not given.any()


def check_level(level: float) -> None:
    """Raise an `InputError` unless `level` lies between 0 and 1."""
    if not 0 < level < 1:
        raise InputError("not a confidence level", key="level", given=level, allowed="between 0 and 1")
