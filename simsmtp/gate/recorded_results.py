"""Results on one side of a comparison, whatever they were read from, and whether both sides ran the same."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from simsmtp.errors import InputError
from simsmtp.experiment.factors import Label, label_of
from simsmtp.gate.places import PlaceOf, nowhere, place_in_experiment
from simsmtp.rows.responses import COLUMNS
from simsmtp.store.address import canonical, code_hash
from simsmtp.store.scenario_identity import Flat, default_of, flat_scenario, identity_of

if TYPE_CHECKING:
    from pandas import DataFrame

    from simsmtp.experiment.experiment import Experiment
    from simsmtp.study.study import Study


class NoBaselineError(InputError):
    """There is nothing to compare with: exit code 5."""


class RecordedPoint(NamedTuple):
    """A design point of recorded results.

    Attributes
    ----------
    identity : str
        Hash of the scenario without the code; empty where it is not known.
    factors : dict
        Column → level.
    """

    identity: str
    factors: dict[str, Label]


@dataclass(frozen=True)
class RecordedResults:
    """Per-replication results with the scenarios that gave them.

    Attributes
    ----------
    source, name : str
        Where they were read, and the name of the study if it is known.
    seed : int or None
        None where it is not known.
    points : tuple of RecordedPoint
        The first is point 1 of `rows`.
    rows : DataFrame
        ``point``, ``replication``, the responses, ``error``.
    replications : int
        Of every point.
    common, varied : dict, tuple of str
        Scenario keys that are equal at all points and not at their default, and keys that are not equal.
    code : str
        Hash of the code that computed them; empty if not known.
    complete : bool
        False for a store, which may hold more than one study.
    means_only : bool
        The rows are means over the replications.
    spreads : DataFrame or None
        Then their standard deviations.
    place : callable
        Number of a design point → where it is written, None where that is not known.
    """

    source: str
    name: str
    seed: int | None
    points: tuple[RecordedPoint, ...]
    rows: DataFrame = field(repr=False)
    replications: int
    common: Flat = field(default_factory=dict, repr=False)
    varied: tuple[str, ...] = ()
    code: str = ""
    complete: bool = True
    means_only: bool = False
    spreads: DataFrame | None = field(default=None, repr=False)
    place: PlaceOf = field(default=nowhere, repr=False, compare=False)

    @property
    def columns(self) -> tuple[str, ...]:
        """Factor columns."""
        return tuple(self.points[0].factors) if self.points else ()


def shared_keys(scenarios: Sequence[Flat]) -> tuple[Flat, tuple[str, ...]]:
    """Return the keys that all scenarios have with the same value, and the others."""
    keys = sorted({key for one in scenarios for key in one})
    common = {key: scenarios[0].get(key) for key in keys if all(one.get(key, ...) == scenarios[0].get(key, ...)
                                                                for one in scenarios)}  # fmt: skip
    return common, tuple(key for key in keys if key not in common)


def recorded_experiment(experiment: Experiment) -> RecordedResults:
    """Return an experiment as results of which there are none yet."""
    import pandas as pd

    scenarios = [flat_scenario(canonical(point.scenario)) for point in experiment.points]
    points = tuple(
        RecordedPoint(identity_of(flat), point.factors)
        for flat, point in zip(scenarios, experiment.points, strict=True)
    )
    common, varied = shared_keys(scenarios)
    rows = pd.DataFrame(columns=["point", "replication", *COLUMNS, "error"])
    source = experiment.places.file or experiment.name
    return RecordedResults(source, experiment.name, experiment.seed, points, rows, 0, common, varied, code_hash(),
                           place=partial(place_in_experiment, experiment))  # fmt: skip


def recorded_study(study: Study) -> RecordedResults:
    """Return the results of a study."""
    from dataclasses import replace

    rows = study.rows[["point", "replication", *COLUMNS, "error"]]
    return replace(recorded_experiment(study.experiment), rows=rows, replications=study.experiment.replications)


def require_same(base: RecordedResults, new: RecordedResults) -> dict[int, int]:
    """Return point of `new` → point of `base`, both from 1.

    Parameters
    ----------
    base, new : RecordedResults
        Design points are paired by scenario, by factor levels where one side is a summary.

    Raises
    ------
    InputError
        Naming what differs: the seed, a scenario key, or a design point that one side has not.
    """
    if None not in {base.seed, new.seed} and base.seed != new.seed:
        hint = f"{base.seed}, the seed of {base.source}"
        raise InputError("another seed than the baseline", file=new.source, key="study.seed",
                         given=new.seed, allowed=hint)  # fmt: skip
    by_factors = not (base.points[0].identity and new.points[0].identity)
    known = {_key(point, by_factors): number for number, point in enumerate(base.points, 1)}
    pairs = {number: known.get(_key(point, by_factors)) for number, point in enumerate(new.points, 1)}
    found = {number: there for number, there in pairs.items() if there is not None}
    unknown = [new.points[number - 1] for number in pairs if number not in found]
    unseen = [one for number, one in enumerate(base.points, 1) if number not in set(found.values())]
    if base.complete and not by_factors:  # equal scenarios under two labels are one
        covered = {new.points[number - 1].identity for number in found}
        unseen = [one for one in unseen if one.identity not in covered]
    if not found or (unknown and new.complete) or (unseen and base.complete):
        raise _difference(base, new, unknown, unseen)
    return found


def _key(point: RecordedPoint, by_factors: bool) -> str:
    return level_key(point.factors) if by_factors else point.identity


def level_key(factors: Mapping[str, object]) -> str:
    """Return factor levels as one text, numbers alike whether they were read as 1, 1.0 or "1"."""
    return json.dumps({name: _level_text(level) for name, level in factors.items()}, sort_keys=True)


def _level_text(level: object) -> str:
    try:
        return str(level) if isinstance(level, bool) else repr(float(str(level)))
    except ValueError:
        return str(level)


def _difference(
    base: RecordedResults, new: RecordedResults, unknown: Iterable[RecordedPoint], unseen: Iterable[RecordedPoint]
) -> InputError:
    for key in sorted({*base.common, *new.common} - {*base.varied, *new.varied}):
        was, now = (side.common.get(key, default_of(key)) for side in (base, new))
        if was != now and base.points[0].identity and new.points[0].identity:
            hint = f"{label_of(was)}, as in {base.source}"
            return InputError("another scenario than the baseline", file=new.source, key=f"scenario.{key}",
                              given=now, allowed=hint)  # fmt: skip
    where, points = (base.source, list(unknown)) if unknown else (new.source, list(unseen))
    levels = ", ".join(f"{name}={level}" for name, level in points[0].factors.items()) or "the base"
    return InputError(f"{len(points)} design points are not in {where}", file=new.source, key="factors",
                      given=levels, allowed="the baseline's design; --write-baseline writes a new one")  # fmt: skip
