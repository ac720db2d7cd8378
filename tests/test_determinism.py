"""A strategy of the user's own that does not give the same again is an error, before anything is stored."""

from __future__ import annotations

from pathlib import Path

import pytest
from study_files import TINY, FakeEngine, cli, engine, here, own_registry, written

import simsmtp
from simsmtp.errors import InputError
from simsmtp.running import determinism
from simsmtp.running.runner import run

__all__ = ["engine", "here", "own_registry"]
pytestmark = pytest.mark.usefixtures("own_registry")
OVER = "rcpt.seen == ReplyClass.OVER"
WAYS = {
    "operating system": ("import os", "os.urandom(1)[0] % 2", "the same process"),
    "random": ("import random", "random.random() < 0.5", "the same process"),
    "clock": ("import time", "time.perf_counter_ns() // 64 % 2", "the same process"),
    "global counter": ("N = [0]", "(N.append(0) or len(N) % 311 < 150)", "the same process"),
    "global statement": (
        "N = 0\ndef count():\n    global N\n    N += 1\n    return N",
        "count() % 311 < 150",
        "the same process",
    ),
    "function attribute": (
        "def f(): pass\nf.n = 0",
        "(setattr(f, 'n', f.n + 1) or f.n % 311 < 150)",
        "the same process",
    ),
    "seeded generator": ("import random\nR = random.Random(1)", "R.random() < 0.5", "the same process"),
    "hash of a text": ("", "hash(f'abc{rcpt.position}') % 2", "another process"),
    "order of a set": (
        "NAMES = {f'abc{i}' for i in range(99)}",
        "int(next(iter(NAMES))[3:]) > rcpt.position - 100",
        "another process",
    ),
}


def strategy(folder: Path, kind: str) -> Path:
    first, test, _ = WAYS[kind]
    text = f"""import simsmtp
from simsmtp import ReplyClass, Verdict, by_own_reply
{first}
def settle(tally, rcpt, knobs, seen=[]):
    return Verdict.FAIL if {OVER} and {test} else by_own_reply(rcpt.seen)
simsmtp.register_strategy("mine", settle)
"""
    return written(folder, text, "mine.py")


STUDY = {
    "study": {"name": "own", "title": "Own", "replications": 1},
    "scenario": {"workload": {"recipients_per_message": 300}, "client": {"batch_size": 300}},
}


def run_own(folder: Path, kind: str, **options: object) -> simsmtp.Study:
    file, output = strategy(folder, kind), folder / "out"
    own = simsmtp.Experiment.from_dict(STUDY)
    return run(own, strategies=[file], workers=1, output=output, progress=False, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [kind for kind, (*_, how) in WAYS.items() if how == "the same process"])
def test_what_differs_from_run_to_run_is_noticed_at_once_in_python(kind: str, tmp_path: Path) -> None:
    simsmtp.running.user_strategies.load_strategies(strategy(tmp_path, kind))
    scenario = {**STUDY["scenario"], "client": {"strategy": "mine", "batch_size": 300}}  # type: ignore[dict-item]
    with pytest.raises(InputError, match=r"mine is not deterministic: replication 0, run again in the same process"):
        simsmtp.simulate(scenario)
    assert len(simsmtp.simulate(scenario, determinism_check=False).replications) == 1


@pytest.mark.parametrize("kind", ["global counter", "hash of a text"])
def test_a_study_names_strategy_point_and_difference_and_stores_nothing(kind: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        run_own(tmp_path, kind)
    text = str(caught.value)
    assert text.startswith(f"{tmp_path / 'mine.py'}:")
    assert "the strategy mine is not deterministic: replication 0 at client.strategy=mine, run again" in text
    assert f"run again in {WAYS[kind][2]}, gave delivered " in text
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("kind", WAYS)
def test_every_way_of_being_undetermined_is_noticed_by_a_study(kind: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"run again in {WAYS[kind][2]}"):
        run_own(tmp_path, kind)


def test_the_check_can_be_turned_off(tmp_path: Path) -> None:
    assert run_own(tmp_path, "global counter", determinism_check=False).computed == 2
    written(tmp_path, TINY)
    strategy(tmp_path, "operating system")
    found = cli(tmp_path, "run", "study.toml", "--strategy", "mine.py", "--no-figure",
                "--set", "workload.recipients_per_message=300")  # fmt: skip
    assert found.returncode == 2
    assert "mine is not deterministic" in found.stderr
    assert not (tmp_path / "results").exists()
    quiet = cli(tmp_path, "run", "study.toml", "--strategy", "mine.py", "--no-figure", "--no-determinism-check",
                "--executor", "serial")  # fmt: skip
    assert quiet.returncode == 0, quiet.stderr


def counted_checks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count what is checked, in this process, in place of running it in others."""
    checked: list[int] = []

    def here(self: object, chunks: list[determinism.Chunk]) -> object:
        checked.extend(task.replication for chunk in chunks for task in chunk.tasks())
        return determinism._here(chunks)

    monkeypatch.setattr(determinism.DeterminismCheck, "_in_pools", here)
    monkeypatch.setattr(determinism, "_passed", set())
    return checked


def test_a_design_point_is_checked_once_and_only_with_a_strategy_of_ones_own(
    here: Path, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = counted_checks(monkeypatch)
    simsmtp.register_strategy("mine", lambda tally, rcpt, knobs: simsmtp.by_own_reply(rcpt.seen))
    file = written(here, TINY)
    how = {"output": here / "out", "workers": 1, "progress": False}
    run(file, **how)  # type: ignore[arg-type]
    assert checked == []
    engine.fail_at = {("mine", 1)}
    run(file, strategies=["mine"], **how)  # type: ignore[arg-type]
    assert checked == [0, 0], "two batch sizes"
    engine.fail_at = set()
    run(file, strategies=["mine"], **how)  # type: ignore[arg-type]
    assert checked == [0, 0], "once is enough for this process"
    determinism._passed.clear()
    run(file, strategies=["mine"], replications=4, **how)  # type: ignore[arg-type]
    assert checked == [0, 0, 3, 3], "a study that goes on begins with what is missing"
    determinism._passed.clear()
    assert run(file, strategies=["mine"], replications=4, **how).computed == 0  # type: ignore[arg-type]
    assert checked == [0, 0, 3, 3], "where nothing is computed nothing is checked"


def test_a_strategy_that_always_fails_alike_is_deterministic(tmp_path: Path) -> None:
    def settle(tally: object, rcpt: object, knobs: object) -> object:
        raise ValueError(object())

    simsmtp.register_strategy("mine", settle)  # type: ignore[arg-type]
    tables = {**STUDY, "scenario": {"client": {"strategy": "mine"}}}
    study = run(simsmtp.Experiment.from_dict(tables), workers=1, output=tmp_path / "out", progress=False)
    assert len(study.failures) == 1


def test_a_strategy_that_leaves_without_a_word_is_an_error_where_the_study_would_go_with_it(tmp_path: Path) -> None:
    text = "import ctypes, simsmtp\ndef settle(t, r, k):\n    ctypes.CDLL(None).exit(0)\nsimsmtp.register_strategy('mine', settle)\n"  # noqa: E501
    written(tmp_path, text, "mine.py")
    written(tmp_path, TINY)
    done = cli(tmp_path, "run", "study.toml", "--strategy", "mine.py", "--executor", "serial", "--no-figure")
    assert done.returncode == 2
    assert "the strategy mine ended the process that ran it: replication 0 at client.batch_size=50" in done.stderr
