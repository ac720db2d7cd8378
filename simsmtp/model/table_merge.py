"""Nested tables as a user writes them, before they are checked: presets, inheritance, dotted keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

from pydantic import BaseModel

from simsmtp.errors import InputError
from simsmtp.model.validation_errors import unknown_key
from simsmtp.presets import server_preset


def is_place(part: str) -> bool:
    """Tell whether a part of a dotted key counts elements of a list, from 0."""
    return part.isascii() and part.isdecimal() and len(part) < 10


def is_table(value: object) -> TypeGuard[Mapping[str, object]]:
    """Tell whether a value is a mapping of names."""
    return isinstance(value, Mapping) and all(isinstance(key, str) for key in value)


def set_keys(tables: dict[str, Any], changes: Mapping[str, object]) -> None:
    """Set dotted keys in nested tables, in place; where there is no table is an `InputError`."""
    for dotted, value in changes.items():
        try:
            _set_key(tables, dotted, value)
        except (TypeError, KeyError, IndexError, ValueError, AttributeError):
            raise InputError("cannot be set: there is no such table", key=dotted, given=value) from None


def _set_key(tables: dict[str, Any], dotted: str, value: object) -> None:
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


def changes_of(changes: object, value: object, model: type[BaseModel]) -> dict[str, object]:
    """Return dotted keys to change, of one key and its value or of several keys in a mapping.

    Raises
    ------
    InputError
        If they are neither, or a key begins with no table or key of the model.
    """
    found = {changes: value} if isinstance(changes, str) and value is not ... else changes
    if not isinstance(found, Mapping) or (found is changes and value is not ...):
        allowed = 'a key and its value, as replace("client.batch_size", 50), or a dict of them'
        raise InputError("not a change", key="replace", given=changes, allowed=allowed)
    for key in found:
        if not isinstance(key, str):
            raise InputError("has a key that is no text", key="replace", given=key, allowed="names of keys")
        if key.partition(".")[0] not in model.model_fields:
            raise unknown_key(key, model)
    return dict(found)


def plain(value: object) -> object:
    """Return tables as dictionaries of the keys that were given, and numbers of NumPy as those of Python."""
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_unset=True)
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
        return value.item()  # type: ignore[attr-defined]
    return value


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
