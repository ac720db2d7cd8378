"""The experiment file, read and checked as a whole."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simsmtp.errors import InputError
from simsmtp.experiment.experiment import Experiment
from simsmtp.experiment.file_tables import prepared, scenario_of
from simsmtp.experiment.shipped import is_name, named_file, shipped_files
from simsmtp.experiment.source_map import SourceMap, read_toml
from simsmtp.model.scenario import Scenario


def load_experiment(path: str | Path, settings: Sequence[str] = ()) -> Experiment:
    """Read an experiment file and check all of it, every design point included.

    Parameters
    ----------
    path : str or Path
        The name of a shipped experiment, such as ``kb822105``, or TOML with ``[study]``, ``[scenario.*]`` and
        optionally ``[factors]``, ``[[points]]``, ``[design]``, ``[figure]``.
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
    return Experiment.from_tables(*prepared(*_read(path), settings))


def load_case(path: str | Path, settings: Sequence[str] = (), point: int | None = None) -> tuple[Scenario, int]:
    """Read one scenario with the seed that its file gives it, 0 where it gives none.

    The file holds only ``[scenario.*]``, or is an experiment, of which one design point is read.

    Parameters
    ----------
    path : str or Path
        A scenario or an experiment file, or the name of a shipped experiment.
    settings : sequence of str
        ``key=value`` changes, as ``--set`` gives them.
    point : int, optional
        Number of the design point, from 1; by default the first.

    Raises
    ------
    InputError
        As `load_experiment`, and for a point that the file does not have.
    """
    tables, places = prepared(*_read(path), settings)
    seed = 0
    if set(tables) <= {"scenario"}:
        points: Sequence[Scenario] = [scenario_of(tables, places)]
    else:
        experiment = Experiment.from_tables(tables, places)
        points, seed = [one.scenario for one in experiment.points], experiment.seed
    if point is not None and not 1 <= point <= len(points):
        raise InputError(
            "no such design point", file=str(path), key="point", given=point, allowed=f"1 to {len(points)}"
        )
    return points[(point or 1) - 1], seed


def _read(path: object) -> tuple[dict[str, Any], SourceMap]:
    found = named_file(path)
    if found is path and is_name(path) and not os.path.lexists(str(path)):
        allowed = ("a TOML file", *shipped_files())
        raise InputError("there is no such file or experiment", given=str(path), allowed=allowed)
    return read_toml(found)
