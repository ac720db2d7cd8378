"""The dotted keys a scenario has, and how tables of them are written flat."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from simsmtp.errors import InputError, closest
from simsmtp.model.scenario import Client, Network, Scenario
from simsmtp.model.server_table import Server
from simsmtp.model.table_merge import is_place
from simsmtp.model.validation_errors import allowed_keys
from simsmtp.model.workload_table import Workload

if TYPE_CHECKING:
    from pydantic import BaseModel

TABLES: dict[str, type[BaseModel]] = {
    "workload": Workload,
    "client": Client,
    "network": Network,
    "server": Server,
}
SCENARIO_KEYS = (*allowed_keys(TABLES), "destinations", "horizon_s")
_DEEPEST = 8
"""Most dots of a key; the longest of a scenario, destinations.0.server.rcpt_service_ms.mean, has four."""


def is_scenario_key(key: str) -> bool:
    """Tell whether a dotted key is one of the scenario, or lies inside one (``network.rtt_ms.mean``)."""
    inside = any(key == known or key.startswith(f"{known}.") for known in SCENARIO_KEYS)
    return inside and key.count(".") <= _DEEPEST


def require_known(key: str, known: Iterable[str], where: str = "") -> None:
    """Raise an `InputError` with the closest known key unless `key` is a scenario key or in `known`."""
    names = tuple(known)
    if not is_scenario_key(key) and key not in names:
        close = closest(key, (*names, *SCENARIO_KEYS))
        table = key.partition(".")[0]
        allowed = [k for k in SCENARIO_KEYS if k.startswith(f"{table}.")] or [*names, *Scenario.model_fields]
        hint = f", did you mean {close!r}?" if close else ""
        raise InputError(f"unknown key{hint}", key=where or key, given=key, allowed=", ".join(allowed))


def flat(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table with ``client.batch_size`` as one key, whether or not its author quoted it."""
    keys: dict[str, Any] = {}
    for key, value in table.items():
        if key in TABLES and isinstance(value, Mapping):
            keys.update({f"{key}.{inner}": one for inner, one in value.items()})
        else:
            keys[key] = value
    return keys


def value_at(scenario: Scenario, key: str) -> Any:
    """Return the value of a dotted key, None if the scenario has nothing there."""
    value: Any = scenario.to_dict()
    for part in key.split("."):
        if isinstance(value, list) and is_place(part) and int(part) < len(value):
            value = value[int(part)]
        else:
            value = value.get(part) if isinstance(value, Mapping) else None
    return value
