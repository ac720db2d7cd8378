"""Turn pydantic's complaints into one clear :class:`~simsmtp.errors.InputError`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel, ValidationError

from simsmtp.errors import InputError


@contextmanager
def complaints_as_input_errors(prefix: str = "", model: type[BaseModel] | None = None) -> Iterator[None]:
    """Raise the first complaint of a `ValidationError` as an `InputError` that names key, given and allowed.

    Parameters
    ----------
    prefix : str
        Dotted path in front of every key named.
    model : type, optional
        The model validated, to list allowed keys; by default :class:`simsmtp.Scenario`.
    """
    try:
        yield
    except ValidationError as error:
        raise _first(error, prefix, model) from None


def _first(error: ValidationError, prefix: str, model: type[BaseModel] | None) -> InputError:
    from simsmtp.model.scenario import Scenario  # noqa: PLC0415 - the scenario itself uses this module

    complaints = error.errors(include_url=False)
    # In a union every alternative complains. The one that got furthest is the one that was meant.
    first = complaints[0]["loc"]
    same_key = [c for c in complaints if _path(c["loc"]) and _shares_key(c["loc"], first)]
    chosen: Any = max(same_key or complaints, key=lambda c: (len(c["loc"]), c["type"] == "literal_error"))
    path = _path(chosen["loc"])
    key = ".".join(part for part in (prefix, *path) if part)
    if chosen["type"] == "extra_forbidden":
        names = _fields(model or Scenario, path[:-1])
        return InputError(f"unknown key {path[-1]!r}", key=key, allowed=names)
    if chosen["type"] == "missing":
        return InputError("is required", key=key)
    expected = chosen.get("ctx", {}).get("expected")
    if chosen["type"] == "literal_error" and isinstance(expected, str):
        names = [part.strip(" '\"") for part in expected.replace(" or ", ",").split(",")]
        return InputError("not one of the allowed values", key=key, given=chosen["input"], allowed=names)
    alternatives = dict.fromkeys(_clean(c["msg"]) for c in same_key if _path(c["loc"]) == path)
    return InputError(" or ".join(alternatives) or _clean(chosen["msg"]), key=key, given=chosen["input"])


def _shares_key(loc: Sequence[int | str], other: Sequence[int | str]) -> bool:
    return list(_path(loc))[:2] == list(_path(other))[:2]


def _path(loc: Sequence[int | str]) -> tuple[str, ...]:
    """Drop the parts of a location that pydantic adds for the alternatives of a union."""
    return tuple(
        str(part)
        for part in loc
        if isinstance(part, int) or (part.replace("_", "").replace("-", "").isalnum() and not _is_type_name(part))
    )


def _is_type_name(part: str) -> bool:
    return (
        part in {"int", "float", "str", "bool", "none"}
        or part[:1].isupper()
        or part.startswith(("constrained", "literal", "dict", "function"))
    )


def _clean(message: str) -> str:
    text = message.removeprefix("Value error, ").removeprefix("Input should be ")
    return (
        text if text != message and message.startswith("Value") else f"should be {text}" if text != message else message
    )


def _fields(model: type[BaseModel], path: Sequence[str]) -> list[str]:
    for part in path:
        field = model.model_fields.get(part)
        inner = getattr(field, "annotation", None) if field else None
        candidates = [inner, *getattr(inner, "__args__", ())]
        found = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)
        if found is None:
            if part.isdigit():
                continue
            return []
        model = found
    return list(model.model_fields)


def allowed_keys(tables: Mapping[str, type[BaseModel]]) -> list[str]:
    """Return every dotted key of the given tables, for a "did you mean"."""
    return [f"{name}.{field}" for name, model in tables.items() for field in model.model_fields]
