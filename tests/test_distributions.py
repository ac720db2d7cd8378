from __future__ import annotations

import math
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from simsmtp.errors import InputError
from simsmtp.randomness.distribution_table import Distribution
from simsmtp.randomness.distributions import (
    Sampler,
    count,
    first_above,
    is_constant,
    mean_of,
    ns_of_ms,
    ns_of_s,
    sample,
    sampler_of,
)
from simsmtp.randomness.streams import LARGEST_UNIFORM, Purpose, Streams, uniform_of_word

if TYPE_CHECKING:
    from numpy.typing import NDArray

SMALLEST_UNIFORM = 2.0**-54
DISTRIBUTIONS = [
    Distribution(dist="constant", value=3.5),
    Distribution(dist="uniform", low=2.0, high=5.0),
    Distribution(dist="exponential", mean=4.0),
    Distribution(dist="exponential", mean=4.0, shift=1.5),
    Distribution(dist="geometric", mean=3.0),
    Distribution(dist="geometric", mean=30.0, maximum=40),
    Distribution(dist="empirical", values=(5.0, 1.0, 1.0, 9.5)),
    Distribution(dist="zipf", exponent=1.2, maximum=500),
    Distribution(dist="normal", mean=10.0, cv=0.3),
    Distribution(dist="normal", mean=10.0, cv=2.0),
    Distribution(dist="lognormal", mean=6.0, cv=0.8),
    Distribution(dist="lognormal", mean=6.0, cv=2.0, maximum=20),
    Distribution(dist="gamma", mean=7.0, cv=0.0005),
    Distribution(dist="gamma", mean=7.0, cv=0.5),
    Distribution(dist="gamma", mean=7.0, cv=2.5),
]
uniforms = st.integers(0, 2**64 - 1).map(uniform_of_word)
uniforms |= st.floats(SMALLEST_UNIFORM, LARGEST_UNIFORM)
distributions = st.sampled_from(DISTRIBUTIONS)


def name(distribution: object) -> str:
    return str(distribution) if isinstance(distribution, Distribution) else repr(distribution)


def probabilities() -> NDArray[np.float64]:
    tail = np.geomspace(1e-6, 0.5, 1500)
    inside = Streams(5, 0).uniforms(Purpose.ARRIVAL, 0, 1500)
    return np.concatenate([tail, 1 - tail, np.clip(inside, 1e-6, 1 - 1e-6)])


def assert_quantiles(distribution: Distribution, exact: NDArray[np.float64], u: NDArray[np.float64]) -> None:
    sampler = sampler_of(distribution)
    drawn = np.array([sample(sampler, float(one)) for one in u])
    seen = exact > 1e-300  # smaller ones are at the end of what a float can hold
    assert np.max(np.abs(drawn[seen] / exact[seen] - 1)) < 1e-4
    assert np.all(drawn[~seen] < 1e-290)


@given(distributions, uniforms, uniforms)
def test_a_larger_uniform_number_never_makes_a_smaller_variate(
    distribution: Distribution, one: float, other: float
) -> None:
    low, high = sorted((one, other))
    sampler = sampler_of(distribution)
    assert 0 <= sample(sampler, low) <= sample(sampler, high) < math.inf
    assert 1 <= count(sampler, low) <= count(sampler, high)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=name)
def test_variates_rise_over_neighbouring_uniform_numbers(distribution: Distribution) -> None:
    sampler = sampler_of(distribution)
    for centre in (0.5, 1 / (1 + math.exp(-2.5)), 1 / (1 + math.exp(80 / 8192)), 1e-6, 1 - 1e-9):
        u = centre * (1 - 2e-14)
        drawn = []
        for _ in range(400):
            drawn.append(sample(sampler, u))
            u = math.nextafter(u, 1)
        assert drawn == sorted(drawn)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=name)
def test_the_mean_of_many_draws_is_the_stated_mean(distribution: Distribution) -> None:
    sampler = sampler_of(distribution)
    drawn = np.array([sample(sampler, u) for u in Streams(1, 0).uniforms(Purpose.RCPT_SERVICE, 0, 40_000)])
    bound = 4 * drawn.std() / math.sqrt(len(drawn))
    assert abs(drawn.mean() - mean_of(distribution)) <= bound + 1e-12


