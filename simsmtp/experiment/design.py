"""From factors and listed points to the design points of a study, every one of them checked."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simsmtp.errors import InputError
from simsmtp.experiment.factors import Label, Level, label_of
from simsmtp.experiment.scenario_keys import changed, is_scenario_key, value_at

if TYPE_CHECKING:
    from simsmtp.experiment.experiment import Experiment
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


def design_points(experiment: Experiment) -> list[DesignPoint]:
    """Return the points of an experiment: the full factorial crossed with the sampled points, then the listed ones.

    Points that repeat an earlier one are left out.

    Parameters
    ----------
    experiment : Experiment
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
    base = {column: _base_label(experiment, column) for column in experiment.columns}
    for levels in _rows(experiment):
        scenario = _scenario(experiment, levels)
        labels = {column: levels[column].label if column in levels else label for column, label in base.items()}
        same = (*labels.items(), scenario.canonical())
        seen.setdefault(same, DesignPoint(len(seen) + 1, labels, scenario))
    return list(seen.values())


def _rows(experiment: Experiment) -> Iterator[Levels]:
    names = [factor.name for factor in experiment.factors]
    if names or experiment.sampled or not experiment.listed:
        for levels in itertools.product(*(factor.levels for factor in experiment.factors)):
            for spread in experiment.sampled or ({},):
                yield {**dict(zip(names, levels, strict=True)), **spread}
    yield from experiment.listed


def _base_label(experiment: Experiment, column: str) -> Label:
    """Return the level that a point has in a column that it does not set."""
    if is_scenario_key(column):
        return label_of(value_at(experiment.scenario, column))
    factor = next(one for one in experiment.factors if one.name == column)
    for level in factor.levels:
        if all(value_at(experiment.scenario, key) == value for key, value in level.changes.items()):
            return level.label
    return "base"


def _scenario(experiment: Experiment, levels: Levels) -> Scenario:
    changes = {key: value for level in levels.values() for key, value in level.changes.items()}
    try:
        return changed(experiment.scenario, changes)
    except InputError as error:
        raise _at_its_factor(experiment, levels, error) from None


def _at_its_factor(experiment: Experiment, levels: Levels, error: InputError) -> InputError:
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
    number = experiment.listed.index(levels) if levels in experiment.listed else None
    factor = next((one for one in experiment.factors if one.name == name), None)
    if number is not None:
        place = f"points.{number}.{name}"
    elif factor is None:
        place = f"design.ranges.{name}"
    elif factor.named:
        one = next((one for one in level.changes if key == one or key.startswith(f"{one}.")), "")
        place = f"factors.{name}.{level.label}.{one}"
    else:
        place = f"factors.{name}.{factor.levels.index(level)}"
    return experiment.places.locate(blamed, place).at(key=error.key)


def check_figure(experiment: Experiment) -> None:
    """Raise an `InputError` if a design point has no place in the experiment's figure, or two share one."""
    figure = experiment.figure
    if figure is None:
        return
    axes = (figure.x, figure.line, figure.panel)
    places = {tuple(str(point.factors.get(axis)) for axis in axes if axis) for point in experiment.points}
    if len(places) < len(experiment.points):
        left = [name for name in experiment.columns if name not in axes]
        raise InputError(
            "several design points share one place in the figure",
            key="figure",
            allowed=f"a line or a panel for {' and '.join(left)}, or --no-figure",
        )
    from simsmtp.figures.axes import x_axis  # noqa: PLC0415 - numpy costs a tenth of a second
    from simsmtp.figures.labels import plain_level  # noqa: PLC0415

    try:
        x_axis([plain_level(point.factors[figure.x]) for point in experiment.points], figure.x_scale, figure.x)
    except InputError as error:
        raise experiment.places.locate(error, "figure.x_scale") from None
