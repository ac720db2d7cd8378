"""From factors and listed points to the design points of a study, every one of them checked."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simsmtp.errors import InputError
from simsmtp.experiment.factors import Label, Level, label_of
from simsmtp.experiment.scenario_keys import is_scenario_key, value_at

if TYPE_CHECKING:
    from simsmtp.experiment.experiment import Experiment  # for annotations: an experiment asks for its points
    from simsmtp.model.scenario import Scenario

Levels = Mapping[str, Level]


@dataclass(frozen=True)
class DesignPoint:
    """One scenario of a study.

    Attributes
    ----------
    number : int
        From 1, the factorial first, then the listed points.
    factors : dict
        Column → level, the same columns at every point.
    scenario : Scenario
        What is simulated here.
    """

    number: int
    factors: dict[str, Label]
    scenario: Scenario


def design_points(design: Experiment) -> list[DesignPoint]:
    """Return the points of an experiment: the full factorial crossed with the sampled points, then the listed ones.

    Points that repeat an earlier one are left out.

    Parameters
    ----------
    design : Experiment
        With factors, sampled and listed points.

    Returns
    -------
    list of DesignPoint

    Raises
    ------
    InputError
        If the levels of a point make an impossible scenario; it names the factor's place in the file.
    """
    seen: dict[tuple[Any, ...], DesignPoint] = {}
    base = {column: _base_label(design, column) for column in design.columns}
    for levels in _rows(design):
        scenario = _scenario(design, levels)
        labels = {column: levels[column].label if column in levels else label for column, label in base.items()}
        same = (*labels.items(), scenario.canonical())
        seen.setdefault(same, DesignPoint(len(seen) + 1, labels, scenario))
    return list(seen.values())


def _rows(design: Experiment) -> Iterator[Levels]:
    names = [factor.name for factor in design.factors]
    if names or design.sampled or not design.listed:
        for levels in itertools.product(*(factor.levels for factor in design.factors)):
            for spread in design.sampled or ({},):
                yield {**dict(zip(names, levels, strict=True)), **spread}
    yield from design.listed


def _base_label(design: Experiment, column: str) -> Label:
    """Return the level that a point has in a column that it does not set."""
    if is_scenario_key(column):
        return label_of(value_at(design.scenario, column))
    factor = next(one for one in design.factors if one.name == column)
    for level in factor.levels:
        if all(value_at(design.scenario, key) == value for key, value in level.changes.items()):
            return level.label
    return "base"


def _scenario(design: Experiment, levels: Levels) -> Scenario:
    changes = {key: value for level in levels.values() for key, value in level.changes.items()}
    try:
        return design.scenario.replace(changes)
    except InputError as error:
        raise _at_its_factor(design, levels, error) from None


def _at_its_factor(design: Experiment, levels: Levels, error: InputError) -> InputError:
    """Blame the factor that set the key complained of, else one that set a key of the same table."""
    key = error.key or ""
    table = key.partition(".")[0]

    def closeness(name: str) -> int:
        keys = list(levels[name].changes)
        exact = any(key == one or key.startswith(f"{one}.") for one in keys)
        return 2 * exact + any(one.startswith(f"{table}.") for one in keys)

    name = max(levels, key=closeness)
    level = levels[name]
    at = ", ".join(f"{column}={level.label}" for column, level in levels.items())
    message = f"{error.message} (at design point {at})"
    blamed = InputError(message, key=error.key, given=error.given, allowed=error.allowed)
    number = design.listed.index(levels) if levels in design.listed else None
    factor = next((one for one in design.factors if one.name == name), None)
    if number is not None:
        place = f"points.{number}.{name}"
    elif factor is None:
        place = f"design.ranges.{name}"
    elif factor.named:
        one = next((one for one in level.changes if key == one or key.startswith(f"{one}.")), "")
        place = f"factors.{name}.{level.label}.{one}"
    else:
        place = f"factors.{name}.{factor.levels.index(level)}"
    return design.places.locate(blamed, place).at(key=error.key)
