"""Paired differences, several at once, and which level is best: known answers and what must hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from simsmtp.errors import InputError
from simsmtp.statistics.best_level import _constrained
from simsmtp.statistics.bootstrap import bootstrap
from simsmtp.statistics.intervals import mean_interval
from simsmtp.statistics.paired import (
    against_best,
    holm,
    paired_difference,
    simultaneous,
)

NAN = float("nan")
# "Student" (1908), additional hours of sleep gained by ten patients under two drugs.
DRUG_1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
DRUG_2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


def test_students_sleep() -> None:
    found = paired_difference(DRUG_1, DRUG_2, method="t")
    assert (found.n, found.mean) == (10, pytest.approx(1.58))
    assert (found.low, found.high) == pytest.approx((0.7001142, 2.4598858))
    assert found.p == pytest.approx(0.002833, abs=1e-6)


def test_agrees_with_scipy() -> None:
    from scipy import stats

    a, b = np.random.default_rng(1).normal(size=(2, 25))
    known = stats.ttest_rel(b, a)
    found = paired_difference(a, b, 0.9, method="t")
    assert (found.low, found.high) == pytest.approx(tuple(known.confidence_interval(0.9)))
    assert found.p == pytest.approx(known.pvalue)


def test_bootstrap_agrees_with_scipy() -> None:
    from scipy import stats

    values = np.random.default_rng(2).exponential(size=40)
    known = stats.bootstrap((values,), np.mean, n_resamples=9999, method="BCa").confidence_interval
    found = bootstrap(values)
    assert found.interval(0.95) == pytest.approx((known.low, known.high), abs=0.03)
    assert found.acceleration == pytest.approx(stats.skew(values) / 6 / np.sqrt(40))


def test_the_p_value_is_the_level_at_which_the_interval_meets_zero() -> None:
    values = np.random.default_rng(3).exponential(size=30) - 0.7
    found = bootstrap(values)
    low, high = found.interval(1 - found.p_value())
    assert min(abs(low), abs(high)) < 1e-3


def test_equal_pairs_come_first() -> None:
    found = paired_difference([0.1] * 5, [0.1] * 5)
    assert found == (5, 0.0, 0.0, 0.0, 0.0, "identical", 1.0)
    assert paired_difference([1, 2, 3], [3, 4, 5]) == (3, 2.0, 0.0, 2.0, 2.0, "constant", 0.0)


def test_missing_values_and_single_pairs() -> None:
    assert paired_difference([1, NAN, 3, 5], [2, 2, NAN, 9]).n == 2
    found = paired_difference([1], [1])
    assert (found.n, found.method) == (1, "")
    assert np.isnan([found.low, found.high, found.p]).all()


@pytest.mark.parametrize(
    ("n", "draw", "method"),
    [(9, "exponential", "t"), (40, "exponential", "t and bca"), (40, "uniform", "t"), (200, "exponential", "t")],
)
def test_the_rule_for_the_method(n: int, draw: str, method: str) -> None:
    new = getattr(np.random.default_rng(4), draw)(size=n)
    found = paired_difference(np.zeros(n), new)
    assert found.method == method
    plain = mean_interval(new)
    assert found.low <= plain.low < plain.high <= found.high


def test_equal_values_give_equal_bits() -> None:
    new = np.random.default_rng(5).exponential(size=30)
    assert paired_difference(np.zeros(30), new) == paired_difference(np.zeros(30), new)


@pytest.mark.parametrize("arguments", [([1, 2], [1]), ([1, 2], [1, 2], 1.0), ([1, 2], [1, 3], 0.9, "z")])
def test_bad_input(arguments: tuple[object, ...]) -> None:
    with pytest.raises(InputError):
        paired_difference(*arguments)  # type: ignore[arg-type]


def test_holms_worked_examples() -> None:
    # Benjamini and Hochberg (1995), section 3.2: 15 p-values, of which Bonferroni rejects 3 at 0.05.
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
         0.7590, 1.0]  # fmt: skip
    assert (holm(p) <= 0.05).sum() == 3
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert np.array_equal(np.isnan(holm([0.5, NAN])), [False, True])


def test_simultaneous_intervals_are_bonferronis() -> None:
    from scipy import stats

    table = simultaneous({"a": (DRUG_1, DRUG_2), "b": (DRUG_2, DRUG_1)}, method="t")
    half = stats.t.ppf(0.9875, 9) * np.std(np.subtract(DRUG_2, DRUG_1), ddof=1) / np.sqrt(10)
    assert (table["high"] - table["mean"]).to_numpy() == pytest.approx([half, half])
    assert table["p_adjusted"].tolist() == pytest.approx([2 * 0.002833] * 2, abs=2e-6)


def design(effects: list[float], noise: float, replications: int = 20) -> pd.DataFrame:
    rng = np.random.default_rng(6)
    common = rng.normal(0, 50, replications)
    rows = [
        (r, 10 * (i + 1), rtt, common[r] + effect + rng.normal(0, noise))
        for r in range(replications) for i, effect in enumerate(effects) for rtt in (10, 100)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["replication", "size", "rtt", "delivered_per_s"])


def test_the_best_level_is_found_under_common_random_numbers() -> None:
    table = against_best(design([0, 1, 8], 1.0), "size", "delivered_per_s", blocks=["rtt"])
    assert table["level"].tolist() == [30, 20, 10]
    assert table["verdict"].tolist() == ["best", "worse", "worse"]
    assert (table["low"].iloc[0], table["high"].iloc[1]) == (0, 0)
    assert table["difference"].iloc[0] == pytest.approx(-table["difference"].iloc[1])
    assert table["low"].iloc[1] < -7 < table["difference"].iloc[1] + 1


def test_lower_may_be_better_and_ties_are_named() -> None:
    rows = design([5, 5.01, 60], 1.0)
    table = against_best(rows, "size", "delivered_per_s", "lower", blocks=["rtt"])
    assert table["verdict"].tolist() == ["not distinguishable", "not distinguishable", "worse"]
    assert (table["low"] <= table["difference"]).all()
    assert (table["difference"] <= table["high"]).all()


def test_identical_levels_are_both_candidates() -> None:
    rows = pd.DataFrame({"replication": [0, 1] * 3, "size": [1, 1, 2, 2, 3, 3], "lost": [0, 0, 0, 0, 500, 501]})
    table = against_best(rows, "size", "lost")
    assert table["verdict"].tolist()[:2] == ["not distinguishable"] * 2
    assert table["low"].iloc[0] == table["high"].iloc[0] == 0


def test_one_replication_tells_nothing() -> None:
    rows = pd.DataFrame({"replication": [0, 0], "size": [1, 2], "lost": [0, 50]})
    assert set(against_best(rows, "size", "lost")["verdict"]) == {"not distinguishable"}


def test_against_best_refuses_what_it_cannot_pair() -> None:
    rows = design([0, 1], 1.0)
    with pytest.raises(InputError, match="several rows of a replication share a level"):
        against_best(rows, "size", "delivered_per_s")
    with pytest.raises(InputError, match="same blocks"):
        against_best(rows[(rows["size"] == 10) | (rows["rtt"] == 10)], "size", "delivered_per_s", blocks=["rtt"])
    with pytest.raises(InputError, match="two levels"):
        against_best(rows[rows["size"] == 10], "size", "delivered_per_s", blocks=["rtt"])
    with pytest.raises(InputError, match="did you mean 'size'"):
        against_best(rows, "sizes", "delivered_per_s")
    with pytest.raises(InputError, match="better"):
        against_best(rows.rename(columns={"delivered_per_s": "x"}), "size", "x", blocks=["rtt"])


def test_joint_coverage_of_the_intervals_against_the_best() -> None:
    """All intervals hold the true differences from the best at once in at least 95 % of experiments."""
    truth, rng, held = np.array([0.0, 0.5, 0.5]), np.random.default_rng(7), 0
    gap = np.array([-0.5, 0.0, 0.0])
    for _ in range(300):
        values = truth + rng.normal(0, 3, (12, 1)) + rng.normal(0, [0.3, 0.6, 1.2], (12, 3))
        _, low, high, _ = _constrained(values, 0.95)
        held += bool(((low <= gap) & (gap <= high)).all())
    assert held >= 300 * 0.95 - 3 * np.sqrt(300 * 0.95 * 0.05)
