"""Turn pydantic's complaints into one clear :class:`~simsmtp.errors.InputError`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeGuard

from pydantic import BaseModel, ValidationError

from simsmtp.errors import InputError, closest

_PLAIN = {
    "Input should be": "should be",
    "a valid dictionary": "a table",
    "a valid tuple": "a list",
    "a valid list": "a list",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid string": "a text",
    "a valid boolean": "True or False",
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
    "greater than": "above",
    "less than": "below",
    "Tuple should": "should",
    "List should": "should",
    "Keys should be strings": "has a key that is no text",
    " after validation": "",
}
"""Words of pydantic and what they are to a user."""
_LONG_NUMBER = re.compile(r"(?<![\d.])\d{4,}")


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
    given, same_key = chosen["input"], [c for c in complaints if _path(c["loc"]) == path]
    is_of_wrong_kind = chosen["type"].endswith(("_type", "literal_error")) and not isinstance(given, Mapping)
    may_be_table = is_of_wrong_kind and len(chosen["loc"]) > 1 and any(_wants_table(c) for c in same_key)
    expected = chosen.get("ctx", {}).get("expected")
    if chosen["type"] == "literal_error" and isinstance(expected, str):
        names = [part.strip(" '\"") for part in expected.replace(" or ", ",").split(",")]
        others = ["a table"] if may_be_table else []
        allowed = [*names, *others] if isinstance(given, str) else ", ".join([*map(repr, names), *others])
        return InputError("not one of the allowed values", key=key, given=given, allowed=allowed)
    clauses = [_clean(c["msg"]) for c in same_key if _fits_kind(c)] or [_clean(chosen["msg"])]
    first, *more = dict.fromkeys([*clauses, *(["should be a table"] if may_be_table else [])])
    message = " or ".join([first, *(one.removeprefix("should be ") for one in more)])
    is_pointed = chosen["type"] == "int_type" and isinstance(given, float)
    return InputError(message, key=key, given=given, allowed="a number without a point" if is_pointed else None)


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
    wants_scalar = complaint["type"] in {"float_type", "int_type", "string_type", "bool_type"}
    if isinstance(complaint["input"], Mapping):
        return not wants_scalar
    return not _wants_table(complaint) or len(complaint["loc"]) == 1


def _wants_table(complaint: Any) -> bool:
    return complaint["type"] in {"model_type", "dict_type", "model_attributes_type"}


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
    return _LONG_NUMBER.sub(lambda number: f"{int(number[0]):,}", message)


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


def unknown_key(key: str, model: type[BaseModel]) -> InputError:
    """Return the complaint about a dotted key that begins with no table or key of a model."""
    tables = {name: field.annotation for name, field in model.model_fields.items()}
    names = allowed_keys({name: one for name, one in tables.items() if _is_table(one)})
    close = closest(key, names) or closest(key.rpartition(".")[2], names)
    hint = f"; did you mean {close!r}?" if close else ""
    return InputError("unknown key", key=key, allowed=", ".join(tables) + hint)


def _is_table(annotation: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def allowed_keys(tables: Mapping[str, type[BaseModel]]) -> list[str]:
    """Return every dotted key of the given tables, for a "did you mean"."""
    return [f"{name}.{field}" for name, model in tables.items() for field in model.model_fields]
