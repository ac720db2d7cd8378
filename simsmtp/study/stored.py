"""Results that a run left behind: its store, or the summary beside it."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsmtp.errors import InputError
from simsmtp.files import begin_of, read_text
from simsmtp.model.responses import COLUMNS
from simsmtp.study.factors import label_of
from simsmtp.study.recorded import (
    Flat,
    NoBaselineError,
    Recorded,
    RecordedPoint,
    default_of,
    flat_scenario,
    identity_of,
    level_key,
    shared_keys,
)
from simsmtp.study.runner import STORE
from simsmtp.study.store import Store

if TYPE_CHECKING:
    from pandas import DataFrame


_MOST_OCTETS = 2**28


def from_folder(folder: Path) -> Recorded:
    """Read a results folder: its store, or the summary if the store is not there."""
    if (folder / STORE).exists():
        return from_store(folder / STORE)
    if (folder / "summary.csv").exists():
        return from_summary(folder / "summary.csv")
    raise NoBaselineError("the folder holds no results", file=str(folder), allowed=f"{STORE} or summary.csv in it")


def from_store(path: Path) -> Recorded:
    """Read a store: the scenarios of the run that its provenance names, else of the code and seed stored last."""
    begin_of(path, allowed=STORE)
    with Store(path, read_only=True):  # says what is wrong with a file that is none, or of another schema
        pass
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as base:
        wanted = _code_and_seed(base, path.parent)
        found = _scenarios(base, wanted) if wanted else {}
        rows, shortest = _rows(base, list(found.values()))
    if wanted is None or rows.empty:
        raise NoBaselineError("the store holds no finished replication", file=str(path))
    scenarios = [flat_scenario(text) for text in found]
    common, varied = shared_keys(scenarios)
    points = tuple(RecordedPoint(identity_of(flat), _factors(flat, varied)) for flat in scenarios)
    code, seed = wanted
    return Recorded(str(path), path.parent.name, seed, points, rows, shortest, common, varied, code, complete=False)


def _code_and_seed(base: sqlite3.Connection, folder: Path) -> tuple[str, int] | None:
    last = base.execute("SELECT code, seed FROM scenario ORDER BY id DESC LIMIT 1").fetchone()
    noted = _provenance(folder)
    if noted is not None and base.execute("SELECT 1 FROM scenario WHERE code = ? AND seed = ?", noted).fetchone():
        return noted
    return None if last is None else (str(last[0]), int(last[1]))


def _provenance(folder: Path) -> tuple[str, int] | None:
    try:
        noted = json.loads(read_text(folder / "provenance.json", allowed="what simsmtp wrote"))
        return str(noted["code"]), int(noted["seed"])
    except (InputError, ValueError, RecursionError, KeyError, TypeError):
        return None


def _scenarios(base: sqlite3.Connection, wanted: tuple[str, int]) -> dict[str, int]:
    """Return canonical text → id; of two versions of a user's strategy the one stored last."""
    query = (
        "SELECT canonical, id FROM scenario WHERE code = ? AND seed = ? "
        "AND EXISTS (SELECT 1 FROM replication WHERE scenario = scenario.id AND error IS NULL) ORDER BY id"
    )
    return {str(text): int(number) for text, number in base.execute(query, wanted)}


def _rows(base: sqlite3.Connection, ids: Sequence[int]) -> tuple[DataFrame, int]:
    import pandas as pd  # noqa: PLC0415 - costs half a second

    names = ", ".join(COLUMNS)
    query = f"SELECT replication, {names}, error FROM replication WHERE scenario = ? ORDER BY replication"  # noqa: S608
    rows: list[list[Any]] = []
    lengths = []
    for number, one in enumerate(ids, 1):
        found = base.execute(query, (one,)).fetchall()
        lengths.append(len(found))
        rows += [[number, *row] for row in found]
    table = pd.DataFrame(rows, columns=["point", "replication", *COLUMNS, "error"])
    return table.astype(dict.fromkeys(COLUMNS, "float64")), min(lengths, default=0)


def _factors(flat: Flat, varied: Sequence[str]) -> dict[str, Any]:
    return {key: label_of(flat.get(key, default_of(key))) for key in varied}


def from_summary(path: Path) -> Recorded:
    """Read the means of a ``summary.csv``."""
    import pandas as pd  # noqa: PLC0415

    try:
        # As text: float() gives back the very bits that were written, whatever the version of pandas.
        text = read_text(path, allowed="a summary.csv", most=_MOST_OCTETS)
        table = pd.read_csv(io.StringIO(text), dtype="str", keep_default_na=False)
        table["mean"] = [float(cell or "nan") for cell in table["mean"]]
        table = table.astype({"point": "int64", "n": "int64"})
    except (ValueError, KeyError, pd.errors.ParserError) as error:
        raise InputError(f"malformed summary: {error}", file=str(path)) from None
    factors = list(table.columns[1 : list(table.columns).index("response")])
    points = table.drop_duplicates("point")
    known = tuple(
        RecordedPoint("", dict(zip(factors, row, strict=True))) for row in points[factors].to_numpy().tolist()
    )
    if len({level_key(one.factors) for one in known}) < len(known):
        raise InputError("design points with equal factor levels cannot be told apart", file=str(path))
    return Recorded(str(path), path.parent.name, None, known, _wide(table), int(table["n"].max()), means_only=True)


def _wide(table: DataFrame) -> DataFrame:
    wide = table.pivot_table(index="point", columns="response", values="mean", dropna=False).reset_index()
    held = [name for name in COLUMNS if name in wide]
    wide["point"] = range(1, len(wide) + 1)
    return wide[["point", *held]].assign(replication=0)


def means_of(recorded: Recorded, replications: int) -> DataFrame:
    """Return the means over the first replications in the form of a summary's rows."""
    from simsmtp.analysis.summary import summarise  # noqa: PLC0415 - SciPy costs a second

    if recorded.means_only:
        given, allowed = recorded.replications, replications
        rows = recorded.rows
    else:
        rows = recorded.rows[recorded.rows["replication"] < replications]
        given, allowed = int(rows["replication"].nunique()), replications
    if given != allowed:
        raise InputError("means over another number of replications cannot be compared", file=recorded.source,
                         key="replications", given=given, allowed=f"{allowed}, as the summary has")  # fmt: skip
    return rows if recorded.means_only else _wide(summarise(rows, [], [name for name in COLUMNS if name in rows]))
