"""How replications are executed: which engine, where, and in chunks of which size."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from simsmtp import engines
from simsmtp.engines import Choice
from simsmtp.model.numbers import seconds_text
from simsmtp.model.plan import plan_of
from simsmtp.progress import note_once
from simsmtp.running.chunks import Chunk, Pace, Stored, chunks_of, own_code
from simsmtp.running.executors import LOCAL, Executor
from simsmtp.running.places import Places
from simsmtp.running.tasks import Tasks, part_of
from simsmtp.running.user_strategies import Travelling
from simsmtp.study.engine_tally import EngineTally

if TYPE_CHECKING:
    from simsmtp.experiment.experiment import Experiment
    from simsmtp.model.scenario import Scenario

_LOOK = 3_000
"""Recipients of the part that is looked at to tell what the reference engine will take."""
_COMPILING_S = 10.0
_COSTS_S = {"reference": (3e-4, 5e-6), "compiled": (2e-5, 1e-7)}
"""Of a replication, and of each of its recipients, within a factor of ten, see `results/performance/`."""


def check_engine(experiment: Experiment, engine: str) -> None:
    """Raise an `InputError` unless an engine can run every scenario of an experiment."""
    if engine != "auto":
        for scenario in _one_per_strategy(point.scenario for point in experiment.points):
            engines.choose_engine(plan_of(scenario), engine, at_stake=0)


def execute_tasks(
    tasks: Tasks,
    *,
    seed: int,
    engine: str,
    strategies: tuple[Travelling, ...],
    workers: int,
    executor: Executor = LOCAL,
    ran: EngineTally | None = None,
    at_stake: int = 0,
) -> Generator[list[Stored]]:
    """Run tasks and yield the rows of each chunk as it finishes, in any order.

    Parameters
    ----------
    tasks : Tasks
        What to run.
    seed, engine : int, str
        Passed to the engine.
    strategies : tuple of Travelling
        User strategies that worker processes have to learn.
    workers : int
        1 runs in this process.
    executor : Executor
        What runs them.
    ran : EngineTally, optional
        Where to note which engine ran them, and why.
    at_stake : int
        Recipients that may be asked for in all, if that is more than those of these tasks.

    Yields
    ------
    list of (int, Row)
        Scenario id and row. A replication that failed is a row with its error, and so is one whose worker
        process died three times.
    """
    ran = EngineTally() if ran is None else ran
    if not tasks:
        return
    common = common_of(tasks, seed=seed, engine=engine, strategies=strategies, at_stake=at_stake)
    plans = [plan_of(one) for one in _one_per_strategy(tasks.scenarios())]
    choices = [engines.choose_engine(one, engine, at_stake=common.at_stake) for one in plans]
    if choices[0].engine == "compiled" and executor.name == "local":
        choices[0] = engines.get_ready(plans[0], engine, at_stake=common.at_stake)
    for one in choices:
        if one.is_fallback:
            note_once(f"{one.reason}; {_costs_told(tasks, workers)}")
    ran.chose(choices)
    pace = Pace({one: _takes_s(choices[0], each) for one, each in tasks.recipients_of_each().items()})
    places = Places(plans, choices, executor, workers, ran)
    for rows in places.run(chunks_of(tasks, pace, common), pace, len(tasks)):
        pace.saw(rows)
        ran.saw(rows)
        if choices[0].engine == "compiled" and any(row.engine == "reference" for _, row in rows):
            engines.tell_obstacle(plans[0])
        yield rows


def expected_s(tasks: Tasks, engine: str, *, at_stake: int = 0) -> float:
    """Return about how long tasks take one after the other; arguments as of `execute_tasks`."""
    if not tasks:
        return 0.0
    plan = plan_of(tasks.scenarios()[0])
    choice = engines.choose_engine(plan, engine, at_stake=max(at_stake, tasks.recipients()))
    return len(tasks) * _takes_s(choice, tasks.recipients() / len(tasks))


def _takes_s(choice: Choice, recipients: float) -> float:
    fixed_s, per_recipient_s = _COSTS_S[choice.engine]
    return fixed_s + per_recipient_s * recipients


def _costs_told(tasks: Tasks, workers: int) -> str:
    """Return in words what the reference engine will take, by a look at a part, and what the other one would."""
    part, share = part_of(tasks[0].scenario, _LOOK)
    plan, began = plan_of(part), time.perf_counter()
    with suppress(Exception):  # the study will tell
        engines.run_replication(plan, engine=Choice("reference", ""))
    each_s = (time.perf_counter() - began) / share
    slow_s = each_s * tasks.recipients() / engines.expected_recipients(plan_of(tasks[0].scenario).workload)
    fast_s = _COSTS_S["compiled"][0] * len(tasks) + _COSTS_S["compiled"][1] * tasks.recipients() + _COMPILING_S
    slow = f"the reference engine takes about {seconds_text(slow_s / workers)}"
    if fast_s >= slow_s / workers:
        return f"{slow}, and the compiled one would take no less"
    return f"{slow}, the compiled one about {seconds_text(fast_s)}"


def _one_per_strategy(scenarios: Iterable[Scenario]) -> list[Scenario]:
    """Return the first scenario of every strategy: what else they say is the same to the choice of an engine."""
    found: dict[str, Scenario] = {}
    for one in scenarios:
        found.setdefault(one.client.strategy, one)
    return list(found.values())


def common_of(tasks: Tasks, *, seed: int, engine: str, strategies: tuple[Travelling, ...], at_stake: int = 0) -> Chunk:
    """Return what the chunks of some tasks have in common."""
    at_stake = max(at_stake, tasks.recipients())
    return Chunk((), seed, engine, strategies, os.getpid(), own_code(), at_stake)
