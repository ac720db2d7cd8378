"""What the user is told when a store is damaged, in use, on a full disk, or no store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simsmtp.errors import InputError, UnfinishedError

# What the same command may get past later, nothing being wrong with what it was given.
_PASSING = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT}
_REPAIR = "simsmtp run or capacity with --repair keeps what is whole and computes the rest anew"


class DamagedError(InputError):
    """A store holds something else than what was written into it."""


def damaged(path: Path, message: str, place: str = "") -> DamagedError:
    """Return the error that names the store, the design point if it is known, and what to do."""
    return DamagedError(message, file=str(path), key=place or None, allowed=f"a whole store; {_REPAIR}")


@contextmanager
def failures_named(path: Path, place: str = "") -> Iterator[None]:
    """Raise what SQLite or the system raises as an error that a user understands.

    Parameters
    ----------
    path : Path
        Of the store.
    place : str
        Name of the design point whose rows are read.
    """
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_CONSTRAINT_NOTNULL:
            raise  # a defect of the caller
        raise _named(path, place, error) from None
    except UnicodeDecodeError as error:
        raise damaged(path, f"a text in it is damaged: {error}", place) from None
    except OSError as error:
        raise _unusable(path, error.strerror or error) from None


def _named(path: Path, place: str, error: sqlite3.Error) -> InputError | UnfinishedError:
    found = getattr(error, "sqlite_errorcode", None)  # none where a text is no UTF-8
    code = None if found is None else found & 0xFF
    if code in _PASSING:
        reason = "another process uses it" if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED} else str(error)
        return UnfinishedError(f"{path}: {reason}; the same command goes on from what is stored")
    if code is None or code in _DAMAGED:
        return damaged(path, f"cannot be used as a store of replications: {error}", place)
    return _unusable(path, error)


def _unusable(path: Path, error: object) -> InputError:
    return InputError(
        f"cannot be used as a store of replications: {error}",
        file=str(path),
        allowed="a store of simsmtp or no file, in a folder that can be written to; --output names another folder",
    )
