"""Levels as Python programs write them, made what an experiment file would hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from itertools import islice
from typing import Any

from simsmtp.errors import InputError
from simsmtp.experiment.size_limits import MOST_POINTS


def plain_value(value: Any) -> Any:
    """Return a value with numbers of NumPy as those of Python, arrays and tuples as lists, in tables too.

    Examples
    --------
    >>> plain_value({"mean": (1, 2)})
    {'mean': [1, 2]}
    """
    if isinstance(value, Mapping):
        return {key: plain_value(one) for key, one in value.items()}
    if hasattr(value, "tolist"):  # an array or a number of NumPy, a Series or an Index of pandas
        return value.tolist()
    return [plain_value(one) for one in value] if isinstance(value, list | tuple) else value


def plain_levels(name: str, levels: object) -> list[Any]:
    """Return the levels of a factor as a list.

    Parameters
    ----------
    name : str
        Of the factor, for messages.
    levels : iterable
        A list, tuple, range, array, Series, generator.

    Raises
    ------
    InputError
        If it is one value, or a set, which has no order.
    """
    plain = plain_value(levels)
    if isinstance(plain, str | bytes | Mapping) or not isinstance(plain, Iterable):
        raise InputError("should be a list of levels", key=name, given=levels, allowed=f"[{plain!r}] for this one")
    if isinstance(plain, Set):
        raise InputError("a set has no order", key=name, given=levels, allowed="a list of levels")
    return [plain_value(one) for one in islice(plain, MOST_POINTS + 1)]
