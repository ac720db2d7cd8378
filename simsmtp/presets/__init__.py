"""Presets: named client and server settings, kept as data with the source of every value.

``clients.toml`` and ``servers.toml`` hold one table per preset::

    [name]
    title = "what it is"
    note = "what to know before using it"
    [name.values]
    key = { value = …, source = "where that is documented", verified = "program, version and date, if confirmed" }
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from simsmtp.errors import InputError


class Preset(NamedTuple):
    """One preset as its file holds it.

    Attributes
    ----------
    name, side, title, note : str
        Name, ``"client"`` or ``"server"``, one line and a remark.
    values : dict
        The scenario keys it sets.
    sources : dict
        For each key, where its value is documented.
    verified : dict
        For each key that a real program confirmed: its name, its version and the date.
    """

    name: str
    side: str
    title: str
    note: str
    values: dict[str, Any]
    sources: dict[str, str]
    verified: dict[str, str]


@cache
def _load(side: str) -> dict[str, Preset]:
    text = resources.files(__package__).joinpath(f"{side}s.toml").read_text(encoding="utf-8")
    presets = {}
    for name, table in tomllib.loads(text).items():
        values = table.get("values", {})
        presets[name] = Preset(
            name,
            side,
            table["title"],
            table.get("note", ""),
            {key: entry["value"] for key, entry in values.items()},
            {key: entry["source"] for key, entry in values.items()},
            {key: entry["verified"] for key, entry in values.items() if "verified" in entry},
        )
    return presets


def clients() -> dict[str, Preset]:
    """Return the client presets by name."""
    return dict(_load("client"))


def servers() -> dict[str, Preset]:
    """Return the server presets by name."""
    return dict(_load("server"))


def client_preset(name: str) -> dict[str, Any]:
    """Return the keys that a client preset sets; an unknown name is an `InputError`."""
    return _values("client", name)


def server_preset(name: str) -> dict[str, Any]:
    """Return the keys that a server preset sets; an unknown name is an `InputError`."""
    return _values("server", name)


def _values(side: str, name: str) -> dict[str, Any]:
    presets = _load(side)
    if name not in presets:
        raise InputError(f"unknown {side} preset", key=f"{side}.preset", given=name, allowed=presets)
    return dict(presets[name].values)
