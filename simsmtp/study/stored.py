"""Results that a run left behind: its store, or the summary beside it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsmtp.errors import InputError
from simsmtp.files import read_text
from simsmtp.model.responses import COLUMNS
from simsmtp.study.address import canonical
from simsmtp.study.capacity_files import capacity_folder, is_capacity_summary
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
    recorded_experiment,
    shared_keys,
)
from simsmtp.study.runner import STORE
from simsmtp.study.store import Store

if TYPE_CHECKING:
    from pandas import DataFrame

    from simsmtp.study.experiment import Experiment


def from_folder(folder: Path) -> Recorded:
    """Read a results folder: its store, or the summary if the store is not there."""
    if capacity_folder(folder) is not None:
        raise _no_study(folder)
    if (folder / STORE).exists():
        return from_store(folder / STORE)
    if (folder / "summary.csv").exists():
        return from_summary(folder / "summary.csv")
    raise NoBaselineError("the folder holds no results", file=str(folder), allowed=f"{STORE} or summary.csv in it")


def _no_study(path: Path) -> InputError:
    hint = "results of 'simsmtp run', or the folders of two capacity plans on both sides of 'simsmtp compare'"
    return InputError("holds a capacity plan", file=str(path), allowed=hint)


def _experiment(folder: Path) -> Experiment | None:
    """Return the study that the folder's record tells of; None where there is none, or not all of it is here.

    A trace that has gone, or a strategy of the user's own, keeps a record from being read.
    """
    from simsmtp.study.experiment import Experiment  # noqa: PLC0415 - it is read for few comparisons

    try:
        return Experiment.from_dict(json.loads(read_text(folder / "experiment.json", allowed="a study's record")))
    except (InputError, ValueError, TypeError, AttributeError):
        return None


def from_store(path: Path) -> Recorded:
    """Read a store: the scenarios of the run that its provenance names, else of the code and seed stored last.

    A store may hold the design points of several runs: those of the last are known by the record beside it.
    """
    if capacity_folder(path) is not None:
        raise _no_study(path)
    with Store(path, read_only=True):  # says what is wrong with a file that is none, or of another schema
        pass
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as base:
        wanted = _code_and_seed(base, path.parent)
        found = _scenarios(base, wanted) if wanted else {}
        found, complete = _of_study(found, path.parent)
        rows, shortest = _rows(base, list(found.values()))
    if wanted is None or rows.empty:
        raise NoBaselineError("the store holds no finished replication", file=str(path))
    scenarios = [flat_scenario(text) for text in found]
    common, varied = shared_keys(scenarios)
    points = tuple(RecordedPoint(identity_of(flat), _factors(flat, varied)) for flat in scenarios)
    code, seed = wanted
    return Recorded(str(path), path.parent.name, seed, points, rows, shortest, common, varied, code, complete=complete)


def _code_and_seed(base: sqlite3.Connection, folder: Path) -> tuple[str, int] | None:
    last = base.execute("SELECT code, seed FROM scenario ORDER BY id DESC LIMIT 1").fetchone()
    noted = _provenance(folder)
    if noted is not None and base.execute("SELECT 1 FROM scenario WHERE code = ? AND seed = ?", noted).fetchone():
        return noted
    return None if last is None else (str(last[0]), int(last[1]))


def _provenance(folder: Path) -> tuple[str, int] | None:
    try:
        noted = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
        return str(noted["code"]), int(noted["seed"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _scenarios(base: sqlite3.Connection, wanted: tuple[str, int]) -> dict[str, int]:
    """Return canonical text → id; of two versions of a user's strategy the one stored last."""
    query = (
        "SELECT canonical, id FROM scenario WHERE code = ? AND seed = ? "
        "AND EXISTS (SELECT 1 FROM replication WHERE scenario = scenario.id AND error IS NULL) ORDER BY id"
    )
    return {str(text): int(number) for text, number in base.execute(query, wanted)}


def _of_study(found: dict[str, int], folder: Path) -> tuple[dict[str, int], bool]:
    """Return those scenarios that belong to the folder's study, and whether they are known to be all of it."""
    experiment = _experiment(folder)
    if experiment is None:
        return found, False
    wanted = {identity_of(flat_scenario(canonical(point.scenario))) for point in experiment.points}
    own = {text: number for text, number in found.items() if identity_of(flat_scenario(text)) in wanted}
    return (own, True) if len(own) == len(wanted) else (found, False)


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
    """Read the means of a ``summary.csv``; which scenarios they are of is known by the record beside it."""
    import pandas as pd  # noqa: PLC0415

    if is_capacity_summary(path):
        raise _no_study(path)

    try:
        # As text: float() gives back the very bits that were written, whatever the version of pandas.
        table = pd.read_csv(path, dtype="str", keep_default_na=False)
        for name in ("mean", "sd"):
            table[name] = [float(cell or "nan") for cell in table[name]]
        table = table.astype({"point": "int64", "n": "int64"})
    except (ValueError, KeyError, pd.errors.ParserError) as error:
        raise InputError(f"malformed summary: {error}", file=str(path)) from None
    factors = list(table.columns[1 : list(table.columns).index("response")])
    points = table.drop_duplicates("point")
    experiment = _experiment(path.parent) if path.name == "summary.csv" else None
    identities = _identities(experiment)
    levels = [dict(zip(factors, row, strict=True)) for row in points[factors].to_numpy().tolist()]
    known = tuple(RecordedPoint(identities.get(level_key(one), ""), one) for one in levels)
    if not all(one.identity for one in known):
        known, experiment = tuple(one._replace(identity="") for one in known), None
    if len({level_key(one.factors) for one in known}) < len(known):
        raise InputError("design points with equal factor levels cannot be told apart", file=str(path))
    rows, spreads = _wide(table), _wide(table, "sd")
    found = Recorded(str(path), path.parent.name, None, known, rows, int(table["n"].max()), means_only=True,
                     spreads=spreads)  # fmt: skip
    if experiment is None:
        return found
    own = recorded_experiment(experiment)
    return replace(found, seed=own.seed, common=own.common, varied=own.varied)


def _identities(experiment: Experiment | None) -> dict[str, str]:
    points = experiment.points if experiment is not None else ()
    return {level_key(one.factors): identity_of(flat_scenario(canonical(one.scenario))) for one in points}


def _wide(table: DataFrame, values: str = "mean") -> DataFrame:
    wide = table.pivot_table(index="point", columns="response", values=values, dropna=False).reset_index()
    held = [name for name in COLUMNS if name in wide]
    wide["point"] = range(1, len(wide) + 1)
    return wide[["point", *held]].assign(replication=0)


def means_of(recorded: Recorded, replications: int, of: str = "mean") -> DataFrame:
    """Return the means (or ``sd``) over the first replications in the form of a summary's rows."""
    from simsmtp.analysis.summary import summarise  # noqa: PLC0415 - SciPy costs a second

    if recorded.means_only:
        given, allowed = recorded.replications, replications
        rows = recorded.rows if of == "mean" or recorded.spreads is None else recorded.spreads
    else:
        rows = recorded.rows[recorded.rows["replication"] < replications]
        given, allowed = int(rows["replication"].nunique()), replications
    if given != allowed:
        raise InputError("means over another number of replications cannot be compared", file=recorded.source,
                         key="replications", given=given, allowed=f"{allowed}, as the summary has")  # fmt: skip
    return rows if recorded.means_only else _wide(summarise(rows, [], [name for name in COLUMNS if name in rows]), of)
