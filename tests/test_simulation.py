"""simulate() and Result, on a stand-in engine and on the real one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import simsmtp.simulation as simulation_module
from simsmtp import engines
from simsmtp.engines import Choice
from simsmtp.errors import InputError
from simsmtp.model.plan import Plan
from simsmtp.model.scenario import Scenario
from simsmtp.rows.recipient_rows import RecipientRows
from simsmtp.rows.records import Output, RecipientRow
from simsmtp.rows.responses import COLUMNS
from simsmtp.simulation import Result, simulate

SMALL = {"workload": {"recipients_per_message": 12}, "server": {"recipient_limit": 5}}


def fake_replication(
    plan: Plan, *, seed: int, replication: int, engine: Choice, recipients: bool = False, calls: list[Any]
) -> Output:
    calls.append((seed, replication, engine.engine, recipients))
    responses: dict[str, float | int] = dict.fromkeys(COLUMNS, 0)
    responses |= {"recipients": 4, "delivered": 3 - replication % 2, "false_ndr": 1 + replication % 2}
    responses["rcpt_per_delivered"] = float("nan") if replication == 0 else 2.0
    row = RecipientRow(0, 0, -1, "", True, "delivered", 1, False, 1, 0.0, 0.5 + seed)
    bounced = row._replace(recipient=1, ledger="false_ndr", accepted=0, ndr=True, delay_s=float("nan"))
    return Output(responses, RecipientRows.of([row, bounced] if recipients else []), [])


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    made: list[Any] = []
    for one in (engines, simulation_module):
        monkeypatch.setattr(one, "run_replication", lambda plan, **keys: fake_replication(plan, **keys, calls=made))
    return made


def test_one_row_per_replication(calls: list[Any]) -> None:
    result = simulate(Scenario(), seed=7, replications=3, engine="reference")
    assert calls == [(7, i, "reference", False) for i in range(3)]
    assert list(result.replications.columns) == ["replication", *COLUMNS]
    assert result.replications["replication"].tolist() == [0, 1, 2]
    assert result.replications["delivered"].dtype == np.int64
    assert (result.seed, result.engine, result.engines) == (7, "reference", {"reference": 3})


def test_the_engine_that_ran_is_told() -> None:
    result = simulate(SMALL, replications=2)
    assert result.engine == "auto"
    assert list(result.engines.values()) == [2]
    assert set(result.engines) < {"reference", "compiled"}


@pytest.mark.parametrize(
    ("mean", "text"), [(40_400_000.0, "40,400,000"), (100.0, "100"), (0.0, "0"), (2.5, "2.5"), (1234.567, "1,234.57")]
)
def test_counts_are_written_in_full(mean: float, text: str) -> None:
    assert simulation_module._mean_text(mean) == text


def test_summary_is_one_row_of_means(calls: list[Any]) -> None:
    found = simulate({}, replications=4).summary()
    assert list(found.columns) == list(COLUMNS)
    assert len(found) == 1
    assert found["delivered"].item() == 2.5
    assert found["rcpt_per_delivered"].item() == 2.0


def test_summary_with_intervals(calls: list[Any]) -> None:
    result = simulate({}, replications=4)
    found = result.summary(intervals=True)
    assert list(found.columns[:3]) == ["recipients", "recipients_low", "recipients_high"]
    assert len(found.columns) == 3 * len(COLUMNS)
    assert found["delivered_low"].item() < 2.5 < found["delivered_high"].item()
    wider = result.summary(0.99, intervals=True)
    assert wider["delivered_high"].item() > found["delivered_high"].item()
    with pytest.raises(InputError, match="level"):
        result.summary(95)


def test_recipients_are_run_again_only_when_not_kept(calls: list[Any]) -> None:
    later = simulate({}, seed=1, replications=2)
    kept = simulate({}, seed=1, replications=2, recipients=True)
    assert len(calls) == 4
    pd.testing.assert_frame_equal(kept.recipients(), kept.recipients())
    assert len(calls) == 4
    pd.testing.assert_frame_equal(later.recipients(), kept.recipients())
    later.recipients()
    assert calls[4:] == [(1, 0, "reference", True), (1, 1, "reference", True)]
    assert list(later.recipients().columns) == ["replication", *RecipientRow._fields]


def test_texts(calls: list[Any]) -> None:
    result = simulate({"client": {"strategy": "budget"}}, replications=2, seed=3)
    assert repr(result) == (
        "<Result: budget, limit 100, batch size 1000 · 2 replications, seed 3"
        " · 2.5 of 4 recipients delivered, false-NDR rate 0>"
    )
    html = result._repr_html_()
    assert html.startswith("<table><caption>budget, limit 100")
    assert "never seen: in at most 78 % of replications" in html
    assert "lost recipients" in html
    assert "recipients delivered and with an NDR" not in html


def test_html_is_escaped(calls: list[Any]) -> None:
    scenario = Scenario.model_construct(
        client=Scenario().client.model_copy(update={"strategy": "<b>&"}), server=Scenario().server
    )
    table = simulate({}).replications
    assert "&lt;b&gt;&amp;" in Result(scenario, 0, "auto", table, engines={})._repr_html_()


def test_plot(calls: list[Any]) -> None:
    figure = simulate({}, replications=3).plot()
    ledger, delays = figure.axes
    assert [text.get_text() for text in ledger.get_yticklabels()][:2] == ["delivered", "false NDR"]
    assert ledger.get_xlabel() == "recipients per replication"
    assert delays.get_xlabel() == "delay from arrival to first acceptance (s)"
    assert [max(line.get_ydata()) for line in delays.lines] == [0.5] * 4
    figure.canvas.draw()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"replications": 0}, "replications: .*given: 0; allowed: a whole number, 1 or more"),
        ({"replications": 2.0}, "replications: "),
        ({"replications": True}, "replications: "),
        ({"seed": -1}, "seed: .*given: -1; allowed: a whole number, 0 or more"),
        ({"seed": "1"}, "seed: "),
        ({"engine": "referense"}, "engine: unknown engine; .*did you mean 'reference'"),
    ],
)
def test_bad_arguments(options: dict[str, Any], message: str, calls: list[Any]) -> None:
    with pytest.raises(InputError, match=message):
        simulate(Scenario(), **options)
    assert calls == []


def test_bad_scenario() -> None:
    with pytest.raises(InputError, match="scenario: not a scenario; given: 5; allowed: a Scenario, or a dict"):
        simulate(5)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="scenario: not a scenario"):
        simulate({1: 2})  # type: ignore[dict-item]
    with pytest.raises(InputError, match=r"client\.strateggy"):
        simulate({"client": {"strateggy": "corrected"}})


def test_numpy_integers_are_whole_numbers(calls: list[Any]) -> None:
    assert len(simulate({}, seed=np.int64(2), replications=np.int32(2)).replications) == 2  # type: ignore[arg-type]


def test_real_engine_end_to_end() -> None:
    result = simulate({**SMALL, "client": {"strategy": "one-stop"}}, seed=5, replications=3)
    summary = result.summary().iloc[0]
    assert (summary["recipients"], summary["delivered"], summary["false_ndr"]) == (12, 6, 6)
    table = result.recipients()
    bounced = table[table["ledger"] == "false_ndr"].groupby("replication").size()
    assert bounced.tolist() == result.replications["false_ndr"].tolist()
    assert isinstance(result, Result)
    result.plot().canvas.draw()


def test_same_seed_same_rows_and_more_replications_extend_them() -> None:
    scenario = {**SMALL, "workload": {"recipients_per_message": {"dist": "geometric", "mean": 12}}}
    few, many = simulate(scenario, seed=1, replications=2), simulate(scenario, seed=1, replications=4)
    pd.testing.assert_frame_equal(few.replications, many.replications.iloc[:2])
    assert simulate(scenario, seed=2).replications["makespan_s"].item() != few.replications["makespan_s"].iloc[0]


def test_nothing_accepted_can_still_be_drawn() -> None:
    scenario = {"workload": {"recipients_per_message": 3, "unknown_share": 1.0}}
    result = simulate(scenario, replications=2)
    assert np.isnan(result.summary()["rcpt_per_delivered"].item())
    result.plot().canvas.draw()
    assert "n/a" in result._repr_html_()
