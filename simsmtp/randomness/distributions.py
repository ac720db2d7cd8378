"""Inverse-CDF sampling: one uniform number makes one variate, and a larger one never a smaller variate.

:func:`sampler_of` prepares a distribution once. What runs at each draw is plain functions over numbers and
one named tuple, with scalar ``math`` functions only, so every engine gets the same bits from one source.
Normal, lognormal and gamma quantiles are read from tables over logit(u) = ln(u / (1 - u)), in which their
tails are smooth, by linear interpolation: relative error below 1e-4 for u from 1e-6 to 1 - 1e-6.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simsmtp.errors import InputError
from simsmtp.randomness.distribution_table import Distribution
from simsmtp.randomness.quantile_tables import REACH, gamma_table, normal_table
from simsmtp.randomness.streams import LARGEST_UNIFORM

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Quantiles = NDArray[np.float64]

_MOST_MEAN = 1e15  # a draw is rounded up to a whole number before it is cut: it has to fit 64 bits
CONSTANT, UNIFORM, EXPONENTIAL, GEOMETRIC, EMPIRICAL, ZIPF, NORMAL, LOGARITHMIC = range(8)


class Sampler(NamedTuple):
    """A distribution ready to draw from; :func:`sample` says what the fields mean for each `kind`."""

    kind: int
    a: float = 0.0
    b: float = 0.0
    c: float = math.inf
    table: tuple[float, ...] = (0.0,)


def sample(sampler: Sampler, u: float) -> float:
    """Return the variate (at least 0) at the uniform number `u`, from 2**-54 to 1 - 2**-53."""
    kind = sampler.kind
    if kind == CONSTANT:
        return sampler.a
    if kind == UNIFORM:
        return sampler.a + sampler.b * u
    if kind == EXPONENTIAL:
        return sampler.a - sampler.b * math.log(1.0 - u)
    if kind == GEOMETRIC:
        return min(sampler.c, sampler.a * max(1.0, float(math.ceil(sampler.b * math.log(1.0 - u)))))
    if kind == EMPIRICAL:
        return sampler.table[min(int(u * len(sampler.table)), len(sampler.table) - 1)]
    if kind == ZIPF:
        return sampler.a * (1.0 + first_above(sampler.table, u))
    deviate = interpolated(sampler.table, u)
    if kind == NORMAL:
        return max(0.0, sampler.a + sampler.b * deviate)
    return min(sampler.c, math.exp(sampler.a + sampler.b * deviate))


def count(sampler: Sampler, u: float) -> int:
    """Return the variate at `u` as the nearest whole number (a half goes up), at least 1."""
    return max(1, int(sample(sampler, u) + 0.5))


def is_constant(sampler: Sampler) -> bool:
    """Tell whether every draw gives the same value, so that none need be made."""
    return sampler.kind == CONSTANT


def first_above(rising: Sequence[float], u: float) -> int:
    """Return the index of the first number above `u`, or the last index."""
    low, high = 0, len(rising) - 1
    while low < high:
        middle = (low + high) // 2
        if rising[middle] > u:
            high = middle
        else:
            low = middle + 1
    return low


def interpolated(table: Sequence[float], u: float) -> float:
    """Return the quantile at `u` from a table over the grid of logits."""
    place = (math.log(u / (1.0 - u)) + REACH) * ((len(table) - 1) / (2.0 * REACH))
    cell = int(place)
    return table[cell] + (place - cell) * (table[cell + 1] - table[cell])


def sampler_of(distribution: float | Distribution, scale: float = 1.0) -> Sampler:
    """Prepare a distribution, or a constant, for :func:`sample`.

    Every variate is multiplied by `scale`, for example 1e6 for milliseconds to nanoseconds. A distribution
    with a single value becomes a constant.

    Raises
    ------
    InputError
        The largest draw does not fit 64 bits, a gamma's `cv` is above 100 or a zipf's `maximum` above 1e6.
    """
    try:
        sampler = _made(distribution, scale)
        largest = sample(sampler, LARGEST_UNIFORM)
    except (ArithmeticError, ValueError):  # what math raises beyond its range, and int() for NaN
        largest = math.inf
    if not largest < 2.0**63:
        raise InputError("the largest draw of this distribution does not fit 64 bits")
    return sampler


def mean_of(distribution: float | Distribution) -> float:
    """Return the exact mean of the variates, cuts at 0 and `maximum` included; a number is its own mean."""
    if not isinstance(distribution, Distribution):
        return distribution
    d, mean, most, cv = distribution, distribution.mean or 0.0, distribution.maximum, distribution.cv or 0.0
    match d.dist:
        case "constant" | "uniform":
            return ((d.value or d.low or 0.0) + (d.value or d.high or 0.0)) / 2
        case "empirical":
            return math.fsum(d.values or ()) / len(d.values or (0,))
        case "zipf":
            shares = np.diff(_zipf_table(d.exponent or 0.0, most or 1), prepend=0.0)
            return math.fsum(shares * np.arange(1, len(shares) + 1))
        case "normal":
            return mean * (_below(1 / cv) + cv * math.exp(-0.5 / cv / cv) / math.sqrt(2 * math.pi))
        case "geometric" if most and mean > 1:
            return -mean * math.expm1(most * math.log1p(-1 / mean))
        case "lognormal" if most and (sigma := _sigma(cv)):
            cut = math.log(most / mean) / sigma
            return mean * _below(cut - sigma / 2) + most * _below(-cut - sigma / 2)
        case _:
            return min(mean, most or mean)


def ns_of_ms(ms: float) -> int:
    """Return milliseconds as the nearest whole number of nanoseconds; InputError if they are not finite."""
    return _whole(ms, 1_000_000)


def ns_of_s(seconds: float) -> int:
    """Return seconds as the nearest whole number of nanoseconds; InputError if they are not finite."""
    return _whole(seconds, 1_000_000_000)


def _whole(value: float, factor: int) -> int:
    if not math.isfinite(value):
        raise InputError("a time must be finite", given=value)
    return round(value * factor)


def _made(d: float | Distribution, scale: float) -> Sampler:
    if not isinstance(d, Distribution):
        return Sampler(CONSTANT, d * scale)
    mean, cv, most = (d.mean or 0.0) * scale, d.cv or 0.0, (d.maximum or math.inf) * scale
    match d.dist:
        case "uniform" if d.low != d.high:
            return Sampler(UNIFORM, (d.low or 0.0) * scale, ((d.high or 0.0) - (d.low or 0.0)) * scale)
        case "exponential":
            return Sampler(EXPONENTIAL, (d.shift or 0.0) * scale, mean - (d.shift or 0.0) * scale)
        case "geometric" if (d.mean or 1.0) > _MOST_MEAN:
            raise InputError("too large a mean for geometric", key="mean", given=d.mean, allowed="up to 1e15")
        case "geometric" if (d.mean or 1.0) > 1.0 and d.maximum != 1:
            return Sampler(GEOMETRIC, scale, 1.0 / math.log1p(-1.0 / (d.mean or 1.0)), most)
        case "empirical" if len(set(d.values or ())) > 1:
            return Sampler(EMPIRICAL, table=tuple(sorted(value * scale for value in d.values or ())))
        case "zipf" if d.maximum != 1:
            return Sampler(ZIPF, scale, table=_zipf_table(d.exponent or 0.0, d.maximum or 1))
        case "normal":
            return Sampler(NORMAL, mean, mean * cv, table=normal_table())
        case "lognormal":
            return Sampler(LOGARITHMIC, _log(mean) - _sigma(cv) ** 2 / 2, _sigma(cv), most, normal_table())
        case "gamma":
            return Sampler(LOGARITHMIC, _log(mean), cv, table=gamma_table(cv))
        case _:
            return Sampler(CONSTANT, mean_of(d) * scale)


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf


def _sigma(cv: float) -> float:
    return math.sqrt(math.log1p(cv * cv))


def _below(z: float) -> float:
    return math.erfc(-z / math.sqrt(2)) / 2


@functools.lru_cache(maxsize=64)
def _zipf_table(exponent: float, maximum: int) -> tuple[float, ...]:
    if maximum > 1_000_000:
        raise InputError("too many values for zipf", key="maximum", given=maximum, allowed="up to 1,000,000")
    weights = [value**-exponent for value in range(1, maximum + 1)]
    cumulative = list(itertools.accumulate(weights))
    return tuple(weight / cumulative[-1] for weight in cumulative)
