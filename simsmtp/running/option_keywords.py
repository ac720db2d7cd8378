"""Functions of an experiment and its options, as their callers see them: every option is a keyword."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from inspect import Signature, cleandoc, signature
from typing import Any, Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
Options = TypeVar("Options")
Value = TypeVar("Value")
Source = TypeVar("Source")


def with_keywords(
    options: Callable[P, Options],
) -> Callable[[Callable[[Source, Options], Value]], Callable[Concatenate[Source, P], Value]]:
    """Return a decorator: the function takes the fields of its options as keywords.

    Type checkers, ``help()`` and editors see each keyword with its type and default. In the docstring, the entry
    ``**options``, with its one line of description, becomes the descriptions of all options.

    Parameters
    ----------
    options : type
        A dataclass whose fields are keywords.
    """
    make: Callable[..., Options] = options

    def decorate(function: Callable[[Source, Options], Value]) -> Callable[Concatenate[Source, P], Value]:
        own = signature(function)
        first = next(iter(own.parameters.values()))
        public = Signature([first, *signature(options).parameters.values()], return_annotation=own.return_annotation)

        @wraps(function)
        def called(*args: Any, **named: Any) -> Value:
            try:
                given = public.bind(*args, **named).arguments
            except TypeError as error:
                raise TypeError(f"{function.__name__}() {error}") from None
            return function(given.pop(first.name), make(**given))

        called.__signature__ = public  # type: ignore[attr-defined]
        if function.__doc__ is not None:  # there is none under python -OO
            entries = described(options)
            called.__doc__ = re.sub(r"\*\*options\n +.*", lambda _: entries, cleandoc(function.__doc__))
        return called

    return decorate


def described(options: Any) -> str:
    """Return the descriptions of all options; what a class says of an option stands in place of its base's words."""
    entries: dict[str, str] = {}
    for one in reversed(options.__mro__[:-1]):
        told = cleandoc(one.__doc__).partition("----------\n")[2]
        entries |= {entry.split()[0]: entry for entry in re.split(r"\n(?=\w)", told)}
    return "\n".join(entries.values())
