"""Chunks on the workers of a Dask scheduler, here or on a cluster."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import islice
from threading import Event, Thread
from typing import Any

from distributed import CancelledError, Client, LocalCluster, Security, as_completed
from distributed.core import rpc
from distributed.scheduler import KilledWorker

from simsmtp.errors import InputError, UnfinishedError
from simsmtp.progress import note
from simsmtp.running.chunks import Chunk, Map, Stored, died, other_code, own_code, run_chunk

_LEAVE_CTRL_C_TO_US = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
_ANSWER_S = 10
_WORKERS_S = 300
"""How long to wait for the scheduler's answer, and for its first worker: a job may be in a queue."""
_PATIENCE_S = 5
"""How long to be without workers before a word about it: those that a nanny starts again are there sooner."""


def check_scheduler(address: str) -> None:
    """See whether a scheduler answers: a `Client` that finds none is slow to give up, and loud.

    Raises
    ------
    InputError
        If it does not.
    """
    for name in ("distributed", "distributed.client"):  # what they have to say is said below, in fewer words
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        with ThreadPoolExecutor(1) as thread:  # the caller may have an event loop of its own, as a notebook has
            kind = thread.submit(asyncio.run, _kind_of(address)).result()
    except (OSError, ValueError) as error:
        raise _no_scheduler(address, str(error) or f"it says nothing in {_ANSWER_S} s") from None
    except Exception:  # noqa: BLE001 - what a web server says may be taken for anything
        raise _no_scheduler(address, "another program does") from None
    if kind != "Scheduler":
        raise _no_scheduler(address, f"a {kind} does")


async def _kind_of(address: str) -> object:
    async def ask() -> object:
        async with rpc(address, timeout=_ANSWER_S, connection_args=Security().get_connection_args("client")) as there:
            return (await there.identity())["type"]

    return await asyncio.wait_for(ask(), _ANSWER_S + 1)


def _no_scheduler(address: str, why: str) -> InputError:
    return InputError(
        f"no Dask scheduler answers there: {why}", key="scheduler", given=address,
        allowed="the address that 'dask scheduler' prints, such as tcp://10.0.0.1:8786",
    )  # fmt: skip


@contextmanager
def connected(scheduler: str | None, workers: int) -> Iterator[Map]:
    """Have a cluster for a while: what runs chunks there.

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
                n_workers=workers,
                threads_per_worker=1,
                dashboard_address=None,
                silence_logs=logging.CRITICAL,
                preload=[_LEAVE_CTRL_C_TO_US],
            )  # fmt: skip - host is loopback
            client = stack.enter_context(Client(stack.enter_context(cluster), set_as_default=False))
        else:
            check_scheduler(scheduler)
            client = stack.enter_context(Client(scheduler, timeout=_ANSWER_S, set_as_default=False))
        _wait_for_a_worker(client, scheduler)
        stack.enter_context(_watched(client))
        yield partial(_in_dask, client, sum(client.nthreads().values()))


def _wait_for_a_worker(client: Client, scheduler: str | None) -> None:
    try:
        client.wait_for_workers(1, timeout=_PATIENCE_S)
    except TimeoutError:
        note(f"no Dask worker is there yet ('dask worker ADDRESS' starts one); waiting up to {_WORKERS_S} s for one")
    else:
        return
    try:
        client.wait_for_workers(1, timeout=_WORKERS_S - _PATIENCE_S)
    except TimeoutError:
        raise InputError(
            f"no worker has come in {_WORKERS_S} s", key="scheduler", given=scheduler,
            allowed="a scheduler with workers: 'dask worker ADDRESS'",
        ) from None  # fmt: skip


@contextmanager
def _watched(client: Client) -> Iterator[None]:
    """Look after the workers meanwhile: others may take their place, so a run without any goes on, but says so."""
    over = Event()
    Thread(target=_watch, args=(client, over), daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _watch(client: Client, over: Event) -> None:
    looks_without = 0
    while not over.wait(_PATIENCE_S):
        try:
            there = client.nthreads()
        except Exception:  # noqa: BLE001 - no scheduler any more, or no client: whoever waits for results is told
            return
        looks_without = 0 if there else looks_without + 1
        if looks_without == 2:
            note("no Dask worker is left ('dask worker ADDRESS' starts one); waiting for one, or for Ctrl-C")


def _in_dask(client: Any, slots: int, chunks: Iterator[Chunk]) -> Iterator[list[Stored]]:
    """Run chunks; one whose worker died is run again by Dask, and after its third death task by task."""
    _check_workers(client)
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
        except (CancelledError, OSError):  # a task itself raises neither
            lost = "the Dask scheduler is gone; what was finished is stored, and the same command goes on from there"
            raise UnfinishedError(lost) from None
        except KilledWorker:
            rows = died(chunk) if len(chunk.tasks()) == 1 else []
            for one in chunk.alone() if len(chunk.tasks()) > 1 else ():
                hand_over(one)
        for following in islice(chunks, 1):
            hand_over(following)
        if rows:
            yield rows


def _check_workers(client: Any) -> None:
    """Ask the workers that are there for their code: one that cannot even read a chunk would die of it in silence."""
    for address, found in client.run(own_code, on_error="return").items():
        if not isinstance(found, OSError) and found != own_code():  # one that has died is Dask's business
            raise other_code(f"at {address}", str(found), own_code())
