"""Goes through the cells of an audit, sender by sender; what is finished is kept."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from simsmtp.audit.cells import Cell
from simsmtp.audit.command_lines import Curl, Msmtp
from simsmtp.audit.exim import Exim
from simsmtp.audit.libraries import Aiosmtplib, Nodemailer, Smtplib
from simsmtp.audit.opensmtpd import OpenSmtpd
from simsmtp.audit.postfix import Postfix
from simsmtp.audit.sender import Sender
from simsmtp.audit.sendmail import Sendmail
from simsmtp.audit.trial import AuditRow, run_cell
from simsmtp.errors import InputError
from simsmtp.live.endpoint import Endpoint
from simsmtp.mailers.programs import Programs, need_package


def _aiosmtplib(_: Programs) -> Sender:
    need_package("aiosmtplib")
    return Aiosmtplib()


SENDERS: dict[str, Callable[[Programs], Sender]] = {
    "postfix": Postfix,
    "exim": Exim,
    "sendmail": Sendmail,
    "opensmtpd": OpenSmtpd,
    "smtplib": lambda _: Smtplib(),
    "aiosmtplib": _aiosmtplib,
    "nodemailer": Nodemailer,
    "curl": Curl,
    "msmtp": Msmtp,
}
"""The programs an audit can run, by name."""


def sender_named(name: str, found: Programs) -> Sender:
    """Return a sender.

    Raises
    ------
    InputError
        There is none of that name, or its program is not there.
    """
    if name not in SENDERS:
        raise InputError("unknown sender", key="audit", given=name, allowed=SENDERS)
    return SENDERS[name](found)


def run_matrix(
    make: Callable[[], Sender],
    cells: Sequence[Cell],
    *,
    timeout_s: float,
    done: Callable[[AuditRow], object],
    place: Endpoint | None = None,
    parallel: int = 1,
    records: bool = False,
) -> list[AuditRow]:
    """Run a sender through cells.

    Parameters
    ----------
    make : callable
        Returns a sender that is not started yet; every cell gets its own, with an empty queue.
    cells : sequence of Cell
        What to try.
    timeout_s : float
        Longest time for one cell.
    done : callable
        Is given each row as it is finished.
    place : Endpoint, optional
        Where to listen, which only one cell can do at a time; by default a free port of this machine for every cell.
    parallel : int
        Cells at once: most of a cell's time is waiting.
    records : bool
        Rows hold what was said, too.
    """
    return asyncio.run(_audited(make, cells, timeout_s, done, place, 1 if place else parallel, records))


async def _audited(
    make: Callable[[], Sender],
    cells: Sequence[Cell],
    timeout_s: float,
    done: Callable[[AuditRow], object],
    place: Endpoint | None,
    parallel: int,
    records: bool,
) -> list[AuditRow]:
    turns = asyncio.Semaphore(parallel)

    async def one(cell: Cell) -> AuditRow:
        async with turns:
            row = await run_cell(make(), cell, place or Endpoint("127.0.0.1", 0), timeout_s=timeout_s, records=records)
            done(row)
            return row

    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(parallel + 1))
    try:
        with _ended_like_ctrl_c():
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(cell)) for cell in cells]
    except* InputError as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


@contextmanager
def _ended_like_ctrl_c() -> Iterator[None]:
    """Let whoever ends this process also end the mail servers that it has started."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
