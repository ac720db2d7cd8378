"""Names that are meant to be used: of modules, which import them when they are first used, and of objects."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any


def imported(name: str, homes: Mapping[str, str], namespace: dict[str, Any]) -> object:
    """Return what a module's ``__getattr__`` is asked for, and keep it in the module.

    Parameters
    ----------
    name : str
        What is asked for.
    homes : mapping
        Name → module of the package that has it.
    namespace : dict
        The module's ``globals()``.

    Raises
    ------
    AttributeError
        If no home is known.
    """
    if name not in homes:
        raise AttributeError(f"module {namespace['__name__']!r} has no attribute {name!r}")
    namespace[name] = found = getattr(import_module(f"simsmtp.{homes[name]}"), name)
    return found


class ShowsPublicNames:
    """Completion shows of an object what is meant to be used, and nothing of how it works."""

    def __dir__(self) -> list[str]:
        return sorted(name for name in super().__dir__() if not name.startswith("_"))
