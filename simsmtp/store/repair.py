"""Repair of a damaged store: what is whole goes into a new file, and the old one is kept beside it."""

from __future__ import annotations

import os
import shutil
from itertools import count
from pathlib import Path

from simsmtp.model.numbers import counted
from simsmtp.progress import note
from simsmtp.store.failures import DamagedError, failures_named
from simsmtp.store.store import Row, Store

_TOGETHER = 1000
_LOGS = ("-wal", "-shm")


def repair(path: Path) -> None:
    """Replace a damaged store by one with all of its rows that are whole, and say so on standard error.

    Parameters
    ----------
    path : Path
        Of the store. Nothing is done if there is none, or none of it is damaged.

    Raises
    ------
    InputError
        If it has another schema, or its folder cannot be written to.
    UnfinishedError
        If the disk is full, or another process uses the store.
    """
    if not path.exists() or _is_whole(path):
        return
    fresh = path.with_name(f".{path.name}.repair")
    with failures_named(path):
        for ending in ("", *_LOGS):
            fresh.with_name(fresh.name + ending).unlink(missing_ok=True)
    with Store(fresh) as new:
        kept = _save(path, new)
    aside = next(one for number in count(1) if not (one := path.with_name(f"{path.name}.damaged-{number}")).exists())
    with failures_named(path):
        for ending in _LOGS:  # the log of the old file would be taken for one of the new file
            log = path.with_name(path.name + ending)
            if log.exists():
                log.replace(aside.with_name(aside.name + ending))
        _copy(path, aside)
        fresh.replace(path)
    note(f"{path} was damaged: {counted(kept, 'whole row')} kept, what is missing is computed anew; "
         f"the damaged file is now {aside.name}")  # fmt: skip


def _is_whole(path: Path) -> bool:
    try:
        with Store(path, read_only=True) as store:
            store.check()
            store.verify()
    except DamagedError:
        return False
    return True


def _save(path: Path, new: Store) -> int:
    """Store what is whole of a file in another store; return how many rows that are."""
    ids: dict[str, int] = {}
    try:
        with Store(path, read_only=True) as old:
            for one in old.scenarios(skip_damaged=True):
                if one.address not in ids:
                    ids[one.address] = new.add_scenario(one[1:])
                _copy_rows(old, one.id, new, ids[one.address])
    except DamagedError:  # nothing more can be read
        pass
    return sum(map(new.count, ids.values()))


def _copy_rows(old: Store, scenario: int, new: Store, number: int) -> None:
    for order in ("ASC", "DESC"):  # beyond a page that cannot be read, rows may be reached from the other end
        some: list[tuple[int, Row]] = []
        try:
            for row in old.rows(scenario, order=order):
                some.append((number, row))
                if len(some) == _TOGETHER:
                    new.add(some)
                    some = []
        except DamagedError:
            continue
        finally:
            new.add(some)
        return


def _copy(path: Path, to: Path) -> None:
    """Give a file a second name, or copy it where the file system has no links."""
    try:
        os.link(path, to)
    except OSError:
        shutil.copyfile(path, to)
