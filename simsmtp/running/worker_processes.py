"""Chunks in worker processes on this machine, any of which may die."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any

from simsmtp.running.chunks import ATTEMPTS, Chunk, Stored, died, run_chunk


def in_processes(chunks: Iterator[Chunk], workers: int) -> Iterator[list[Stored]]:
    """Run chunks in worker processes; when one dies, those under way are run again, each alone."""
    from joblib.externals.loky.process_executor import TerminatedWorkerError

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


def _alone(chunk: Chunk, workers: int, terminated: type[Exception]) -> list[Stored]:
    """Run one task with no other under way, so that the death of a worker is its own."""
    for _ in range(ATTEMPTS - 1):
        try:
            ((_, rows),) = _parallel(iter([(0, chunk)]), workers)
            return rows
        except terminated:
            continue
    return died(chunk)


def _parallel(numbered: Iterator[tuple[int, Chunk]], workers: int) -> Iterator[tuple[int, list[Stored]]]:
    from joblib import Parallel, delayed

    pool: Any = Parallel(workers, backend="loky", return_as="generator_unordered", batch_size=1, max_nbytes=None)
    with without_interrupts():
        results = pool(delayed(_numbered)(number, chunk) for number, chunk in numbered)
    yield from results


@contextmanager
def without_interrupts() -> Iterator[None]:
    """Start processes with Ctrl-C blocked: one that is still importing would answer it with a traceback.

    Nor do they import what happens to lie in the working folder: Python puts that first where it runs a module.
    """
    with _environment("PYTHONSAFEPATH", "1"), _interrupts_blocked():
        yield


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from joblib.externals.loky.backend import resource_tracker as own_tracker

    for tracker in (resource_tracker, own_tracker):  # these let Ctrl-C through again when they start
        tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _numbered(number: int, chunk: Chunk) -> tuple[int, list[Stored]]:
    return number, run_chunk(chunk)