@pytest.mark.parametrize(
    ("distribution", "expected"),
    [
        (Distribution(dist="constant", value=0.0), 0.0),
        (Distribution(dist="constant", value=3.5), 3.5),
        (Distribution(dist="uniform", low=0.0, high=5.0), 2.5),
        (Distribution(dist="exponential", mean=4.0, shift=1.5), 4.0),
        (Distribution(dist="geometric", mean=2.0), 2.0),
        (Distribution(dist="geometric", mean=2.0, maximum=2), 1.5),
        (Distribution(dist="geometric", mean=1.0, maximum=2), 1.0),
        (Distribution(dist="empirical", values=(5.0, 1.0, 1.0, 9.0)), 4.0),
        (Distribution(dist="zipf", exponent=1.0, maximum=3), 3 / (1 + 1 / 2 + 1 / 3)),
        (Distribution(dist="zipf", exponent=1.0, maximum=1), 1.0),
        (Distribution(dist="lognormal", mean=6.0, cv=2.0), 6.0),
        (Distribution(dist="lognormal", mean=6.0, cv=1e-200, maximum=5), 5.0),
        (Distribution(dist="gamma", mean=7.0, cv=0.5), 7.0),
        (7, 7),
        (0.25, 0.25),
    ],
    ids=name,
)
def test_means(distribution: float | Distribution, expected: float) -> None:
    assert mean_of(distribution) == pytest.approx(expected, rel=1e-14)


def test_means_of_cut_distributions_are_integrals_of_their_tails() -> None:
    tail, _ = integrate.quad(stats.norm(10, 20).sf, 0, 400)
    assert mean_of(Distribution(dist="normal", mean=10.0, cv=2.0)) == pytest.approx(tail, rel=1e-7)
    tail, _ = integrate.quad(stats.lognorm(math.sqrt(math.log(5)), scale=6 / math.sqrt(5)).sf, 0, 20)
    assert mean_of(Distribution(dist="lognormal", mean=6.0, cv=2.0, maximum=20)) == pytest.approx(tail, rel=1e-7)


@pytest.mark.parametrize("cv", [1e-5, 1e-3, 1.001e-3, 0.01, 0.3, 1.0, 2.0, 3.9, 4.1, 7.9, 10.0, 30.0, 99.0])
def test_gamma_quantiles(cv: float) -> None:
    u = probabilities()
    if cv < 1e-4:  # here SciPy's own quantiles are off by a tenth of a standard deviation
        exact = 7 * (1 + cv * stats.norm.ppf(u))
    else:
        exact = stats.gamma.ppf(u, cv**-2, scale=7 * cv * cv)
    assert_quantiles(Distribution(dist="gamma", mean=7.0, cv=cv), exact, u)


@pytest.mark.parametrize("cv", [1e-9, 1e-6, 1e-4, 9.99e-4, 1.001e-3])
def test_a_narrow_gamma_is_a_slightly_skewed_normal(cv: float) -> None:
    sampler = sampler_of(Distribution(dist="gamma", mean=1.0, cv=cv))
    for u in (1e-6, 0.01, 0.3, 0.5, 0.9, 1 - 1e-6):
        z = float(stats.norm.ppf(u))
        assert (sample(sampler, u) - 1) / cv == pytest.approx(z + cv * (z * z - 1) / 3, abs=3e-5)


def test_extreme_gamma_quantiles_follow_the_leading_power() -> None:
    u = np.geomspace(1e-6, 1e-3, 50)
    shape = 1 / 2.5**2
    exact = 7 / shape * (u * math.gamma(shape + 1)) ** (1 / shape)
    drawn = [sample(sampler_of(Distribution(dist="gamma", mean=7.0, cv=2.5)), float(one)) for one in u]
    assert drawn == pytest.approx(list(exact), rel=1e-4)


@pytest.mark.parametrize("cv", [1e-5, 0.3, 1.0, 10.0, 100.0])
def test_lognormal_quantiles(cv: float) -> None:
    u = probabilities()
    exact = stats.lognorm.ppf(u, math.sqrt(math.log1p(cv * cv)), scale=7 / math.sqrt(1 + cv * cv))
    assert_quantiles(Distribution(dist="lognormal", mean=7.0, cv=cv), exact, u)


