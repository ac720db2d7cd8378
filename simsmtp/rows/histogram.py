"""Percentiles with flat memory: one fixed logarithmic histogram over integer nanoseconds.

Values below 1,024 have a bucket each; above, every power of two is cut into 1,024 buckets, so a percentile is
within 0.05 % of the exact one. The same in every engine.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate

_BITS = 10
_SUB = 1 << _BITS


def bucket_of(value_ns: int) -> int:
    """Return the bucket of a non-negative value."""
    if value_ns < _SUB:
        return value_ns
    shift = 16 if value_ns >= _SUB << 16 else 0  # most delays are longer than 67 ms
    while value_ns >> shift >= 2 * _SUB:
        shift += 1
    return ((shift + 1) << _BITS) + ((value_ns >> shift) - _SUB)


def middle_of(bucket: int) -> int:
    """Return the value that stands for a bucket: its middle."""
    if bucket < _SUB:
        return bucket
    shift = (bucket >> _BITS) - 1
    low = (_SUB + (bucket & (_SUB - 1))) << shift
    return low + ((1 << shift) >> 1)


def rank_of(share: float, count: int) -> int:
    """Return the nearest rank of a percentile among so many values, from 1."""
    return max(1, math.ceil(share * count))


def percentile_ns(counts: Mapping[int, int], share: float) -> float:
    """Return the nearest-rank percentile of a histogram in nanoseconds, nan for an empty one.

    Parameters
    ----------
    counts : mapping of int to int
        Values per bucket.
    share : float
        Which percentile, between 0 and 1.
    """
    return percentiles_ns(counts, [share])[0]


def percentiles_ns(counts: Mapping[int, int], shares: Sequence[float]) -> list[float]:
    """Return several percentiles at once, see `percentile_ns`."""
    buckets = sorted(counts)
    ranks = list(accumulate(counts[bucket] for bucket in buckets))
    if not ranks or ranks[-1] == 0:
        return [math.nan] * len(shares)
    wanted = (rank_of(share, ranks[-1]) for share in shares)
    return [float(middle_of(buckets[bisect_left(ranks, rank)])) for rank in wanted]
