"""Whether a user's own strategies are deterministic: the first replication of each design point is repeated.

A process of its own runs it twice, which shows what is carried from one run to the next, what is drawn and what the
clock says; another one with another hash seed runs it once, which shows the order of sets, hashes of texts and
addresses. What begins to differ only in a later replication is not noticed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Self

from simsmtp import engines
from simsmtp.engines.repeated import difference, not_deterministic
from simsmtp.errors import InputError
from simsmtp.model.plan import plan_of
from simsmtp.rows.responses import COLUMNS
from simsmtp.running.chunks import Chunk, run_chunk
from simsmtp.running.strategy_pickling import obstacle_to_travel
from simsmtp.running.worker_processes import without_interrupts
from simsmtp.store.address import address
from simsmtp.strategies.own_code import kept_alive
from simsmtp.strategies.registry import find_strategy

if TYPE_CHECKING:
    from types import TracebackType

    from simsmtp.model.scenario import Scenario
    from simsmtp.running.tasks import Task, Tasks
    from simsmtp.store.store import Row

_HASH_SEEDS = ("1", "2")
_passed: set[str] = set()


class DeterminismCheck:
    """Repeats first replications in processes that it keeps as long as the context lasts.

    Parameters
    ----------
    workers : int
        How many processes of either kind.
    is_here : bool
        The study runs in this process: a strategy that ends the process is an error, and not a failed replication.
    """

    def __init__(self, workers: int, *, is_here: bool) -> None:
        self._workers, self._is_here = workers, is_here
        self._pools: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def check(self, tasks: Tasks, common: Chunk, place: Callable[[Scenario], str]) -> None:
        """Repeat the first of the tasks of every scenario with a strategy of the user's own, once in this process.

        Parameters
        ----------
        tasks : Tasks
            What will be run.
        common : Chunk
            How: its seed, engine, strategies.
        place : callable
            From a scenario to what the user calls it.

        Raises
        ------
        InputError
            If a run gives other responses than the first, or ends its process where the study would go with it.
        """
        own = {one.name for one in common.strategies}
        firsts = [task for task in (tasks.firsts() if own else ()) if task.scenario.client.strategy in own]
        waiting = {key: task for task in firsts if (key := address(task.scenario, common.seed)) not in _passed}
        if not waiting:
            return
        engines.get_ready(plan_of(firsts[0].scenario), common.engine, at_stake=common.at_stake)
        chunks = [common.of(task) for task in waiting.values()]
        runs = self._in_pools if obstacle_to_travel(common.strategies) is None else _here
        try:
            for key, task, rows in zip(waiting, waiting.values(), runs(chunks), strict=True):
                self._judge(task, f"replication {task.replication} at {place(task.scenario) or 'the base'}", rows)
                _passed.add(key)
        except BaseException:
            self._stop()
            raise

    def _judge(self, task: Task, where: str, rows: list[Row]) -> None:
        if rows:
            _compare(task, where, *rows)
        elif self._is_here:
            name = task.scenario.client.strategy
            raise InputError(f"the strategy {name} ended the process that ran it: {where}", allowed="a Verdict")

    def _in_pools(self, chunks: list[Chunk]) -> Iterator[list[Row]]:
        """Yield the rows of three runs of each chunk; none of one whose process died."""
        from joblib.externals.loky.process_executor import BrokenProcessPool

        done = 0
        while done < len(chunks):
            try:
                for futures in self._submitted(chunks[done:]):
                    rows = [row for future in futures for row in future.result()]
                    done += 1
                    yield rows
            except BrokenProcessPool:
                self._stop()
                done += 1
                yield []

    def _submitted(self, chunks: list[Chunk]) -> list[list[Any]]:
        from joblib.externals.loky import ProcessPoolExecutor

        if not self._pools:
            self._pools = [ProcessPoolExecutor(self._workers, env={"PYTHONHASHSEED": one}) for one in _HASH_SEEDS]
        with without_interrupts():
            return [
                [pool.submit(_repeated, chunk, times, is_guarded=self._is_here)
                 for pool, times in zip(self._pools, (2, 1), strict=True)]
                for chunk in chunks
            ]  # fmt: skip

    def _stop(self) -> None:
        for pool in self._pools:
            pool.shutdown(wait=True, kill_workers=True)
        self._pools = []


def _here(chunks: list[Chunk]) -> Iterator[list[Row]]:
    yield from (_repeated(chunk, 2, is_guarded=True) for chunk in chunks)


def _repeated(chunk: Chunk, times: int, *, is_guarded: bool) -> list[Row]:
    with kept_alive() if is_guarded else nullcontext():
        return [row for _ in range(times) for _, row in run_chunk(chunk)]


def _compare(task: Task, where: str, first: Row, *others: Row) -> None:
    for other, how in zip(others, ("in the same process", "in another process"), strict=False):
        if found := difference(_values(first), _values(other)):
            raise not_deterministic(find_strategy(task.scenario.client.strategy), where, found, how)


def _values(row: Row) -> dict[str, object]:
    if row.error is not None:
        return dict.fromkeys(COLUMNS, re.sub(r" at 0x[0-9a-f]+", "", row.error))
    return dict(zip(COLUMNS, row.responses, strict=True))
