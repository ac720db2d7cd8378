"""Objectives that a plan has to meet, in the grammar of k6: ``delay p(99) < 60 s``, ``false_ndr == 0``."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from simsmtp.errors import InputError
from simsmtp.rows.responses import BY_NAME, COLUMNS

OPERATORS = ("<", "<=", "==", ">=", ">")
PERCENTILES = {"50": "delay_p50_s", "95": "delay_p95_s", "99": "delay_p99_s"}
_HARDER_WHEN_BUSIER = {
    *PERCENTILES.values(), "queued", "lost", "duplicate",
    "false_ndr", "false_ndr_rate", "contradictory_ndr", "missed_ndr",
}  # fmt: skip
_UNITS = {
    "s": {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0},
    "1/s": {"": 1.0, "/s": 1.0, "1/s": 1.0, "/min": 1 / 60, "/h": 1 / 3600},
    "": {"": 1.0},
    "share": {"": 1.0, "%": 0.01},
}
_PARTS = re.compile(
    r"\s*(?P<name>[A-Za-z][\w.]*)\s*(?P<percentile>p?\(\s*[\d.]+\s*\)|p[\d.]+)?\s*(?P<operator>[<>=!~]+)"
    r"\s*(?P<number>[-+]?(?:\d[\d_,]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(?P<unit>[^\s\d]*)\s*"
)
MOST_OBJECTIVES = 100
"""Objectives of one plan: every value that is searched is judged by each."""
_SHAPE = "RESPONSE OPERATOR NUMBER [UNIT], such as 'delay p(99) < 60 s' or 'false_ndr == 0'"


class PercentileSupportError(InputError):
    """A percentile that the sample does not carry: no answer either way, exit code 4."""


class Unit(NamedTuple):
    """A unit as people write it, and what it is in the unit of the column."""

    name: str
    factor: float


class Objective(NamedTuple):
    """One objective.

    Attributes
    ----------
    response : str
        The response column it is about.
    operator : str
        One of `OPERATORS`.
    threshold : float
        In the unit of the column.
    text : str
        As its author wrote it, spaces aside.
    """

    response: str
    operator: str
    threshold: float
    text: str

    @property
    def forbids_any(self) -> bool:
        """True where nothing but zero meets it: ``== 0``, ``<= 0``, or ``< 1`` of a count."""
        whole = BY_NAME[self.response].whole
        return (self.operator in {"==", "<="} and self.threshold == 0) or (
            whole and self.operator == "<" and self.threshold == 1
        )

    @property
    def is_ceiling(self) -> bool:
        """True where smaller values are better."""
        return self.operator in {"<", "<=", "=="}

    @property
    def is_harder_when_busier(self) -> bool:
        """True where a higher arrival rate can only make it harder to meet; others may fail at low rates."""
        return self.is_ceiling and self.response in _HARDER_WHEN_BUSIER

    @property
    def unit(self) -> Unit:
        """The unit that its author wrote, else that of the column."""
        kind = "share" if self.response.endswith("_rate") else BY_NAME[self.response].unit
        found = _PARTS.fullmatch(self.text)
        written = found["unit"] if found else ""
        if written in _UNITS[kind] and written:
            return Unit(written.removeprefix("1"), _UNITS[kind][written])
        return Unit({"s": "s", "1/s": "/s"}.get(kind, ""), 1.0)

    @property
    def percentile(self) -> str | None:
        """The percentile of delay that it is about, such as ``"99"``; None for other responses."""
        return next((one for one, column in PERCENTILES.items() if column == self.response), None)


def parse_objective(text: str, key: str = "objective") -> Objective:
    """Return an objective from its text.

    Parameters
    ----------
    text : str
        A response column, or ``delay p(50)``, ``p(95)``, ``p(99)``; an operator; a number with its unit: ``us``,
        ``ms``, ``s``, ``min``, ``h``, ``d`` for times, ``/s``, ``/min``, ``/h`` for rates, ``%`` for shares. A time
        needs its unit unless the column's name ends in it.
    key : str
        Named in complaints.

    Raises
    ------
    PercentileSupportError
        For a percentile of delay beyond those that a replication records.
    InputError
        If it is no objective, or nothing can meet it, such as ``lost < 0``.

    Examples
    --------
    >>> parse_objective("delay p(95) <= 500 ms")
    Objective(response='delay_p95_s', operator='<=', threshold=0.5, text='delay p(95) <= 500 ms')
    """
    found = _PARTS.fullmatch(text)
    if found is None:
        raise InputError("not an objective", key=key, given=text, allowed=_SHAPE)
    if found["operator"] not in OPERATORS:
        raise InputError(
            f"unknown operator in {text!r}", key=key, given=found["operator"], allowed=", ".join(OPERATORS)
        )
    response = _response(found["name"], found["percentile"], text, key)
    factor = _factor(response, found["unit"], named=found["name"].endswith("_s"), text=text, key=key)
    threshold = float(found["number"].replace("_", "").replace(",", "")) * factor
    objective = Objective(response, found["operator"], threshold, " ".join(text.split()))
    _require_reachable(objective, key)
    return objective


def delay_unit(objectives: Sequence[Objective]) -> Unit:
    """Return the unit in which delays are shown: that of the first objective on one, else seconds."""
    return next((one.unit for one in objectives if one.percentile is not None), Unit("s", 1.0))


def unit_of(response: str, objectives: Sequence[Objective]) -> Unit:
    """Return the unit in which a response is shown: that of an objective on it, for delays as `delay_unit`."""
    own = next((one.unit for one in objectives if one.response == response), None)
    if own is None and response in PERCENTILES.values():
        return delay_unit(objectives)
    return own or Unit({"s": "s", "1/s": "/s"}.get(BY_NAME[response].unit if response in BY_NAME else "", ""), 1.0)


def parse_objectives(texts: Sequence[str], key: str = "objective") -> tuple[Objective, ...]:
    """Return several objectives, which together can be met; errors as `parse_objective`.

    Raises
    ------
    InputError
        Also where two of them exclude each other, or there is none.
    """
    if not texts:
        raise InputError("at least one objective is required", key=key, allowed=_SHAPE)
    if len(texts) > MOST_OBJECTIVES:
        raise InputError("too many objectives", key=key, given=len(texts), allowed=f"up to {MOST_OBJECTIVES}")
    objectives = tuple(dict.fromkeys(parse_objective(text, key) for text in texts))
    for low in (one for one in objectives if not one.is_ceiling):
        for high in (one for one in objectives if one.is_ceiling and one.response == low.response):
            if high.threshold < low.threshold or (
                high.threshold == low.threshold and {"<", ">"} & {low.operator, high.operator}
            ):
                raise InputError("no plan can meet both objectives", key=key, given=f"{high.text}, {low.text}")
    return objectives


def _response(name: str, percentile: str | None, text: str, key: str) -> str:
    if name in {"delay", "p"}:
        return _percentile(percentile, text, key)
    if percentile is not None and _column(name) is not None:
        hint = "percentiles of delay alone: " + ", ".join(f"delay p({one})" for one in PERCENTILES)
        raise InputError(f"no percentile of {name!r} is recorded", key=key, given=text, allowed=hint)
    if (column := _column(name)) is None:
        raise InputError(f"unknown response in {text!r}", key=key, given=name, allowed=("delay", *COLUMNS))
    return column


def _column(name: str) -> str | None:
    return next((one for one in (name, f"{name}_s") if one in BY_NAME), None)


def _percentile(given: str | None, text: str, key: str) -> str:
    number = (given or "").strip("p() ")
    number = f"{float(number):g}" if number.replace(".", "", 1).isdigit() else number
    if number in PERCENTILES:
        return PERCENTILES[number]
    allowed = [f"delay p({one})" for one in PERCENTILES]
    if not number:
        raise InputError("delay needs a percentile", key=key, given=text, allowed=", ".join(allowed))
    kind = PercentileSupportError if _is_extreme(number) else InputError
    reason = "which is not carried by the sample: a replication records its 50th, 95th and 99th only"
    raise kind(f"p({number}), {reason}", key=key, given=text, allowed=", ".join(allowed))


def _is_extreme(number: str) -> bool:
    return number.replace(".", "", 1).isdigit() and max(map(float, PERCENTILES)) < float(number) < 100


def _factor(response: str, unit: str, *, named: bool, text: str, key: str) -> float:
    kind = "share" if response.endswith("_rate") else BY_NAME[response].unit
    units = _UNITS[kind]
    if not unit and kind == "s" and named:
        return 1.0
    if unit not in units:
        allowed = [one for one in units if one] or "no unit"
        if not unit:
            raise InputError("a time needs its unit", key=key, given=text, allowed=", ".join(units))
        raise InputError(f"unknown unit in {text!r}", key=key, given=unit, allowed=allowed)
    return units[unit]


def _require_reachable(objective: Objective, key: str) -> None:
    threshold, operator = objective.threshold, objective.operator
    share = objective.response.endswith("_rate")
    problem = ""
    if not math.isfinite(threshold):
        raise InputError("too large a number in an objective", key=key, given=objective.text)
    if operator == "==" and threshold != 0:
        problem = "only == 0 can be shown, for no interval lies on one point"
    elif threshold < 0 or (threshold == 0 and operator == "<"):
        problem = f"{objective.response} is never below 0"
    elif share and (threshold > 1 or (threshold == 1 and operator == ">")):
        problem = f"{objective.response} is never above 1"
    elif threshold == 0 and operator in {"==", "<="} and BY_NAME[objective.response].unit:
        problem = f"{objective.response} is never 0"
    if problem:
        raise InputError(f"cannot be an objective: {problem}", key=key, given=objective.text)
