"""`simsmtp.sweep`: factors from Python, without a file; what is kept and what is not."""

from __future__ import annotations

import copy
import gc
import pickle
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from study_files import FakeEngine, engine, here, own_registry

import simsmtp
from simsmtp import InputError, Verdict, by_own_reply, sweep
from simsmtp.errors import UnfinishedError
from simsmtp.running.runner import StudyInterrupted
from simsmtp.store import stored_rows

__all__ = ["engine", "here", "own_registry"]
pytestmark = pytest.mark.usefixtures("own_registry")
SENDERS = {"affected": {"client.preset": "windows-2003-rtm"}, "fixed": {"client.strategy": "corrected"}}


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def small(factors: Any, scenario: Any = None, **options: Any) -> simsmtp.Study:
    return sweep({} if scenario is None else scenario, factors, **{"replications": 2, "workers": 1, **options})


def test_all_combinations_are_run_and_the_first_factor_varies_slowest(engine: FakeEngine) -> None:
    study = small({"client.batch_size": [50, 100], "client.strategy": ("corrected", "one-stop")}, seed=8)
    assert [tuple(point.factors.values()) for point in study.points] == [
        (50, "corrected"), (50, "one-stop"), (100, "corrected"), (100, "one-stop"),
    ]  # fmt: skip
    assert study.rows["delivered_per_s"].tolist() == [51, 52, 51, 52, 101, 102, 101, 102]
    assert (study.computed, study.reused, study.experiment.title) == (
        8,
        0,
        "Sweep over batch size and counting strategy",
    )


def _generated() -> Iterator[int]:
    yield from (50, 100)


@pytest.mark.parametrize(
    "levels",
    [[50, 100], (50, 100), range(50, 101, 50), np.array([50, 100]), [np.int64(50), np.int32(100)],
     pd.Series([50, 100]), _generated, {50: 0, 100: 0}.keys],
)  # fmt: skip
def test_levels_are_any_iterable_that_has_an_order(engine: FakeEngine, levels: Any) -> None:
    found = levels() if callable(levels) else levels
    if isinstance(found, type({}.keys())):
        with pytest.raises(InputError, match="a set has no order"):
            small({"client.batch_size": found})
        return
    study = small({"client.batch_size": found})
    assert [point.factors["client.batch_size"] for point in study.points] == [50, 100]
    assert all(type(point.factors["client.batch_size"]) is int for point in study.points)


def test_named_variants_are_levels(engine: FakeEngine) -> None:
    study = small({"sender": SENDERS, "client": {"batch_size": [50, 100]}}, replications=1)
    assert study.experiment.columns == ("sender", "client.batch_size")
    assert [point.scenario.client.preset for point in study.points] == ["windows-2003-rtm"] * 2 + [None] * 2
    assert set(study.rows["sender"]) == {"affected", "fixed"}


