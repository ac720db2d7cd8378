"""Chunks on the workers of a Dask scheduler, here or on a cluster."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import islice
from typing import Any

from distributed import Client, LocalCluster, as_completed
from distributed.scheduler import KilledWorker

from simsmtp.errors import InputError
from simsmtp.study.chunks import Chunk, Stored, died, run_chunk

_ANSWER_S = 10
_WORKERS_S = 300
"""How long to wait for the scheduler's answer, and for its first worker: a job may be in a queue."""

Map = Callable[[Iterator[Chunk]], Iterator[list[Stored]]]


def check_scheduler(address: str) -> None:
    """See whether a scheduler answers.

    Raises
    ------
    InputError
        If it does not.
    """
    with _client(address):
        pass


@contextmanager
def connected(scheduler: str | None, workers: int) -> Iterator[tuple[int, Map]]:
    """Have a cluster for a while: how many chunks it runs at a time, and what runs them.

    Parameters
    ----------
    scheduler : str or None
        Address; None makes a cluster of processes on this machine, which listens on loopback only.
    workers : int
        Processes of a cluster on this machine.
    """
    with ExitStack() as stack:
        if scheduler is None:
            cluster = LocalCluster(
                n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
            )  # host is loopback
            client = stack.enter_context(Client(stack.enter_context(cluster), set_as_default=False))
        else:
            client = stack.enter_context(_client(scheduler))
        client.wait_for_workers(1, timeout=_WORKERS_S)
        slots = sum(client.nthreads().values())
        yield slots, partial(_in_dask, client, slots)


@contextmanager
def _client(address: str) -> Iterator[Any]:
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        client = Client(address, timeout=_ANSWER_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"no Dask scheduler answers there: {error}", key="scheduler", given=address,
            allowed="the address that 'dask scheduler' prints, such as tcp://10.0.0.1:8786",
        ) from None  # fmt: skip
    with client:
        yield client


def _in_dask(client: Any, slots: int, chunks: Iterator[Chunk]) -> Iterator[list[Stored]]:
    """Run chunks; one whose worker died is run again by Dask, and after its third death task by task."""
    under_way: dict[Any, Chunk] = {}
    finished = as_completed(loop=client.loop)

    def hand_over(chunk: Chunk) -> None:
        future = client.submit(run_chunk, chunk._replace(parent=0), pure=False)
        under_way[future] = chunk
        finished.add(future)

    for chunk in islice(chunks, 2 * slots):
        hand_over(chunk)
    for future in finished:
        chunk = under_way.pop(future)
        try:
            rows = future.result()
        except KilledWorker:
            rows = died(chunk) if len(chunk.tasks) == 1 else []
            for one in chunk.alone() if len(chunk.tasks) > 1 else ():
                hand_over(one)
        for following in islice(chunks, 1):
            hand_over(following)
        if rows:
            yield rows
