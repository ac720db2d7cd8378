"""The tables of an experiment file: each is checked and read, with settings applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simsmtp.errors import InputError, texts_in
from simsmtp.experiment.capacity_table import SETTABLE as CAPACITY_SETTABLE
from simsmtp.experiment.capacity_table import read_capacity
from simsmtp.experiment.design import Levels
from simsmtp.experiment.factors import Factor, flat_factors, read_factor
from simsmtp.experiment.sampling import check_ranges_take_effect, read_design, sampled_levels
from simsmtp.experiment.scenario_keys import flat, require_known
from simsmtp.experiment.settings import apply_settings
from simsmtp.experiment.size_limits import check_points
from simsmtp.experiment.source_map import SourceMap
from simsmtp.experiment.study_and_figure import Figure, StudyTable, read_figure, read_study
from simsmtp.experiment.trace_files import check_trace, traces_beside
from simsmtp.model.scenario import Scenario
from simsmtp.model.toml_text import check_tree
from simsmtp.rows.responses import COLUMNS

_TABLES = ("study", "scenario", "factors", "points", "design", "figure", "capacity")


_SETTABLE = {
    "study": tuple(StudyTable.model_fields),
    "figure": tuple(Figure.model_fields),
    "design": ("kind", "points", "seed"),
    "capacity": CAPACITY_SETTABLE,
}


def prepared(tables: object, places: SourceMap, settings: Sequence[str]) -> tuple[dict[str, Any], SourceMap]:
    """Return the tables with factors and points flat and the settings applied, and where all that was written."""
    if not isinstance(tables, Mapping):
        allowed = "a dict of tables, such as {'study': {'name': 'window', 'title': 'Window'}}"
        raise InputError("should be a dict", key="tables", given=tables, allowed=allowed)
    changes = texts_in(settings, "settings", "KEY=VALUE in a list, such as ['client.batch_size=50']")
    try:
        beside = traces_beside(tables, places.file)
        if places.file is None:
            check_tree(tables)
        known = {name: _checked_table(name, table) for name, table in beside.items()}
    except InputError as error:
        raise places.locate(error) from None
    given = apply_settings(known, changes, _SETTABLE)
    return known, SourceMap(places.file, places.text, given)


def _checked_table(name: str, table: Any) -> Any:
    if name not in _TABLES:
        raise InputError(f"unknown table {name!r}", key=name, allowed=_TABLES)
    if name == "points":
        if not isinstance(table, Sequence) or not all(isinstance(one, Mapping) for one in table):
            raise InputError("should be an array of tables, [[points]]", key=name, given=table)
        return [flat(one) for one in table]
    if not isinstance(table, Mapping):
        raise InputError("should be a table", key=name, given=table)
    return flat_factors(table) if name == "factors" else _nested_copy(table)


def _nested_copy(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _nested_copy(one) if isinstance(one, Mapping) else one for key, one in table.items()}


def parts_of(tables: Mapping[str, Any], places: SourceMap) -> dict[str, Any]:
    """Return what an experiment is made of, by the names of its attributes; each part is checked by itself.

    Parameters
    ----------
    tables : mapping
        As `prepared` returns them.
    places : SourceMap
        Where they were written.
    """
    try:
        study = read_study(tables)
        factors = tuple(read_factor(name, levels) for name, levels in tables.get("factors", {}).items())
        design = read_design(tables.get("design"), factors)
        check_points(factors, design.size if design else 0, len(tables.get("points", [])))
        listed = _listed(tables.get("points", []), factors)
        figure = read_figure(tables.get("figure"))
        capacity = read_capacity(tables.get("capacity"))
    except InputError as error:
        raise places.locate(error) from None
    sampled = sampled_levels(design) if design else ()
    scenario = scenario_of(tables, places)
    check_ranges_take_effect(design, places)
    return {
        **dict(study), "responses": study.responses or COLUMNS, "scenario": scenario, "factors": factors,
        "listed": listed, "sampled": sampled, "figure": figure, "capacity": capacity, "places": places,
    }  # fmt: skip


def scenario_of(tables: Mapping[str, Any], places: SourceMap) -> Scenario:
    """Return the base scenario; what cannot be used is an `InputError` with its place."""
    try:
        scenario = Scenario.from_dict(tables.get("scenario", {}))
    except InputError as error:
        if error.key == "workload.arrivals" and error.given == "trace":
            hint = "a path in workload.trace, for example with --set scenario.workload.trace=PATH"
            error = InputError(error.message, key=error.key, given=error.given, allowed=hint)
        raise places.locate(error, f"scenario.{error.key or ''}") from None
    check_trace(scenario, places)
    return scenario


def _listed(points: Sequence[Mapping[str, Any]], factors: Sequence[Factor]) -> tuple[Levels, ...]:
    by_name = {factor.name: factor for factor in factors}
    known: set[str] = set()  # of thousands of points, each key is looked up once
    found = []
    for index, keys in enumerate(points):
        for key in keys.keys() - known:
            require_known(key, by_name, f"points.{index}.{key}")
            known.add(key)
        try:
            found.append({key: by_name.get(key, Factor(key, ())).find(value) for key, value in keys.items()})
        except InputError as error:
            raise InputError(
                error.message, key=f"points.{index}.{error.key}", given=error.given, allowed=error.allowed
            ) from None
    return tuple(found)