def test_a_scenario_is_changed_and_numbers_of_numpy_are_taken(engine: FakeEngine) -> None:
    scenario = simsmtp.Scenario(server={"recipient_limit": 30})
    study = small({"network.rtt_ms": np.linspace(10, 50, 3)}, scenario, replications=np.int64(3), seed=np.int64(4))
    assert [point.scenario.server.recipient_limit for point in study.points] == [30, 30, 30]
    assert (study.experiment.replications, study.experiment.seed) == (3, 4)
    assert small({}, scenario).points[0].scenario.canonical() == scenario.canonical()


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ({"client.bach_size": [50]}, r"^client\.bach_size: unknown key, did you mean 'client\.batch_size'\?"),
        ({"batch_size": [50]}, r"^batch_size: unknown key, did you mean 'client\.batch_size'\?"),
        ({"client.batch_size": []}, r"^client\.batch_size: has no level$"),
        ({"client.strategy": "one-stop"}, r"^client\.strategy: should be a list of levels; given: 'one-stop'"),
        ({"client.batch_size": 50}, r"^client\.batch_size: should be a list of levels; given: 50; allowed: \[50\]"),
        ({"client.batch_size": np.array(50)}, r"^client\.batch_size: should be a list of levels"),
        ({"client.batch_size": [50, 50]}, r"^client\.batch_size: the levels of a factor must differ; given: 50$"),
        ({"network.rtt_ms": [50, 50.0]}, r"^network\.rtt_ms: the levels of a factor must differ"),
        ({"client.batch_size": [50, 0]}, r"^client\.batch_size: should be .* 1 \(at design point .*=0\); given: 0$"),
        ({"client.strategy": ["one-stp"]}, r"^client\.strategy: unknown .* did you mean 'one-stop'\?$"),
        ({"client.batch_size": {"a": 3}}, r"^client\.batch_size: a dict names the variants"),
        ({"sender": {}}, r"^sender: has no level"),
        ({"sender": {"a": 3}}, r"^sender\.a: should be a table of scenario keys"),
        ({"sender": {"a": {"client.presett": "x"}}}, r"^sender\.a\.client\.presett: .* did you mean 'client\.preset'"),
        ({"sender": SENDERS, "client.strategy": ["budget"]}, r"^client\.strategy: is set by two factors"),
        ({"mean": SENDERS}, r"^mean: the name of a factor is taken"),
        ({"network.rtt_ms": iter(int, 1)}, r"^network\.rtt_ms: "),
        ([50], r"^factors: should be a dict of levels"),
        ({5: [50]}, r"^factors: should be a dict of levels"),
    ],
)
def test_what_cannot_be_swept_is_one_clear_line(temporary: Path, factors: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as told:
        small(factors)
    assert len(str(told.value).splitlines()) == 1
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "key"),
    [({"replications": 0}, "replications"), ({"replications": "5"}, "replications"), ({"seed": -1}, "seed"),
     ({"workers": 0}, "workers"), ({"engine": "x"}, "engine"), ({"output": 5}, "output"), ({"title": 5}, "title"),
     ({"executor": "x"}, "executor"), ({"scenario": 5}, "scenario"), ({"scenario": {"cli": {}}}, "cli")],
)  # fmt: skip
def test_options_that_cannot_be_used_are_named(options: dict[str, Any], key: str) -> None:
    with pytest.raises(InputError, match=rf"^{key}: "):
        small({"client.batch_size": [50]}, **options)


def test_nothing_is_left_where_nobody_asked(here: Path, temporary: Path, engine: FakeEngine) -> None:
    study = small({"client.batch_size": [50, 100]})
    assert [file.name for file in here.iterdir()] == ["temporary"]
    assert study.folder.parent == temporary
    others = [pickle.loads(pickle.dumps(study)), copy.deepcopy(study)]  # noqa: S301 - our own
    del others[:]
    gc.collect()
    study.write("kept", figure=False)
    del study
    gc.collect()
    assert list(temporary.iterdir()) == []
    assert len(simsmtp.Study.open("kept").rows) == 4


def test_many_rows_are_read_from_the_temporary_store(
    temporary: Path, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_rows, "KEPT", 0)
    assert small({"client.batch_size": [50, 100]}).summary()["n"].tolist()[:1] == [2]
    gc.collect()
    assert list(temporary.iterdir()) == []


def test_with_a_folder_finished_replications_are_used_again(here: Path, engine: FakeEngine) -> None:
    small({"client.batch_size": [50, 100]}, output="out")
    names = {"summary.csv", "experiment.json", "provenance.json", "replications.sqlite"}
    assert {file.name for file in Path("out").iterdir()} == names
    more = small({"client.batch_size": [50, 100, 200]}, replications=3, output="out")
    assert (more.computed, more.reused) == (5, 4)


