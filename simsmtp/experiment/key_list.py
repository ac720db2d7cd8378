"""Every key of an experiment file with type, unit, default and meaning, read off the models that check the file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from pydantic import BaseModel, BeforeValidator

from simsmtp.errors import InputError, closest
from simsmtp.experiment.capacity_table import CapacityTable, PriceTable
from simsmtp.experiment.sampling import Design
from simsmtp.experiment.scenario_keys import TABLES
from simsmtp.experiment.study_and_figure import Figure, StudyTable
from simsmtp.figures.labels import factor_name
from simsmtp.model.scenario import Destination, Scenario
from simsmtp.model.scenario_text import plain_words
from simsmtp.model.table import Table
from simsmtp.model.toml_text import toml_value
from simsmtp.presets import clients, servers
from simsmtp.randomness.distribution_table import Distribution
from simsmtp.strategies.registry import strategies

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

_SCENARIO: dict[str, type[BaseModel]] = {**TABLES, "": Scenario, "destinations": Destination}
_EXPERIMENT: dict[str, type[BaseModel]] = {
    "study": StudyTable,
    "figure": Figure,
    "design": Design,
    "capacity": CapacityTable,
    "capacity.prices": PriceTable,
}
_BOUNDS = {"minimum": "≥ {}", "exclusiveMinimum": "> {}", "maximum": "≤ {}", "exclusiveMaximum": "< {}"}
_PLAIN = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text"}
_NUMBER = re.compile(r"\.\d+(?=\.|$)")
_TABLES = {"Workload", "Client", "Network", "Server", "Destination", "PriceTable"}


class Key(NamedTuple):
    """One key.

    Attributes
    ----------
    table : str
        As its head stands in an experiment file: ``[scenario.client]``.
    key : str
        Dotted, as ``--set`` and ``[factors]`` take it.
    allowed : str
        What may be given, with the range of a number. Every time that a distribution draws lies in that range.
    unit : str
        Of a number; empty where it has none.
    default : str
        As it would be written in TOML; ``required``, or empty where nothing is the default.
    meaning : str
        In words.
    least, most : float, optional
        The range of a number; None where it has no end, or the key takes none.
    """

    table: str
    key: str
    allowed: str
    unit: str
    default: str
    meaning: str
    least: float | None = None
    most: float | None = None


def list_keys(wanted: Sequence[str] = (), *, inner: bool = False) -> list[Key]:
    """Return the keys of a scenario, or those of which a part of the name begins with a word, or else of the meaning.

    Parameters
    ----------
    wanted : sequence of str
        Such as ``server``, ``rtt`` or ``client.batch_size``. With some, the keys of the other tables of an experiment
        file, and of tables that are values, are looked through as well. A word that is in no name, such as
        ``greylisted``, ``421`` or ``mailbox full``, is looked for in what the keys mean.
    inner : bool
        Also those of tables that are values, such as ``server.rate_limits.N.most``.

    Raises
    ------
    InputError
        If none of the words is anywhere.
    """
    if not wanted:
        return _of(_SCENARIO, "scenario", inner=inner)
    if found := dict.fromkeys(one for word in wanted for one in _found(word)):
        return list(found)
    word, names = wanted[0], [one.key for one in _searched()]
    tables = dict.fromkeys(name.partition(".")[0] for name in names)
    close = closest(word, [*names, *(name.rpartition(".")[2] for name in names)])
    hint = f", did you mean {close!r}?" if close and not closest(word, tuple(tables)) else ""
    raise InputError(f"no key has this in its name or meaning{hint}", given=" ".join(wanted), allowed=tables)


def found_nowhere(wanted: Sequence[str]) -> list[str]:
    """Return those of some words that are in no key's name or meaning."""
    return [word for word in wanted if not _found(word)]


@cache
def _searched() -> tuple[Key, ...]:
    """Return every key that words are looked for in; reading them off the models takes longer than to search them."""
    return (*_of(_SCENARIO, "scenario", inner=True), *_of(_EXPERIMENT, "", inner=True))


def _found(word: str) -> list[Key]:
    meant = re.compile(rf"\b{re.escape(word)}", re.IGNORECASE)
    by_name = [one for one in _searched() if _begins(word, one.key)]
    return by_name or [one for one in _searched() if meant.search(one.meaning)]


def _begins(word: str, key: str) -> bool:
    """Tell whether a word begins a part of a key: ``rtt`` is in ``network.rtt_ms`` and not in ``starttls``."""
    return re.search(rf"(?:^|[._]){re.escape(re.sub(_NUMBER, '.N', word))}", key) is not None


def distribution_text() -> str:
    """Return what may stand where a key allows a distribution."""
    return plain_words(Distribution.__doc__ or "")


