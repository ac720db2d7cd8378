"""Where a design point is written: the line of an experiment file, or the row of a baseline."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from simsmtp.model.toml_lines import line_of

if TYPE_CHECKING:
    from simsmtp.experiment.experiment import Experiment


class Place(NamedTuple):
    """A file, as the user named it, and a line in it.

    Attributes
    ----------
    file : str
        Its name.
    line : int or None
        From 1; None where it is not known.
    """

    file: str
    line: int | None = None


PlaceOf = Callable[[int], Place | None]
"""Number of a design point → where it is written, None where that is not known."""


def nowhere(_: int) -> None:
    """Return that the place of a design point is not known."""


def place_in_experiment(experiment: Experiment, number: int) -> Place | None:
    """Return where an experiment file says what a design point is.

    Parameters
    ----------
    experiment : Experiment
        With the text that it was read from.
    number : int
        Of the design point, from 1.

    Returns
    -------
    Place or None
        The line of the listed point, else of a level with a name, else of the first factor, else of the study. None
        for an experiment that was made in Python.
    """
    source = experiment.places
    if source.file is None:
        return None
    factors = experiment.points[number - 1].factors
    for index, levels in enumerate(experiment.listed):
        if all(factors.get(name) == level.label for name, level in levels.items()):
            return Place(source.file, line_of(source.text, f"points.{index}"))
    names = [factor.name for factor in experiment.factors]
    lines = [line_of(source.text, f"factors.{name}") for name in names]
    levels_too = [line_of(source.text, f"factors.{name}.{factors[name]}") for name in names]
    named = [level for level, line in zip(levels_too, lines, strict=True) if level != line]
    return Place(source.file, next(iter((*named, *lines)), None) or line_of(source.text, "study"))


def first_inside(places: Iterable[Place], folder: str | None) -> Place | None:
    """Return the first place that lies in a folder, its file relative to it; without a folder just the first.

    Parameters
    ----------
    places : iterable of Place
        From the best to the least good.
    folder : str or None
        The root of what a CI service shows; links are followed.
    """
    for one in places:
        if not folder:
            return one._replace(file=Path(one.file).as_posix())
        root, file = Path(os.path.realpath(folder)), Path(os.path.realpath(one.file))
        if file.is_relative_to(root):
            return one._replace(file=file.relative_to(root).as_posix())
    return None
