"""Quantiles of the normal and the gamma distribution, tabulated over logit(u) and shared by all engines.

SciPy is slow to import: only a distribution that needs its tables pays for it.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import numpy as np

from simsmtp.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Quantiles = NDArray[np.float64]

REACH = 40.0  # the logits of the extreme uniform numbers are -37.4 and 36.7


@functools.cache
def normal_table() -> tuple[float, ...]:
    """Tabulate standard normal deviates."""
    return _table(_normal_quantiles(_grid(8192)))


@functools.lru_cache(maxsize=64)
def gamma_table(cv: float) -> tuple[float, ...]:
    """Tabulate ln(quantile / mean) / cv."""
    if cv > 100:
        raise InputError("this spread is too wide for gamma", key="cv", given=cv, allowed="up to 100")
    # The error of the interpolation grows with cv squared and falls with the number of cells squared.
    logits = _grid(8192 << math.ceil(math.log2(max(1.0, cv / 4))))
    if cv > 1e-3:
        return _table((_log_gamma_quantiles(cv**-2, logits) + 2 * math.log(cv)) / cv)
    # SciPy's inverse loses digits at such shapes, where Wilson and Hilferty's cube is good to 1e-8.
    return _table(3 * np.log1p(cv * _normal_quantiles(logits) / 3 - cv * cv / 9) / cv)


def _grid(cells: int) -> Quantiles:
    return np.linspace(-REACH, REACH, cells + 1)


def _table(values: Quantiles) -> tuple[float, ...]:
    # Rounded, so that another SciPy with other last digits makes the same table, and so that differences
    # are exact: interpolation then never passes the next entry, and quantiles are monotone.
    return tuple((np.rint(values * 2.0**24) * 2.0**-24).tolist())


def _normal_quantiles(logits: Quantiles) -> Quantiles:
    from scipy.special import expit, ndtri

    quantiles: Quantiles = -np.sign(logits) * ndtri(expit(-np.abs(logits)))
    return quantiles


def _log_gamma_quantiles(shape: float, logits: Quantiles) -> Quantiles:
    from scipy.special import expit, gammainccinv, gammaincinv, gammaln, log_expit

    upper = gammainccinv(shape, expit(-logits))
    quantiles = np.where(logits <= 0, gammaincinv(shape, expit(logits)), upper)
    # Below 1e-9 the distribution function is its leading power, and quantiles may be too small for a float.
    leading: Quantiles = (log_expit(logits) + gammaln(shape + 1)) / shape
    return np.where(quantiles < 1e-9, leading, np.log(np.maximum(quantiles, 1e-9)))
