"""Running studies: what is computed, what is kept, and that neither depends on how."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
from study_files import STRATEGY, TINY, FakeEngine, all_of, engine, here, own_registry, written

import simsmtp
from simsmtp.errors import InputError, UnfinishedError
from simsmtp.rows.responses import COLUMNS
from simsmtp.running.chunks import ATTEMPTS, Chunk, Pace, chunks_of, own_code, run_chunk
from simsmtp.running.execution import common_of, execute_tasks
from simsmtp.running.pilot import estimate
from simsmtp.running.run_options import RunOptions
from simsmtp.running.runner import StudyInterrupted, prepare, run
from simsmtp.running.tasks import TaskBlock, Tasks
from simsmtp.store.address import code_hash
from simsmtp.store.store import Row, Store

__all__ = ["engine", "here", "own_registry"]
pytestmark = pytest.mark.usefixtures("own_registry")
STORE = Path("results/tiny/replications.sqlite")


def run_tiny(folder: Path, text: str = TINY, **options: object) -> simsmtp.Study:
    options.setdefault("workers", 1)
    return run(written(folder, text), **options)  # type: ignore[arg-type]


def test_rows_are_tidy(here: Path, engine: FakeEngine) -> None:
    study = run_tiny(here)
    expected = ["point", "client.batch_size", "client.strategy", "replication", *COLUMNS, "error"]
    assert list(study.rows.columns) == expected
    assert len(study.rows) == 4 * 3
    assert study.rows["error"].isna().all()
    assert study.rows["recipients"].dtype == "int64"
    assert study.rows["delivered_per_s"].iloc[-1] == 200 + 2 + 7 / 8
    assert (study.computed, study.reused, study.failures) == (12, 0, [])


def test_a_second_run_computes_only_what_is_missing(here: Path, engine: FakeEngine) -> None:
    first = run_tiny(here)
    engine.calls.clear()
    again = run_tiny(here)
    assert engine.calls == []
    assert (again.computed, again.reused, again.digest) == (0, 12, first.digest)
    more = run_tiny(here, replications=5)
    assert sorted({replication for _, _, replication in engine.calls}) == [3, 4]
    assert (more.computed, more.reused) == (8, 12)
    assert run_tiny(here, replications=3).digest == first.digest


def test_another_seed_scenario_or_strategy_source_is_computed_anew(here: Path, engine: FakeEngine) -> None:
    run_tiny(here)
    assert run_tiny(here, seed=8).computed == 12
    assert run_tiny(here, settings=["network.rtt_ms=9"]).computed == 12
    assert run_tiny(here, settings=["client.batch_size=[50, 60]"]).computed == 6
    file = written(here, STRATEGY, "mine.py")
    assert run_tiny(here, strategies=[file]).computed == 6
    assert run_tiny(here, strategies=[file]).computed == 0
    written(here, STRATEGY + "# changed\n", "mine.py")
    assert run_tiny(here, strategies=[file]).computed == 6


def test_the_content_of_a_trace_counts(here: Path, engine: FakeEngine) -> None:
    trace = written(here, "a b 1\n", "trace.txt")
    settings = ["scenario.workload.trace=trace.txt"]
    assert run_tiny(here, settings=settings).computed == 12
    assert run_tiny(here, settings=settings).computed == 0
    trace.write_text("a b 1\na c 1\n", encoding="utf-8")
    assert run_tiny(here, settings=settings).computed == 12


def test_points_with_the_same_scenario_share_their_rows(here: Path, engine: FakeEngine) -> None:
    text = TINY.replace("[factors]", "[factors.again]\na = {}\nb = {}\n[factors]").replace(
        "[factors.again]", "[factors.x]"
    )
    study = run_tiny(here, text.replace('line = "client.strategy"', ""))
    assert len(study.points) == 8
    assert len(engine.calls) == 12
    assert len(study.rows) == 24


def test_replications_are_run_before_points_so_that_a_part_covers_all(
    here: Path, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simsmtp.running.chunks._BLOCK_S", 0.0)  # as where each takes longer than packing is worth
    run_tiny(here)
    assert [replication for _, _, replication in engine.calls] == sorted(
        replication for *_, replication in engine.calls
    )


def test_a_failing_replication_is_a_row_and_is_tried_again(here: Path, engine: FakeEngine) -> None:
    engine.fail_at = {("one-stop", 1)}
    study = run_tiny(here)
    assert [(one.point, one.replication, one.error) for one in study.failures] == [
        (2, 1, "ZeroDivisionError: no such luck"),
        (4, 1, "ZeroDivisionError: no such luck"),
    ]
    assert study.failures[0].factors == {"client.batch_size": 50, "client.strategy": "one-stop"}
    assert study.rows["error"].notna().sum() == 2
    counts = study.summary().set_index(["point", "response"])["n"]
    assert (counts[2, "delivered"], counts[1, "delivered"]) == (2, 3)
    engine.fail_at = set()
    again = run_tiny(here)
    assert (again.computed, again.failures) == (2, [])
    assert again.rows["recipients"].dtype == "int64"


def test_ctrl_c_keeps_what_is_finished(here: Path, engine: FakeEngine) -> None:
    engine.interrupt_after = 5
    with pytest.raises(StudyInterrupted, match=r"of 12 replications are stored; the same command resumes") as caught:
        run_tiny(here)
    engine.interrupt_after = None
    assert run_tiny(here).reused == caught.value.finished
    assert caught.value.finished <= 5


def test_input_is_checked_before_anything_is_written(here: Path, engine: FakeEngine) -> None:
    bad: list[dict[str, object]] = [
        {"workers": 0},
        {"replications": 0},
        {"replications": True},
        {"seed": -1},
        {"engine": "warp"},
        {"settings": ["client.batch_size=0"]},
        {"strategies": ["missing.py"]},
        {"settings": ["scenario.workload.trace=missing.txt"]},
        {"output": "study.toml"},
    ]
    for options in bad:
        with pytest.raises(InputError):
            run_tiny(here, **options)
    written(here, "one two\n", "trace.txt")
    with pytest.raises(InputError, match=r"trace\.txt:1"):
        run_tiny(here, settings=["scenario.workload.trace=trace.txt"])
    assert sorted(file.name for file in here.iterdir()) == ["study.toml", "trace.txt"]
    assert engine.calls == []


def test_a_store_that_is_none_is_bad_input(here: Path, engine: FakeEngine) -> None:
    STORE.parent.mkdir(parents=True)
    STORE.write_text("something else " * 99, encoding="utf-8")
    with pytest.raises(InputError, match="cannot be used as a store"):
        run_tiny(here)


def test_an_experiment_built_in_python_runs_too(here: Path, engine: FakeEngine) -> None:
    built = simsmtp.Experiment.from_dict({"study": {"name": "own", "title": "Own", "replications": 2}})
    study = run(built, workers=1, output=here / "elsewhere")
    assert (study.name, len(study.rows)) == ("own", 2)
    assert (here / "elsewhere" / "replications.sqlite").exists()
    with pytest.raises(InputError, match="settings change a file"):
        run(built, settings=["study.seed=3"])


def test_an_estimate_counts_what_is_stored_and_writes_nothing(here: Path, engine: FakeEngine) -> None:
    path = written(here, TINY)
    found = estimate(prepare(path, RunOptions(workers=1)))
    assert (found.points, found.replications, found.stored, found.missing) == (4, 3, 0, 12)
    assert found.seconds > 0
    assert [file.name for file in here.iterdir()] == ["study.toml"]
    run_tiny(here)
    before = {file: file.read_bytes() for file in STORE.parent.iterdir()}
    assert estimate(prepare(path, RunOptions(workers=1, replications=5)))[2:4] == (12, 8)
    assert {file: file.read_bytes() for file in STORE.parent.iterdir()} == before


def test_files_are_written_alike_twice(here: Path, engine: FakeEngine) -> None:
    run_tiny(here).write("one")
    run_tiny(here).write("two")
    names = {file.name for file in Path("one").iterdir()}
    kept = {"summary.csv", "tiny.png", "tiny.svg", "experiment.json"}
    assert names == kept | {"provenance.json", "replications.sqlite"}
    for name in kept:
        assert Path("one", name).read_bytes() == Path("two", name).read_bytes()
    note = json.loads(Path("two/provenance.json").read_text(encoding="utf-8"))
    assert (note["seed"], note["computed"], note["reused"]) == (7, 0, 12)


def test_a_run_that_computes_nothing_keeps_the_provenance_of_the_results(here: Path, engine: FakeEngine) -> None:
    note = Path("results/tiny/provenance.json")
    run_tiny(here).write(figure=False, command="first")
    first = note.read_bytes()
    run_tiny(here).write(figure=False, command="second")
    assert note.read_bytes() == first
    run_tiny(here, replications=4).write(figure=False, command="third")
    assert json.loads(note.read_text(encoding="utf-8"))["command"] == "third"


def test_a_summary_is_written_to_the_last_bit(here: Path, engine: FakeEngine) -> None:
    study = run_tiny(here)
    study.write(figure=False)
    with Path("results/tiny/summary.csv").open(encoding="utf-8", newline="") as file:
        means = [float(row["mean"]) for row in csv.DictReader(file)]
    assert means == study.summary()["mean"].tolist()
    assert not Path("results/tiny/tiny.png").exists()


def test_a_study_shows_itself(here: Path, engine: FakeEngine) -> None:
    study = run_tiny(here)
    assert repr(study).splitlines() == [
        "<Study 'tiny': 4 design points, 3 replications each",
        "  client.batch_size  50, 200",
        "  client.strategy    corrected, one-stop",
        "  delivered_per_s    means 51.88 to 201.9",
        "  false_ndr          means 51 to 201>",
    ]
    assert "one-stop" in study._repr_html_()
    assert study.plot().axes


def test_chunks_are_worth_a_quarter_second() -> None:
    pace, tasks = Pace({1: 1.0}), all_of(simsmtp.Scenario(), 1000)
    chunks = chunks_of(tasks, pace, common_of(tasks, seed=1, engine="auto", strategies=()))

    def size() -> int:
        return len(next(chunks).tasks())

    assert size() == 1
    pace.saw([(1, Row(0, (), "", 0.01, None))] * 4)
    assert size() == 25
    pace.saw([(1, Row(0, (), "", 0.02, None))] * 4)
    assert 16 <= size() <= 25
    pace.saw([(1, Row(0, (), "", 60.0, None))])
    next(chunks)  # begun before
    assert size() == 1


def test_what_takes_long_does_not_travel_with_many_of_its_kind() -> None:
    small, large = simsmtp.Scenario(), simsmtp.Scenario(workload={"messages": 100_000})
    tasks = Tasks({1: small, 2: large}, 1000, lambda *_: np.empty(0, dtype=np.int64))
    pace = Pace({1: 1e-4, 2: 10.0})
    common = common_of(tasks, seed=1, engine="auto", strategies=())
    for chunk, _ in zip(chunks_of(tasks, pace, common), range(10), strict=False):
        assert sum(task.scenario_id == 2 for task in chunk.tasks()) <= 1
        pace.saw([(one.scenario_id, Row(one.replication, (), "", 1e-4, None)) for one in chunk.tasks() if one[0] == 1])


def test_workers_give_the_rows_that_one_process_gives(here: Path) -> None:
    file = written(here, STRATEGY, "mine.py")
    alone = run_tiny(here, strategies=[file], output="one")
    both = run_tiny(here, strategies=[file], output="two", workers=2)
    assert both.computed == alone.computed == 18
    assert both.failures == []
    assert both.digest == alone.digest


def _fatal(tally: object, rcpt: object, knobs: object) -> object:
    os._exit(9)


def _flaky(folder: str) -> object:
    def settle(tally: object, rcpt: object, knobs: object) -> object:
        from simsmtp.strategies.counting import by_own_reply

        mark = Path(folder) / "died"
        if not mark.exists():
            mark.write_text("once", encoding="utf-8")
            os._exit(9)
        return by_own_reply(rcpt.seen)  # type: ignore[attr-defined]

    return settle


@pytest.mark.slow
def test_a_worker_that_dies_once_loses_nothing(here: Path) -> None:
    simsmtp.register_strategy("flaky", _flaky(str(here)), source="flaky")  # type: ignore[arg-type]
    study = run_tiny(here, settings=['client.strategy=["corrected", "flaky"]'], workers=2)
    assert (here / "died").exists()
    assert study.failures == []
    counts = study.rows.groupby("client.strategy")["makespan_s"].sum()
    assert counts["flaky"] == counts["corrected"]


@pytest.mark.slow
def test_a_replication_that_kills_its_worker_every_time_is_a_failure_and_the_rest_goes_on(here: Path) -> None:
    simsmtp.register_strategy("fatal", _fatal, source="fatal")  # type: ignore[arg-type]
    levels = 'client.strategy=["corrected", "fatal"]'
    study = run_tiny(here, settings=[levels, "client.batch_size=200"], replications=2, workers=2)
    assert {one.factors["client.strategy"] for one in study.failures} == {"fatal"}
    assert len(study.failures) == 2
    assert f"died {ATTEMPTS} times" in study.failures[0].error


def test_a_chunk_runs_its_tasks_in_order(engine: FakeEngine) -> None:
    blocks = tuple(TaskBlock(5, simsmtp.Scenario(), replications) for replications in ((2,), (0, 3)))
    rows = run_chunk(Chunk(blocks, 1, "auto", (), os.getpid(), own_code()))
    assert [(number, row.replication) for number, row in rows] == [(5, 2), (5, 0), (5, 3)]


def test_a_chunk_of_other_code_is_refused_before_anything_runs(engine: FakeEngine) -> None:
    chunk = Chunk(
        (TaskBlock(5, simsmtp.Scenario(), (0,)),), 1, "auto", (), os.getpid(), "simsmtp 0.0.1 with the code hash 12"
    )
    with pytest.raises(UnfinishedError, match="has other code than this run") as caught:
        run_chunk(chunk)
    assert f"{own_code()} there, simsmtp 0.0.1 with the code hash 12 here; all nodes need" in str(caught.value)
    assert own_code() == f"simsmtp {simsmtp.__version__} with the code hash {code_hash()[:16]}"
    assert engine.calls == []


def test_nothing_to_do_is_done(engine: FakeEngine) -> None:
    assert list(execute_tasks([], seed=1, engine="auto", strategies=(), workers=1)) == []


def test_a_store_with_replications_of_an_older_code_is_kept(here: Path, engine: FakeEngine) -> None:
    run_tiny(here)
    with Store(here / STORE) as store:
        store.add([(1, Row(2, (None,) * len(COLUMNS), "auto", 0.0, "Error: old"))])
    assert run_tiny(here).computed == 1
