"""The BCa bootstrap of a mean, from a fixed seed: equal values give equal bits."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simsmtp.statistics.intervals import Floats

_SEED = 20030602
_RESAMPLES = 9999


class Bootstrap(NamedTuple):
    """Resampled means with the two corrections of Efron (1987), "Better bootstrap confidence intervals".

    Attributes
    ----------
    means : ndarray of float, shape (resamples,)
        Ascending, in the unit of the values.
    bias, acceleration : float
        Corrections for bias and skewness; without unit.
    """

    means: Floats
    bias: float
    acceleration: float

    def interval(self, level: float) -> tuple[float, float]:
        """Return the ends of the BCa interval at that confidence level."""
        from scipy.special import ndtr, ndtri

        z = self.bias + ndtri(np.array([(1 - level) / 2, (1 + level) / 2]))
        low, high = np.quantile(self.means, ndtr(self.bias + z / (1 - self.acceleration * z)))
        return float(low), float(high)

    def p_value(self) -> float:
        """Return the two-sided p-value of a mean of zero: the level at which the interval just meets zero."""
        from scipy.special import ndtr, ndtri

        w = float(ndtri(_share_below(self.means, 0.0))) - self.bias
        below = float(ndtr(w / (1 + self.acceleration * w) - self.bias))
        return 2 * min(below, 1 - below)


def bootstrap(values: Floats, resamples: int = _RESAMPLES) -> Bootstrap:
    """Resample a mean.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        One value per replication, not all equal, without nan.
    resamples : int
        How many; the seed is fixed.

    Returns
    -------
    Bootstrap
        The acceleration is the jackknife's, which for a mean has a closed form.
    """
    from scipy.special import ndtri

    means = np.sort(values[_picks(len(values), resamples)].mean(axis=1))
    off = values - values.mean()
    acceleration = float((off**3).sum() / (6 * (off**2).sum() ** 1.5))
    return Bootstrap(means, float(ndtri(_share_below(means, float(values.mean())))), acceleration)


@lru_cache(maxsize=4)
def _picks(n: int, resamples: int) -> NDArray[np.int64]:
    return np.random.default_rng(_SEED).integers(0, n, (resamples, n))


def _share_below(means: Floats, value: float) -> float:
    """Return the share of means below a value, ties counting half, and never quite 0 or 1."""
    below = (np.searchsorted(means, value, "left") + np.searchsorted(means, value, "right")) / 2
    return min(max(float(below), 0.5), len(means) - 0.5) / len(means)
