"""``[design]``: points spread over ranges of scenario keys, beside or in place of a full factorial."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, get_args

import numpy as np
from pydantic import BaseModel, Field, model_validator

from simsmtp.errors import InputError
from simsmtp.experiment.factors import Factor, Level, label_of
from simsmtp.experiment.scenario_keys import flat, is_scenario_key, require_known
from simsmtp.model.numbers import number_text
from simsmtp.model.scenario import Positive, Scenario
from simsmtp.model.table import Table
from simsmtp.model.table_merge import is_place
from simsmtp.model.validation_errors import as_input_errors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simsmtp.experiment.source_map import SourceMap

_DIGITS = 6
_EXAMPLE = '{ low = 5, high = 300, scale = "log" }'


class Range(Table):
    """One entry of ``[design.ranges]``: where a scenario key may lie."""

    low: float
    """Least value."""
    high: float
    """Greatest value."""
    scale: Literal["linear", "log"] = "linear"
    """On which scale points are spread evenly."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"low ({number_text(self.low, 6)}) should be below high ({number_text(self.high, 6)})")
        if self.scale == "log" and self.low <= 0:
            raise ValueError(f"low ({number_text(self.low, 6)}) should be above 0 on a log scale")
        return self


class Design(Table):
    """``[design]``: how points are spread over ranges; every combination of factors is run at each of them."""

    kind: Literal["latin-hypercube", "sobol", "one-at-a-time"]
    """``latin-hypercube`` (McKay, Beckman and Conover 1979), ``sobol`` (a scrambled Sobol sequence, Owen 1998), or
    ``one-at-a-time``: the base scenario, then each key at its low and its high end with all others at the base."""
    points: Positive | None = None
    """Number of points; a power of two for ``sobol``, none for ``one-at-a-time``."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Key of the sample; the seed of the study keys everything else."""
    ranges: Annotated[dict[str, Range], Field(min_length=1)]
    """Dotted scenario key → ``{ low = …, high = …, scale = "linear" | "log" }``; whole numbers are rounded."""

    @property
    def size(self) -> int:
        """How many points it makes."""
        return 1 + 2 * len(self.ranges) if self.points is None else self.points


def read_design(table: Mapping[str, Any] | None, factors: Sequence[Factor]) -> Design | None:
    """Return the checked ``[design]`` of an experiment file, None where there is none.

    Raises
    ------
    InputError
        If a key or a value in it cannot be used, or a range is that of a factor.
    """
    if table is None:
        return None
    ranges = table.get("ranges")
    if not isinstance(ranges, Mapping):
        raise InputError("is required" if ranges is None else "should be a table", key="design.ranges",
                         given=... if ranges is None else ranges,
                         allowed=f'"network.rtt_ms" = {_EXAMPLE}')  # fmt: skip
    ranges = flat(ranges)
    for key, one in ranges.items():
        _require_rangeable(key, factors)
        if not isinstance(one, Mapping):
            raise InputError("is not a range", key=f"design.ranges.{key}", given=one, allowed=_EXAMPLE)
    given = {key: {**one, **_floats(one)} for key, one in ranges.items()}
    with as_input_errors("design", Design):
        design = Design(**{**table, "ranges": given})
    _check_points(design.kind, design.points)
    return design


def _check_points(kind: str, points: int | None) -> None:
    if kind == "one-at-a-time":
        if points is not None:
            raise InputError(
                "one-at-a-time makes its own points", key="design.points", given=points, allowed="no points"
            )
    elif points is None:
        raise InputError(f"is required by {kind}", key="design.points", allowed="a number of points")
    elif kind == "sobol" and points & (points - 1):
        raise InputError("is no power of two, as a Sobol sequence needs", key="design.points", given=points,
                         allowed="1, 2, 4, 8, …")  # fmt: skip


def _floats(table: Mapping[str, Any]) -> dict[str, float]:
    return {key: float(value) for key, value in table.items() if key in {"low", "high"} and type(value) is int}


def _require_rangeable(key: str, factors: Sequence[Factor]) -> None:
    require_known(key, (), f"design.ranges.{key}")
    if any(key in level.changes for factor in factors for level in factor.levels):
        raise InputError("is a factor too", key=f"design.ranges.{key}", given=key, allowed="one or the other")
    if _number_type(key) is None:
        raise InputError("is not a number", key=f"design.ranges.{key}", given=key, allowed="a key that holds a number")


def check_ranges_take_effect(design: Design | None, places: SourceMap) -> None:
    """Raise an `InputError` if a setting changes a key that every point of the design sets."""
    for key in design.ranges if design else ():
        if f"scenario.{key}" in places.settings:
            error = InputError("every point of the design sets this key", key=f"scenario.{key}", allowed="other keys")
            raise places.locate(error)


def sampled_levels(design: Design) -> tuple[dict[str, Level], ...]:
    """Return the points of a design: key → level; the same design always gives the same points.

    Parameters
    ----------
    design : Design
        Checked.

    Returns
    -------
    tuple of dict
        Keys that stay as in the base scenario are left out.
    """
    keys = list(design.ranges)
    if design.kind == "one-at-a-time":
        ends = [(key, end) for key in keys for end in (0.0, 1.0)]
        return ({}, *({key: _level(key, end, design.ranges[key], ends=True)} for key, end in ends))
    return tuple(
        {key: _level(key, float(u), design.ranges[key]) for key, u in zip(keys, row, strict=True)}
        for row in _unit_sample(design)
    )


def _unit_sample(design: Design) -> NDArray[np.float64]:
    from scipy.stats import qmc

    kind = qmc.LatinHypercube if design.kind == "latin-hypercube" else qmc.Sobol
    word = "rng" if "rng" in inspect.signature(kind).parameters else "seed"  # renamed in SciPy 1.15
    sampler = kind(d=len(design.ranges), **{word: np.random.default_rng(design.seed)})
    sample: NDArray[np.float64] = sampler.random(design.points)
    return sample


def _level(key: str, u: float, one: Range, *, ends: bool = False) -> Level:
    """Return the level at the share `u` of a range; a whole number between the ends is as likely as any other."""
    whole = _number_type(key) is int
    low, high = (one.low, one.high) if ends or not whole else (max(one.low - 0.5, one.low / 2), one.high + 0.5)
    number = low * (high / low) ** u if one.scale == "log" else low + (high - low) * u
    value = _whole(number, one) if whole else float(f"{number:.{_DIGITS}g}")
    return Level(label_of(value), {key: value})


def _whole(number: float, one: Range) -> int:
    return min(max(round(number), math.ceil(one.low)), math.floor(one.high))


def _number_type(key: str) -> type[int] | type[float] | None:
    """Return whether a scenario key holds whole numbers or others, None if neither."""
    if not is_scenario_key(key):
        return None
    models: list[type[BaseModel]] = [Scenario]
    leaves: list[Any] = []
    for part in key.split("."):
        if is_place(part):
            continue
        fields = [model.model_fields[part].annotation for model in models if part in model.model_fields]
        leaves = [leaf for field in fields for leaf in _leaves(field)]
        models = [leaf for leaf in leaves if isinstance(leaf, type) and issubclass(leaf, BaseModel)]
    return float if float in leaves else int if int in leaves else None


def _leaves(annotation: Any) -> Iterator[Any]:
    inner = get_args(annotation)
    if not inner:
        yield annotation
    for one in inner:
        yield from _leaves(one)
