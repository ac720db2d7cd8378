"""Nobody waits for the compiler: the reference engine begins, and the compiled one takes over when it is there."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from study_files import TINY, all_of, here, written

import simsmtp
from simsmtp import engines
from simsmtp.engines import Choice, run_block
from simsmtp.engines.compiled.toolchain.compile_process import CompileProcess
from simsmtp.engines.compiled.toolchain.obstacles import NotCompiledError
from simsmtp.model.plan import plan_of
from simsmtp.model.scenario import Scenario
from simsmtp.running import places
from simsmtp.running.execution import execute_tasks
from simsmtp.running.pilot import estimate
from simsmtp.running.run_options import RunOptions
from simsmtp.running.runner import prepare
from simsmtp.study.engine_tally import EngineTally

__all__ = ["here"]

SMALL = Scenario(workload={"recipients_per_message": 12}, server={"recipient_limit": 5})
UNTIL = Choice("reference", "until the compiled one was compiled", meanwhile=True)


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Have an engine that is at hand once it has been asked for so often."""
    pytest.importorskip("numba", reason="the compiled engine needs numba: pip install 'simsmtp[fast]'")
    engines.get_ready(plan_of(SMALL), "compiled", at_stake=0)
    asked = [0]

    def ready_after(times: int) -> None:
        def is_at_hand(plan: object, *, left_s: float) -> bool:
            asked[0] += 1
            return asked[0] > times

        monkeypatch.setattr(engines, "is_faster_at_hand", is_at_hand)
        monkeypatch.setattr("simsmtp.engines.choice.loop_on_disk", lambda **_: False)
        monkeypatch.setattr("simsmtp.engines.choice.WORTH_LOADING", 0)
        monkeypatch.setattr("simsmtp.engines.choice.WORTH_COMPILING", 100)

    return ready_after


@pytest.mark.parametrize("times", [0, 1, 7, 30])
def test_a_block_changes_its_engine_at_any_replication(compiler: Callable[[int], None], times: int) -> None:
    compiler(times)
    blocks = list(run_block(plan_of(SMALL), seed=3, replications=range(20), engine=UNTIL))
    ran = [block.engine for block in blocks for _ in block.responses]
    assert ran == ["reference"] * min(times, 20) + ["compiled"] * (20 - min(times, 20))
    plain = list(run_block(plan_of(SMALL), seed=3, replications=range(20), engine=Choice("reference", "")))
    found, expected = ([repr(row) for one in each for row in one.responses.tolist()] for each in (blocks, plain))
    assert found == expected


@pytest.mark.parametrize("workers", [1, 2])
def test_a_study_changes_its_engine_between_chunks(
    compiler: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    compiler(2)
    monkeypatch.setattr("simsmtp.running.chunks._CHUNK_S", 0.01)
    ran = EngineTally()
    tasks = all_of(SMALL, 300)
    rows = [
        row
        for found in execute_tasks(tasks, seed=3, engine="auto", strategies=(), workers=workers, ran=ran)
        for _, row in found
    ]
    assert sorted(row.replication for row in rows) == list(range(300))
    assert set(ran.counts) == {"reference", "compiled"}
    assert "until the compiled one was compiled" in ran.text(dict(ran.counts))


def test_who_asks_in_python_does_not_wait(compiler: Callable[[int], None]) -> None:
    compiler(4)
    assert simsmtp.simulate(SMALL, replications=20).engines == {"reference": 4, "compiled": 16}


STUDY = """
import os, simsmtp, time
began = time.perf_counter()
found = simsmtp.simulate({"workload": {"messages": 8}}, replications=3000)
print(found.engines)
"""


@pytest.mark.slow
def test_with_an_empty_cache_both_engines_run(tmp_path: Path) -> None:
    pytest.importorskip("numba", reason="the compiled engine needs numba: pip install 'simsmtp[fast]'")
    done = subprocess.run(
        [sys.executable, "-c", STUDY], capture_output=True, text=True, check=True, cwd=tmp_path,
        env=os.environ | {"SIMSMTP_CACHE_DIR": str(tmp_path / "cache"),
                          "PYTHONPATH": str(Path(simsmtp.__file__).parents[1])},
    )  # fmt: skip
    ran = eval(done.stdout)  # noqa: S307 - what the line above printed
    assert sum(ran.values()) == 3000
    assert ran["reference"] > 0
    assert done.stderr.count("compiling the fast engine") == 1


def test_what_ends_while_the_compiler_is_under_way_leaves_no_process(tmp_path: Path) -> None:
    pytest.importorskip("numba", reason="the compiled engine needs numba: pip install 'simsmtp[fast]'")
    code = (
        "from simsmtp.engines.compiled.toolchain import kernels; kernels.compile_beside();"
        "print(next(iter(kernels._under_way.values()))[1]._process.pid)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env=os.environ | {"SIMSMTP_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(Path(simsmtp.__file__).parents[1])},
    )  # fmt: skip
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("raise ImportError('planted')", r"imported here \(ImportError: planted\)"),
        ("import os; os.abort()", r"compiled here \(the compiler ended with signal SIGABRT"),
        ("import sys; print('LLVM ERROR: out of memory', file=sys.stderr); import os; os._exit(1)",
         r"compiled here \(the compiler ended with code 1: LLVM ERROR: out of memory\)"),
    ],
    ids=["raises", "aborts", "ends"],
)  # fmt: skip
def test_what_the_compiler_ends_in_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, told: str
) -> None:
    (tmp_path / "numba").mkdir()
    (tmp_path / "numba/__init__.py").write_text(body, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(NotCompiledError, match=told):
        CompileProcess(has_tcp=False).result()


def test_modules_of_the_working_folder_are_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba", reason="the compiled engine needs numba: pip install 'simsmtp[fast]'")
    (tmp_path / "llvmlite.py").write_text("raise SystemExit(7)", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    process = CompileProcess(has_tcp=False)
    time.sleep(1.0)
    assert not process.is_done()
    process.stop()
    assert process.is_done()


def test_few_replications_stay_in_this_process_and_it_is_said(here: Path) -> None:
    study = simsmtp.run(written(here, TINY), engine="reference", workers=2, progress=False)
    told = study.ran.text(dict(study.ran.counts))
    assert told == "engine reference: it was asked for; in this process, sooner than workers would have started"


def test_many_replications_go_to_workers(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "START_S", 0.0)
    study = simsmtp.run(written(here, TINY), engine="reference", workers=2, progress=False)
    assert study.ran.places == ["2 worker processes"]
    assert study.failures == []


def test_workers_import_nothing_that_lies_in_the_working_folder(here: Path) -> None:
    written(here, TINY)
    (here / "numpy.py").write_text("raise SystemExit(7)", encoding="utf-8")
    code = (
        "import simsmtp; from simsmtp.running import places; places.START_S = 0.0\n"
        "study = simsmtp.run('study.toml', engine='reference', workers=2, progress=False)\n"
        "print(study.ran.places, len(study.failures))"
    )
    path = os.pathsep.join([str(Path(simsmtp.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, cwd=here,
        env=os.environ | {"PYTHONPATH": path}, timeout=120,
    )  # fmt: skip
    assert done.stdout == "['2 worker processes'] 0\n"


def test_a_dry_run_compiles_nothing(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba", reason="the compiled engine needs numba: pip install 'simsmtp[fast]'")
    monkeypatch.setenv("SIMSMTP_CACHE_DIR", str(here / "cache"))
    prepared = prepare(written(here, TINY), RunOptions(replications=200_000, workers=1))
    assert estimate(prepared).seconds > 8.0
    assert not (here / "cache").exists()