def test_ctrl_c_loses_what_nobody_keeps_and_says_so(temporary: Path, engine: FakeEngine, here: Path) -> None:
    engine.interrupt_after = 1
    with pytest.raises(KeyboardInterrupt, match=r"\d of 4 replications, which are lost; with output=FOLDER") as told:
        small({"client.batch_size": [50, 100]})
    assert not isinstance(told.value, StudyInterrupted)
    assert list(temporary.iterdir()) == []
    engine.calls.clear()
    with pytest.raises(StudyInterrupted, match=r"\d of 4 replications are stored"):
        small({"client.batch_size": [50, 100]}, output="out")


def test_a_disk_that_is_full_loses_them_too(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise UnfinishedError("path: database or disk is full; the same command goes on from what is stored")

    monkeypatch.setattr("simsmtp.running.sweep.execute", full)
    with pytest.raises(UnfinishedError, match=r"^path: database or disk is full; with output=FOLDER"):
        small({"client.batch_size": [50, 100]})
    assert list(temporary.iterdir()) == []


def test_a_failed_replication_is_a_row(engine: FakeEngine) -> None:
    engine.fail_at = {("one-stop", 1)}
    study = small({"client.strategy": ["corrected", "one-stop"]})
    assert [one.error for one in study.failures] == ["ZeroDivisionError: no such luck"]
    assert "1 failed" in repr(study)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_strategy_of_a_notebook_is_a_level(workers: int) -> None:
    def optimist(tally: Any, rcpt: Any, knobs: Any) -> Verdict:
        over = rcpt.seen == simsmtp.ReplyClass.OVER
        return Verdict.DONE if over else by_own_reply(rcpt.seen)

    simsmtp.register_strategy("optimist", optimist)
    factors = {"client.strategy": ["corrected", "optimist"], "client.batch_size": [200]}
    study = small(factors, {"workload": {"recipients_per_message": 150}}, workers=workers)
    means = study.summary().query("response == 'lost'").set_index("client.strategy")["mean"]
    assert means.to_dict() == {"corrected": 0, "optimist": 50}
    assert study.folder.exists()
    assert study.failures == []


def test_a_sweep_is_the_same_study_as_a_file_of_it(here: Path) -> None:
    tables = {
        "study": {"name": "same", "title": "Same", "replications": 2, "seed": 5},
        "scenario": {"workload": {"recipients_per_message": 120}},
        "factors": {"client.batch_size": [50, 200], "sender": SENDERS},
    }
    study = simsmtp.run(simsmtp.Experiment.from_dict(tables), workers=1)
    assert small(tables["factors"], tables["scenario"], seed=5).digest == study.digest


def test_the_headline_figure_takes_ten_lines(here: Path) -> None:
    mail = {"messages": 4, "recipients_per_message": {"dist": "lognormal", "mean": 250, "cv": 0.4, "maximum": 1000}}
    rules = ["corrected", "one-stop", "per-read", "send-cursor", "send-cursor-silent", "aggregate", "budget", "shifted"]
    senders: dict[str, Any] = {name: {"client.strategy": name} for name in rules}
    senders["bounce"] = {"client.strategy": "corrected", "client.overflow": "bounce"}
    batches = [25, 100, 1000]
    factors = {"network.rtt_ms": [10, 50, 200], "client.batch_size": batches, "sender": senders}
    study = sweep({"workload": mail, "server": {"preset": "windows-2003"}}, factors, replications=1, workers=1)
    figure = study.plot("client.batch_size", ["delivered_per_s", "false_ndr_rate", "lost"], "sender", "network.rtt_ms",
                        mark="server.recipient_limit", y_scale=["log", "linear", "symlog"])  # fmt: skip
    assert len(figure.axes) == 5  # what is equal at all round trips is drawn once
    assert [text.get_text() for text in figure.axes[0].texts] == ["recipient limit 100"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [*rules, "bounce"]
    assert [axes.get_yscale() for axes in figure.axes] == ["log"] * 3 + ["linear", "symlog"]
