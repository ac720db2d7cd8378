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


@dataclass
class Pace:
    """Sizes chunks by how long replications took so far.

    A chunk of a quarter second makes the cost of handing it out negligible, and little is lost when one is. In it,
    so many replications of a scenario follow each other that the time it takes to make them ready is negligible, too.

    Parameters
    ----------
    expected_s : float
        What a replication may take, as long as none is back; replications that take long travel alone.
    """

    expected_s: float = _CHUNK_S
    replications: int = 0
    seconds: float = 0.0

    def saw(self, rows: Sequence[Stored]) -> None:
        """Learn from a finished chunk."""
        self.replications += len(rows)
        self.seconds += sum(row.duration_s for _, row in rows)

    @property
    def measured_s(self) -> float:
        """Return how long a replication took so far, 0 as long as none is back."""
        return self.seconds / self.replications if self.replications else 0.0

    @property
    def each_s(self) -> float:
        """Return about how long a replication takes."""
        return max(self.measured_s or self.expected_s, 1e-9)

    def size(self) -> int:
        """Return how many replications the next chunk takes."""
        return min(math.ceil(_CHUNK_S / self.each_s), _MOST)

    def height(self) -> int:
        """Return how many of them are of one scenario, if it has so many left."""
        return min(max(1, math.ceil(_BLOCK_S / self.each_s)), _MOST)


def chunks_of(tasks: Tasks, pace: Pace, common: Chunk) -> Iterator[Chunk]:
    """Cut tasks into chunks, each as large as the pace then allows."""
    blocks: list[TaskBlock] = []
    held = 0
    for block in tasks.blocks(pace.height):
        blocks.append(block)
        held += len(block.replications)
        if held >= pace.size():
            yield common._replace(blocks=tuple(blocks))
            blocks, held = [], 0
    if blocks:
        yield common._replace(blocks=tuple(blocks))


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
