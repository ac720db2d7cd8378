"""A scenario as its author would write it: only what differs from the defaults, as Python, as TOML and as a table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from simsmtp.errors import InputError
from simsmtp.model.numbers import counted, number_text
from simsmtp.model.toml_text import toml_key, toml_value
from simsmtp.presets import client_preset, server_preset
from simsmtp.shown import html_text

if TYPE_CHECKING:
    from pydantic import BaseModel

    from simsmtp.model.scenario import Destination, Scenario  # which shows itself by these functions

Tables = dict[str, Any]
PRESETS = {"client": client_preset, "server": server_preset}
"""Tables that may name a preset → what it sets."""
_NAMES = ("workload", "client", "network", "server")
_LONGEST_LINE = 100
_MOST_ROWS = 60
_UNITS = {"rate_per_s": "messages/s", "_ms": "ms", "_s": "s", "_mbit": "Mbit/s", "_bytes": "octets"}
_WITHOUT = {"arrivals", "greylist_s", "preset", "rate", "sizing_forget_s", "trace"}
"""Keys that are None where nothing is done; elsewhere None is no limit."""
_MARKED = re.compile(r":\w+:`([^`]+)`|``(.+?)``")


def differing(scenario: Scenario) -> Tables:
    """Return nested tables of what differs from the defaults and from the presets named.

    A scenario that is made of them is equal.
    """
    found: Tables = {}
    for name in _NAMES:
        table = getattr(scenario, name)
        found[name] = _changes(_plain(table), _plain(_base(name, table)))
    found["destinations"] = [_destination(scenario, one) for one in scenario.destinations]
    if scenario.horizon_s is not None:
        found["horizon_s"] = scenario.horizon_s
    return {key: value for key, value in found.items() if value or key == "horizon_s"}


def _base(name: str, table: BaseModel) -> BaseModel:
    """Return what a table would be if nothing but its preset was given."""
    preset = getattr(table, "preset", None)
    values = {} if preset is None else {**PRESETS[name](preset), "preset": preset}
    return type(table)(**{key: value for key, value in values.items() if key != "preset"})


def _destination(scenario: Scenario, one: Destination) -> Tables:
    server = _plain(scenario.server)
    if one.server.preset not in {None, scenario.server.preset}:
        named = server_preset(str(one.server.preset))
        server |= {key: value for key, value in _plain(_base("server", one.server)).items() if key in named}
    own = {key: value for key, value in one.__repr_args__() if key not in {"network", "server"}}
    parts = {
        "network": _changes(_plain(one.network), _plain(scenario.network)),
        "server": _changes(_plain(one.server), server),
    }
    return own | {key: value for key, value in parts.items() if value}


def _changes(values: Tables, base: Tables) -> Tables:
    return {key: value for key, value in values.items() if value != base[key]}


def _plain(table: BaseModel) -> Tables:
    """Return a table's values, with distributions as the tables that a user writes."""
    tables = {name for name, value in table if hasattr(value, "model_dump")}
    short = table.model_dump(mode="json", exclude_none=True)
    return {name: short[name] if name in tables else value for name, value in table.model_dump(mode="json").items()}


def scenario_repr(scenario: Scenario) -> str:
    """Return the call that makes an equal scenario, on one line if it is short."""
    parts = [f"{key}={value!r}" for key, value in differing(scenario).items()]
    line = f"Scenario({', '.join(parts)})"
    return line if len(line) <= _LONGEST_LINE else "Scenario(\n    " + ",\n    ".join(parts) + ",\n)"


def scenario_toml(scenario: Scenario, name: str = "scenario") -> str:
    """Return the text of an experiment file of this scenario alone, for ``simsmtp run`` and ``simsmtp trace``.

    It holds what differs from the defaults and from the presets that are named.

    Parameters
    ----------
    scenario : Scenario
        What to write.
    name : str
        Of the study: its results go to ``results/<name>``.

    Raises
    ------
    InputError
        If a key is None that only Python can set to None.
    """
    lines = ["[study]", f"name = {toml_value(name)}", 'title = "One scenario"']
    tables = differing(scenario)
    if "horizon_s" in tables:
        lines += ["", "[scenario]", f"horizon_s = {toml_value(tables['horizon_s'])}"]
    for table in _NAMES:
        if table in tables:
            lines += ["", f"[scenario.{table}]", *_toml_lines(table, tables[table])]
    for number, one in enumerate(tables.get("destinations", [])):
        own = {key: value for key, value in one.items() if key not in {"network", "server"}}
        lines += ["", "[[scenario.destinations]]", *_toml_lines(f"destinations.{number}", own)]
        for table in ("network", "server"):
            if table in one:
                lines += [f"[scenario.destinations.{table}]"]
                lines += _toml_lines(f"destinations.{number}.{table}", one[table])
    return "\n".join(lines) + "\n"


