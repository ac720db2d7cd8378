"""A scenario as Python programs give it."""

from __future__ import annotations

from collections.abc import Mapping

from simsmtp.errors import InputError
from simsmtp.model.scenario import Scenario


def scenario_of_given(given: object) -> Scenario:
    """Return a scenario that was given as one or as a dict of its tables; anything else is an `InputError`."""
    if isinstance(given, Scenario):
        return given
    if isinstance(given, Mapping) and all(isinstance(key, str) for key in given):
        return Scenario.from_dict(given)
    allowed = "a Scenario, or a dict of its tables"
    raise InputError("not a scenario", key="scenario", given=given, allowed=allowed)
