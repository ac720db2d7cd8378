"""Where the chunks of a study run, and when that changes: in this process, in others, in threads, on a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from simsmtp import engines
from simsmtp.engines import FASTER, Choice
from simsmtp.model.numbers import counted
from simsmtp.model.plan import Plan
from simsmtp.progress import note_once
from simsmtp.running.chunks import Chunk, Pace, Stored, run_chunk
from simsmtp.running.executors import Executor, started
from simsmtp.running.strategy_pickling import obstacle_to_travel
from simsmtp.study.engine_tally import EngineTally

START_S = 1.0
"""Wall time until worker processes have imported what they need, see `results/performance/`."""


class Places(NamedTuple):
    """Where chunks run.

    Attributes
    ----------
    plans, choices : list of Plan, list of Choice
        A plan for each strategy of the study, and the engine for it.
    executor, workers : Executor, int
        As asked for.
    ran : EngineTally
        Where to note what is decided.
    """

    plans: list[Plan]
    choices: list[Choice]
    executor: Executor
    workers: int
    ran: EngineTally

    def run(self, chunks: Iterator[Chunk], pace: Pace, count: int) -> Iterator[list[Stored]]:
        """Yield the rows of all chunks, in any order.

        Parameters
        ----------
        chunks : iterator of Chunk
            What to run.
        pace : Pace
            How long replications take so far; whoever takes the rows keeps it.
        count : int
            How many replications that is.
        """
        if self.executor.name != "dask" and any(one.meanwhile for one in self.choices):
            for rows in self._by_reference(self._until_faster(chunks, pace, count), pace, count):
                count -= len(rows)
                yield rows
        if not count:
            return
        if self.executor.name == "dask" or self.executor.runs_here(self.workers):
            with started(self.executor, self.workers) as run:
                yield from run(chunks)
        elif all(one.engine == "compiled" or one.meanwhile for one in self.choices):
            # Nearly all its time goes by in compiled code, beside other threads.
            self.ran.places.append(counted(self.workers, "thread"))
            with started(self.executor, self.workers, threads=True) as run:
                yield from run(chunks)
        else:
            yield from self._by_reference(chunks, pace, count)

    def _until_faster(self, chunks: Iterator[Chunk], pace: Pace, count: int) -> Iterator[Chunk]:
        """Yield chunks for the reference engine, until the compiled one is there or none is left."""
        plan = next(plan for plan, one in zip(self.plans, self.choices, strict=True) if one.meanwhile)
        left_s = 0.0  # nothing is known before the first is back
        while not engines.is_faster_at_hand(plan, left_s=left_s):
            if (following := next(chunks, None)) is None:
                return
            count -= len(following.tasks())
            yield following._replace(engine="reference")
            left_s = pace.each_s * count / self.workers if pace.has_seen else 0.0
        self.ran.took_over(FASTER, engines.UNTIL)

    def _by_reference(self, chunks: Iterator[Chunk], pace: Pace, count: int) -> Iterator[list[Stored]]:
        """Yield the rows of chunks that hold the interpreter's lock: by workers, where starting them is repaid."""
        following = next(chunks, None)
        # A strategy of the user's own may end its process.
        here = self.executor.runs_here(self.workers)
        while following is not None and (here or not following.strategies):
            if not here and pace.each_s * count * (1 - 1 / self.workers) > START_S:
                break
            rows = run_chunk(following)
            count -= len(rows)
            yield rows
            following = next(chunks, None)
        if following is None:
            if not here and not count:
                self.ran.places.append("this process, sooner than workers would have started")
            return
        chunks = chain([following], chunks)
        if obstacle := obstacle_to_travel(following.strategies):
            note_once(f"{obstacle}; this process runs all replications")
            yield from map(run_chunk, chunks)
            return
        self.ran.places.append(f"{self.workers} worker processes")
        with started(self.executor, self.workers) as run:
            yield from run(chunks)
