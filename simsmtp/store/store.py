"""The store of finished replications: one SQLite file per study that survives being killed at any moment."""

from __future__ import annotations

import hashlib
import sqlite3
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self
from zlib import crc32

import numpy as np

from simsmtp.errors import InputError
from simsmtp.files import why_not_replaceable
from simsmtp.rows.responses import RESPONSES
from simsmtp.store.address import SCHEMA, address, canonical, code_hash
from simsmtp.store.checksums import begun_with, checksum_of, checksum_of_scenario, packed
from simsmtp.store.failures import damaged, failures_named

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simsmtp.model.scenario import Scenario

STORE = "replications.sqlite"
"""Its name in a results folder."""
Value = int | float | None
_NAN = float("nan")
_new = tuple.__new__  # a third of the time that the call of a NamedTuple takes
ALL = 2**63 - 1
"""More replications than any scenario has."""
_BUSY_S = 20.0
_COLUMNS = ", ".join(f"{one.name} {'INTEGER' if one.whole else 'REAL'}" for one in RESPONSES)
_NAMES = ", ".join(one.name for one in RESPONSES)
STORE_SCHEMA = 2
"""Of the tables; 1 had no checksums."""
_TABLES = {
    "scenario": """CREATE TABLE scenario (id INTEGER PRIMARY KEY, address TEXT NOT NULL UNIQUE,
    canonical TEXT NOT NULL, seed INTEGER NOT NULL, code TEXT NOT NULL, schema INTEGER NOT NULL,
    checksum INTEGER NOT NULL)""",
    "replication": f"""CREATE TABLE replication (scenario INTEGER NOT NULL REFERENCES scenario,
    replication INTEGER NOT NULL, {_COLUMNS}, engine TEXT NOT NULL, duration_s REAL NOT NULL, error TEXT,
    checksum INTEGER NOT NULL, PRIMARY KEY (scenario, replication)) WITHOUT ROWID""",
}
_CREATE = "".join(f"{one.replace('TABLE', 'TABLE IF NOT EXISTS', 1)};" for one in _TABLES.values())
_ROW = f"{_NAMES}, replication, duration_s, engine, error, checksum"
_WIDTH, _NUMBERS = len(RESPONSES), len(RESPONSES) + 2
_INSERT = f"INSERT OR REPLACE INTO replication ({_ROW}, scenario) VALUES ({', '.join('?' * (_NUMBERS + 4))})"  # noqa: S608
_FIRST = "FROM replication WHERE scenario = ? AND replication < ?"
_SELECT = f"SELECT {_ROW} {_FIRST} ORDER BY replication"
_COUNT, _FINISHED = f"SELECT COUNT(*) {_FIRST}", f"SELECT replication {_FIRST} AND error IS NULL ORDER BY replication"
_SCENARIO = "address, canonical, seed, code, schema"


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


class ScenarioRow(NamedTuple):
    """A scenario of which a store holds replications; attributes as its columns."""

    id: int
    address: str
    canonical: str
    seed: int
    code: str
    schema: int


