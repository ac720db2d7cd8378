"""The store of finished replications: one SQLite file per study that survives being killed at any moment."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from simsmtp.errors import InputError
from simsmtp.files import why_not_replaceable
from simsmtp.model.responses import RESPONSES
from simsmtp.study.address import SCHEMA, address, canonical, code_hash

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simsmtp.model.scenario import Scenario

Value = int | float | None
_NAN = float("nan")
_COLUMNS = ", ".join(f"{one.name} {'INTEGER' if one.whole else 'REAL'}" for one in RESPONSES)
_NAMES = ", ".join(one.name for one in RESPONSES)
_CREATE = f"""
CREATE TABLE IF NOT EXISTS scenario (id INTEGER PRIMARY KEY, address TEXT NOT NULL UNIQUE,
    canonical TEXT NOT NULL, seed INTEGER NOT NULL, code TEXT NOT NULL, schema INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS replication (scenario INTEGER NOT NULL REFERENCES scenario,
    replication INTEGER NOT NULL, {_COLUMNS}, engine TEXT NOT NULL, duration_s REAL NOT NULL, error TEXT,
    PRIMARY KEY (scenario, replication)) WITHOUT ROWID;
PRAGMA user_version = {SCHEMA};
"""
_INSERT = (
    f"INSERT OR REPLACE INTO replication (scenario, replication, {_NAMES}, engine, duration_s, error) "  # noqa: S608
    f"VALUES ({', '.join('?' * (len(RESPONSES) + 5))})"
)
_SELECT = (
    f"SELECT replication, {_NAMES}, engine, duration_s, error FROM replication "  # noqa: S608
    "WHERE scenario = ? AND replication < ? ORDER BY replication"
)

_FIRST = "FROM replication WHERE scenario = ? AND replication < ?"
_COUNT, _FINISHED = f"SELECT COUNT(*) {_FIRST}", f"SELECT replication {_FIRST} AND error IS NULL ORDER BY replication"


class Row(NamedTuple):
    """One finished replication.

    Attributes
    ----------
    replication : int
        From 0.
    responses : tuple
        One per response column; all None if the replication failed.
    engine : str
        That ran it.
    duration_s : float
        Processor time it took.
    error : str or None
        ``Type: message`` if it failed.
    """

    replication: int
    responses: tuple[Value, ...]
    engine: str
    duration_s: float
    error: str | None


class Store:
    """Replications of a study, kept on disk as they finish.

    Parameters
    ----------
    path : Path
        The file; it and its folder are made if they do not exist.
    read_only : bool
        Look into an existing store and leave no trace.

    Raises
    ------
    InputError
        If the file is something else, or was written with another schema.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        try:
            if reason := why_not_replaceable(path):  # SQLite waits for a FIFO, and takes a device for an empty store
                raise OSError(reason)
            self._base = _look_into(path) if read_only else _open(path)
        except (sqlite3.DatabaseError, OSError) as error:
            raise _unusable(path, error) from None
        try:
            has_tables = _check_schema(self._base, path)
            if not read_only:
                _prepare(self._base, has_tables)
        except BaseException as error:
            self._base.close()
            if isinstance(error, sqlite3.DatabaseError | OSError):
                raise _unusable(path, error) from None
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._base.close()

    def scenario_id(self, scenario: Scenario, seed: int) -> int:
        """Return the id of a scenario and seed, a new one if it was never stored."""
        where = address(scenario, seed)
        row = (where, canonical(scenario), seed, code_hash(), SCHEMA)
        self._base.execute(
            "INSERT OR IGNORE INTO scenario (address, canonical, seed, code, schema) VALUES (?, ?, ?, ?, ?)",
            row,
        )
        found = self._base.execute("SELECT id FROM scenario WHERE address = ?", (where,)).fetchone()
        return int(found[0])

    def scenario_ids(self, scenarios: Iterable[Scenario], seed: int) -> list[int]:
        """Return the ids of several scenarios, in one commit."""
        self._base.execute("BEGIN IMMEDIATE")
        ids = [self.scenario_id(one, seed) for one in scenarios]
        self._base.execute("COMMIT")
        return ids

    def known_id(self, scenario: Scenario, seed: int) -> int | None:
        """Return the id of a scenario and seed, None if it was never stored."""
        where = (address(scenario, seed),)
        found = self._base.execute("SELECT id FROM scenario WHERE address = ?", where).fetchone()
        return None if found is None else int(found[0])

    def finished(self, scenario: int, replications: int) -> NDArray[np.int64]:
        """Return which of the first `replications` have a result, ascending; failed ones have none."""
        found = self._base.execute(_FINISHED, (scenario, replications))
        return np.fromiter((number for (number,) in found), dtype=np.int64)

    def add(self, rows: Iterable[tuple[int, Row]]) -> None:
        """Store rows as (scenario id, row), in one commit: all of them or, if killed, none."""
        values = [(scenario, one.replication, *one.responses, *one[2:]) for scenario, one in rows]
        self._base.execute("BEGIN IMMEDIATE")
        self._base.executemany(_INSERT, values)
        self._base.execute("COMMIT")

    def rows(self, scenario: int, replications: int) -> Iterator[Row]:
        """Yield the rows of the first `replications` of a scenario, in order."""
        return map(_row, self._base.execute(_SELECT, (scenario, replications)))

    def count(self, scenario: int, replications: int) -> int:
        """Return how many rows `rows` yields."""
        return int(self._base.execute(_COUNT, (scenario, replications)).fetchone()[0])


def _row(columns: Sequence[object]) -> Row:
    replication, *values, engine, duration_s, error = columns
    if None in values and error is None:  # SQLite keeps nan as NULL
        values = [_NAN if one is None else one for one in values]
    return Row(replication, tuple(values), engine, duration_s, error)  # type: ignore[arg-type]


def _unusable(path: Path, error: Exception) -> InputError:
    return InputError(
        f"cannot be used as a store of replications: {error}",
        file=str(path),
        allowed="a store of simsmtp or no file; --output names another folder",
    )


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    return sqlite3.connect(path, timeout=60, isolation_level=None)


def _look_into(path: Path) -> sqlite3.Connection:
    # Reading a WAL store makes side files unless it is called immutable; with a log beside it, it is not.
    log = path.with_name(f"{path.name}-wal")
    options = "mode=ro" if log.exists() else "mode=ro&immutable=1"
    return sqlite3.connect(f"{path.absolute().as_uri()}?{options}", uri=True, timeout=60)


def _check_schema(base: sqlite3.Connection, path: Path) -> bool:
    version = base.execute("PRAGMA user_version").fetchone()[0]
    tables = {name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if tables and (version != SCHEMA or not {"scenario", "replication"} <= tables):
        raise InputError(
            "the store was written by another version of simsmtp",
            file=str(path),
            given=version,
            allowed=f"schema {SCHEMA}; delete the file, or name another folder with --output",
        )
    return bool(tables)


def _prepare(base: sqlite3.Connection, has_tables: bool) -> None:
    base.execute("PRAGMA journal_mode = WAL")
    # With FULL a commit also survives a loss of power; at one commit per chunk it costs nothing.
    base.execute("PRAGMA synchronous = FULL")
    if not has_tables:
        base.executescript(f"BEGIN IMMEDIATE;{_CREATE}COMMIT;")


def digest(rows: Iterable[tuple[int, Row]]) -> str:
    """Return one hash of the results of a study: equal digests mean equal values to the last bit.

    Parameters
    ----------
    rows : iterable of (int, Row)
        Number of the design point and row, by point, then by replication.
    """
    found, between = hashlib.sha256(), ""
    for point, row in rows:
        found.update(f"{between}{point} {row.replication} {_text_of(row)}".encode())
        between = "\n"
    return found.hexdigest()


def _text_of(row: Row) -> str:
    if row.error is not None:
        return "failed"
    return " ".join(str(one) if isinstance(one, int) else float(one or 0.0).hex() for one in row.responses)
