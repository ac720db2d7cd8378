"""Designs beyond the full factorial: what the points are, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from study_files import STUDY, FakeEngine, engine, here, written

import simsmtp
from simsmtp.errors import InputError
from simsmtp.experiment.experiment import Experiment
from simsmtp.experiment.experiment_file import load_experiment

__all__ = ["engine", "here"]

RANGES = """
[design.ranges]
"network.rtt_ms" = { low = 5, high = 300, scale = "log" }
"client.batch_size" = { low = 1, high = 4 }
"""
LATIN = STUDY + '[design]\nkind = "latin-hypercube"\npoints = 16\nseed = 3\n' + RANGES


def column(experiment: Experiment, key: str) -> np.ndarray:
    return np.array([point.factors[key] for point in experiment.points], dtype=float)


def with_design(**design: Any) -> Experiment:
    ranges = {"network.rtt_ms": {"low": 5, "high": 300}, "client.batch_size": {"low": 1, "high": 400}}
    tables = {"study": {"name": "s", "title": "S"}, "design": {"ranges": ranges, **design}}
    return Experiment.from_dict(tables)


def test_a_latin_hypercube_has_one_point_in_each_slice(here: Path) -> None:
    found = load_experiment(written(here, LATIN))
    assert (len(found.points), found.columns) == (16, ("network.rtt_ms", "client.batch_size"))
    shares = np.log(column(found, "network.rtt_ms") / 5) / np.log(300 / 5)
    assert sorted(np.floor(shares * 16)) == list(range(16))


def test_whole_numbers_are_rounded_and_equally_likely(here: Path) -> None:
    found = load_experiment(written(here, LATIN))
    values, counts = np.unique(column(found, "client.batch_size"), return_counts=True)
    assert (values.tolist(), counts.tolist()) == ([1, 2, 3, 4], [4, 4, 4, 4])
    assert all(type(point.scenario.client.batch_size) is int for point in found.points)


def test_a_sobol_sequence_is_balanced_in_every_half() -> None:
    found = with_design(kind="sobol", points=32)
    low = column(found, "network.rtt_ms") < 152.5
    few = column(found, "client.batch_size") < 200.5
    assert low.sum() == few.sum() == 16
    assert (low & few).sum() == 8


def test_the_seed_of_the_design_makes_the_points_and_nothing_else_does() -> None:
    one, same = (with_design(kind="sobol", points=8, seed=5) for _ in range(2))
    assert [point.factors for point in one.points] == [point.factors for point in same.points]
    other = with_design(kind="sobol", points=8, seed=6)
    assert [point.factors for point in one.points] != [point.factors for point in other.points]


def test_one_at_a_time() -> None:
    found = with_design(kind="one-at-a-time")
    assert [tuple(point.factors.values()) for point in found.points] == [
        (50.0, 1000), (5.0, 1000), (300.0, 1000), (50.0, 1), (50.0, 400),
    ]  # fmt: skip


def test_points_are_crossed_with_factors_and_listed_ones_follow(here: Path) -> None:
    text = LATIN + '[factors]\n"client.strategy" = ["corrected", "one-stop"]\n[[points]]\nclient.strategy = "shifted"\n'
    found = load_experiment(written(here, text))
    assert len(found.points) == 33
    left, right = ([one.factors for one in found.points if one.factors["client.strategy"] == name]
                   for name in ("corrected", "one-stop"))  # fmt: skip
    assert [one["network.rtt_ms"] for one in left] == [one["network.rtt_ms"] for one in right]
    assert found.points[-1].factors == {"client.strategy": "shifted", "network.rtt_ms": 50.0, "client.batch_size": 1000}


def test_a_sampled_study_runs_and_resumes(here: Path, engine: FakeEngine) -> None:
    path = written(here, LATIN)
    study = simsmtp.run(path, workers=1, replications=2)
    assert len(study.rows) == 32
    assert study.rows["network.rtt_ms"].dtype == float
    assert simsmtp.run(path, workers=1, replications=2).computed == 0
    assert simsmtp.run(path, workers=1, replications=2, settings=["design.points=4"]).computed == 8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("points = 16", "points = 0"), "design.points"),
        (("points = 16\n", ""), "design.points: is required by latin-hypercube"),
        (("latin-hypercube", "sobol-sequence"), "design.kind"),
        (("seed = 3", "seed = 3\nsed = 1"), "design.sed"),
        (("low = 5", "low = 500"), r"low \(500\) should be below high \(300\)"),
        (("low = 5", "low = 0"), "should be above 0 on a log scale"),
        (('"log"', '"cube"'), "scale"),
        (("network.rtt_ms", "network.rtt"), "did you mean 'network.rtt_ms'"),
        (("client.batch_size", "client.strategy"), "is not a number"),
        (('"client.batch_size" = { low = 1, high = 4 }', '"client.batch_size" = 4'), "client.batch_size"),
        (("kind = ", 'ranges = 3\nkind = '), "TOML"),
    ],
)  # fmt: skip
def test_bad_designs_are_refused_with_their_place(here: Path, change: tuple[str, str], message: str) -> None:
    path = written(here, LATIN.replace(*change))
    with pytest.raises(InputError, match=message) as caught:
        load_experiment(path)
    assert caught.value.file == str(path)
    assert caught.value.line is not None


def test_a_design_without_ranges(here: Path) -> None:
    with pytest.raises(InputError, match=r"design.ranges: is required; allowed: \"network.rtt_ms\""):
        load_experiment(written(here, LATIN.partition("[design.ranges]")[0]))


def test_sobol_wants_a_power_of_two() -> None:
    with pytest.raises(InputError, match=r"no power of two.*given: 12"):
        with_design(kind="sobol", points=12)
    with pytest.raises(InputError, match="makes its own points"):
        with_design(kind="one-at-a-time", points=4)


def test_a_range_of_a_factor_or_of_a_setting(here: Path) -> None:
    path = written(here, LATIN + '[factors]\n"network.rtt_ms" = [10, 20]\n')
    with pytest.raises(InputError, match="is a factor too"):
        load_experiment(path)
    with pytest.raises(InputError, match="every point of the design sets this key") as caught:
        load_experiment(written(here, LATIN), ["network.rtt_ms=20"])
    assert "--set" in str(caught.value)


def test_an_impossible_point_blames_the_range(here: Path) -> None:
    path = written(here, LATIN.replace("low = 1, high = 4", "low = -9, high = 4"))
    with pytest.raises(InputError, match=r"client\.batch_size") as caught:
        load_experiment(path)
    assert "batch_size" in path.read_text().splitlines()[(caught.value.line or 0) - 1]
