"""Means that are not overestimated: of what is drawn, of the sizes of messages, of the parts that destinations get."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from simsmtp.randomness.distributions import CONSTANT, EMPIRICAL, EXPONENTIAL, UNIFORM, Sampler, count, sample

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simsmtp.model.plan import WorkloadPlan

_STEPS, _SHARES = 1024, 256


def messages_of(workload: WorkloadPlan) -> Iterable[tuple[int, float, float]]:
    """Yield recipients, octets of text and probability of each kind of message.

    Of a distribution the low end of each of many equal steps is taken: what rises with it is not overestimated.
    """
    drawn = least_mean(workload.size, whole=True)
    if workload.trace:
        kinds = Counter((one.recipients * workload.recipient_factor, one.size or 0) for one in workload.trace)
        for (recipients, size), times in kinds.items():
            yield recipients, size or drawn, times / len(workload.trace)
        return
    for recipients, likely in _recipients(workload.recipients):
        yield recipients, drawn, likely


def parts_at(recipients: int, share: float) -> list[tuple[int, float]]:
    """Return (recipients at a destination, probability), the low end of each step of a binomial distribution."""
    if share >= 1:
        return [(recipients, 1.0)]
    from scipy.stats import binom

    steps = np.maximum(binom.ppf(np.arange(_SHARES) / _SHARES, recipients, share), 0).astype(int)
    numbers, times = np.unique(steps, return_counts=True)
    return [(int(number), float(one) / _SHARES) for number, one in zip(numbers, times, strict=True)]


@lru_cache(maxsize=64)
def _recipients(sampler: Sampler) -> tuple[tuple[int, float], ...]:
    if sampler.kind == CONSTANT:
        return ((count(sampler, 0.5), 1.0),)
    if sampler.kind == EMPIRICAL:
        drawn = [max(1, int(value + 0.5)) for value in sampler.table]
    else:
        drawn = [count(sampler, _low_end(step, _STEPS)) for step in range(_STEPS)]
    return tuple((number, times / len(drawn)) for number, times in sorted(Counter(drawn).items()))


@lru_cache(maxsize=256)
def least_mean(sampler: Sampler, *, whole: bool = False) -> float:
    """Return a mean that the draws of a sampler have at least, each cut to a whole number (`whole`: rounded, from 1).

    Exact but for that cut where the mean has a form; else the low ends of many equal steps.
    """
    if sampler.kind == CONSTANT:
        return float(count(sampler, 0.5) if whole else int(sampler.a))
    if sampler.kind in {UNIFORM, EXPONENTIAL}:
        mean = sampler.a + sampler.b / (2 if sampler.kind == UNIFORM else 1)
    elif sampler.kind == EMPIRICAL:
        mean = float(np.mean(sampler.table))
    else:
        mean = float(np.mean([sample(sampler, _low_end(step, 4 * _STEPS)) for step in range(4 * _STEPS)]))
    return max(mean - 0.5, 1.0) if whole else max(mean - 1.0, 0.0)


def _low_end(step: int, steps: int) -> float:
    return max(step / steps, 2.0**-54)
