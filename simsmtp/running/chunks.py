"""Replications that travel together: what a worker is given, and what it gives back."""

from __future__ import annotations

import math
import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from simsmtp import engines
from simsmtp._version import __version__
from simsmtp.errors import UnfinishedError
from simsmtp.model.plan import Plan, plan_of
from simsmtp.rows.responses import RESPONSES
from simsmtp.running.tasks import Task
from simsmtp.running.user_strategies import Travelling, register_travelling
from simsmtp.store.address import code_hash
from simsmtp.store.store import Row
from simsmtp.strategies.own_code import kept_alive, told

ATTEMPTS = 3
_CHUNK_S = 0.25
_MOST = 2000
_FAILED = (None,) * len(RESPONSES)

Stored = tuple[int, Row]
Map = Callable[[Iterator["Chunk"]], Iterator[list[Stored]]]
"""Runs chunks, and yields the rows of each as it finishes, in any order."""


class Chunk(NamedTuple):
    """Tasks that travel to a worker together, with all it needs to know.

    Attributes
    ----------
    tasks : tuple of Task
        To run one after the other.
    seed, engine : int, str
        Passed to the engine.
    strategies : tuple of Travelling
        User strategies that a worker has to learn.
    parent : int
        Process with which a worker ends; 0 for one that lives by itself.
    code : str
        What `own_code` returns where the results are wanted.
    at_stake : int
        Recipients of the whole study, for the choice of the engine.
    """

    tasks: tuple[Task, ...]
    seed: int
    engine: str
    strategies: tuple[Travelling, ...]
    parent: int
    code: str
    at_stake: int = 0

    def alone(self) -> Iterator[Chunk]:
        """Yield each task as a chunk of its own."""
        for task in self.tasks:
            yield self._replace(tasks=(task,))


@dataclass
class Pace:
    """Sizes chunks by how long replications took so far.

    A chunk of a quarter second makes the cost of handing it out negligible, and little is lost when one is. Until the
    first is back, replications travel alone.
    """

    replications: int = 0
    seconds: float = 0.0

    def saw(self, rows: Sequence[Stored]) -> None:
        """Learn from a finished chunk."""
        self.replications += len(rows)
        self.seconds += sum(row.duration_s for _, row in rows)

    def size(self) -> int:
        """Return how many replications the next chunk takes."""
        if not self.replications:
            return 1
        return min(math.ceil(_CHUNK_S * self.replications / max(self.seconds, 1e-9)), _MOST)


def chunks_of(tasks: Sequence[Task], pace: Pace, common: Chunk) -> Iterator[Chunk]:
    """Cut tasks into chunks, each as large as the pace then allows."""
    begin = 0
    while begin < len(tasks):
        end = min(begin + pace.size(), len(tasks))
        yield common._replace(tasks=tuple(tasks[number] for number in range(begin, end)))
        begin = end


def own_code() -> str:
    """Return in words which sources this process has: its rows are stored under their address."""
    return f"simsmtp {__version__} with the code hash {code_hash()[:16]}"


def other_code(where: str, there: str, here: str) -> UnfinishedError:
    """Return the complaint about a worker that has other sources."""
    return UnfinishedError(
        f"a worker {where} has other code than this run: {there} there, {here} here; all nodes need the same code, and "
        "workers started since it changed; what was finished is stored, and the same command goes on from there"
    )


def run_chunk(chunk: Chunk) -> list[Stored]:
    """Run the tasks of a chunk one after the other; called in worker processes too.

    Raises
    ------
    UnfinishedError
        If this process has other sources: its rows would be stored under the address of those asked for.
    """
    if chunk.parent not in (0, os.getpid()):
        _settle_in(chunk.parent)
    if own_code() != chunk.code:
        raise other_code(f"on {platform.node()}", own_code(), chunk.code)
    register_travelling(chunk.strategies)
    # A strategy that ends a worker costs that worker; one that ends this process would leave nobody to say so.
    with kept_alive() if chunk.parent == os.getpid() else nullcontext():
        cases: dict[int, _Case] = {}
        return [(task.scenario_id, _run(task, chunk, cases)) for task in chunk.tasks]


class _Case(NamedTuple):
    """What the replications of a scenario have in common."""

    plan: Plan
    choice: engines.Choice


def _run(task: Task, chunk: Chunk, cases: dict[int, _Case]) -> Row:
    began, engine = time.perf_counter(), chunk.engine
    try:
        if task.scenario_id not in cases:
            plan = plan_of(task.scenario)
            cases[task.scenario_id] = _Case(plan, engines.choose_engine(plan, engine, at_stake=chunk.at_stake))
        plan, choice = cases[task.scenario_id]
        output = engines.run_replication(plan, seed=chunk.seed, replication=task.replication, engine=choice)
        given = output.responses
        values = tuple((int if one.whole else float)(given[one.name]) for one in RESPONSES)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, the other replications go on
        return Row(task.replication, _FAILED, engine, time.perf_counter() - began, told(error))
    return Row(task.replication, values, output.engine or engine, time.perf_counter() - began, None)


def died(chunk: Chunk) -> list[Stored]:
    """Return the rows of a chunk that no worker survived."""
    message = f"WorkerDied: the worker process died {ATTEMPTS} times in this replication"
    return [(task.scenario_id, Row(task.replication, _FAILED, chunk.engine, 0.0, message)) for task in chunk.tasks]


@cache
def _settle_in(parent: int) -> None:
    """Make this worker leave Ctrl-C to its parent, and end when the parent is gone, however it ended."""
    engines.be_worker()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":  # there a process keeps the number of its parent for ever
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)
