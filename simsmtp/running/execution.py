"""How replications are executed: which engine, where, and in chunks of which size."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from functools import cache
from typing import TYPE_CHECKING

from simsmtp import engines
from simsmtp.engines import Choice
from simsmtp.model.plan import plan_of
from simsmtp.progress import note
from simsmtp.running.chunks import Chunk, Pace, Stored, chunks_of, own_code
from simsmtp.running.executors import LOCAL, Executor
from simsmtp.running.places import Places
from simsmtp.running.tasks import Tasks
from simsmtp.running.user_strategies import Travelling
from simsmtp.study.engine_tally import EngineTally

if TYPE_CHECKING:
    from simsmtp.experiment.experiment import Experiment
    from simsmtp.model.scenario import Scenario

_COSTS_S = {"reference": (5e-4, 1e-5), "compiled": (2e-5, 1e-7)}
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

    Yields
    ------
    list of (int, Row)
        Scenario id and row. A replication that failed is a row with its error, and so is one whose worker
        process died three times.
    """
    ran = EngineTally() if ran is None else ran
    if not tasks:
        return
    common = common_of(tasks, seed=seed, engine=engine, strategies=strategies)
    plans = [plan_of(one) for one in _one_per_strategy(tasks.scenarios())]
    choices = [engines.choose_engine(one, engine, at_stake=common.at_stake) for one in plans]
    if choices[0].engine == "compiled" and executor.name == "local":
        choices[0] = engines.get_ready(plans[0], engine, at_stake=common.at_stake)
    for one in choices:
        _tell_fallback(one)
    ran.chose(choices)
    pace = Pace(expected_s(choices[0], common.at_stake / len(tasks)))
    places = Places(plans[0], choices, executor, workers, ran)
    for rows in places.run(chunks_of(tasks, pace, common), pace, len(tasks)):
        pace.saw(rows)
        ran.saw(rows)
        if choices[0].engine == "compiled" and any(row.engine == "reference" for _, row in rows):
            engines.tell_obstacle(plans[0])
        yield rows


def expected_s(choice: Choice, recipients: float) -> float:
    """Return about how long a replication of so many recipients takes, before any has run."""
    fixed_s, each_s = _COSTS_S[choice.engine]
    return fixed_s + each_s * recipients


def _one_per_strategy(scenarios: Iterable[Scenario]) -> list[Scenario]:
    """Return the first scenario of every strategy: what else they say is the same to the choice of an engine."""
    found: dict[str, Scenario] = {}
    for one in scenarios:
        found.setdefault(one.client.strategy, one)
    return list(found.values())


@cache
def _tell_fallback(choice: Choice) -> None:
    """Say once why the faster engine cannot be had."""
    if choice.is_fallback:
        note(f"{choice.reason}; the reference engine runs it")


def common_of(tasks: Tasks, *, seed: int, engine: str, strategies: tuple[Travelling, ...]) -> Chunk:
    """Return what the chunks of some tasks have in common."""
    return Chunk((), seed, engine, strategies, os.getpid(), own_code(), tasks.recipients())
