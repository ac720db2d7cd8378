"""In which order sessions are measured, and which of them at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from itertools import groupby
from threading import Event, Lock
from typing import Any, NamedTuple

from simsmtp.lab.sessions import StoppedError, pair
from simsmtp.lab.settings import Medium, Setting
from simsmtp.mailers.programs import Programs

# Below this the machine's own time is a large part of a session's: such sessions run one at a time.
ALONE_BELOW_MS = 30.0
_WORTH_A_START = 4


class Job(NamedTuple):
    """One session to measure: its setting, and which repeat of it, from 0."""

    setting: Setting
    repeat: int


class Lab(NamedTuple):
    """What is the same for all sessions.

    Attributes
    ----------
    found : Programs
        Where programs are looked for.
    receiver : str
        Name in `simsmtp.lab.sessions.RECEIVERS`.
    medium : Medium
        What the line does beside delaying.
    seed : int
        Key of the losses; every repeat has its own.
    timeout_s : float
        Longest duration of a session.
    lanes : int
        Pairs of servers at the same time.
    """

    found: Programs
    receiver: str
    medium: Medium = Medium()
    seed: int = 1
    timeout_s: float = 600.0
    lanes: int = 4


def measure_all(lab: Lab, jobs: Iterable[Job], done: Callable[[dict[str, Any]], object]) -> None:
    """Measure sessions; first those with a short round trip, one at a time, then the others several at once.

    Between two sessions a cached connection waits two seconds to be closed: meanwhile another pair measures.

    Parameters
    ----------
    lab : Lab
        What is the same for all.
    jobs : iterable of Job
        What to measure.
    done : callable
        Takes each row as soon as it is measured, from several threads.
    """
    todo = list(jobs)
    short = [job for job in todo if job.setting.rtt_ms < ALONE_BELOW_MS]
    _measure(lab, short, done, Lock())
    _measure(lab, [job for job in todo if job.setting.rtt_ms >= ALONE_BELOW_MS], done, None)


def _measure(lab: Lab, jobs: list[Job], done: Callable[[dict[str, Any]], object], alone: Lock | None) -> None:
    # Programs that are set alike are started once; the slowest sessions, those without pipelining, begin first.
    jobs = sorted(jobs, key=lambda job: (job.setting.pipelining, job.setting.programs, job.repeat))
    groups = [list(group) for _, group in groupby(jobs, key=lambda job: job.setting.programs)]
    share = -(-lab.lanes // max(1, len(groups)))
    groups = [piece for group in groups for piece in _shared(group, share)]
    stop = Event()
    with ThreadPoolExecutor(max(1, min(lab.lanes, len(groups)))) as pool:
        running = [pool.submit(_measure_group, lab, group, done, alone, stop) for group in groups]
        try:
            wait(running, return_when=FIRST_EXCEPTION)
        finally:
            stop.set()
    for one in running:
        one.result()


def _shared(jobs: list[Job], share: int) -> list[list[Job]]:
    """Return jobs in that many parts, or in fewer if a start would cost more than the sessions of a part."""
    parts = max(1, min(share, len(jobs) // _WORTH_A_START))
    return [jobs[begin::parts] for begin in range(parts)]


def _measure_group(
    lab: Lab, jobs: list[Job], done: Callable[[dict[str, Any]], object], alone: Lock | None, stop: Event
) -> None:
    if stop.is_set():
        return
    first = jobs[0].setting
    with suppress(StoppedError), pair(lab.found, lab.receiver, first, alone, stop) as servers:
        # The first session starts processes that the later ones find running: it is not kept.
        servers.measure(first._replace(rtt_ms=0.0), timeout_s=lab.timeout_s, alone=alone)
        for setting, repeat in jobs:
            if stop.is_set():
                return
            seed = lab.seed * 1_000_003 + repeat
            done(servers.measure(setting, medium=lab.medium, seed=seed, timeout_s=lab.timeout_s, alone=alone))
