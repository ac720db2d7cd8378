"""An experiment as plain tables again, for the record beside its results."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsmtp.experiment.settings import parse_setting

if TYPE_CHECKING:
    from simsmtp.experiment.experiment import Experiment
    from simsmtp.experiment.factors import Factor


def experiment_json(experiment: Experiment) -> bytes:
    """Return the experiment as JSON: what `experiment_tables` returns."""
    return (json.dumps(experiment_tables(experiment), indent=1) + "\n").encode()


def experiment_tables(experiment: Experiment) -> dict[str, Any]:
    """Return the tables of an experiment as it was run: settings applied, no default written out, no comment.

    Parameters
    ----------
    experiment : Experiment
        From a file or built in Python.

    Returns
    -------
    dict
        ``study``, ``scenario``, ``factors``, ``points``, ``design``, ``figure``, as
        `simsmtp.experiment.experiment.Experiment.from_dict` takes them. Of an absolute path only its last part is kept.
        Where the ranges of a design are not known, for it was not read from a file, its points are listed.
    """
    design = _design(experiment)
    points = [*experiment.listed, *(() if design else experiment.sampled)]
    study = {name: getattr(experiment, name) for name in ("name", "title", "description", "replications", "seed")}
    tables = {
        "study": study | {"horizon": experiment.horizon, "responses": list(experiment.responses)},
        "scenario": _portable(experiment.scenario._given),  # a preset is named, its values are not spelled out
        "factors": {one.name: _levels(one) for one in experiment.factors},
        "points": [{key: _portable(one.changes.get(key, one.label)) for key, one in point.items()} for point in points],
        "design": design,
        "figure": experiment.figure.model_dump(mode="json", exclude_unset=True) if experiment.figure else {},
    }
    return {name: table for name, table in tables.items() if table}


def _levels(factor: Factor) -> Any:
    if factor.named:
        return {level.label: _portable(level.changes) for level in factor.levels}
    return [_portable(level.changes[factor.name]) for level in factor.levels]


def _design(experiment: Experiment) -> dict[str, Any]:
    """Return ``[design]`` as written: an experiment knows the points it came to and not the ranges."""
    found: dict[str, Any] = tomllib.loads(experiment.places.text).get("design", {})
    for key, setting in experiment.places.settings.items():
        if key.startswith("design."):
            found[key.removeprefix("design.")] = parse_setting(setting)[1]
    return found


def _portable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _portable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_portable(one) for one in value]
    absolute = isinstance(value, str) and Path(value).is_absolute()
    return Path(value).name if absolute else value
