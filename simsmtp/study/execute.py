"""How replications are executed: which engine, where, and in chunks of which size."""

from __future__ import annotations

import os
from collections.abc import Generator

from simsmtp import engines
from simsmtp.study.chunks import Chunk, Pace, Stored, chunks_of
from simsmtp.study.executors import LOCAL, Executor, started
from simsmtp.study.tasks import Tasks
from simsmtp.study.user_strategies import Travelling

_WORTH_A_THREAD = 1_000_000
"""Recipients of a replication from which on nearly all its time goes by in compiled code, beside other threads."""


def executed(
    tasks: Tasks,
    *,
    seed: int,
    engine: str,
    strategies: tuple[Travelling, ...],
    workers: int,
    executor: Executor = LOCAL,
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

    Yields
    ------
    list of (int, Row)
        Scenario id and row. A replication that failed is a row with its error, and so is one whose worker
        process died three times.
    """
    if not tasks:
        return
    at_stake = tasks.recipients()
    engines.expect(at_stake)
    choice = engines.choose_engine(tasks[0].scenario, engine)
    if choice.engine == "compiled" and executor.name == "local" and workers > 1:
        engines.get_ready(tasks[0].scenario, engine)
    are_long = choice.engine == "compiled" and at_stake // len(tasks) >= _WORTH_A_THREAD
    common = Chunk((), seed, engine, strategies, os.getpid(), at_stake)
    with started(executor, workers, threads=are_long) as pool:
        pace = Pace(pool.workers)
        for rows in pool.map(chunks_of(tasks, pace, common)):
            pace.saw(rows)
            yield rows
