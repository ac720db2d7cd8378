"""Where replications run: in this process, in others, in threads, on a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from itertools import islice
from typing import NamedTuple

from simsmtp.errors import InputError
from simsmtp.running.chunks import Chunk, Map, Stored, run_chunk
from simsmtp.running.worker_processes import in_processes

EXECUTORS = ("local", "serial", "dask")


class Executor(NamedTuple):
    """Where replications run; results do not depend on it.

    Attributes
    ----------
    name : str
        ``"local"`` for processes of this machine (threads for long replications of the compiled engine),
        ``"serial"`` for this process, ``"dask"`` for the workers of a Dask scheduler.
    scheduler : str, optional
        Address of that scheduler, such as ``"tcp://10.0.0.1:8786"``; without one, a cluster is made on this
        machine for as long as it is needed.
    """

    name: str = "local"
    scheduler: str | None = None

    def runs_here(self, workers: int) -> bool:
        """Tell whether so many workers are this process itself."""
        return self.name == "serial" or (self.name == "local" and workers == 1)


LOCAL = Executor()


def executor_of(name: str = "local", scheduler: str | None = None) -> Executor:
    """Return an executor that can be used.

    Raises
    ------
    InputError
        If it is unknown, not installed, or its scheduler does not answer.
    """
    if name not in EXECUTORS:
        raise InputError("unknown executor", key="executor", given=name, allowed=EXECUTORS)
    if name != "dask":
        if scheduler is not None:
            raise InputError(
                "belongs to the executor dask", key="scheduler", given=scheduler, allowed="--executor dask"
            )
        return Executor(name)
    if find_spec("distributed") is None:
        raise InputError("Dask is not installed", key="executor", given=name, allowed="pip install 'simsmtp[cluster]'")
    if scheduler is not None:
        from simsmtp.running.dask_pool import check_scheduler

        check_scheduler(scheduler)
    return Executor(name, scheduler)


@contextmanager
def started(executor: Executor, workers: int, *, threads: bool = False) -> Iterator[Map]:
    """Have workers for a while: what runs chunks on them.

    Parameters
    ----------
    executor : Executor
        What kind.
    workers : int
        How many on this machine.
    threads : bool
        Replications leave the interpreter to others while they run, so local workers may be threads.
    """
    if executor.name == "dask":
        from simsmtp.running.dask_pool import connected

        with connected(executor.scheduler, workers) as dask_map:
            yield dask_map
    elif executor.runs_here(workers):
        yield partial(map, run_chunk)
    elif threads:
        yield partial(_in_threads, workers=workers)
    else:
        yield partial(in_processes, workers=workers)


def _in_threads(chunks: Iterator[Chunk], workers: int) -> Iterator[list[Stored]]:
    pool = ThreadPoolExecutor(workers)
    try:
        under_way: set[Future[list[Stored]]] = {pool.submit(run_chunk, one) for one in islice(chunks, workers)}
        while under_way:
            finished, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            for one in finished:
                yield one.result()
                under_way |= {pool.submit(run_chunk, chunk) for chunk in islice(chunks, 1)}
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
