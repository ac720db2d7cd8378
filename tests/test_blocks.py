"""Replications in one call give what each gives alone, however many, wherever they run."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import some
from hypothesis import given
from hypothesis import strategies as st
from study_files import TINY, all_of, here, written

import simsmtp
from simsmtp.engines import FASTER, Choice, run_block, run_replication
from simsmtp.engines.compiled.storage import layout
from simsmtp.model.plan import plan_of
from simsmtp.model.scenario import Scenario
from simsmtp.rows.response_rows import one_row
from simsmtp.rows.responses import COLUMNS
from simsmtp.running import chunks
from simsmtp.running.execution import execute_tasks
from simsmtp.strategies.counting import by_own_reply
from simsmtp.strategies.registry import register_strategy

pytest.importorskip("numba", reason="the compiled engine needs numba: pip install 'simsmtp[fast]'")
from test_engines_agree import scenarios

__all__ = ["here"]

REFERENCE = Choice("reference", "it was asked for", was_asked=True)
COUNTS = {"dist": "geometric", "mean": 300.0, "maximum": 4000}
UNEVEN = {
    "workload": {
        "messages": 3,
        "recipients_per_message": {"dist": "geometric", "mean": 300.0, "maximum": 4000},
        "domains": 9,
    },
    "client": {"connections": 3},
    "server": {"recipient_limit": 40, "limit_kind": "domain", "rcpt_service_ms": {"dist": "exponential", "mean": 0.2}},
}


def rows_of(scenario: Scenario, seed: int, replications: list[int], choice: Choice = FASTER) -> list[str]:
    """Return the responses of a block, replication by replication."""
    blocks = run_block(plan_of(scenario), seed=seed, replications=replications, engine=choice)
    return [repr(row) for block in blocks for row in block.responses.tolist()]


def alone(scenario: Scenario, seed: int, replication: int, engine: str) -> str:
    """Return the responses of one replication in a call of its own."""
    output = run_replication(plan_of(scenario), seed=seed, replication=replication, engine=engine)
    return repr(one_row(output.responses).tolist()[0])


@pytest.mark.slow
@some
@given(scenario=scenarios(), seed=st.integers(0, 2**40), first=st.integers(0, 3), last=st.integers(0, 9))
def test_a_block_gives_what_each_of_its_replications_gives_alone(
    scenario: Scenario, seed: int, first: int, last: int
) -> None:
    numbers = [*range(first, first + 4), last]  # whatever the order, one of them perhaps twice
    found = rows_of(scenario, seed, numbers)
    assert found == [alone(scenario, seed, one, "compiled") for one in numbers]
    assert found[-1] == alone(scenario, seed, last, "reference")


@pytest.mark.parametrize("size", [1, 2, 7, 30])
def test_a_block_may_have_any_size(size: int) -> None:
    scenario = Scenario.from_dict(UNEVEN)
    expected = rows_of(scenario, 5, list(range(30)), REFERENCE)
    assert len(set(expected)) > 20
    found = [row for begin in range(0, 30, size) for row in rows_of(scenario, 5, [*range(30)][begin : begin + size])]
    assert found == expected


def test_a_block_is_handed_out_in_parts_where_many_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simsmtp.engines.compiled.replication._AT_ONCE", 4)
    blocks = list(run_block(plan_of(Scenario.from_dict(UNEVEN)), seed=5, replications=range(10), engine=FASTER))
    assert sum(len(one.responses) for one in blocks) == 10
    assert max(len(one.responses) for one in blocks) <= 4


def touchy(tally, rcpt, knobs):  # type: ignore[no-untyped-def]
    """Divide by nothing where many were refused."""
    return by_own_reply(rcpt.seen + 0 // (60 - min(60, rcpt.position // 10)))


def test_a_replication_whose_strategy_raises_leaves_the_others_alone() -> None:
    register_strategy("touchy", touchy)
    scenario = Scenario.from_dict(UNEVEN | {"client": {"strategy": "touchy"}})
    rows = {one: list(execute_rows(scenario, engine, 40)) for one, engine in (("a", "compiled"), ("b", "reference"))}
    assert [row[1:] for row in rows["a"]] == [row[1:] for row in rows["b"]]
    assert {"compiled"} < {row[0] for row in rows["a"]}, "some are run by the one, and some fail"
    assert any("ZeroDivisionError" in str(row[-1]) for row in rows["a"])


def execute_rows(scenario: Scenario, engine: str, count: int) -> Iterator[tuple[object, ...]]:
    """Yield engine, responses and error of every replication as a study gets them."""
    for found in execute_tasks(all_of(scenario, count), seed=5, engine=engine, strategies=(), workers=1):
        for _, row in found:
            yield (row.engine if row.error is None else "", repr(row.responses), row.error)


@pytest.mark.parametrize(("block_s", "workers"), list(itertools.product([0.0, 0.001, 10.0], [1, 2])))
@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_a_study_is_the_same_in_blocks_of_any_size_and_with_workers(
    here: Path, monkeypatch: pytest.MonkeyPatch, engine: str, block_s: float, workers: int
) -> None:
    monkeypatch.setattr(chunks, "_BLOCK_S", block_s)
    study = simsmtp.run(written(here, TINY), engine=engine, workers=workers, progress=False, output="a")
    plain = simsmtp.run(written(here, TINY), engine="reference", workers=1, progress=False, output="b")
    assert study.digest == plain.digest


LONG = """
import simsmtp, sys
simsmtp.run("study.toml", engine="compiled", workers=2, progress=False, output="out", replications=int(sys.argv[1]))
"""


def test_a_study_that_was_killed_among_its_blocks_goes_on_from_what_is_stored(here: Path) -> None:
    written(here, TINY)
    run = subprocess.Popen([sys.executable, "-c", LONG, "100000"], cwd=here)
    store = here / "out/replications.sqlite-wal"
    while not store.exists() or store.stat().st_size < 2_000_000:  # some chunks are committed, more are to come
        time.sleep(0.02)
        assert run.poll() is None
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    done = simsmtp.run("study.toml", engine="compiled", workers=2, progress=False, output="out", replications=50)
    assert done.reused > 0
    plain = simsmtp.run("study.toml", engine="reference", workers=1, progress=False, replications=50)
    assert done.digest == plain.digest


def test_a_row_of_the_compiled_engine_has_a_place_for_each_response() -> None:
    assert layout.ARRAYS["responses"].names == COLUMNS
