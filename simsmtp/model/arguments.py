"""Arguments of public functions, as users give them."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral

from simsmtp.errors import InputError
from simsmtp.model.scenario import Scenario


def scenario_given(given: Scenario | Mapping[str, object]) -> Scenario:
    """Return a scenario that was given as one, or as a dict of its tables.

    Raises
    ------
    InputError
        It is neither.
    """
    return given if isinstance(given, Scenario) else Scenario.from_dict(given)


def whole_number(given: object, key: str, least: int) -> int:
    """Return a whole number, of Python or NumPy.

    Raises
    ------
    InputError
        It is none, below `least` or beyond 63 bits.
    """
    if isinstance(given, bool) or not isinstance(given, Integral) or not least <= int(given) < 2**63:
        allowed = f"a whole number, {least} or more and below 2**63"
        raise InputError("out of range or not a whole number", key=key, given=given, allowed=allowed)
    return int(given)
