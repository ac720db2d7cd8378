"""Shares of replications and bounds at zero: worked examples and agreement with SciPy."""

from __future__ import annotations

import numpy as np
import pytest

from simsmtp.errors import InputError
from simsmtp.statistics.intervals import zero_bound
from simsmtp.statistics.rates import clopper_pearson, rule_of_three, share_showing_any, wilson

NAN = float("nan")


@pytest.mark.parametrize(("events", "n"), [(0, 1), (0, 20), (3, 20), (10, 20), (20, 20), (1, 1000)])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_agrees_with_scipy(events: int, n: int, level: float) -> None:
    from scipy.stats import binomtest

    test = binomtest(events, n)
    exact, score = test.proportion_ci(level, "exact"), test.proportion_ci(level, "wilson")
    assert clopper_pearson(events, n, level) == pytest.approx((exact.low, exact.high))
    assert wilson(events, n, level) == pytest.approx((score.low, score.high), abs=1e-12)


def test_newcombes_example() -> None:
    # Newcombe (1998), table I: 81 of 263.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert clopper_pearson(81, 263) == pytest.approx((0.2527, 0.3676), abs=5e-5)


def test_the_replication_is_the_unit() -> None:
    found = share_showing_any([0, 0, 149, 0, NAN, 1])
    assert (found.n, found.events, found.share) == (5, 2, 0.4)
    assert (found.low, found.high) == clopper_pearson(2, 5)


def test_nothing_known_without_replications() -> None:
    found = share_showing_any([])
    assert np.isnan(found.share)
    assert (found.low, found.high) == (0.0, 1.0) == wilson(0, 0)


def test_rule_of_three() -> None:
    assert rule_of_three(100) == 0.03
    assert rule_of_three(100) == pytest.approx(zero_bound(100), rel=0.02)
    assert rule_of_three(0) == rule_of_three(1) == 1.0
    assert clopper_pearson(0, 50)[1] == pytest.approx(zero_bound(50, 0.975))


@pytest.mark.parametrize(("events", "n", "level"), [(-1, 5, 0.95), (6, 5, 0.95), (0, -1, 0.95), (1, 5, 1.0)])
def test_bad_input(events: int, n: int, level: float) -> None:
    for interval in (clopper_pearson, wilson):
        with pytest.raises(InputError):
            interval(events, n, level)
