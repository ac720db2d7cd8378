"""An engine that cannot run a study is found out before anything is computed or written."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from capacity_files import PLAN
from study_files import STRATEGY, TINY, all_of, cli, document, own_registry, written

from simsmtp.engines.choice import WORTH_LOADING, Choice, choose_engine
from simsmtp.model.plan import plan_of
from simsmtp.model.scenario import Scenario
from simsmtp.running.execution import execute_tasks
from simsmtp.running.user_strategies import load_strategies
from simsmtp.simulation import simulate
from simsmtp.store.store import Row
from simsmtp.study.engine_tally import EngineTally

__all__ = ["own_registry"]

NO_NUMBA = "simsmtp: engine: numba is not installed; given: 'compiled'; allowed: pip install 'simsmtp[fast]'\n"
TALKATIVE = """
import simsmtp
from simsmtp import by_own_reply


def talkative(tally, rcpt, knobs):
    with open(__file__, encoding="utf-8") as file:
        file.readline()
    return by_own_reply(rcpt.seen)


simsmtp.register_strategy("talkative", talkative)
"""
MIXED = """
import simsmtp
from simsmtp import by_own_reply


def mixed(tally, rcpt, knobs):
    seen = rcpt.seen
    both = {"seen": [seen, "a word"]}
    return by_own_reply(both[seen])


simsmtp.register_strategy("mixed", mixed)
"""
OUTSIDE = "is outside the decision language: "
RUN, TRY, PLAN_CAPACITY = ("run", "study.toml"), ("run", "study.toml", "--dry-run"), ("capacity", "plan.toml")
PRECISELY = (*RUN, "--precision", "delivered_per_s ±5%")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a study, a capacity plan, and a strategy that is no pure decision."""
    folder = tmp_path / "here"
    folder.mkdir()
    for text, name in ((TINY, "study.toml"), (PLAN, "plan.toml"), (TALKATIVE, "talkative.py"), (MIXED, "mixed.py")):
        written(folder, text, name)
    return folder


@pytest.mark.parametrize("arguments", [RUN, TRY, PLAN_CAPACITY])
def test_without_numba_the_compiled_engine_is_refused(folder: Path, arguments: tuple[str, ...]) -> None:
    done = cli(folder, *arguments, "--engine", "compiled", without="numba")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", NO_NUMBA)
    assert not (folder / "results").exists()


def test_without_numba_the_reference_engine_runs_and_says_why(folder: Path) -> None:
    done = cli(folder, "run", "study.toml", "--no-figure", without="numba")
    assert done.returncode == 0, done.stderr
    assert told(done) == "engine reference: numba is not installed (pip install 'simsmtp[fast]')"
    assert "numba" not in done.stderr


def told(done: subprocess.CompletedProcess[str]) -> str:
    """Return the sentence below a table that says who ran its replications."""
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    (first,) = (at for at, line in enumerate(lines) if line.startswith(("engine", "stored")))
    last = next(at for at, line in enumerate(lines) if at > first and re.match(r"\S+: ", line))
    line = " ".join(lines[first:last])
    return re.sub(
        r"; in (this process, sooner than workers would have started|\d+ (threads|worker processes))", "", line
    )


@pytest.mark.slow
@pytest.mark.parametrize("messages", [1, 300])
def test_an_engine_that_was_asked_for_is_said_to_be(folder: Path, messages: int) -> None:
    size = ("--no-figure", "--set", f"workload.messages={messages}", "--set", "client.batch_size=[50]")
    asked = "it was asked for"
    assert told(cli(folder, *RUN, *size, "--engine", "reference")) == f"engine reference: {asked}"
    assert told(cli(folder, *RUN, *size)) == "stored: reference"
    assert told(cli(folder, *RUN, *size, "--engine", "compiled")) == "stored: reference"
    pytest.importorskip("numba", reason="the compiled engine needs numba: pip install 'simsmtp[fast]'")
    more = (*size, "--replications", "4", "--engine", "compiled")
    assert told(cli(folder, *RUN, *more)) == f"engine compiled: {asked}; stored: reference"
    assert told(cli(folder, *RUN, *more)) == "stored: compiled 2, reference 6"
    assert told(cli(folder, *PLAN_CAPACITY, "--engine", "compiled")) == f"engine compiled: {asked}"


