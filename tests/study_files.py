"""What the tests of studies share: a small experiment file, the command line, and an engine that costs nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simsmtp import engines
from simsmtp.engines import Choice
from simsmtp.model.plan import Plan
from simsmtp.model.scenario import Scenario
from simsmtp.rows.records import Output
from simsmtp.rows.responses import RESPONSES
from simsmtp.running.tasks import Tasks
from simsmtp.strategies import registry
from simsmtp.strategies.registry import strategy_of

ROOT = Path(__file__).parents[1]
STUDY = '[study]\nname = "tiny"\ntitle = "Tiny"\nreplications = 3\nseed = 7\n'
TINY = (
    STUDY
    + """
[scenario.workload]
recipients_per_message = { dist = "lognormal", mean = 120, cv = 0.3 }

[factors]
"client.batch_size" = [50, 200]
"client.strategy" = ["corrected", "one-stop"]

[figure]
x = "client.batch_size"
y = ["delivered_per_s", "false_ndr"]
line = "client.strategy"
mark = "server.recipient_limit"
"""
)
# Long enough to be killed in the middle: a few seconds of work.
LONG = TINY.replace("replications = 3", "replications = 400").replace("mean = 120", "mean = 6000")
STRATEGY = """
import simsmtp
from simsmtp import ReplyClass, Verdict, by_own_reply


def optimist(tally, rcpt, knobs):
    \"\"\"Take every refusal over the limit as accepted.\"\"\"
    return Verdict.DONE if rcpt.seen == ReplyClass.OVER else by_own_reply(rcpt.seen)


simsmtp.register_strategy("optimist", optimist)
"""


def written(folder: Path, text: str, name: str = "study.toml") -> Path:
    """Write a file and return its path."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "simsmtp", *map(str, arguments)]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def cli(folder: Path, *arguments: object, without: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line in a folder, perhaps as if a package were not installed."""
    env = environment()
    if without:
        hidden = folder.parent / f"{folder.name}-without-{without}"
        hidden.mkdir(exist_ok=True)
        written(hidden, f"import sys; sys.modules[{without!r}] = None", "sitecustomize.py")
        env["PYTHONPATH"] = os.pathsep.join([str(hidden), env["PYTHONPATH"]])
    return subprocess.run(command(*arguments), cwd=folder, env=env, capture_output=True, text=True, check=False)


def all_of(scenario: Scenario, replications: int) -> Tasks:
    """Return the tasks of a scenario of which nothing is stored."""
    return Tasks({1: scenario}, replications, lambda *_: np.empty(0, dtype=np.int64))


def document(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return what a command with ``--json`` printed."""
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


class FakeEngine:
    """Stands in for the engines: counts its calls, fails where it is told to."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int, int]] = []
        self.fail_at: set[tuple[str, int]] = set()
        self.interrupt_after: int | None = None

    def __call__(self, plan: Plan, *, seed: int, replication: int, engine: Choice) -> Output:
        name = strategy_of(plan.client.settle, plan.client.hooks).name
        if self.interrupt_after is not None and len(self.calls) >= self.interrupt_after:
            raise KeyboardInterrupt
        self.calls.append((name, seed, replication))
        if (name, replication) in self.fail_at:
            raise ZeroDivisionError("no such luck")
        value = plan.client.batch_size + replication + seed / 8
        return Output({one.name: int(value) if one.whole else value for one in RESPONSES}, [], [])


def stand_in(monkeypatch: pytest.MonkeyPatch, run: Callable[..., Output]) -> None:
    """Have something else run every replication in this process, one by one."""
    monkeypatch.setattr(engines, "run_replication", run)
    real = engines.choose_engine

    def choose(plan: Plan, engine: str = "auto", **_: object) -> Choice:
        real(plan, engine, at_stake=0)  # which knows what can be asked for
        return Choice("reference", "it stands in")

    monkeypatch.setattr(engines, "choose_engine", choose)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """Replace the engines for this process."""
    fake = FakeEngine()
    stand_in(monkeypatch, fake)
    return fake


@pytest.fixture
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strategies registered in a test are gone after it."""
    monkeypatch.setattr(registry, "_registry", dict(registry._registry))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def heed_ctrl_c() -> None:
    """Undo what a shell does to jobs in the background: they, and all they start, ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
