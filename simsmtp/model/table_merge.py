"""Nested tables as a user writes them, before they are checked: presets, inheritance, dotted keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from simsmtp.presets import server_preset


def is_place(part: str) -> bool:
    """Tell whether a part of a dotted key counts elements of a list, from 0."""
    return part.isascii() and part.isdecimal() and len(part) < 10


def set_keys(tables: dict[str, Any], changes: Mapping[str, object]) -> None:
    """Set dotted keys in nested tables, in place."""
    for dotted, value in changes.items():
        *path, last = dotted.split(".")
        table: Any = tables
        for part in path:
            if isinstance(table, list | tuple):
                if not is_place(part):  # int() would also take -1, the last
                    raise KeyError(part)
                table = table[int(part)]
            else:
                table = table.setdefault(part, {})
        table[last] = value


def plain(value: object) -> object:
    """Return a table as a dictionary of the keys that were given."""
    return value.model_dump(exclude_unset=True) if isinstance(value, BaseModel) else value


def with_preset(table: Any, preset: Any) -> Any:
    """Return a table with the values of the preset it names, under its own."""
    if not isinstance(table, Mapping) or not isinstance(name := table.get("preset"), str):
        return table
    return {**preset(name), **table}


def inherit(one: object, scenario: Mapping[str, Any]) -> object:
    """Return a destination's table on top of the scenario's own path and server."""
    one = plain(one)
    if not isinstance(one, Mapping):
        return one
    filled = dict(one)
    for name in ("network", "server"):
        base, own = scenario.get(name, {}), filled.get(name, {})
        if isinstance(base, Mapping) and isinstance(own, Mapping):
            if name == "server":
                own = with_preset(own, server_preset)
            filled[name] = {**base, **own}
    return filled