class Store:
    """Replications of a study, kept on disk as they finish.

    Every row carries a checksum of itself, its scenario and its replication, which is verified whenever it is read.

    Parameters
    ----------
    path : Path
        The file; it and its folder are made if they do not exist.
    read_only : bool
        Look into an existing store and leave no trace.

    Raises
    ------
    DamagedError
        If the file is something else, or damaged; so do all methods.
    InputError
        If it was written with another schema, or cannot be opened or written.
    UnfinishedError
        If the disk is full, or another process does not let go of the file; so do all methods.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self._addresses: dict[int, str] = {}
        with failures_named(path):
            if reason := why_not_replaceable(path):  # SQLite waits for a FIFO, and takes a device for an empty store
                raise OSError(None, reason)
            self._base = _look_into(path) if read_only else _open(path)
            try:
                has_tables = _check_schema(self._base, path)
                if not read_only:
                    _prepare(self._base, has_tables)
            except BaseException:
                self._base.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._base.close()

    def scenario_id(self, scenario: Scenario, seed: int) -> int:
        """Return the id of a scenario and seed, a new one if it was never stored."""
        known = self.known_id(scenario, seed)
        if known is not None:
            return known
        return self.add_scenario((address(scenario, seed), canonical(scenario), seed, code_hash(), SCHEMA))

    def add_scenario(self, cells: tuple[str, str, int, str, int]) -> int:
        """Store a scenario as address, canonical text, seed, code and schema of addresses; return its new id."""
        with failures_named(self.path):
            row = (*cells, checksum_of_scenario(cells))
            made = self._base.execute(f"INSERT INTO scenario ({_SCENARIO}, checksum) VALUES (?, ?, ?, ?, ?, ?)", row)  # noqa: S608
        number = int(made.lastrowid or 0)
        self._addresses[number] = cells[0]
        return number

    def scenario_ids(self, scenarios: Iterable[Scenario], seed: int) -> list[int]:
        """Return the ids of several scenarios, in one commit."""
        every = list(scenarios)
        known = [one for one in (self.known_id(each, seed) for each in every) if one is not None]
        if len(known) == len(every):  # nothing to write, so no other process is waited for
            return known
        with failures_named(self.path), self._commit():
            return [self.scenario_id(one, seed) for one in every]

    def known_id(self, scenario: Scenario, seed: int) -> int | None:
        """Return the id of a scenario and seed, None if it was never stored."""
        return self.id_at(address(scenario, seed))

    def id_at(self, where: str) -> int | None:
        """Return the id of the scenario at an address, None if there is none."""
        with failures_named(self.path):
            found = self._base.execute("SELECT id FROM scenario WHERE address = ?", (where,)).fetchone()
            if found is None:
                return None
            if self._stored_address(found[0]) != where:  # the index of addresses points to another scenario
                raise damaged(self.path, "the index of its scenarios is damaged")
        self._addresses[int(found[0])] = where
        return int(found[0])

    def finished(self, scenario: int, replications: int) -> NDArray[np.int64]:
        """Return which of the first `replications` have a result, ascending; failed ones have none."""
        with failures_named(self.path):
            found = self._base.execute(_FINISHED, (scenario, replications))
            return np.fromiter((number for (number,) in found), dtype=np.int64)

    def add(self, rows: Iterable[tuple[int, Row]]) -> None:
        """Store rows as (scenario id, row), in one commit: all of them or, if killed, none."""
        with failures_named(self.path):
            values = [self._cells(scenario, one) for scenario, one in rows]
            with self._commit():
                self._base.executemany(_INSERT, values)

    def rows(self, scenario: int, replications: int = ALL, place: str = "", *, order: str = "") -> Iterator[Row]:
        """Yield the rows of the first `replications` of a scenario, in order.

        Parameters
        ----------
        scenario, replications : int
            Whose rows.
        place : str
            Name of the design point, for the message about a damaged row.
        order : str
            ``"ASC"`` or ``"DESC"`` leaves damaged rows out and says nothing of them.
        """
        place, last = place or f"scenario {scenario}", -1
        begun: dict[tuple[str, str | None], int] = {}
        with failures_named(self.path, place):
            where = self._address(scenario)
            for columns in self._base.execute(f"{_SELECT} {order}", (scenario, replications)):
                responses, (replication, duration_s, engine, error, checksum) = columns[:_WIDTH], columns[_WIDTH:]
                kind = engine, error
                if kind not in begun:
                    begun[kind] = begun_with(where, engine, error)
                try:
                    found = crc32(packed(*columns[:_NUMBERS]), begun[kind])
                except struct.error:
                    found = checksum_of(columns[:_NUMBERS], begun[kind])
                    if error is None:  # SQLite keeps nan as NULL
                        responses = tuple(_NAN if one is None else one for one in responses)
                if found != checksum or (replication <= last and not order):
                    if order:
                        continue
                    wrong = f"the row of replication {replication} is damaged: its checksum does not match"
                    raise damaged(self.path, wrong, place)
                last = replication
                yield _new(Row, (replication, responses, engine, duration_s, error))

    def count(self, scenario: int, replications: int = ALL) -> int:
        """Return how many rows `rows` yields."""
        with failures_named(self.path):
            return int(self._base.execute(_COUNT, (scenario, replications)).fetchone()[0])

    def scenarios(self, *, skip_damaged: bool = False) -> Iterator[ScenarioRow]:
        """Yield the scenarios, in the order in which they were stored."""
        with failures_named(self.path):
            for number, *cells, checksum in self._base.execute(
                f"SELECT id, {_SCENARIO}, checksum FROM scenario ORDER BY id"  # noqa: S608
            ):
                if checksum_of_scenario(cells) == checksum:
                    yield ScenarioRow(number, *cells)
                elif not skip_damaged:
                    raise damaged(self.path, f"scenario {number} is damaged: its checksum does not match")

    def check(self) -> None:
        """Raise a `DamagedError` unless the file is whole as SQLite sees it; rows are verified as they are read."""
        with failures_named(self.path):
            ((found,),) = self._base.execute("PRAGMA integrity_check(1)").fetchall()
        if found != "ok":
            raise damaged(self.path, f"the file is damaged: {' '.join(str(found).split())}")

    def verify(self) -> None:
        """Read every row of every scenario, so that a `DamagedError` is raised if any is damaged or astray."""
        count = sum(1 for one in self.scenarios() for _ in self.rows(one.id))
        with failures_named(self.path):
            ((total,),) = self._base.execute("SELECT COUNT(*) FROM replication").fetchall()
        if count != total:
            raise damaged(self.path, f"{total - count} rows belong to no scenario")

    def _cells(self, scenario: int, row: Row) -> tuple[Value | str, ...]:
        # As SQLite gives them back: nan as NULL, no negative zero.
        responses = (None if one is None or one != one else one + 0 for one in row.responses)  # noqa: PLR0124
        numbers = (*responses, row.replication, row.duration_s)
        checksum = checksum_of(numbers, begun_with(self._address(scenario), row.engine, row.error))
        return (*numbers, row.engine, row.error, checksum, scenario)

    def _address(self, scenario: int) -> str:
        if scenario not in self._addresses:
            self._addresses[scenario] = self._stored_address(scenario)
        return self._addresses[scenario]

    def _stored_address(self, scenario: int) -> str:
        found = self._base.execute("SELECT address FROM scenario WHERE id = ?", (scenario,)).fetchone()
        return "" if found is None else str(found[0])

    @contextmanager
    def _commit(self) -> Iterator[None]:
        """Do something as a whole or not at all."""
        self._base.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._base.execute("COMMIT")
        except BaseException:
            if self._base.in_transaction:  # a full disk ends it by itself
                self._base.execute("ROLLBACK")
            raise


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    return sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)


def _look_into(path: Path) -> sqlite3.Connection:
    # Reading a WAL store makes side files unless it is called immutable; with a log beside it, it is not.
    log = path.with_name(f"{path.name}-wal")
    options = "mode=ro" if log.exists() else "mode=ro&immutable=1"
    return sqlite3.connect(f"{path.absolute().as_uri()}?{options}", uri=True, timeout=_BUSY_S)


def _check_schema(base: sqlite3.Connection, path: Path) -> bool:
    version = base.execute("PRAGMA user_version").fetchone()[0]
    tables = dict(base.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall())
    if tables and version != STORE_SCHEMA:
        raise InputError(
            "the store was written by another version of simsmtp" + (", without checksums" if version == 1 else ""),
            file=str(path),
            given=version,
            allowed=f"schema {STORE_SCHEMA}; delete the file, or name another folder with --output",
        )
    if tables and tables != _TABLES:
        raise damaged(path, f"its tables are not those of schema {STORE_SCHEMA}")
    return bool(tables)


def _prepare(base: sqlite3.Connection, has_tables: bool) -> None:
    base.execute("PRAGMA journal_mode = WAL")
    # With FULL a commit also survives a loss of power; at one commit per chunk it costs nothing.
    base.execute("PRAGMA synchronous = FULL")
    if not has_tables:
        base.executescript(f"BEGIN IMMEDIATE;{_CREATE}PRAGMA user_version = {STORE_SCHEMA};COMMIT;")


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