@pytest.mark.parametrize("cv", [1e-5, 0.1, 0.2])
def test_normal_quantiles(cv: float) -> None:
    u = probabilities()
    assert_quantiles(Distribution(dist="normal", mean=7.0, cv=cv), stats.norm.ppf(u, 7, 7 * cv), u)


def test_standard_normal_quantiles_reach_the_extreme_uniform_numbers() -> None:
    sampler = sampler_of(Distribution(dist="normal", mean=1.0, cv=1.0))._replace(a=100.0)
    assert sample(sampler, SMALLEST_UNIFORM) - 100 == pytest.approx(stats.norm.ppf(SMALLEST_UNIFORM), rel=1e-6)
    assert sample(sampler, LARGEST_UNIFORM) - 100 == pytest.approx(stats.norm.isf(2**-53), rel=1e-6)
    assert sample(sampler, 0.5) == 100


def test_closed_forms() -> None:
    u = 0.7
    assert sample(sampler_of(Distribution(dist="uniform", low=2.0, high=5.0)), u) == 2.0 + 3.0 * u
    assert sample(sampler_of(Distribution(dist="exponential", mean=4.0)), u) == -4.0 * math.log(1 - u)
    shifted = sampler_of(Distribution(dist="exponential", mean=4.0, shift=1.0))
    assert sample(shifted, u) == pytest.approx(1 - 3 * math.log(1 - u), rel=1e-15)


@given(st.floats(1.01, 1e4), uniforms)
def test_geometric_is_the_inverse_of_its_distribution_function(mean: float, u: float) -> None:
    drawn = sample(sampler_of(Distribution(dist="geometric", mean=mean)), u)
    assert drawn == int(drawn) >= 1
    survivors = math.log1p(-1 / mean)  # log of P(X > 1)
    assert math.log(1 - u) >= drawn * survivors * (1 + 1e-12)
    assert drawn == 1 or math.log(1 - u) <= (drawn - 1) * survivors * (1 - 1e-12)


def test_zipf_and_empirical_shares() -> None:
    grid = [(i + 0.5) / 6000 for i in range(6000)]
    zipf = sampler_of(Distribution(dist="zipf", exponent=1.0, maximum=3))
    drawn = [sample(zipf, u) for u in grid]
    assert [drawn.count(value) / 6000 for value in (1, 2, 3)] == pytest.approx([6 / 11, 3 / 11, 2 / 11], abs=2e-4)
    empirical = sampler_of(Distribution(dist="empirical", values=(5.0, 1.0, 1.0)))
    drawn = [sample(empirical, u) for u in grid]
    assert [drawn.count(value) for value in (1, 5)] == [4000, 2000]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9).map(sorted), st.floats(0, 1))
def test_first_above(rising: list[float], u: float) -> None:
    expected = next((i for i, value in enumerate(rising) if value > u), len(rising) - 1)
    assert first_above(rising, u) == expected


@pytest.mark.parametrize("maximum", [1, 2, 9])
@pytest.mark.parametrize("dist", ["lognormal", "geometric", "zipf"])
def test_no_draw_exceeds_a_maximum(dist: str, maximum: int) -> None:
    parameters = {
        "lognormal": {"mean": 5.0, "cv": 1.0},
        "geometric": {"mean": 5.0},
        "zipf": {"exponent": 0.5},
    }
    table = {"dist": dist, "maximum": maximum, **parameters[dist]}
    sampler = sampler_of(Distribution.model_validate(table), scale=3.0)
    assert sample(sampler, LARGEST_UNIFORM) == 3.0 * maximum


def test_normal_is_cut_at_zero() -> None:
    sampler = sampler_of(Distribution(dist="normal", mean=1.0, cv=1.0))
    assert sample(sampler, 0.1) == 0
    assert sample(sampler, 0.2) > 0


@given(distributions, uniforms, st.sampled_from([1e-3, 1e3, 1e6]))
def test_scaling_multiplies_variates(distribution: Distribution, u: float, scale: float) -> None:
    plain, scaled = sample(sampler_of(distribution), u), sample(sampler_of(distribution, scale), u)
    assert scaled == pytest.approx(plain * scale, rel=1e-13)


