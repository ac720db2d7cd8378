"""The table ``{ dist = "lognormal", mean = 50, cv = 0.4 }`` that may stand wherever a number is drawn."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

_NEEDS: dict[str, tuple[str, ...]] = {
    "constant": ("value",),
    "uniform": ("low", "high"),
    "normal": ("mean", "cv"),
    "lognormal": ("mean", "cv"),
    "gamma": ("mean", "cv"),
    "exponential": ("mean",),
    "geometric": ("mean",),
    "zipf": ("exponent", "maximum"),
    "empirical": ("values",),
}
_MAY_HAVE: dict[str, tuple[str, ...]] = {
    "exponential": ("shift",),
    "lognormal": ("maximum",),
    "geometric": ("maximum",),
}


class Distribution(BaseModel):
    """A distribution by name with its parameters, in the unit of the key it stands at.

    ``constant(value)``, ``uniform(low, high)``, ``normal(mean, cv)`` cut off at 0, ``lognormal(mean, cv)``,
    ``gamma(mean, cv)``, ``exponential(mean)`` with an optional ``shift`` that is part of the mean,
    ``geometric(mean)`` on 1, 2, …, ``zipf(exponent, maximum)`` on 1 … maximum, ``empirical(values)``:
    each value equally likely. ``cv`` is the standard deviation divided by the mean. ``lognormal`` and
    ``geometric`` may carry a ``maximum`` at which draws are cut. The largest draw has to be in the key's range;
    a count that is drawn is looked at when it is drawn.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    dist: Literal[
        "constant", "uniform", "normal", "lognormal", "gamma", "exponential", "geometric", "zipf", "empirical"
    ]
    value: Annotated[float, Field(ge=0)] | None = None
    mean: Annotated[float, Field(gt=0)] | None = None
    cv: Annotated[float, Field(gt=0)] | None = None
    low: Annotated[float, Field(ge=0)] | None = None
    high: Annotated[float, Field(ge=0)] | None = None
    shift: Annotated[float, Field(ge=0)] | None = None
    exponent: Annotated[float, Field(gt=0)] | None = None
    maximum: Annotated[int, Field(ge=1)] | None = None
    values: tuple[Annotated[float, Field(ge=0)], ...] | None = Field(default=None, strict=False)

    def __repr_args__(self) -> list[tuple[str, Any]]:
        return [(name, value) for name, value in self if value is not None]

    @model_validator(mode="after")
    def _parameters_fit(self) -> Self:
        needed = _NEEDS[self.dist]
        given = {name for name in type(self).model_fields if name != "dist" and getattr(self, name) is not None}
        if missing := set(needed) - given:
            raise ValueError(f"{self.dist} needs {' and '.join(sorted(missing))}")
        if extra := given - set(needed) - set(_MAY_HAVE.get(self.dist, ())):
            raise ValueError(f"{self.dist} has no {' and no '.join(sorted(extra))}")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low ({self.low}) is above high ({self.high})")
        if self.shift is not None and self.mean is not None and self.shift >= self.mean:
            raise ValueError(f"shift ({self.shift}) must be below the mean ({self.mean})")
        if self.dist == "geometric" and self.mean is not None and self.mean < 1:
            raise ValueError(f"a geometric mean is at least 1, not {self.mean}")
        if self.values is not None and not self.values:
            raise ValueError("empirical needs at least one value")
        return self
