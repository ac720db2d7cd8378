"""Goes through the cells of an audit, sender by sender; what is finished is kept."""

from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from simsmtp.audit.cells import Cell
from simsmtp.audit.exim import Exim
from simsmtp.audit.libraries import Aiosmtplib, Nodemailer, Smtplib
from simsmtp.audit.opensmtpd import OpenSmtpd
from simsmtp.audit.postfix import Postfix
from simsmtp.audit.programs import Found, need_package
from simsmtp.audit.sender import Sender
from simsmtp.audit.sendmail import Sendmail
from simsmtp.audit.trial import Row, tried
from simsmtp.errors import InputError
from simsmtp.live.places import Place


def _aiosmtplib(_: Found) -> Sender:
    need_package("aiosmtplib")
    return Aiosmtplib()


SENDERS: dict[str, Callable[[Found], Sender]] = {
    "postfix": Postfix,
    "exim": Exim,
    "sendmail": Sendmail,
    "opensmtpd": OpenSmtpd,
    "smtplib": lambda _: Smtplib(),
    "aiosmtplib": _aiosmtplib,
    "nodemailer": Nodemailer,
}
"""The programs an audit can run, by name."""


def sender_named(name: str, found: Found) -> Sender:
    """Return a sender.

    Raises
    ------
    InputError
        There is none of that name, or its program is not there.
    """
    if name not in SENDERS:
        raise InputError("unknown sender", key="audit", given=name, allowed=SENDERS)
    return SENDERS[name](found)


def audited(
    sender: Sender,
    cells: Sequence[Cell],
    *,
    timeout_s: float,
    done: Callable[[Row], object],
    place: Place | None = None,
) -> list[Row]:
    """Run a sender through cells.

    Parameters
    ----------
    sender : Sender
        Not started yet; every cell finds it anew, with an empty queue and a port of its own.
    cells : sequence of Cell
        What to try.
    timeout_s : float
        Longest time for one cell.
    done : callable
        Is given each row as it is finished.
    place : Place, optional
        Where to listen; by default a free port of this machine for every cell.
    """
    rows = []
    for cell in cells:
        with _started(sender, place) as where:
            row = asyncio.run(tried(sender, cell, where, timeout_s=timeout_s))
        done(row)
        rows.append(row)
    return rows


@contextmanager
def _started(sender: Sender, place: Place | None) -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="simsmtp-audit-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # mail programs give up their rights
        where = place or _free_place()
        try:
            sender.start(where, Path(folder))
            yield where
        finally:
            sender.stop()


def _free_place() -> Place:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return Place("127.0.0.1", one.getsockname()[1])
