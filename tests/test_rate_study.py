"""The study `rate_limits`: its figure says how the best batch moves under so many recipients a minute."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pandas as pd
import pytest
from study_files import ROOT

import simsmtp
from simsmtp.figures.canvas import save_figure

FOLDER = ROOT / "results" / "rate_limits"
ASKS_AGAIN, WHOLE, KEPT = "RCPT", "DATA", "DATA, rate kept"
BATCH = "client.batch_size"


@pytest.fixture(scope="module")
def means() -> pd.DataFrame:
    """Return the committed means, a row for each design point and a column for each response."""
    table = pd.read_csv(FOLDER / "summary.csv")
    return table.pivot_table(index=["refused at", "receiver", BATCH], columns="response", values="mean")


def best(means: pd.DataFrame, place: str, receiver: str) -> int:
    """Return the smallest batch that is within two percent of the fastest."""
    rates = means.loc[place, receiver]["delivered_per_s"]
    return int(rates[rates >= 0.98 * rates.max()].index[0])


def test_without_a_limit_in_time_the_best_batch_is_the_recipient_limit(means: pd.DataFrame) -> None:
    assert {best(means, place, "no limit") for place in (ASKS_AGAIN, WHOLE, KEPT)} == {100}


@pytest.mark.parametrize(("receiver", "per_s", "most"), [("60 a minute", 1.0, 60), ("20 a minute", 1 / 3, 20)])
def test_with_one_no_batch_is_faster_than_it_and_small_ones_are_as_fast(
    means: pd.DataFrame, receiver: str, per_s: float, most: int
) -> None:
    for place in (ASKS_AGAIN, WHOLE, KEPT):
        rates = means.loc[place, receiver]["delivered_per_s"]
        assert rates.max() < 1.1 * per_s  # a bucket lets pass so many at once, too
        assert rates[most] > 0.98 * per_s
        assert best(means, place, receiver) < most


@pytest.mark.parametrize(("receiver", "most"), [("60 a minute", 60), ("20 a minute", 20)])
def test_a_transaction_that_is_larger_than_the_limit_never_gets_through(
    means: pd.DataFrame, receiver: str, most: int
) -> None:
    failed = means.loc[WHOLE, receiver]["false_ndr_rate"]
    assert (failed[failed.index <= most] == 0).all()
    assert (failed[failed.index > most] > 0.85).all()
    assert (means.loc[ASKS_AGAIN]["false_ndr_rate"] == 0).all()


def test_a_batch_that_is_no_whole_part_of_the_limit_leaves_some_of_it_unused(means: pd.DataFrame) -> None:
    rates = means.loc[WHOLE, "60 a minute"]["delivered_per_s"]
    assert rates[40] < 0.75 * rates[60]


def test_a_sender_that_keeps_to_the_rate_is_never_refused_and_loses_nobody(means: pd.DataFrame) -> None:
    kept = means.loc[KEPT]
    assert (kept["false_ndr_rate"] == 0).all()
    assert (kept.loc[["60 a minute", "20 a minute"]]["refused_rate"] == 0).all()
    assert (kept.loc["20 a minute"]["rcpt_commands"] == kept.loc["20 a minute"]["recipients"]).all()


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> simsmtp.Study:
    """Return the study at a small size."""
    folder = tmp_path_factory.mktemp("rates")
    changes = ["client.batch_size=100", "workload.messages=2", "client.expiry_s=1800.0"]
    experiment = simsmtp.load_experiment(ROOT / "experiments" / "rate_limits.toml", changes)
    return simsmtp.run(experiment, replications=2, workers=1, progress=False, output=folder)


def test_its_figure_has_a_column_for_each_place_and_a_row_for_each_response(
    study: simsmtp.Study, tmp_path: Path
) -> None:
    figure = study.plot()
    titles = [one.get_title() for one in figure.axes if one.get_title()]
    assert titles[:3] == ["refused at: RCPT", "refused at: DATA", "refused at: DATA, rate kept"]
    labels = {one.get_ylabel().replace("\n", " ") for one in figure.axes} - {""}
    assert labels == {"delivered recipients per second", "false-NDR rate (share)", "RCPT commands (per replication)"}
    legend = [text.get_text() for one in figure.legends for text in one.get_texts()]
    assert legend == ["no limit", "200 a minute", "60 a minute", "20 a minute"]
    assert "recipient limit 100" in [text.get_text() for one in figure.axes for text in one.texts]
    png, _ = save_figure(figure, tmp_path, "rates")
    assert png.stat().st_size > 20_000


def test_the_committed_results_are_of_the_committed_experiment() -> None:
    ran = json.loads((FOLDER / "experiment.json").read_text(encoding="utf-8"))
    asked = tomllib.loads((ROOT / "experiments" / "rate_limits.toml").read_text(encoding="utf-8"))
    assert ran["scenario"] == asked["scenario"]
    assert ran["factors"] == asked["factors"]
    assert {one.name for one in FOLDER.iterdir()} >= {"rate_limits.png", "rate_limits.svg", "provenance.json"}
