"""Results of an earlier run, read from its store or from the summary beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsmtp.errors import InputError
from simsmtp.experiment.factors import Label, label_of
from simsmtp.files import parse_json, read_text
from simsmtp.gate.places import Place
from simsmtp.gate.recorded_results import (
    NoBaselineError,
    RecordedPoint,
    RecordedResults,
    level_key,
    recorded_experiment,
    shared_keys,
)
from simsmtp.planning.recorded_answers import capacity_folder, is_capacity_summary
from simsmtp.rows.responses import COLUMNS
from simsmtp.store.address import canonical
from simsmtp.store.last_run import scenarios_of_last_run
from simsmtp.store.scenario_identity import Flat, default_of, flat_scenario, identity_of
from simsmtp.store.store import STORE, Store
from simsmtp.store.stored_rows import place_of

if TYPE_CHECKING:
    from pandas import DataFrame

    from simsmtp.experiment.experiment import Experiment


_MOST_OCTETS = 2**28


def from_folder(folder: Path) -> RecordedResults:
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
    from simsmtp.experiment.experiment import Experiment

    try:
        return Experiment.from_dict(parse_json(read_text(folder / "experiment.json", allowed="a study's record")))
    except (InputError, ValueError, TypeError, AttributeError):
        return None


def from_store(path: Path) -> RecordedResults:
    """Read a store: the scenarios of the run that its provenance names, else of the code and seed stored last.

    A store may hold the design points of several runs: those of the last are known by the record beside it.

    Raises
    ------
    DamagedError
        If a bit of it is not what was stored.
    InputError
        If it is that of a capacity plan.
    """
    if capacity_folder(path) is not None:
        raise _no_study(path)
    with Store(path, read_only=True) as store:
        store.check()
        wanted, held = scenarios_of_last_run(store, path.parent)
        found = {one.canonical: one.id for one in held}
        found, labels = _of_study(found, path.parent)
        scenarios = [flat_scenario(text) for text in found]
        common, varied = shared_keys(scenarios)
        named = [(identity_of(flat), flat) for flat in scenarios]
        points = tuple(RecordedPoint(one, labels.get(one) or _factors(flat, varied)) for one, flat in named)
        rows, shortest = _rows(
            store,
            [(one, place_of(number, point.factors)) for number, one, point in zip(count(1), found.values(), points)],
        )
        store.verify()
    if wanted is None or rows.empty:
        raise NoBaselineError("the store holds no finished replication", file=str(path))
    code, seed = wanted
    whole = bool(labels)
    return RecordedResults(
        str(path), path.parent.name, seed, points, rows, shortest, common, varied, code, complete=whole
    )


def _of_study(found: dict[str, int], folder: Path) -> tuple[dict[str, int], dict[str, dict[str, Label]]]:
    """Return those scenarios that belong to the folder's study, with its own labels if they are all of it."""
    experiment = _experiment(folder)
    if experiment is None:
        return found, {}
    labels = {identity_of(flat_scenario(canonical(one.scenario))): one.factors for one in reversed(experiment.points)}
    own = {text: number for text, number in found.items() if identity_of(flat_scenario(text)) in labels}
    return (own, labels) if len(own) == len(labels) else (found, {})


def _rows(store: Store, scenarios: Sequence[tuple[int, str]]) -> tuple[DataFrame, int]:
    import pandas as pd

    found = [list(store.rows(one, place=place)) for one, place in scenarios]
    table = pd.DataFrame(
        [[number, row.replication, *row.responses, row.error] for number, rows in enumerate(found, 1) for row in rows],
        columns=["point", "replication", *COLUMNS, "error"],
    )
    return table.astype(dict.fromkeys(COLUMNS, "float64")), min(map(len, found), default=0)


def _factors(flat: Flat, varied: Sequence[str]) -> dict[str, Any]:
    return {key: label_of(flat.get(key, default_of(key))) for key in varied}


def from_summary(path: Path) -> RecordedResults:
    """Read the means of a ``summary.csv``; which scenarios they are of is known by the record beside it."""
    from simsmtp.output.csv_tables import read_summary

    if is_capacity_summary(path):
        raise _no_study(path)
    table = read_summary(path)
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
    found = RecordedResults(str(path), path.parent.name, None, known, rows, int(table["n"].max()), means_only=True,
                     spreads=spreads, place=lambda _: Place(str(path)))  # fmt: skip
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


def means_of(recorded: RecordedResults, replications: int, of: str = "mean") -> DataFrame:
    """Return the means (or ``sd``) over the first replications in the form of a summary's rows."""
    from simsmtp.statistics.summary import summarise

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