@pytest.mark.parametrize(
    "single",
    [
        4,
        4.5,
        Distribution(dist="constant", value=2.0),
        Distribution(dist="uniform", low=2.0, high=2.0),
        Distribution(dist="geometric", mean=1.0),
        Distribution(dist="geometric", mean=3.0, maximum=1),
        Distribution(dist="zipf", exponent=1.0, maximum=1),
        Distribution(dist="empirical", values=(2.0, 2.0)),
    ],
    ids=name,
)
def test_a_single_value_is_a_constant(single: float | Distribution) -> None:
    sampler = sampler_of(single, scale=2.0)
    assert is_constant(sampler)
    assert sample(sampler, 0.3) == mean_of(single) * 2
    assert sampler.table == (0.0,)


def test_real_distributions_are_not_constant() -> None:
    assert not any(is_constant(sampler_of(distribution)) for distribution in DISTRIBUTIONS[1:])


@pytest.mark.parametrize(("value", "expected"), [(0.0, 1), (0.4, 1), (1.49, 1), (1.5, 2), (2.5, 3), (7.2, 7)])
def test_counts_are_nearest_whole_numbers_and_at_least_one(value: float, expected: int) -> None:
    assert count(sampler_of(value), 0.5) == expected


@pytest.mark.parametrize(
    "distribution",
    [
        math.inf,
        math.nan,
        1e19,
        Distribution(dist="uniform", low=0.0, high=1e300),
        Distribution(dist="geometric", mean=1e300),
        Distribution(dist="normal", mean=1.0, cv=1e300),
        Distribution(dist="lognormal", mean=1e18, cv=1.0),
        Distribution(dist="lognormal", mean=1.0, cv=1e200),
        Distribution(dist="gamma", mean=1e300, cv=1.0),
        Distribution(dist="gamma", mean=1.0, cv=101.0),
        Distribution(dist="zipf", exponent=1.0, maximum=10**9),
    ],
    ids=name,
)
def test_what_cannot_be_drawn_is_refused(distribution: float | Distribution) -> None:
    with pytest.raises(InputError):
        sampler_of(distribution)


positive = st.floats(min_value=0, exclude_min=True, allow_infinity=False)


@settings(deadline=None)
@given(
    st.sampled_from(["normal", "lognormal", "gamma", "geometric"]),
    positive,
    positive.map(lambda x: min(x, 9)),
)
def test_any_parameters_give_finite_draws_or_a_complaint(dist: str, mean: float, cv: float) -> None:
    table = {"dist": dist, "mean": max(1.0, mean)} if dist == "geometric" else {"dist": dist, "mean": mean, "cv": cv}
    try:
        sampler = sampler_of(Distribution.model_validate(table), 1e6)
    except InputError:
        return
    for u in (SMALLEST_UNIFORM, 0.3, LARGEST_UNIFORM):
        assert 0 <= sample(sampler, u) < 2**63


def test_samplers_have_uniform_fields() -> None:
    for distribution in DISTRIBUTIONS:
        sampler = sampler_of(distribution)
        assert isinstance(sampler, Sampler)
        assert isinstance(sampler.kind, int)
        assert all(isinstance(value, float) for value in (*sampler[1:4], *sampler.table))
        assert sampler.table
    assert sampler_of(DISTRIBUTIONS[8]).table is sampler_of(DISTRIBUTIONS[10]).table


@pytest.mark.parametrize(
    ("ms", "ns"),
    [(0, 0), (0.2, 200_000), (50.0, 50_000_000), (1e-6, 1), (4e-7, 0), (6e-7, 1), (2**53, 2**53 * 10**6)],
)
def test_nanoseconds_of_milliseconds(ms: float, ns: int) -> None:
    assert ns_of_ms(ms) == ns
    assert isinstance(ns_of_ms(ms), int)


def test_nanoseconds_of_seconds() -> None:
    assert ns_of_s(432_000.0) == 432_000_000_000_000
    assert ns_of_s(0.1) == 100_000_000
    with pytest.raises(InputError, match="finite"):
        ns_of_s(math.inf)


def test_closed_forms_do_not_import_scipy() -> None:
    code = "import sys; from simsmtp.randomness.distributions import sampler_of; sampler_of(2.0)"
    code += "; sys.exit(any(name.startswith('scipy') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
