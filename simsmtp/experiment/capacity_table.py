"""The table ``[capacity]`` of an experiment file: objectives, what to search, what to vary, prices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from simsmtp.errors import InputError
from simsmtp.experiment.scenario_keys import flat, require_known
from simsmtp.experiment.study_and_figure import Texts
from simsmtp.model.table import Table
from simsmtp.model.validation_errors import as_input_errors

RATE, BATCH, CONNECTIONS = "rate", "client.batch_size", "client.connections"
SEARCHABLE = (RATE, BATCH, CONNECTIONS)
SETTABLE = ("tolerance", "level", "first_look", "curve_points", "objectives")


_Price = Annotated[float, Field(ge=0)]
_Above = Annotated[float, Field(gt=0)]


class PriceTable(Table):
    """``[capacity.prices]``: the planner's own prices."""

    per_connection_hour: _Price = 0.0
    """Price of one connection held for an hour."""
    per_million_rcpt: _Price = 0.0
    """Price of a million RCPT commands, refused ones included."""
    currency: str = ""
    """Written behind amounts."""


class CapacityTable(Table):
    """``[capacity]``: what a plan has to meet, and what to find out."""

    objectives: Texts = ()
    """Objectives, such as ``delay p(99) < 60 s``; ``--slo`` replaces them."""
    tolerance: Annotated[float, Field(ge=0.001, le=1)] = 0.05
    """Searches end when the value that fails is at most this share above the one that passes."""
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """Confidence level of all intervals."""
    first_look: Annotated[int, Field(ge=2)] = 3
    """Replications of a value before its objectives are judged first; more are added while undecided."""
    curve_points: Annotated[int, Field(ge=0, le=50)] = 6
    """Rates of the saturation curve beside those that the search looked at."""
    search: dict[str, tuple[_Above, _Above]] = Field(default_factory=dict)
    """What to search and between which bounds: ``rate``, ``client.batch_size``, ``client.connections``."""
    factors: dict[str, tuple[Any, Any]] = Field(default_factory=dict)
    """Scenario keys and the two values between which the tornado varies each."""
    prices: PriceTable = PriceTable()
    full: dict[str, Any] = Field(default_factory=dict)
    """Scenario keys that ``--full`` changes."""


def read_capacity(table: Mapping[str, Any] | None) -> CapacityTable | None:
    """Return the checked ``[capacity]`` of an experiment's tables, None where there is none.

    Raises
    ------
    InputError
        For an unknown key, what cannot be searched, bounds the wrong way round.
    """
    if table is None:
        return None
    given = {key: _pairs(key, one) for key, one in table.items()}
    with as_input_errors("capacity", CapacityTable):
        read = CapacityTable(**given)
    for key, (low, high) in read.search.items():
        _check_search(key, low, high)
    for part in ("factors", "full"):
        for key in getattr(read, part):
            require_known(key, (), f"capacity.{part}.{key}")
    return read


def _pairs(key: str, value: Any) -> Any:
    """Return nested keys flat, and pairs as the tuples that a strict table wants."""
    if key not in {"search", "factors", "full"} or not isinstance(value, Mapping):
        return value
    keys = flat(value)
    if key == "full":
        return keys
    for name, pair in keys.items():
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise InputError("should be two values", key=f"capacity.{key}.{name}", given=pair, allowed="[low, high]")
    return {name: tuple(float(one) if key == "search" and isinstance(one, int) else one for one in pair)
            for name, pair in keys.items()}  # fmt: skip


def _check_search(key: str, low: float, high: float) -> None:
    where = f"capacity.search.{key}"
    if key not in SEARCHABLE:
        raise InputError("cannot be searched", key=where, given=key, allowed=SEARCHABLE)
    if key != RATE and not (low.is_integer() and high.is_integer()):
        raise InputError("should be whole numbers", key=where, given=[low, high])
    if low >= high:
        raise InputError("the lower bound comes first", key=where, given=[low, high], allowed="[low, high]")