def test_engines_that_shared_a_study_each_have_their_reason() -> None:
    rows = [(1, Row(number, (), name, 0.0, None)) for number, name in enumerate(["reference", "compiled", "reference"])]
    ran, before = EngineTally(), EngineTally()
    before.chose([Choice("reference", "it was early")])
    before.saw(rows[:1])
    ran.chose([Choice("compiled", "it was worth it")])
    ran.saw(rows[1:])
    assert ran.text({"reference": 1, "compiled": 1}) == (
        "engines: compiled 1 (it was worth it), reference 1 (where the compiled one was not at hand, or "
        "something did not fit its 64 bits)"
    )
    ran.add(before)
    assert ran.text({"reference": 3, "compiled": 1}) == (
        "engines: compiled 1 (it was worth it), reference 2 (it was early); stored: reference"
    )
    assert EngineTally().text({}) == "engine: no replication was finished"


@pytest.mark.parametrize(
    ("replications", "engine"), [(WORTH_LOADING // 1000 - 1, "reference"), (WORTH_LOADING // 1000, "compiled")]
)
def test_the_engine_follows_from_what_is_asked_and_not_from_what_ran_before(replications: int, engine: str) -> None:
    pytest.importorskip("numba", reason="the compiled engine needs numba: pip install 'simsmtp[fast]'")
    scenario = Scenario(workload={"messages": 10, "recipients_per_message": 100})
    choose_engine(plan_of(scenario), "compiled", at_stake=0)  # from then on it need not be compiled
    for _ in range(3):
        tasks = all_of(scenario, replications)
        chunks = execute_tasks(tasks, seed=1, engine="auto", strategies=(), workers=1)
        assert [row.engine for rows in chunks for _, row in rows] == [engine] * replications
        assert simulate(scenario, replications=replications).engines == {engine: replications}


@pytest.mark.slow
def test_much_work_without_numba_is_told_at_the_beginning(folder: Path) -> None:
    much = ("--no-figure", "--set", "workload.messages=1500", "--set", "client.batch_size=[50]")
    lack = "numba is not installed (pip install 'simsmtp[fast]')"
    done = cli(folder, *RUN, *much, without="numba")
    assert told(done) == f"engine reference: {lack}"
    # A fast machine may need less time for all of it than it needs to compile.
    other = r"the compiled one about 1\d s|and the compiled one would take no less"
    takes = rf"the reference engine takes about [\d.]+ m?s, (?:{other})"
    assert len(re.findall(rf"simsmtp: {re.escape(lack)}; {takes}\n", done.stderr)) == 1
    (folder / "asked").mkdir()
    asked = cli(folder, *RUN, *much, "--engine", "reference", "--output", "asked", without="numba")
    assert told(asked) == "engine reference: it was asked for"
    assert lack not in asked.stderr


@pytest.mark.parametrize(
    ("arguments", "name", "line"), [(RUN, "talkative", 6), (PRECISELY, "mixed", 9), (PLAN_CAPACITY, "talkative", 6)]
)
def test_a_strategy_outside_the_decision_language_is_refused_with_its_line(
    folder: Path, arguments: tuple[str, ...], name: str, line: int
) -> None:
    pytest.importorskip("numba", reason="the compiled engine needs numba: pip install 'simsmtp[fast]'")
    done = cli(folder, *arguments, "--engine", "compiled", "--strategy", f"{name}.py")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"simsmtp: {name}.py:{line}: engine: the strategy {name} {OUTSIDE}")
    assert done.stderr.count("\n") == 1
    assert not (folder / "results").exists()


def test_a_strategy_outside_the_decision_language_runs_slowly_and_says_so_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], own_registry: None
) -> None:
    pytest.importorskip("numba", reason="the compiled engine needs numba: pip install 'simsmtp[fast]'")
    monkeypatch.setattr("simsmtp.engines.choice.WORTH_LOADING", 0)
    monkeypatch.setattr("simsmtp.engines.choice.WORTH_COMPILING", 0)
    monkeypatch.setattr("simsmtp.engines.choice.WORTH_COMPILING_OWN", 0)
    load_strategies(folder / "talkative.py")
    tasks = all_of(Scenario(client={"strategy": "talkative"}), 3)
    for _ in range(2):
        rows = [
            row for rows in execute_tasks(tasks, seed=1, engine="auto", strategies=(), workers=1) for _, row in rows
        ]
        assert [(row.engine, row.error) for row in rows] == [("reference", None)] * 3
    said = capsys.readouterr().err
    assert said.startswith(f"simsmtp: the strategy talkative {OUTSIDE}")
    assert "; the reference engine takes about " in said
    assert said.count(OUTSIDE) == 1


@pytest.mark.slow
def test_a_strategy_in_the_decision_language_is_compiled(folder: Path) -> None:
    pytest.importorskip("numba", reason="the compiled engine needs numba: pip install 'simsmtp[fast]'")
    written(folder, STRATEGY, "mine.py")
    found = document(
        cli(folder, "run", "study.toml", "--engine", "compiled", "--strategy", "mine.py", "--json", "--no-figure")
    )
    assert found["computed"] == 18
