"""TOML that users give, parsed within bounds: no text takes minutes, and none ends in a traceback."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from simsmtp.errors import InputError
from simsmtp.model.toml_lines import bare_lines, line_of

MOST_OCTETS = 4 * 2**20
"""Largest experiment file: tomllib reads a megabyte or two in a second."""
MOST_PARTS = 16
"""Most parts of a dotted key, and most tables and lists around a value; tomllib's time grows with their square."""
MOST_KEYS = 200_000
_LONG_KEY = re.compile(rf"(?<![\w-])[\w-]+(?:[ \t]*\.[ \t]*[\w-]+){{{MOST_PARTS}}}")
_LONG_NUMBER = re.compile(r"(?<!\w)\d[\d_]{4000}")
_LIMITS = f"at most {MOST_PARTS} deep"


def parse_toml(text: str, file: str | None = None) -> dict[str, Any]:
    """Return the tables of a TOML text.

    Parameters
    ----------
    text : str
        Without a byte order mark.
    file : str, optional
        Where it stands, for messages.

    Raises
    ------
    InputError
        With the line, if it is not valid TOML, or holds keys of too many parts, tables too deep within tables, numbers
        beyond 64 bits or too many keys.
    """
    _check_text(text, file)
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(text, str(error)).at(file=file) from None
    except RecursionError:
        raise InputError("tables or lists too deep within others", file=file, allowed=_LIMITS) from None
    except ValueError as error:  # what Python cannot read of what TOML allows
        raise InputError(f"not valid TOML: {error}", file=file) from None
    try:
        check_tree(tables)
    except InputError as error:
        raise error.at(file=file, line=line_of(text, error.key or "")) from None
    return tables


def toml_value(value: object) -> str:
    """Return a value as TOML writes it on one line; what is None in a table is left out.

    Examples
    --------
    >>> toml_value({"dist": "lognormal", "mean": 50.0, "cv": None})
    '{ dist = "lognormal", mean = 50.0 }'
    """
    if isinstance(value, Mapping):
        pairs = (f"{toml_key(key)} = {toml_value(one)}" for key, one in value.items() if one is not None)
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    if isinstance(value, str):  # what is no Unicode text becomes a question mark, as does what TOML forbids
        whole = value.encode("utf-8", "replace").decode().replace("\x7f", "?")
        return json.dumps(whole, ensure_ascii=False)
    return json.dumps(value)


def toml_key(key: str) -> str:
    """Return a key as TOML writes it, in quotes where it needs them."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else toml_value(key)


def check_tree(tables: Mapping[str, Any]) -> None:
    """Raise an `InputError` that names the key of what no file may hold, wherever it comes from.

    Parameters
    ----------
    tables : mapping
        Nested tables and lists.

    Raises
    ------
    InputError
        For numbers beyond 64 bits, texts that no file can hold, too many keys, tables too deep within tables.
    """
    left = MOST_KEYS
    stack: list[tuple[str, int, Any]] = [("", 0, tables)]
    while stack:
        key, depth, value = stack.pop()
        if isinstance(value, Mapping):
            left -= len(value)
            _check_room(key, depth, left)
            if odd := [name for name in value if not isinstance(name, str)]:
                raise InputError("has a key that is no text", key=key or None, given=odd[0], allowed="names of keys")
            stack += ((f"{key}.{name}" if key else str(name), depth + 1, one) for name, one in value.items())
        elif isinstance(value, list | tuple):
            named = any(isinstance(one, Mapping) for one in value)
            left -= sum(isinstance(one, Mapping | list | tuple) for one in value)
            _check_room(key, depth, left)
            stack += ((f"{key}.{place}" if named else key, depth + 1, one) for place, one in enumerate(value))
        else:
            _check_leaf(key, value)


def _check_room(key: str, depth: int, left: int) -> None:
    if depth > MOST_PARTS:
        raise InputError("tables or lists too deep within others", key=key, allowed=_LIMITS)
    if left < 0:
        raise InputError("holds too many keys", key=key, allowed=f"{MOST_KEYS:,} in all")


def _check_leaf(key: str, value: Any) -> None:
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise InputError("too large a number", key=key, given=value, allowed="-2^63 to 2^63 - 1")
    if isinstance(value, str) and not value.isascii() and any("\ud800" <= one <= "\udfff" for one in value):
        raise InputError("not Unicode text", key=key, given=value)


def _check_text(text: str, file: str | None) -> None:
    """Find what makes tomllib slow or fail before it is asked."""
    suspicious = _LONG_NUMBER.search(text) or any(line.count(".") >= MOST_PARTS for line in text.split("\n"))
    for number, line in bare_lines(text) if suspicious else ():
        if _LONG_KEY.search(line):
            raise InputError("a key of too many parts", file=file, line=number, allowed=f"at most {MOST_PARTS}")
        if _LONG_NUMBER.search(line):
            raise InputError("too large a number", file=file, line=number, allowed="-2^63 to 2^63 - 1")


def _syntax_error(text: str, message: str) -> InputError:
    found = re.search(r"\(at line (\d+), column (\d+)\)", message)
    line = int(found[1]) if found else text.rstrip("\n").count("\n") + 1
    reason = message.partition(" (at ")[0]
    where = f" (column {found[2]})" if found else " (at the end)"
    return InputError(f"not valid TOML: {reason}{where}", line=line)
