"""The experiment file: a base scenario, factors, replications and a figure, in TOML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from simsmtp.errors import InputError
from simsmtp.experiment.capacity_table import SETTABLE as CAPACITY_SETTABLE
from simsmtp.experiment.capacity_table import CapacityTable, read_capacity
from simsmtp.experiment.design import DesignPoint, Levels, design_points
from simsmtp.experiment.factors import Factor, flat_factors, read_factor
from simsmtp.experiment.horizon import check_horizon
from simsmtp.experiment.sampling import check_ranges_take_effect, read_design, sampled_levels
from simsmtp.experiment.scenario_keys import flat, require_known
from simsmtp.experiment.settings import apply_settings
from simsmtp.experiment.size_limits import check_columns, check_points
from simsmtp.experiment.source_map import Places, read_toml
from simsmtp.experiment.tables import Figure, StudyTable, read_figure, read_study
from simsmtp.experiment.trace_files import check_trace, traces_beside
from simsmtp.model.responses import COLUMNS
from simsmtp.model.scenario import Scenario
from simsmtp.model.toml_text import check_tree

__all__ = ["DesignPoint", "Experiment", "Figure", "design_points", "load_case", "load_experiment"]

_TABLES = ("study", "scenario", "factors", "points", "design", "figure", "capacity")
_SETTABLE = {
    "study": tuple(StudyTable.model_fields),
    "figure": tuple(Figure.model_fields),
    "design": ("kind", "points", "seed"),
    "capacity": CAPACITY_SETTABLE,
}


@dataclass(frozen=True)
class Experiment:
    """A study as its author wrote it.

    Attributes
    ----------
    name, title, description : str
        ``name`` is the folder under ``results/``.
    replications, seed : int
        Replications of every design point, and the key of all random draws.
    responses : tuple of str
        Responses that tables show.
    scenario : Scenario
        The base that factors change.
    factors : tuple of Factor
        Crossed with each other, the first varying slowest.
    listed : tuple of dict
        Points beside the factorial: factor → `Level`.
    sampled : tuple of dict
        Points spread over ranges, key → `Level`: each is crossed with the factors.
    figure : Figure or None
        What to draw.
    capacity : CapacityTable or None
        What ``simsmtp capacity`` finds out.
    horizon : str
        ``"terminating"`` or ``"steady-state"``.
    places : Places
        Where all this was written.
    """

    name: str
    title: str
    description: str
    replications: int
    seed: int
    responses: tuple[str, ...]
    scenario: Scenario
    factors: tuple[Factor, ...] = ()
    listed: tuple[Levels, ...] = ()
    sampled: tuple[Levels, ...] = ()
    figure: Figure | None = None
    capacity: CapacityTable | None = None
    horizon: str = "terminating"
    places: Places = field(default_factory=Places, repr=False, compare=False)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Factor columns: the factors, then other keys that sampled and listed points set."""
        names = [factor.name for factor in self.factors]
        return tuple(dict.fromkeys([*names, *(key for point in (*self.sampled, *self.listed) for key in point)]))

    @cached_property
    def points(self) -> tuple[DesignPoint, ...]:
        """All design points."""
        return tuple(design_points(self))

    @classmethod
    def from_dict(cls, tables: Mapping[str, Any], settings: Sequence[str] = ()) -> Experiment:
        """Build an experiment from the nested tables of an experiment file.

        Parameters
        ----------
        tables : mapping
            ``study``, ``scenario``, ``factors``, ``points``, ``design``, ``figure``.
        settings : sequence of str
            ``key=value`` changes, as ``--set`` gives them.

        Raises
        ------
        InputError
            If anything in it cannot be used, down to the scenario of the last design point.
        """
        return _build(*_prepared(tables, Places(), settings))


def load_experiment(path: str | Path, settings: Sequence[str] = ()) -> Experiment:
    """Read an experiment file and check all of it, every design point included.

    Parameters
    ----------
    path : str or Path
        TOML with ``[study]``, ``[scenario.*]`` and optionally ``[factors]``, ``[[points]]``,
        ``[design]``, ``[figure]``.
    settings : sequence of str
        ``key=value`` changes, as ``--set`` gives them.

    Returns
    -------
    Experiment

    Raises
    ------
    InputError
        With file, line, key, what was given and what is allowed.
    """
    return _build(*_prepared(*read_toml(path), settings))


def load_case(path: str | Path, settings: Sequence[str] = (), point: int | None = None) -> tuple[Scenario, int]:
    """Read one scenario with the seed that its file gives it, 0 where it gives none.

    The file holds only ``[scenario.*]``, or is an experiment, of which one design point is read.

    Parameters
    ----------
    path : str or Path
        A scenario or an experiment file.
    settings : sequence of str
        ``key=value`` changes, as ``--set`` gives them.
    point : int, optional
        Number of the design point, from 1; by default the first.

    Raises
    ------
    InputError
        As `load_experiment`, and for a point that the file does not have.
    """
    tables, places = _prepared(*read_toml(path), settings)
    seed = 0
    if set(tables) <= {"scenario"}:
        points: Sequence[Scenario] = [_scenario(tables, places)]
    else:
        experiment = _build(tables, places)
        points, seed = [one.scenario for one in experiment.points], experiment.seed
    if point is not None and not 1 <= point <= len(points):
        raise InputError(
            "no such design point", file=str(path), key="point", given=point, allowed=f"1 to {len(points)}"
        )
    return points[(point or 1) - 1], seed


def _prepared(tables: Mapping[str, Any], places: Places, settings: Sequence[str]) -> tuple[dict[str, Any], Places]:
    """Return the tables with factors and points flat and the settings applied."""
    try:
        beside = traces_beside(tables, places.file)
        if places.file is None:
            check_tree(tables)
        known = {name: _checked_table(name, table) for name, table in beside.items()}
    except InputError as error:
        raise places.locate(error) from None
    given = apply_settings(known, settings, _SETTABLE)
    return known, Places(places.file, places.text, given)


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


def _build(tables: dict[str, Any], places: Places) -> Experiment:
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
    shown = study.responses or COLUMNS
    sampled = sampled_levels(design) if design else ()
    built = Experiment(**{**dict(study), "responses": shown}, scenario=_scenario(tables, places), factors=factors,
                       listed=listed, sampled=sampled, figure=figure, capacity=capacity, places=places)  # fmt: skip
    check_ranges_take_effect(design, places)
    try:
        check_columns(built.columns)
    except InputError as error:
        raise places.locate(error) from None
    _check_figure(built)
    for point in built.points:
        check_trace(point.scenario, places)
    check_horizon(built)
    return built


def _scenario(tables: Mapping[str, Any], places: Places) -> Scenario:
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


def _check_figure(experiment: Experiment) -> None:
    figure = experiment.figure
    if figure is None:
        return
    try:
        for role in ("x", "line", "panel"):
            name = getattr(figure, role)
            if name is not None and name not in experiment.columns:
                allowed = experiment.columns or "a factor, and this study has none"
                raise InputError("not a factor of this study", key=f"figure.{role}", given=name, allowed=allowed)
        if figure.mark is not None:
            require_known(figure.mark, (), "figure.mark")
    except InputError as error:
        raise experiment.places.locate(error) from None
