"""Replications to a stated precision: the rule, rates at zero, the budget, the store, the command line."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from study_files import STUDY, FakeEngine, cli, engine, here, written

from simsmtp.errors import InputError
from simsmtp.running.sequential_run import run_to_precision
from simsmtp.statistics.intervals import mean_interval, zero_bound
from simsmtp.statistics.sequential import Precision, decide, parse_precision
from simsmtp.store.store import Store

__all__ = ["engine", "here"]

SPEED = "delivered_per_s"
RANDOM = STUDY + '[scenario.network]\nrtt_ms = { dist = "exponential", mean = 50 }\n'


@pytest.mark.parametrize("text", ["delivered_per_s ±5%", "delivered_per_s +-5 %", " delivered_per_s +/- 5%"])
def test_how_a_precision_is_written(text: str) -> None:
    assert parse_precision(text) == Precision(SPEED, relative=0.05)
    assert parse_precision("false_ndr_rate ±1e-2") == Precision("false_ndr_rate", absolute=0.01)


@pytest.mark.parametrize("text", ["delivered_per_s 5%", "±5%", "delivered_per_s ±0%", "delivered_per_s ±-1", "lost ±e"])
def test_not_a_precision(text: str) -> None:
    with pytest.raises(InputError, match="not a precision"):
        parse_precision(text)


def test_unknown_response_is_named() -> None:
    with pytest.raises(InputError, match="did you mean 'delivered_per_s'"):
        parse_precision("delivered_pers ±5%")


def brute(values: np.ndarray, relative: float, ahead: int) -> int | None:
    """The rule of Hoad, Robinson and Davies, written as they do."""
    for n in range(3, len(values) + 1):
        upto = n + (ahead if n <= 100 else ahead * n // 100)
        if upto > len(values):
            return None
        found = [mean_interval(values[:m]) for m in range(n, upto + 1)]
        if all(one.high - one.mean <= relative * abs(one.mean) for one in found):
            return n
    return None


@pytest.mark.parametrize("seed", range(8))
def test_the_rule_agrees_with_its_definition(seed: int) -> None:
    values = np.random.default_rng(seed).gamma(4, 25, 160)
    for relative in (0.4, 0.2, 0.09, 0.01):
        assert decide(values, Precision(SPEED, relative)).enough == brute(values, relative, 5)


def test_the_decision_does_not_depend_on_how_many_were_run_at_a_time() -> None:
    values = np.random.default_rng(1).normal(100, 20, 300)
    precision = Precision(SPEED, 0.08)
    first = decide(values[:80], precision).enough
    assert first is not None
    assert {decide(values[:n], precision).enough for n in range(first + 5, 300, 17)} == {first}
    assert decide(values[: first + 4], precision).enough is None


def test_a_lucky_start_is_not_enough() -> None:
    values = [100.0, 100.1, 99.9, 140.0, 60.0, 120.0, 80.0, 100.0]
    assert decide(values, Precision(SPEED, 0.05), look_ahead=0).enough == 3
    assert decide(values, Precision(SPEED, 0.05)).enough is None


def test_the_estimate_of_what_is_needed_is_about_right() -> None:
    values = np.random.default_rng(2).normal(100, 30, 50)
    needed = decide(values, Precision(SPEED, 0.02)).needed
    assert needed is not None
    assert needed == pytest.approx((1.96 * 30 / 2) ** 2, rel=0.4)


def test_a_rate_at_zero_needs_its_upper_bound_below() -> None:
    precision = Precision("false_ndr_rate", absolute=0.05)
    few = decide(np.zeros(30), precision)
    assert (few.enough, few.bounded) == (None, True)
    assert few.half_width == zero_bound(30)
    assert few.needed is not None
    assert decide(np.zeros(few.needed), precision).enough == 59
    assert zero_bound(59) <= 0.05 < zero_bound(58)


def test_a_relative_precision_at_zero_is_never_reached_and_says_so() -> None:
    found = decide(np.zeros(500), Precision("false_ndr_rate", 0.05))
    assert (found.enough, found.needed) == (None, None)
    assert math.isnan(found.target)
    assert decide(np.zeros(500), Precision("false_ndr_rate", 0.05, 0.01)).enough == 299


def test_equal_values_are_enough_at_once_and_nothing_is_not() -> None:
    assert decide([0.1] * 8, Precision(SPEED, 1e-9)).enough == 3
    assert decide([], Precision(SPEED, 0.05)).needed == 8
    assert decide([5.0], Precision(SPEED, 0.05)).enough is None


def test_a_study_runs_until_it_is_precise_and_no_further(here: Path, engine: FakeEngine) -> None:
    path = written(here, STUDY)  # the fake engine gives 1000 + replication + 7 / 8
    study = run_to_precision(path, response=SPEED, relative=0.0025, budget=100, workers=1)
    assert study.reached
    assert study.experiment.replications == len(engine.calls) == len(study.rows) == study.computed < 20
    assert "reached at every design point" in study.verdict()


def test_what_is_stored_is_used_again(here: Path, engine: FakeEngine) -> None:
    path = written(here, STUDY)
    run_to_precision(path, response=SPEED, relative=0.0025, budget=100, workers=1)
    before = len(engine.calls)
    again = run_to_precision(path, response=SPEED, relative=0.0025, budget=100, workers=1)
    assert (len(engine.calls), again.computed, again.reused) == (before, 0, before)


def test_out_of_budget_says_what_was_reached_and_keeps_the_rows(here: Path, engine: FakeEngine) -> None:
    study = run_to_precision(written(here, STUDY), response=SPEED, relative=1e-6, budget=20, workers=1)
    assert not study.reached
    assert "not reached at 1 of 1 means with 20 replications" in study.verdict()
    assert "larger budget than 20" in study.verdict()
    assert len(study.rows) == 20
    with Store(study.folder / "replications.sqlite", read_only=True) as store:
        assert store.count(1, 100) == 20


def test_a_mean_of_zero_does_not_burn_the_budget(here: Path) -> None:
    study = run_to_precision(written(here, STUDY), response="false_ndr_rate", relative=0.05, budget=5000, workers=1)
    assert not study.reached
    assert study.experiment.replications == 30
    assert "0 in all 30 replications, so at most 0.095" in study.verdict()
    assert "state an absolute one" in study.verdict()


def test_failed_replications_leave_their_point_open(here: Path, engine: FakeEngine) -> None:
    engine.fail_at = {("corrected", n) for n in range(1, 100)}
    study = run_to_precision(written(here, STUDY), response=SPEED, relative=0.05, budget=12, workers=1)
    assert not study.reached
    assert "no interval from 1 replications" in study.verdict()


@pytest.mark.parametrize("wanted", [{}, {"relative": 0}, {"absolute": -1.0}, {"relative": math.nan}])
def test_bad_precision_writes_nothing(here: Path, wanted: dict[str, float]) -> None:
    with pytest.raises(InputError, match="not a precision"):
        run_to_precision(written(here, STUDY), response=SPEED, budget=10, **wanted)  # type: ignore[arg-type]
    assert not (here / "results").exists()


def test_a_budget_too_small_for_an_interval_writes_nothing(here: Path) -> None:
    with pytest.raises(InputError, match="an interval needs two"):
        run_to_precision(written(here, STUDY), response=SPEED, relative=0.05, budget=1)
    assert not (here / "results").exists()


def test_the_command_line(here: Path) -> None:
    path = written(here, RANDOM)
    done = cli(here, "run", path, "--precision", "makespan_s ±20%", "--budget", "60", "--no-figure", "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert "makespan_s ±20 %: reached at every design point" in done.stderr
    short = cli(here, "run", path, "--precision", "makespan_s ±0.01%", "--budget", "9", "--no-figure", "--workers", "1")
    assert short.returncode == 4
    assert "not reached at 1 of 1 means with 9 replications" in short.stderr
    assert "summary.csv" in short.stdout
    again = cli(here, "run", path, "--precision", "makespan_s ±0.01%", "--budget", "9", "--no-figure", "--json")
    assert again.returncode == 4
    found = json.loads(again.stdout)["precision"]
    assert (found["reached"], found["means"][0]["n"], found["means"][0]["enough"]) == (False, 9, None)


def test_options_that_exclude_each_other(here: Path) -> None:
    path = written(here, RANDOM)
    assert cli(here, "run", path, "--budget", "5").returncode == 2
    assert cli(here, "run", path, "--precision", "makespan_s ±5%", "--budget", "1").returncode == 2
    bad = cli(here, "run", path, "--precision", "speed ±5%")
    assert (bad.returncode, (here / "results").exists()) == (2, False)
