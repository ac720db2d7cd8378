"""Intervals over replications: known answers, edge cases, and coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simsmtp.errors import InputError
from simsmtp.statistics.intervals import all_zero, half_width, mean_interval, zero_bound

NAN = float("nan")


def test_known_answer() -> None:
    # Student's t table: 2.776 for 4 degrees of freedom at 95 %.
    found = mean_interval([1.0, 2.0, 3.0, 4.0, 5.0])
    assert (found.n, found.mean) == (5, 3.0)
    assert found.sd == pytest.approx(math.sqrt(2.5))
    assert found.high - 3 == pytest.approx(2.776445 * math.sqrt(2.5 / 5))
    assert 3 - found.low == pytest.approx(found.high - 3)


def test_equal_values_have_no_width() -> None:
    # Three times 0.1 does not sum to 0.3: the mean must not drift off the value.
    assert mean_interval([0.1] * 3) == (3, 0.1, 0.0, 0.1, 0.1)


def test_one_value_has_no_interval() -> None:
    found = mean_interval([7.0])
    assert (found.n, found.mean) == (1, 7.0)
    assert all(map(math.isnan, (found.sd, found.low, found.high)))


def test_missing_values_are_left_out_and_counted() -> None:
    assert mean_interval([1.0, NAN, 3.0]) == mean_interval([1.0, 3.0])
    nothing = mean_interval([NAN, NAN])
    assert nothing.n == 0
    assert math.isnan(nothing.mean)


@pytest.mark.parametrize("level", [0, 1, -0.5, 95, NAN])
def test_bad_level(level: float) -> None:
    with pytest.raises(InputError, match=r"level: not a confidence level; given: .*; allowed: between 0 and 1"):
        mean_interval([1.0, 2.0], level)
    with pytest.raises(InputError, match="level"):
        zero_bound(10, level)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.999])
def test_width_agrees_with_scipy_stats(level: float) -> None:
    from scipy import stats

    n = np.array([2, 3, 10, 20, 1000])
    expected = stats.t.ppf((1 + level) / 2, n - 1) / np.sqrt(n)
    assert half_width(n, np.ones(len(n)), level) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("n", "level"), [(3, 0.9), (5, 0.95), (20, 0.95)])
def test_coverage(n: int, level: float) -> None:
    """Of many intervals, the stated share holds the truth, within four standard errors of a binomial."""
    draws = np.random.default_rng(20030602).normal(10, 3, size=(2000, n))
    held = sum(found.low <= 10 <= found.high for found in (mean_interval(row, level) for row in draws))
    error = math.sqrt(2000 * level * (1 - level))
    assert abs(held - 2000 * level) < 4 * error


@settings(deadline=None, max_examples=100)
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30), st.floats(0.5, 0.99))
def test_interval_holds_the_mean_and_widens_with_the_level(values: list[float], level: float) -> None:
    narrow, wide = mean_interval(values, level), mean_interval(values, 0.995)
    assert wide.low <= narrow.low <= narrow.mean <= narrow.high <= wide.high
    assert min(values) - 1e-6 <= narrow.mean <= max(values) + 1e-6


def test_zero_bound_is_the_rule_of_three() -> None:
    assert zero_bound(0) == 1.0
    assert zero_bound(1) == pytest.approx(0.95)
    assert zero_bound(1000) == pytest.approx(3 / 1000, rel=0.004)


@given(st.integers(1, 500), st.floats(0.5, 0.999))
def test_at_the_bound_no_event_is_just_improbable_enough(n: int, level: float) -> None:
    assert (1 - zero_bound(n, level)) ** n == pytest.approx(1 - level)


def test_zero_bound_agrees_with_clopper_pearson() -> None:
    from scipy import stats

    for n in (1, 7, 20, 300):
        exact = stats.binomtest(0, n, alternative="less").proportion_ci(0.95, method="exact").high
        assert zero_bound(n) == pytest.approx(exact)


def test_zero_bound_refuses_a_negative_count() -> None:
    with pytest.raises(InputError, match="n: not a number of replications"):
        zero_bound(-1)


def test_all_zero() -> None:
    assert all_zero([0.0, 0.0, NAN])
    assert not all_zero([0.0, 1e-12])
    assert not all_zero([NAN])
    assert not all_zero([])
