"""The history file: one JSON object a line, for each commit and design point, with the digest of every response."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from simsmtp.errors import InputError
from simsmtp.files import open_appending, parse_json, read_text, write_errors
from simsmtp.gate.compare_rows import digest_of
from simsmtp.output.json_values import plain
from simsmtp.rows.responses import COLUMNS
from simsmtp.statistics.intervals import mean_interval

if TYPE_CHECKING:
    from simsmtp.gate.recorded_results import RecordedResults

_HINT = "a history file: 'simsmtp run … --history FILE' and 'simsmtp history add' write it"
_MOST_OCTETS = 2**28
DIGITS = 16
"""Of a digest: enough to tell apart what is equal by chance once in 10¹⁹."""


class Entry(NamedTuple):
    """One response at one design point and commit.

    Attributes
    ----------
    mean, low, high : float
        Mean over replications and its 95 % interval; nan where there is none.
    digest : str
        Of the values of all replications: equal digests are equal values to the last bit.
    """

    mean: float
    low: float
    high: float
    digest: str


class HistoryLine(NamedTuple):
    """One design point at one commit.

    Attributes
    ----------
    commit, time : str
        What was measured, and when it was noted (ISO 8601).
    study : str
        Name of the experiment.
    identity : str
        Hash of the scenario.
    factors : dict
        Column → level.
    seed, n : int
        Of the run: its seed, and replications of each design point.
    code : str
        Hash of the code of simsmtp.
    responses : dict
        Response → `Entry`.
    """

    commit: str
    time: str
    study: str
    identity: str
    factors: dict[str, Any]
    seed: int
    n: int
    code: str
    responses: dict[str, Entry]


def lines_of(results: RecordedResults, commit: str, *, code: str | None = None) -> list[HistoryLine]:
    """Return what a history file tells of results.

    Parameters
    ----------
    results : RecordedResults
        Rows of all design points, all replications finished.
    commit : str
        What was measured.
    code : str, optional
        Hash of the code that computed them, in place of what the results say.

    Raises
    ------
    InputError
        If they hold means only, or failed replications.
    """
    if results.means_only or results.seed is None:
        raise InputError("holds means only", file=results.source, allowed="a results folder or a baseline, with rows")
    if "error" in results.rows and results.rows["error"].notna().any():
        failed = int(results.rows["error"].notna().sum())
        raise InputError("failed replications have no place in a history", file=results.source, given=failed)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    names = [name for name in COLUMNS if name in results.rows]
    found = []
    for number, rows in results.rows.groupby("point"):
        point = results.points[int(str(number)) - 1]
        ordered = rows.sort_values("replication")
        values = {name: ordered[name].to_numpy(np.float64) for name in names}
        entries = {name: _entry(name, one) for name, one in values.items()}
        factors = {name: plain(level) for name, level in point.factors.items()}
        found.append(HistoryLine(commit, now, results.name, point.identity, factors, results.seed, len(ordered),
                                 (code or results.code)[:DIGITS], entries))  # fmt: skip
    return found


def _entry(name: str, values: np.ndarray) -> Entry:
    found = mean_interval(values)
    return Entry(float(found.mean), float(found.low), float(found.high), digest_of({name: values}, [name])[:DIGITS])


def append(path: Path, lines: Sequence[HistoryLine], key: str = "FILE") -> None:
    """Add lines at the end of a history file, which is made if it is not there.

    Raises
    ------
    InputError
        If there is something else, or it cannot be written. Nothing is written then.
    """
    if path.exists():
        read(path)
    text = "".join(f"{json.dumps(_document(one), allow_nan=False)}\n" for one in lines)
    with write_errors(path, key):
        path.parent.mkdir(parents=True, exist_ok=True)
        with open_appending(path) as file:
            file.write(text)


def _document(line: HistoryLine) -> dict[str, Any]:
    numbers = {name: [*map(_number, one[:3]), one.digest] for name, one in line.responses.items()}
    return {**line._asdict(), "responses": numbers}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def read(path: Path) -> list[HistoryLine]:
    """Return the lines of a history file, the oldest first.

    Raises
    ------
    InputError
        If it cannot be read, or a line of it is none.
    """
    text = read_text(path, allowed=_HINT, most=_MOST_OCTETS)
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            found.append(_read_line(parse_json(line)))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise InputError("not a line of a history", file=str(path), line=number, given=line[:60],
                             allowed=_HINT) from None  # fmt: skip
    return found


def _read_line(document: Mapping[str, Any]) -> HistoryLine:
    texts = {name: _text(document[name]) for name in ("commit", "time", "study", "identity", "code")}
    entries = {}
    for name, (mean, low, high, digest) in document["responses"].items():
        entries[str(name)] = Entry(_value(mean), _value(low), _value(high), _text(digest))
    return HistoryLine(**texts, factors=dict(document["factors"]), seed=int(document["seed"]), n=int(document["n"]),
                       responses=entries)  # fmt: skip


def _value(number: Any) -> float:
    return float("nan") if number is None else float(number)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def known_commits(lines: Iterable[HistoryLine]) -> dict[str, dict[tuple[str, int, int], HistoryLine]]:
    """Return commit → (identity, seed, replications) → what was noted last."""
    found: dict[str, dict[tuple[str, int, int], HistoryLine]] = {}
    for one in lines:
        found.setdefault(one.commit, {})[one.identity, one.seed, one.n] = one
    return found
