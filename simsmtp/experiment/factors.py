"""Factors and their levels, as an experiment file writes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from simsmtp.errors import InputError
from simsmtp.experiment.scenario_keys import flat, is_scenario_key, require_known
from simsmtp.rows.responses import COLUMNS

Label = str | int | float | bool
_TAKEN = {
    "point",
    "replication",
    "error",
    "engine",
    "duration_s",
    "response",
    "n",
    "mean",
    "sd",
    "low",
    "high",
    *COLUMNS,
}


class Level(NamedTuple):
    """One level of a factor.

    Attributes
    ----------
    label : str, int, float or bool
        What stands in the factor's column.
    changes : dict
        Dotted scenario keys and the values they get.
    """

    label: Label
    changes: dict[str, Any]


class Factor(NamedTuple):
    """One factor of the design.

    Attributes
    ----------
    name : str
        A dotted scenario key, or a name where each level sets several keys.
    levels : tuple of Level
        In the order of the file.
    """

    name: str
    levels: tuple[Level, ...]

    @property
    def named(self) -> bool:
        """True where levels have names of their own."""
        return not is_scenario_key(self.name)

    def find(self, value: object) -> Level:
        """Return the level that a listed point means by `value`."""
        if not self.named:
            return Level(label_of(value), {self.name: value})
        for level in self.levels:
            if level.label == value:
                return level
        raise InputError("unknown level", key=self.name, given=value, allowed=[str(one.label) for one in self.levels])


def label_of(value: object) -> Label:
    """Return a value as a factor column shows it.

    Examples
    --------
    >>> label_of({"dist": "lognormal", "mean": 50, "cv": 0.4})
    'lognormal(mean=50, cv=0.4)'
    """
    if isinstance(value, Mapping):
        inner = ", ".join(f"{key}={label_of(one)}" for key, one in value.items() if key != "dist" and one is not None)
        return f"{value.get('dist', '')}({inner})"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(str(label_of(one)) for one in value) + "]"
    if value is None or value == "none":
        return "unlimited"
    return value if isinstance(value, str | int | float) else str(value)


def flat_factors(table: object) -> dict[str, Any]:
    """Return the ``[factors]`` table with flat keys, in the levels of named factors too."""
    if not isinstance(table, Mapping):
        raise InputError("should be a table", key="factors", given=table)
    factors = flat(table)
    for name, levels in factors.items():
        if isinstance(levels, Mapping):
            factors[name] = {label: flat(one) if isinstance(one, Mapping) else one for label, one in levels.items()}
    return factors


def read_factor(name: str, levels: object) -> Factor:
    """Return a factor from its flat table or list; a malformed one is an `InputError`."""
    if isinstance(levels, Mapping):
        return _named_factor(name, levels)
    if not isinstance(levels, Sequence) or isinstance(levels, str):
        raise InputError("should be a list of levels, or a table of named levels", key=f"factors.{name}", given=levels)
    require_known(name, (), f"factors.{name}")
    return _complete(Factor(name, tuple(Level(label_of(value), {name: value}) for value in levels)))


def _named_factor(name: str, levels: Mapping[str, Any]) -> Factor:
    if is_scenario_key(name) or name in _TAKEN:
        raise InputError("the name of a factor is taken", key=f"factors.{name}", given=name, allowed="another name")
    for label, changes in levels.items():
        key = f"factors.{name}.{label}"
        if not isinstance(changes, Mapping):
            raise InputError("should be a table of scenario keys", key=key, given=changes)
        for one in changes:
            require_known(one, (), f"{key}.{one}")
    return _complete(Factor(name, tuple(Level(label, dict(changes)) for label, changes in levels.items())))


def _complete(factor: Factor) -> Factor:
    labels = [(isinstance(one.label, bool), one.label) for one in factor.levels]  # True is 1, to Python alone
    if not labels:
        raise InputError("has no level", key=f"factors.{factor.name}")
    if len(set(labels)) < len(labels):
        counts = Counter(labels)
        twice = next(label for kind, label in labels if counts[kind, label] > 1)
        raise InputError("the levels of a factor must differ", key=f"factors.{factor.name}", given=twice)
    return factor