def _of(tables: Mapping[str, type[BaseModel]], root: str, *, inner: bool) -> list[Key]:
    found: list[Key] = []
    for prefix, model in tables.items():
        head = ".".join(part for part in (root, prefix) if part)
        table = f"[[{head}]]" if prefix == "destinations" else f"[{head}]"
        found += _keys(table, "destinations.N" if prefix == "destinations" else prefix, model, inner=inner)
    return found


def _keys(table: str, place: str, model: type[BaseModel], *, inner: bool) -> Iterable[Key]:
    schema = model.model_json_schema()
    for name, field in model.model_fields.items():
        told = schema["properties"][name]
        if _is_table(told):
            continue
        key = ".".join(part for part in (place, name) if part)
        endless = any(isinstance(one, BeforeValidator) and _is_endless(one) for one in field.metadata)
        default = "required" if field.is_required() else _written(field.get_default(call_default_factory=True), endless)
        allowed = _names(key) or _allowed(told, endless)
        meaning = plain_words(field.description or "")
        yield Key(table, key, allowed, _unit(key, told), default, meaning, *_ends(told))
        if inner and (value := _table_in(field)):
            many = ".N" if "items" in told else ""
            yield from _keys(table, f"{key}{many}", value, inner=inner)


def _table_in(field: FieldInfo) -> type[BaseModel] | None:
    """Return the table that a value is, or its items are; None for a distribution, which has a text of its own."""
    tables = [one for one in (field.annotation, *_parts(field.annotation)) if _is_model(one)]
    return tables[0] if tables and not issubclass(tables[0], Distribution) else None


def _parts(annotation: object) -> list[Any]:
    return [part for one in get_args(annotation) for part in (one, *_parts(one))]


def _is_model(one: object) -> bool:
    return isinstance(one, type) and issubclass(one, BaseModel)


def _names(key: str) -> str:
    """Return the names that a key of plain text takes, where they are known."""
    known: dict[str, Iterable[str]] = {
        "client.strategy": (name for name, one in strategies().items() if one.builtin),
        "client.preset": clients(),
        "server.preset": servers(),
    }
    own = " or your own (--strategy FILE.py)" if key == "client.strategy" else ""
    return " | ".join(json.dumps(name) for name in known.get(key, ())) + own


def _is_table(told: Mapping[str, Any]) -> bool:
    """Tell whether a key is a table of its own, whose keys are listed by themselves."""
    inner = told.get("items", told)
    return str(inner.get("$ref", "")).rpartition("/")[2] in _TABLES


def _is_endless(validator: BeforeValidator) -> bool:
    function: Any = validator.func
    return function("unlimited") is None


def _written(value: object, endless: bool) -> str:
    if value is None:
        return '"unlimited"' if endless else ""
    if isinstance(value, Table):
        return toml_value(value.model_dump())
    return "" if value in ((), {}) else json.dumps(value)


def _unit(key: str, told: Mapping[str, Any]) -> str:
    numeric = any(one.get("type") in {"integer", "number"} for one in told.get("anyOf", [told]))
    return factor_name(key).unit if numeric else ""


def _ends(told: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Return the least and the largest number that a key takes."""
    for one in told.get("anyOf", [told]):
        if "minimum" in one or "maximum" in one:
            return one.get("minimum"), one.get("maximum")
    return None, None


def _allowed(told: Mapping[str, Any], endless: bool) -> str:
    parts = [_kind(one) for one in told.get("anyOf", [told])]
    texts = [*(one for one in parts if one), *(['"unlimited"'] if endless else [])]
    return " or ".join(dict.fromkeys(texts))


def _kind(told: Mapping[str, Any]) -> str:
    if "$ref" in told:
        return "distribution" if told["$ref"].endswith("/Distribution") else "table"
    if "const" in told:
        return json.dumps(told["const"])
    if "enum" in told:
        return " | ".join(json.dumps(one) for one in told["enum"])
    if told.get("type") == "array":
        return f"list of {_kind(told['items'])}" if "items" in told else "list"
    if told.get("type") == "object":
        return "table"
    if told.keys() >= {"minimum", "maximum"}:
        bounds = [f"from {_number(told['minimum'])} to {_number(told['maximum'])}"]
    else:
        bounds = [text.format(_number(told[name])) for name, text in _BOUNDS.items() if name in told]
    return " ".join([_PLAIN.get(str(told.get("type")), ""), ", ".join(bounds)]).strip()


def _number(value: float) -> str:
    if value >= 1e15:
        return "2⁶³"
    return f"{int(value):,}" if value == int(value) else f"{value:.15f}".rstrip("0")
