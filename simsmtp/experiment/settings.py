"""``--set key=value``: single keys of an experiment changed from outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simsmtp.errors import InputError
from simsmtp.experiment.scenario_keys import is_scenario_key, require_known
from simsmtp.experiment.size_limits import MOST_SETTINGS
from simsmtp.model.table_merge import set_keys
from simsmtp.model.toml_text import check_tree, parse_toml

TableKeys = dict[str, tuple[str, ...]]


def parse_setting(setting: str) -> tuple[str, Any]:
    """Split ``key=value``; a value that is not TOML is taken as a string.

    Examples
    --------
    >>> parse_setting("client.batch_size=50"), parse_setting("client.strategy=one-stop")
    (('client.batch_size', 50), ('client.strategy', 'one-stop'))
    """
    key, equals, value = setting.partition("=")
    key = key.strip().replace('"', "").replace("'", "")
    if not equals or not key:
        raise InputError("not a setting", key="--set", given=setting, allowed="KEY=VALUE")
    try:
        parsed = parse_toml(f"value = {value}")
    except InputError as error:
        if error.message.startswith("not valid TOML"):
            check_tree({"value": value})
            return key, value.strip()
        raise InputError(error.message, key=key, allowed=error.allowed) from None
    return key, parsed["value"] if len(parsed) == 1 else value


def apply_settings(tables: dict[str, Any], settings: Sequence[str], others: TableKeys) -> dict[str, str]:
    """Change the flat tables of an experiment in place.

    Parameters
    ----------
    tables : dict
        The file's tables, factors and points flat.
    settings : sequence of str
        ``key=value``: a full path (``scenario.client.batch_size``, ``study.seed``), a scenario key
        alone, or a factor. A factor gets the value as its only level, or the list as its levels.
    others : dict
        The keys of the tables beside ``scenario`` that can be set.

    Returns
    -------
    dict
        Full dotted key → the setting that gave it.
    """
    if len(settings) > MOST_SETTINGS:
        raise InputError("too many settings", key="--set", given=len(settings), allowed=f"at most {MOST_SETTINGS}")
    given = {}
    for setting in settings:
        try:
            key, value = parse_setting(setting)
            given[_apply(tables, key, value, others)] = setting
        except InputError as error:
            raise error.at(file=f"--set {setting}") from None
    return given


def _apply(tables: dict[str, Any], key: str, value: Any, others: TableKeys) -> str:
    table, _, rest = key.partition(".")
    if table in others and rest in others[table]:
        tables.setdefault(table, {})[rest] = value
        return key
    factors = tables.get("factors", {})
    short = rest if table in {"scenario", "factors"} else key
    full = [f"{name}.{one}" for name, keys in others.items() for one in keys]
    require_known(short, [*factors, *full])
    if short in factors:
        return _set_factor(tables, short, value)
    if not is_scenario_key(short):
        raise InputError("not a setting of this file", key=short, given=value, allowed=[*full, *factors])
    return _set_scenario(tables, short, value)


def _set_factor(tables: dict[str, Any], name: str, value: Any) -> str:
    levels, factors = tables["factors"][name], tables["factors"]
    wanted = value if isinstance(value, list) else [value]
    if isinstance(levels, dict):
        for label in wanted:
            if not isinstance(label, str) or label not in levels:
                raise InputError("unknown level", key=name, given=label, allowed=list(levels))
        factors[name] = {label: levels[label] for label in wanted}
    else:
        factors[name] = wanted
    if not isinstance(value, list):
        _set_points(tables, name, value)
    return f"factors.{name}"


def _set_points(tables: dict[str, Any], name: str, value: Any) -> None:
    for point in tables.get("points", []):
        if name in point:
            point[name] = value


def _set_scenario(tables: dict[str, Any], key: str, value: Any) -> str:
    for name, levels in tables.get("factors", {}).items():
        if (
            isinstance(levels, dict)
            and levels
            and all(isinstance(changes, dict) and key in changes for changes in levels.values())
        ):
            allowed = f"levels of it: --set {name}=LEVEL, with LEVEL one of {', '.join(levels)}"
            raise InputError(f"every level of factor {name!r} sets this key", key=key, given=value, allowed=allowed)
    set_keys(tables.setdefault("scenario", {}), {key: value})
    _set_points(tables, key, value)
    return f"scenario.{key}"
