"""Names that a module offers and imports when they are first used."""

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
