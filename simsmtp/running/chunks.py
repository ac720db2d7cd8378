"""Replications that travel together: what a worker is given, and what it gives back."""

from __future__ import annotations

import math
import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import cache
from typing import NamedTuple

from simsmtp import engines
from simsmtp._version import __version__
from simsmtp.errors import UnfinishedError
from simsmtp.model.plan import plan_of
from simsmtp.rows.responses import RESPONSES
from simsmtp.running.tasks import Task, TaskBlock, Tasks
from simsmtp.running.user_strategies import Travelling, register_travelling
from simsmtp.store.address import code_hash
from simsmtp.store.store import Row
from simsmtp.strategies.own_code import kept_alive, told

ATTEMPTS = 3
_CHUNK_S = 0.25
_BLOCK_S = 0.008
_RECIPIENT_S = 3e-6
"""What a recipient takes the reference engine at least."""
_MOST = 2000
_FAILED = (None,) * len(RESPONSES)

Stored = tuple[int, Row]
Map = Callable[[Iterator["Chunk"]], Iterator[list[Stored]]]
"""Runs chunks, and yields the rows of each as it finishes, in any order."""


class Chunk(NamedTuple):
    """Tasks that travel to a worker together, with all it needs to know.

    Attributes
    ----------
    blocks : tuple of TaskBlock
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

    blocks: tuple[TaskBlock, ...]
    seed: int
    engine: str
    strategies: tuple[Travelling, ...]
    parent: int
    code: str
    at_stake: int = 0

    def alone(self) -> Iterator[Chunk]:
        """Yield each task as a chunk of its own."""
        for task in self.tasks():
            yield self.of(task)

    def tasks(self) -> list[Task]:
        """Return the replications in the order in which they run."""
        return [task for block in self.blocks for task in block.tasks()]

    def of(self, task: Task) -> Chunk:
        """Return a chunk of one replication with the rest as it is."""
        return self._replace(blocks=(TaskBlock(task.scenario_id, task.scenario, (task.replication,)),))


class Pace:
    """Sizes chunks by how long replications took so far.

    A chunk of a quarter second makes the cost of handing it out negligible, and little is lost when one is. In it,
    so many replications of a scenario follow each other that the time it takes to make them ready is negligible, too.

    Parameters
    ----------
    expected_s : mapping of int to float
        What a replication may take, by the id of its scenario. What they took so far tells how far that is off.
    """

    def __init__(self, expected_s: Mapping[int, float]) -> None:
        self._expected_s = expected_s
        self._mean_s = sum(expected_s.values()) / len(expected_s)
        self._took_s = self._would_s = 0.0

    def saw(self, rows: Sequence[Stored]) -> None:
        """Learn from a finished chunk."""
        self._took_s += sum(row.duration_s for _, row in rows)
        self._would_s += sum(self._expected_s[scenario_id] for scenario_id, _ in rows)

    @property
    def has_seen(self) -> bool:
        """Tell whether any replication is back."""
        return self._would_s > 0

    @property
    def each_s(self) -> float:
        """Return about how long a replication takes, over all scenarios."""
        return self._mean_s * self._off

    def takes_s(self, scenario_id: int) -> float:
        """Return about how long a replication of a scenario takes."""
        return self._expected_s[scenario_id] * self._off

    def height(self) -> int:
        """Return how many replications of each scenario to run before any has more."""
        return min(max(1, math.ceil(_BLOCK_S / self.each_s)), _MOST)

    @property
    def _off(self) -> float:
        return max(self._took_s / self._would_s if self._would_s else 1.0, 1e-6)


def chunks_of(tasks: Tasks, pace: Pace, common: Chunk) -> Iterator[Chunk]:
    """Cut tasks into chunks, each as large as the pace then allows."""
    blocks: list[TaskBlock] = []
    held, held_s = 0, 0.0
    for whole in tasks.blocks(pace.height):
        for block in _parts(whole, pace):
            blocks.append(block)
            held += len(block.replications)
            held_s += pace.takes_s(block.scenario_id) * len(block.replications)
            if held_s >= _CHUNK_S or held >= _MOST:
                yield common._replace(blocks=tuple(blocks))
                blocks, held, held_s = [], 0, 0.0
    if blocks:
        yield common._replace(blocks=tuple(blocks))


def _parts(block: TaskBlock, pace: Pace) -> Iterator[TaskBlock]:
    """Cut a block into parts that fit a chunk."""
    begin = 0
    while begin < len(block.replications):
        end = begin + max(1, int(_CHUNK_S / pace.takes_s(block.scenario_id)))
        yield block._replace(replications=block.replications[begin:end])
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
    """Run the tasks of a chunk one after the other; called in worker processes, too.

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
        return [(block.scenario_id, row) for block in chunk.blocks for row in _rows(block, chunk)]


def _rows(block: TaskBlock, chunk: Chunk) -> Iterator[Row]:
    """Yield the rows of a scenario's replications; one that fails is a row with its error, and the others go on."""
    done = 0
    while done < len(block.replications):
        began = time.perf_counter()
        try:
            plan = plan_of(block.scenario)
            choice = engines.choose_engine(plan, chunk.engine, at_stake=chunk.at_stake)
            left = block.replications[done:]
            later_s = _RECIPIENT_S * chunk.at_stake
            for ran in engines.run_block(plan, seed=chunk.seed, replications=left, engine=choice, later_s=later_s):
                numbers = block.replications[done : done + len(ran.responses)]
                each_s = (time.perf_counter() - began) / len(numbers)
                for number, values in zip(numbers, ran.responses.tolist(), strict=True):
                    yield Row(number, values, ran.engine or chunk.engine, each_s, None)
                done += len(numbers)
                began = time.perf_counter()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, the other replications go on
            yield Row(block.replications[done], _FAILED, chunk.engine, time.perf_counter() - began, told(error))
            done += 1


def died(chunk: Chunk) -> list[Stored]:
    """Return the rows of a chunk that no worker survived."""
    message = f"WorkerDied: the worker process died {ATTEMPTS} times in this replication"
    return [(task.scenario_id, Row(task.replication, _FAILED, chunk.engine, 0.0, message)) for task in chunk.tasks()]


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