def _toml_lines(table: str, values: Tables) -> Iterator[str]:
    for key, value in values.items():
        if value is None and key == "preset":
            raise InputError("cannot be written in TOML", key=f"{table}.{key}", given=None, allowed="a preset")
        yield f"{toml_key(key)} = {toml_value(_none_text(key) if value is None else value)}"


def _none_text(key: str) -> str:
    """Return what None means at a key, as TOML has it where it takes None."""
    return "none" if key.rpartition(".")[2] in _WITHOUT else "unlimited"


class _Row(NamedTuple):
    key: str
    value: object
    base: object
    meaning: str
    is_of_preset: bool


def scenario_html(scenario: Scenario) -> str:
    """Return an HTML table of the keys that differ from the defaults, with units; meanings are titles."""
    rows = list(_rows(scenario))
    shown = rows[:_MOST_ROWS]
    rest = f", the first {len(shown)} shown" if len(rows) > len(shown) else ""
    caption = f"{counted(len(rows), 'key')} changed{rest}" if rows else "all keys at their defaults"
    head = "<tr><th></th><th>value</th><th>default</th></tr>" if rows else ""
    body = "".join(_html_row(one) for one in shown)
    return f"<table><caption>Scenario: {caption}</caption><thead>{head}</thead><tbody>{body}</tbody></table>"


def _html_row(row: _Row) -> str:
    value, base = (
        html_text(_none_text(row.key) if one is None else _text(one, _unit(row.key))) for one in (row.value, row.base)
    )
    head = f'<th title="{html_text(row.meaning)}" style="text-align: left">{html_text(row.key)}</th>'
    preset = " (preset)" if row.is_of_preset else ""
    return f'<tr>{head}<td>{value}{preset}</td><td style="opacity: 0.6">{base}</td></tr>'


def _rows(scenario: Scenario) -> Iterator[_Row]:
    own = differing(scenario)
    for name in _NAMES:
        table = getattr(scenario, name)
        base, given = _plain(type(table)()), own.get(name, {})
        for key, value in _changes(_plain(table), base).items():
            yield _Row(f"{name}.{key}", value, base[key], meaning(table, key), key not in given)
    for number, one in enumerate(scenario.destinations):
        given = own["destinations"][number]
        for table, values in (("", given), ("network", given.get("network", {})), ("server", given.get("server", {}))):
            model = getattr(one, table) if table else one
            inherited = _plain(getattr(scenario, table)) if table else {}
            for key, value in values.items():
                if not (table == "" and key in {"name", "network", "server"}):
                    place = ".".join(part for part in (one.name, table, key) if part)
                    yield _Row(place, value, inherited.get(key, ""), meaning(model, key), is_of_preset=False)
    if scenario.horizon_s is not None:
        yield _Row("horizon_s", scenario.horizon_s, None, meaning(scenario, "horizon_s"), is_of_preset=False)


def meaning(table: BaseModel, key: str) -> str:
    """Return what a key means, in plain words."""
    return plain_words(type(table).model_fields[key].description or "")


def plain_words(text: str) -> str:
    """Return a docstring on one line, without its marks."""
    return _MARKED.sub(lambda found: found[1] or found[2], " ".join(text.split()))


def _unit(key: str) -> str:
    return next((unit for ending, unit in _UNITS.items() if key.endswith(ending)), "")


def _text(value: object, unit: str) -> str:
    if isinstance(value, Mapping):
        dist = [str(value["dist"])] if "dist" in value else []
        rest = [f"{key} {_text(one, '')}" for key, one in value.items() if key != "dist"]
        return ", ".join([*dist, *rest]) + (f" ({unit})" if unit and dist else "")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{number_text(value)} {unit}".strip()
    if isinstance(value, list | tuple):
        return ", ".join(_text(one, "") for one in value)
    return str(value)
