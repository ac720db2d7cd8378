"""Baselines: per-replication rows of a study in a small text file that is committed and compared against."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsmtp._version import __version__
from simsmtp.errors import InputError
from simsmtp.files import begin_of, parse_json, read_text, replace_file, why_not_replaceable, write_errors
from simsmtp.gate.places import Place
from simsmtp.gate.recorded_results import NoBaselineError, RecordedPoint, RecordedResults, recorded_study
from simsmtp.rows.responses import COLUMNS, RESPONSES
from simsmtp.store.address import SCHEMA

if TYPE_CHECKING:
    from pandas import DataFrame

    from simsmtp.study.study import Study

__all__ = ["LIMIT_BYTES", "NoBaselineError", "load_baseline", "write_baseline"]

LIMIT_BYTES = 2_000_000
_MOST_OCTETS = 2**28
_FIRST = "# simsmtp baseline "
_TEXT, _FORMULA = re.compile(r'"(?:[^"\\]|\\.)*"'), re.compile(r",(?=\s*[=+\-@])")
_HINT = "a baseline, a results folder or its replications.sqlite, a summary.csv, or an experiment file"


def write_baseline(study: Study, path: str | Path, *, limit: int = LIMIT_BYTES) -> Path:
    """Write the rows of a study as a baseline.

    Parameters
    ----------
    study : Study
        Without failed replications.
    path : str or Path
        A new file, or a baseline that is replaced.
    limit : int
        Largest size in bytes; baselines are committed.

    Raises
    ------
    InputError
        If the study failed in part, is too large, or `path` is something else. Nothing is overwritten then.
    """
    target = Path(path)
    require_writable(target)
    if study.failures:
        raise InputError("failed replications are no baseline", file=str(path), given=len(study.failures))
    content = "".join(f"{line}\n" for line in _lines(study)).encode()
    if len(content) > limit:
        raise InputError("too large for a baseline", file=str(path), given=f"{len(content):,} bytes",
                         allowed=f"at most {limit:,} bytes: fewer replications or design points")  # fmt: skip
    with write_errors(path):
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, content)
    return target


def require_writable(path: Path) -> None:
    """Raise an `InputError` if a baseline cannot be written there, or would replace something else."""
    with write_errors(path):
        is_other = why_not_replaceable(path) != "" or (path.exists() and not _is_baseline(path))
    if is_other:
        raise InputError("is something else than a baseline", file=str(path), allowed="a new file, or a baseline")


def _is_baseline(path: Path) -> bool:
    return _begin(path).startswith(_FIRST.encode())


def _begin(path: Path) -> bytes:
    return begin_of(path, allowed=_HINT)


def _lines(study: Study) -> Iterator[str]:
    recorded = recorded_study(study)
    head = {
        "study": study.name, "seed": study.experiment.seed, "replications": recorded.replications,
        "simsmtp": __version__, "code": recorded.code, "common": recorded.common, "varied": recorded.varied,
    }  # fmt: skip
    yield f"{_FIRST}{SCHEMA}"
    yield f"# {_json(head)}"
    for point in recorded.points:
        yield f"# {_json(point._asdict())}"
    yield ",".join(("point", "replication", *COLUMNS))
    for point_number, rows in study.results.items():
        for row in rows:
            yield ",".join(str(one) for one in (point_number, row.replication, *map(_text, row.responses)))


def _json(value: object) -> str:
    """Return JSON in which no text makes a cell that a spreadsheet, which parts the line at commas, takes for one."""
    return _TEXT.sub(lambda found: _FORMULA.sub(r"\\u002c", found[0]), json.dumps(value))


def _text(value: object) -> str:
    return repr(value) if value == value else ""  # noqa: PLR0124 - nan, which is no value


def load_baseline(path: str | Path, **options: Any) -> RecordedResults:
    """Read results to compare with.

    Parameters
    ----------
    path : str or Path
        A baseline file; a results folder or its store; a ``summary.csv``, which holds means only, so that
        results can be equal to it or not and no margin is tested; or an experiment file, which is run.
    **options
        For `simsmtp.run`, if it is an experiment file.

    Raises
    ------
    NoBaselineError
        If there is nothing at `path`.
    InputError
        If it is something else, is malformed, or has another schema.
    """
    from simsmtp.gate import read_results as stored

    found = Path(path)
    if not os.path.exists(found):  # noqa: PTH110 - false for a name that is too long to be one
        hint = "an existing baseline; simsmtp run EXPERIMENT --write-baseline PATH writes one"
        raise NoBaselineError("there is no baseline", file=str(path), allowed=hint)
    if found.is_dir():
        return stored.from_folder(found)
    kind = kind_of(found)
    if kind == "experiment":
        from simsmtp.running.runner import run

        return recorded_study(run(path, **options))
    read = {"baseline": read_baseline, "store": stored.from_store, "summary": stored.from_summary}
    return read[kind](found)


def kind_of(path: Path) -> str:
    """Return what a file holds: ``baseline``, ``store``, ``summary`` or ``experiment``."""
    if path.suffix == ".toml":
        return "experiment"
    start = _begin(path)
    if start.startswith(b"SQLite format 3\0"):
        return "store"
    if start.startswith(_FIRST.encode()):
        return "baseline"
    if start.startswith(b"point,") and b"response,n,mean" in start.splitlines()[0]:
        return "summary"
    raise InputError("holds no results", file=str(path), allowed=_HINT)


def read_baseline(path: Path) -> RecordedResults:
    """Read a baseline file."""
    lines = read_text(path, allowed=_HINT, most=_MOST_OCTETS).splitlines()
    schema = lines[0].removeprefix(_FIRST).strip()
    if schema != str(SCHEMA):
        raise InputError("the baseline has another schema", file=str(path), line=1, given=schema,
                         allowed=f"schema {SCHEMA}: write it again with this version")  # fmt: skip
    head, *points = _notes(path, lines)
    skipped = 1 + len(points) + 1
    rows = _rows(path, lines, skipped)
    try:
        known = tuple(RecordedPoint(one["identity"], dict(one["factors"])) for one in points)
        seed, code = int(head["seed"]), str(head["code"])
        common, varied = dict(head["common"]), tuple(head["varied"])
        recorded = RecordedResults(str(path), str(head["study"]), seed, known, rows, int(head["replications"]),
                            common, varied, code, place=lambda number: Place(str(path), skipped + 2 + int(
                                (rows["point"] == number).to_numpy().argmax())))  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"malformed header: {error}", file=str(path), line=2) from None
    if not known or set(rows["point"]) != set(range(1, len(known) + 1)):
        raise InputError("the rows do not fit the design points of the header", file=str(path))
    return recorded


def _notes(path: Path, lines: list[str]) -> list[dict[str, Any]]:
    notes: list[dict[str, Any]] = []
    for number, line in enumerate(lines[1:], 2):
        if not line.startswith("#"):
            break
        try:
            notes.append(dict(parse_json(line[1:])))
        except (ValueError, TypeError):
            raise InputError("not a header line", file=str(path), line=number, given=line[:60]) from None
    return notes or [{}]


def _rows(path: Path, lines: list[str], skipped: int) -> DataFrame:
    import pandas as pd

    names = lines[skipped].split(",") if len(lines) > skipped else []
    if names != ["point", "replication", *COLUMNS]:
        odd = next((name for name in names if name not in {"point", "replication", *COLUMNS}), names)
        raise InputError("the baseline has other columns", file=str(path), line=skipped + 1, given=odd,
                         allowed="the responses of this version: write it again")  # fmt: skip
    readers = [_whole, _whole, *(_whole if one.whole else _float for one in RESPONSES)]
    rows = []
    seen: dict[tuple[Any, ...], int] = {}
    for number, line in enumerate(lines[skipped + 1 :], skipped + 2):
        cells = line.split(",")
        if len(cells) != len(names):
            raise InputError(f"malformed row: it has {len(cells)} cells, and the head has {len(names)}",
                             file=str(path), line=number, given=line[:60])  # fmt: skip
        try:
            rows.append([read(cell) for read, cell in zip(readers, cells, strict=True)])
        except ValueError as error:
            raise InputError(f"malformed row: {error}", file=str(path), line=number, given=line[:60]) from None
        first = seen.setdefault(tuple(rows[-1][:2]), number)
        if first != number:
            raise InputError("a second row of the same replication", file=str(path), line=number, given=line[:60],
                             allowed=f"one; the first is in line {first}")  # fmt: skip
    return pd.DataFrame(rows, columns=names)


def _whole(cell: str) -> int:
    try:
        number = int(cell)
    except ValueError:
        raise ValueError(f"{cell[:40]!r} is no whole number") from None
    if abs(number) >= 2**63:
        raise ValueError(f"{cell!r} is too large")
    return number


def _float(cell: str) -> float:
    return float(cell) if cell else float("nan")
