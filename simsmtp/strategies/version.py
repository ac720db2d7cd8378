"""What a user's strategy depends on beside its own text: constants and helpers that it takes from around it."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

_PLAIN = (bool, int, float, complex, str, bytes, type(None))


def uses_of(function: object) -> dict[str, object]:
    """Return what a function and its helpers take from around them, by dotted names.

    Parameters
    ----------
    function : object
        A plain function; anything else is said to use nothing.

    Returns
    -------
    dict
        Name → value as it is now. Names of this package and of installed modules are left out: other versions of
        them are told apart elsewhere.
    """
    found: dict[str, object] = {}
    waiting = [("", function)]
    while waiting:
        prefix, one = waiting.pop()
        if not isinstance(one, FunctionType):
            continue
        for name, value in _around(one):
            where = f"{prefix}{name}"
            if where not in found and not is_installed(value):
                found[where] = value
                waiting.append((f"{where}.", value))
    return found


def version_of(function: object) -> str:
    """Return a text that differs if a function or anything that it uses differs."""
    parts = [_text_of(function)]
    parts += [f"{name} = {_text_of(value)}" for name, value in sorted(uses_of(function).items())]
    return "\n".join(parts)


def _around(function: FunctionType) -> Iterator[tuple[str, object]]:
    """Yield the globals, attributes of modules, closed-over variables and defaults that a function names."""
    names = list(dict.fromkeys(_names_in(function.__code__)))
    for name in names:
        if name not in function.__globals__:
            continue
        value = function.__globals__[name]
        if isinstance(value, ModuleType):
            yield from ((f"{name}.{part}", vars(value)[part]) for part in names if part in vars(value))
        else:
            yield name, value
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # nothing has been put into it
            continue
    yield from ((f"default {place}", value) for place, value in enumerate(function.__defaults__ or ()))


def _names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _names_in(one)


def is_installed(value: object) -> bool:
    """Tell whether a module, function or class comes from this package, Python or an installed package."""
    if not isinstance(value, ModuleType) and not callable(value):
        return False
    name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    top = str(name or "").partition(".")[0]
    file = getattr(sys.modules.get(top), "__file__", None) or ""
    return top in sys.stdlib_module_names - {"__main__"} or top == "simsmtp" or "site-packages" in file


def _text_of(value: Any) -> str:
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, tuple | list | set | frozenset):
        texts = [_text_of(one) for one in value]
        return f"{type(value).__name__}({', '.join(texts if isinstance(value, tuple | list) else sorted(texts))})"
    if isinstance(value, dict):
        return f"dict({', '.join(f'{_text_of(key)}: {_text_of(one)}' for key, one in value.items())})"
    try:
        return inspect.getsource(value)
    except (OSError, TypeError):
        code = getattr(value, "__code__", None)
        if code is not None:
            return _text_of_code(code)
        is_address = " at 0x" in repr(value)
        return repr(value) if not is_address or isinstance(value, type) else f"{_text_of(type(value))} {vars(value)!r}"


def _text_of_code(code: CodeType) -> str:
    constants = [_text_of_code(one) if isinstance(one, CodeType) else repr(one) for one in code.co_consts]
    return repr((code.co_code, code.co_names, constants))
