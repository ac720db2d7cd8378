"""Turn pydantic's complaints into one clear :class:`~simsmtp.errors.InputError`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel, ValidationError

from simsmtp.errors import InputError

_PLAIN = {
    "Input should be": "should be",
    "a valid dictionary": "a table",
    "a valid tuple": "a list",
    "a valid list": "a list",
    "Tuple should": "should",
    "List should": "should",
    " after validation": "",
}
"""Words of pydantic and what they are to somebody who writes TOML."""


@contextmanager
def as_input_errors(prefix: str, model: type[BaseModel]) -> Iterator[None]:
    """Raise the first complaint of a `ValidationError` as an `InputError` that names key, given and allowed.

    Parameters
    ----------
    prefix : str
        Dotted path in front of every key named.
    model : type
        The model validated, to list allowed keys.
    """
    try:
        yield
    except ValidationError as error:
        raise _first(error, prefix, model) from None


def _first(error: ValidationError, prefix: str, model: type[BaseModel]) -> InputError:
    complaints: list[Any] = list(error.errors(include_url=False))
    chosen = _meant(complaints)
    path = _path(chosen["loc"], keeps_last=chosen["type"] == "extra_forbidden")
    key = ".".join(part for part in (prefix, *path) if part)
    if chosen["type"] == "extra_forbidden":
        names = _fields(model, path[:-1])
        return InputError(f"unknown key {path[-1]!r}", key=key, allowed=names)
    if chosen["type"] == "missing":
        return InputError("is required", key=key)
    expected = chosen.get("ctx", {}).get("expected")
    if chosen["type"] == "literal_error" and isinstance(expected, str):
        names = [part.strip(" '\"") for part in expected.replace(" or ", ",").split(",")]
        return InputError("not one of the allowed values", key=key, given=chosen["input"], allowed=names)
    same_key = [c for c in complaints if _path(c["loc"]) == path and _fits_kind(c)]
    alternatives = dict.fromkeys(_clean(c["msg"]) for c in same_key or [chosen])
    return InputError(" or ".join(alternatives), key=key, given=chosen["input"])


def _meant(complaints: list[Any]) -> Any:
    """Return the complaint to show: in a union every alternative complains, the one that got furthest was meant.

    An unknown key comes before a missing one: it is most likely the missing one misspelt.
    """
    first = complaints[0]["loc"]
    same_key = [c for c in complaints if _shares_key(c["loc"], first)] or complaints
    fitting = [c for c in same_key if _fits_kind(c)] or same_key

    def depth(complaint: Any) -> tuple[int, bool, bool]:
        return len(complaint["loc"]), complaint["type"] == "extra_forbidden", complaint["type"] == "literal_error"

    return max(fitting, key=depth)


def _fits_kind(complaint: Any) -> bool:
    """Tell whether a complaint is of an alternative that the kind of the input (a table or not) could have meant."""
    wants_table = complaint["type"] in {"model_type", "dict_type", "model_attributes_type"}
    wants_scalar = complaint["type"] in {"float_type", "int_type", "string_type", "bool_type"}
    if isinstance(complaint["input"], Mapping):
        return not wants_scalar
    return not wants_table or len(complaint["loc"]) == 1


def _shares_key(loc: Sequence[int | str], other: Sequence[int | str]) -> bool:
    return list(loc)[:2] == list(other)[:2]


def _path(loc: Sequence[int | str], *, keeps_last: bool = False) -> tuple[str, ...]:
    """Drop the parts of a location that pydantic adds for the alternatives of a union; a user's own key stays."""
    last = len(loc) - 1
    return tuple(
        str(part)
        for place, part in enumerate(loc)
        if isinstance(part, int) or (keeps_last and place == last) or not _is_branch(part)
    )


def _is_branch(part: str) -> bool:
    """Tell whether a part of a location names an alternative and no key: keys are lower-case words, dotted or not."""
    names = {"int", "float", "str", "bool", "none"}
    return part in names or not part.replace("_", "").replace(".", "").isalnum() or part[:1].isupper()


def _clean(message: str) -> str:
    if message.startswith("Value error, "):
        return message.removeprefix("Value error, ")
    if "instance of" in message:
        return "should be a table"
    for said, meant in _PLAIN.items():
        message = message.replace(said, meant)
    return message


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
