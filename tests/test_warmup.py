"""Steady state: MSER-5 on known transients, what is counted after the cut, and the files a study writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from study_files import STUDY, cli, here, written

import simsmtp
from simsmtp.errors import InputError
from simsmtp.experiment.experiment_file import load_experiment
from simsmtp.figures.warmup_figure import warmup_figure
from simsmtp.rows.records import RecipientRow
from simsmtp.statistics.warmup import Warmup, delay_series, mser5, steady_state

__all__ = ["here"]

NAN = float("nan")
STEADY = """
[scenario.workload]
messages = 120
recipients_per_message = 5
arrivals = { dist = "poisson", rate_per_s = 3.0 }
[factors]
"network.rtt_ms" = [10, 40]
"""
STEADY_STUDY = STUDY + 'horizon = "steady-state"\n' + STEADY


def recipients(*rows: tuple[int, int, int, float, float]) -> pd.DataFrame:
    """Return rows of (replication, message, resend_of, arrival, delay); nan means never accepted, with an NDR."""
    table = [
        (r, *RecipientRow(message, 0, of, "", True, "false_ndr" if np.isnan(delay) else "delivered",
                          int(not np.isnan(delay)), bool(np.isnan(delay)), 1, arrival, delay))
        for r, message, of, arrival, delay in rows
    ]  # fmt: skip
    return pd.DataFrame(table, columns=["replication", *RecipientRow._fields])


@pytest.mark.parametrize("length", [40, 100])
def test_a_step_is_cut_where_it_ends(length: int) -> None:
    series = np.concatenate([np.full(length, 9.0), np.tile([1.0, 1.2], 200)])
    assert mser5(series) == Warmup(length, length + 400, False)


def test_an_exponential_transient_is_cut_once_it_drowns_in_the_noise() -> None:
    """AR(1) around 10 with a transient of 20 exp(-t / 40): the cut leaves less bias than noise."""
    rng = np.random.default_rng(1)
    noise = np.zeros(2000)
    for t in range(1, 2000):
        noise[t] = 0.5 * noise[t - 1] + rng.normal()
    found = mser5(10 + 20 * np.exp(-np.arange(2000) / 40) + noise)
    assert 60 <= found.cut <= 300
    assert not found.late


def test_a_series_without_a_transient_is_hardly_cut() -> None:
    assert mser5(np.random.default_rng(2).normal(10, 1, 1000)).cut <= 100
    assert mser5(np.full(60, 0.1)) == Warmup(0, 60, False)


def test_the_statistic_agrees_with_its_definition() -> None:
    values = np.random.default_rng(3).gamma(2, 1, 200)
    means = values.reshape(-1, 5).mean(axis=1)
    brute = [((means[d:] - means[d:].mean()) ** 2).sum() / (len(means) - d) ** 2 for d in range(len(means) - 4)]
    assert mser5(values).cut == 5 * int(np.argmin(brute))


def test_a_growing_queue_is_never_steady() -> None:
    found = mser5(np.arange(300.0))
    assert found.late
    assert "WARNING: past half the run" in found.text()
    assert "the first 20 of 100" in Warmup(20, 100, False).text()


def test_too_short_or_broken_series() -> None:
    with pytest.raises(InputError, match="too few messages"):
        mser5(np.ones(49))
    with pytest.raises(InputError, match="not finite"):
        mser5([NAN] * 60)


def test_delays_are_averaged_by_order_of_arrival_without_resends() -> None:
    table = recipients(
        (0, 0, -1, 0.0, 1.0), (0, 1, -1, 2.0, NAN), (0, 2, 1, 3.0, 99.0), (0, 3, -1, 4.0, 5.0),
        (1, 1, -1, 1.0, 3.0), (1, 0, -1, 5.0, 7.0),
    )  # fmt: skip
    assert delay_series(table).tolist() == [2.0, 7.0]


def test_what_is_counted_after_the_cut() -> None:
    table = recipients((0, 0, -1, 0.0, 9.0), (0, 1, -1, 10.0, 2.0), (0, 2, -1, 11.0, NAN), (0, 3, 2, 13.0, 1.0),
                       (0, 4, 0, 5.0, 1.0))  # fmt: skip
    found = steady_state(table, 1).iloc[0]
    assert (found["messages"], found["recipients"], found["delivered"], found["false_ndr"]) == (2, 3, 2, 1)
    assert found["false_ndr_rate"] == pytest.approx(1 / 3)
    assert found["delivered_per_s"] == pytest.approx(2 / 4)
    assert (found["delay_mean_s"], found["delay_p50_s"]) == (1.5, 1.5)
    with pytest.raises(InputError, match="the cut leaves no message; given: 3; allowed: 0 to 2"):
        steady_state(table, 3)


def test_without_a_cut_the_rows_are_the_engines_own() -> None:
    scenario = {
        "workload": {"messages": 20, "recipients_per_message": 150, "unknown_share": 0.1, "resend": "failed"},
        "client": {"strategy": "one-stop"},
    }
    result = simsmtp.simulate(scenario, seed=1, replications=3, recipients=True)
    found = steady_state(result.recipients(), 0)
    same = ["recipients", "delivered", "false_ndr", "true_ndr", "missed_ndr", "lost", "false_ndr_rate"]
    pd.testing.assert_frame_equal(found[same], result.replications[same], check_dtype=False)
    assert found["delay_p50_s"].to_numpy() == pytest.approx(result.replications["delay_p50_s"].to_numpy(), rel=0.02)


def test_figure_names_the_cut() -> None:
    series = np.concatenate([np.full(50, 9.0), np.ones(150)])
    drawn = warmup_figure(series, mser5(series), "Title")
    legend = drawn.axes[0].get_legend()
    assert legend is not None
    assert "cut at 50" in [text.get_text() for text in legend.get_texts()]


def test_a_cut_is_told_as_it_is() -> None:
    assert Warmup(0, 400, False).text() == "warm-up: none of 400 messages is cut (MSER-5)"
    assert Warmup(25, 400, False).text() == "warm-up: the first 25 of 400 messages are cut (MSER-5)"
    assert "WARNING: past half the run" in Warmup(300, 400, True).text()


@pytest.mark.slow
def test_a_study_of_steady_state_writes_its_cut_and_says_it(here: Path) -> None:
    done = cli(here, "run", written(here, STEADY_STUDY), "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert "cut (MSER-5)" in done.stderr
    longer = ("--set", "workload.messages=600", "--output", "longer", "--workers", "1", "--no-figure")
    assert "the other design point is cut no later" in cli(here, "run", "study.toml", *longer).stderr
    folder = here / "results" / "tiny"
    cuts = pd.read_csv(folder / "warmup.csv")
    assert (len(cuts), cuts["length"].tolist()) == (2, [120, 120])
    assert {"delay_mean_s", "delivered_per_s"} <= set(pd.read_csv(folder / "summary_steady.csv")["response"])
    assert (folder / "warmup.png").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("messages = 120", "messages = 49"), "workload.messages: does not fit a steady-state horizon; given: 49"),
        (('{ dist = "poisson", rate_per_s = 3.0 }', '"at-once"'), "workload.arrivals: does not fit"),
        (("steady-state", "steady"), "study.horizon"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_runs(here: Path, change: tuple[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load_experiment(written(here, STEADY_STUDY.replace(*change)))
    assert caught.value.line is not None
