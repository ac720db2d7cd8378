"""How replications are executed: in chunks, in this process or in worker processes that may die."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from simsmtp import engines
from simsmtp.model.responses import RESPONSES
from simsmtp.study.store import Row
from simsmtp.study.user_strategies import Travelling, register_travelling

if TYPE_CHECKING:
    from simsmtp.model.scenario import Scenario

ATTEMPTS = 3
_CHUNK_S = 0.25
_FAILED = (None,) * len(RESPONSES)

Stored = tuple[int, Row]


class Task(NamedTuple):
    """One replication to run: the scenario with its id in the store."""

    scenario_id: int
    scenario: Scenario
    replication: int


class Chunk(NamedTuple):
    """Tasks that travel to a worker together, with all it needs to know."""

    tasks: tuple[Task, ...]
    seed: int
    engine: str
    strategies: tuple[Travelling, ...]
    parent: int

    def alone(self) -> Iterator[Chunk]:
        """Yield each task as a chunk of its own."""
        for task in self.tasks:
            yield self._replace(tasks=(task,))


@dataclass
class Pace:
    """Sizes chunks by how long replications took so far.

    A chunk of a quarter second makes the cost of handing it out negligible, and little is lost when one is.
    """

    workers: int
    replications: int = 0
    seconds: float = 0.0

    def saw(self, rows: Sequence[Stored]) -> None:
        """Learn from a finished chunk."""
        self.replications += len(rows)
        self.seconds += sum(row.duration_s for _, row in rows)

    def size(self, left: int) -> int:
        """Return how many of the `left` replications the next chunk takes."""
        if not self.replications:
            return 1
        fit = int(_CHUNK_S * self.replications / max(self.seconds, 1e-9))
        return max(1, min(fit, -(-left // (2 * self.workers)), 1000))


def executed(
    tasks: Sequence[Task], *, seed: int, engine: str, strategies: tuple[Travelling, ...], workers: int
) -> Generator[list[Stored]]:
    """Run tasks and yield the rows of each chunk as it finishes, in any order.

    Parameters
    ----------
    tasks : sequence of Task
        What to run.
    seed, engine : int, str
        Passed to the engine.
    strategies : tuple of Travelling
        User strategies that worker processes have to learn.
    workers : int
        1 runs in this process.

    Yields
    ------
    list of (int, Row)
        Scenario id and row. A replication that failed is a row with its error, and so is one whose worker
        process died three times.
    """
    common = Chunk((), seed, engine, strategies, os.getpid())
    pace = Pace(workers)
    chunks = _chunks(tasks, pace, common)
    finished = map(run_chunk, chunks) if workers == 1 else _in_processes(chunks, workers)
    for rows in finished:
        pace.saw(rows)
        yield rows


def _chunks(tasks: Sequence[Task], pace: Pace, common: Chunk) -> Iterator[Chunk]:
    begin = 0
    while begin < len(tasks):
        end = begin + pace.size(len(tasks) - begin)
        yield common._replace(tasks=tuple(tasks[begin:end]))
        begin = end


def run_chunk(chunk: Chunk) -> list[Stored]:
    """Run the tasks of a chunk one after the other; called in worker processes too."""
    if os.getpid() != chunk.parent:
        _settle_in(chunk.parent)
    register_travelling(chunk.strategies)
    return [(task.scenario_id, _run(task, chunk.seed, chunk.engine)) for task in chunk.tasks]


def _run(task: Task, seed: int, engine: str) -> Row:
    began = time.perf_counter()
    try:
        output = engines.run_replication(task.scenario, seed=seed, replication=task.replication, engine=engine)
        given = output.responses
        values = tuple((int if one.whole else float)(given[one.name]) for one in RESPONSES)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, the other replications go on
        return Row(task.replication, _FAILED, engine, time.perf_counter() - began, f"{type(error).__name__}: {error}")
    return Row(task.replication, values, engine, time.perf_counter() - began, None)


@cache
def _settle_in(parent: int) -> None:
    """Make this worker leave Ctrl-C to its parent, and end when the parent is gone, however it ended."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":  # there a process keeps the number of its parent for ever
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)


def _in_processes(chunks: Iterator[Chunk], workers: int) -> Iterator[list[Stored]]:
    """Run chunks in worker processes; when one dies, those under way are run again, each alone."""
    from joblib.externals.loky.process_executor import TerminatedWorkerError  # noqa: PLC0415 - slow to import

    done = False
    while not done:
        under_way: dict[int, Chunk] = {}
        try:
            for number, rows in _parallel(_noted(chunks, under_way), workers):
                del under_way[number]
                yield rows
            done = True
        except TerminatedWorkerError:
            for chunk in list(under_way.values()):
                for one in chunk.alone():
                    yield _alone(one, workers, TerminatedWorkerError)


def _noted(chunks: Iterator[Chunk], under_way: dict[int, Chunk]) -> Iterator[tuple[int, Chunk]]:
    for number, chunk in enumerate(chunks):
        under_way[number] = chunk
        yield number, chunk


def _alone(chunk: Chunk, workers: int, died: type[Exception]) -> list[Stored]:
    """Run one task with no other under way, so that the death of a worker is its own."""
    for _ in range(ATTEMPTS - 1):
        try:
            ((_, rows),) = _parallel(iter([(0, chunk)]), workers)
            return rows
        except died:
            continue
    message = f"WorkerDied: the worker process died {ATTEMPTS} times in this replication"
    return [(task.scenario_id, Row(task.replication, _FAILED, chunk.engine, 0.0, message)) for task in chunk.tasks]


def _parallel(numbered: Iterator[tuple[int, Chunk]], workers: int) -> Iterator[tuple[int, list[Stored]]]:
    from joblib import Parallel, delayed  # noqa: PLC0415 - slow to import

    pool: Any = Parallel(workers, backend="loky", return_as="generator_unordered", batch_size=1, max_nbytes=None)
    with _interrupts_kept_from_children():
        results = pool(delayed(_numbered)(number, chunk) for number, chunk in numbered)
    yield from results


@contextmanager
def _interrupts_kept_from_children() -> Iterator[None]:
    """Start processes with Ctrl-C blocked: one that is still importing would answer it with a traceback."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _numbered(number: int, chunk: Chunk) -> tuple[int, list[Stored]]:
    return number, run_chunk(chunk)
