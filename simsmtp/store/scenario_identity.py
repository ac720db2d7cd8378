"""Which scenario stored rows are of, told by what differs from the defaults: other versions have other keys."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from simsmtp.experiment.scenario_keys import TABLES
from simsmtp.model.scenario import Scenario

Flat = dict[str, Any]


def identity_of(scenario: Flat) -> str:
    """Return the hash of what differs from the defaults: a later version may add keys and change defaults."""
    return hashlib.sha256(json.dumps(scenario, sort_keys=True).encode()).hexdigest()[:16]


def flat_scenario(text: str) -> Flat:
    """Return the keys of a canonical scenario that are not at their default, tables dotted."""
    found, usual = _dotted(json.loads(text)), _defaults()
    return {key: _without_none(value) for key, value in found.items() if key not in usual or usual[key] != value}


def default_of(key: str) -> Any:
    """Return the default of a dotted key, None if it has none."""
    return _defaults().get(key)


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_none(one) for key, one in value.items() if one is not None}
    return [_without_none(one) for one in value] if isinstance(value, list) else value


@cache
def _defaults() -> Flat:
    return _dotted(json.loads(Scenario().canonical()))


def _dotted(tables: Mapping[str, Any]) -> Flat:
    flat: Flat = {}
    for name, table in tables.items():
        flat.update({f"{name}.{key}": one for key, one in table.items()} if name in TABLES else {name: table})
    return flat
