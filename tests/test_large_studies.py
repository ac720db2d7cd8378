"""Studies with more rows than memory should hold: nothing but the memory depends on their size."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import some
from hypothesis import given
from hypothesis import strategies as st
from study_files import TINY, FakeEngine, engine, here, own_registry, written

import simsmtp
from simsmtp.experiment.design import DesignPoint
from simsmtp.rows.responses import COLUMNS
from simsmtp.running.runner import run
from simsmtp.running.tasks import Task, Tasks
from simsmtp.store import stored_rows
from simsmtp.store.store import Row
from simsmtp.study import summary_in_parts as summarised

__all__ = ["engine", "here", "own_registry"]
pytestmark = pytest.mark.usefixtures("own_registry")
A, B = simsmtp.Scenario(), simsmtp.Scenario(client={"batch_size": 7})


def files_of(folder: Path) -> dict[str, bytes]:
    """Return what a study left, without what tells of its folder or of time."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in {".csv", ".svg", ".png"}}


@pytest.mark.parametrize("cells", [1, 4 * len(COLUMNS), 7 * len(COLUMNS), 2**23])
def test_a_large_study_is_read_in_parts_and_gives_the_same_bytes(
    here: Path, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, cells: int
) -> None:
    engine.fail_at = {("one-stop", 1)}
    path = written(here, TINY)
    small = run(path, workers=1, output="small")
    small.write()
    monkeypatch.setattr(stored_rows, "KEPT", 0)
    monkeypatch.setattr(summarised, "CELLS", cells)
    large = run(path, workers=1, output="large")
    large.write()
    assert isinstance(small.results[1], list)
    assert not isinstance(large.results[1], list)
    assert (large.digest, large.failures, large.engines) == (small.digest, small.failures, small.engines)
    assert files_of(here / "large") == files_of(here / "small") != {}
    assert large.rows.equals(small.rows)
    found = [one.values(2, "delivered_per_s").tolist() for one in (large, small)]
    assert repr(found[0]) == repr(found[1])
    assert np.isnan(found[0]).tolist() == [False, True, False]


def test_rows_in_the_store_are_a_sequence(here: Path, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_rows, "KEPT", 0)
    rows = run(written(here, TINY), workers=1).results[3]
    listed = list(rows)
    assert [row.replication for row in listed] == [0, 1, 2]
    assert len(rows) == 3
    assert (rows[0], rows[-1], rows[1:], rows[::-1], rows[5:]) == (
        listed[0], listed[2], listed[1:], listed[::-1], [],
    )  # fmt: skip
    with pytest.raises(IndexError):
        rows[3]


def test_a_summary_is_the_callers_own(here: Path, engine: FakeEngine) -> None:
    study = run(written(here, TINY), workers=1)
    mine = study.summary()
    mine["mean"] = 0.0
    assert study.summary()["mean"].any()


class Repeated(Sequence[Row]):
    """The same row over and over, which takes no room."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, place: Any) -> Any:
        raise NotImplementedError("rows are gone through")

    def __iter__(self) -> Iterator[Row]:
        return repeat(Row(0, tuple(float(place) for place in range(len(COLUMNS))), "fake", 0.0, None), self.count)


def test_memory_does_not_grow_with_the_rows_that_are_summed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summarised, "CELLS", 2000 * len(COLUMNS))
    peaks = []
    for count in (5, 50):
        points = [DesignPoint(number, {}, A) for number in range(1, count + 1)]
        results = {point.number: Repeated(2000) for point in points}
        summarised.summarised(points[:1], results, [])  # what is imported and made once
        tracemalloc.start()
        found = summarised.summarised(points, results, [])
        peaks.append(tracemalloc.get_traced_memory()[1] - found.memory_usage(deep=True).sum())
        tracemalloc.stop()
        assert (found["n"] == 2000).all()
        assert found["mean"].tolist() == list(range(len(COLUMNS))) * count
    assert peaks[1] < 2 * peaks[0]


@some
@given(
    done=st.lists(st.sets(st.integers(0, 5)), min_size=2, max_size=2),
    later=st.lists(st.sets(st.integers(0, 5)), min_size=2, max_size=2),
)
def test_tasks_are_what_has_no_result_replication_by_replication(done: list[set[int]], later: list[set[int]]) -> None:
    stored = {11: done[0], 7: done[1]}
    scenarios = {11: A, 7: B}

    def finished(scenario: int, replications: int) -> Any:
        return np.array(sorted(stored[scenario]), dtype=np.int64)

    tasks = Tasks(scenarios, 6, finished)
    wanted = [Task(one, scenarios[one], r) for r in range(6) for one in scenarios if r not in stored[one]]
    assert list(tasks) == wanted
    assert len(tasks) == len(wanted)
    assert tasks[1:4] == wanted[1:4]
    assert tasks.recipients() == 250 * len(wanted)
    stored = {11: done[0] | later[0], 7: done[1] | later[1]}
    assert tasks.unfinished(finished) == sum(task.replication not in stored[task.scenario_id] for task in wanted)
