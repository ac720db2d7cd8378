"""What `Study.plot` shows: what the user names, then the experiment's own figure, then what fits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from simsmtp.errors import InputError, texts_in
from simsmtp.experiment.factors import Label, label_of
from simsmtp.experiment.plain_levels import plain_value
from simsmtp.experiment.scenario_keys import require_known, value_at
from simsmtp.experiment.study_and_figure import Figure
from simsmtp.model.validation_errors import as_input_errors
from simsmtp.rows.responses import COLUMNS

if TYPE_CHECKING:
    from simsmtp.experiment.design import DesignPoint

MAIN_RESPONSES = ("delivered_per_s", "false_ndr_rate")
"""What is drawn where nobody chose."""
_ROLES = ("x", "line", "panel")
_MOST_LEVELS = 12
"""Of a factor that gets lines or panels without being named: more are not told apart."""


def points_where(points: Sequence[DesignPoint], where: Mapping[str, object] | None) -> list[DesignPoint]:
    """Return the design points with certain levels.

    Parameters
    ----------
    points : sequence of DesignPoint
        All of them.
    where : mapping or None
        Factor → level, or a list of its levels.

    Raises
    ------
    InputError
        For a factor or a level that there is not, or if no point has all of them.
    """
    found = list(points)
    if where is not None and not isinstance(where, Mapping):
        raise InputError("should be a dict", key="where", given=where, allowed="{factor: level}")
    for name, given in (where or {}).items():
        if not points or name not in points[0].factors:
            columns = tuple(points[0].factors) if points else ()
            raise InputError("not a factor of this study", key="where", given=name, allowed=columns or "no factor")
        known = {_told_apart(one.factors[name]): one.factors[name] for one in points}
        wanted = {_told_apart(label_of(one)): one for one in _picked(given)}
        for key, level in wanted.items():
            if key not in known:
                raise InputError("no such level", key=f"where: {name}", given=level, allowed=map(str, known.values()))
        found = [one for one in found if _told_apart(one.factors[name]) in wanted]
    if not found:
        raise InputError("no design point has these levels", key="where", given=where)
    return found


def _picked(given: object) -> list[Any]:
    plain = plain_value(given)
    return list(plain) if isinstance(plain, list | range | set) else [plain]


def _told_apart(label: Label) -> tuple[bool, Label]:
    return isinstance(label, bool), label  # True is 1 to Python


def figure_choice(
    own: Figure | None,
    points: Sequence[DesignPoint],
    named: Mapping[str, Any],
    *,
    one_panel: bool,
) -> Figure:
    """Return what to draw.

    A factor that nobody named takes the first free place of x, line and panel, if it varies; x prefers numbers.

    Parameters
    ----------
    own : Figure or None
        The experiment's own figure. It holds for what is not named.
    points : sequence of DesignPoint
        Those that are drawn.
    named : mapping
        Fields of `Figure` that the user named; None for the others.
    one_panel : bool
        Leave panels to those who name them, and draw one response unless several are named.

    Raises
    ------
    InputError
        If something that is named is not there.
    """
    columns = tuple(points[0].factors)
    given = {key: value for key, value in named.items() if value is not None}
    roles = _named_roles(given, columns)
    if own is not None:
        places = [one for one in _ROLES if one != "panel" or not one_panel]
        for role in places:
            if role not in roles and (name := getattr(own, role)) not in roles.values() and name is not None:
                roles[role] = name
    roles |= _free_roles(roles, varied_factors(points), one_panel=one_panel)
    if "x" not in roles:
        if not columns:
            raise InputError("is required to plot", key="x", allowed="a factor, and this study has none")
        roles["x"] = next((one for one in columns if one not in roles.values()), columns[0])
    y = _responses(given.get("y"), own, one_panel=one_panel)
    table: dict[str, Any] = {**roles, "y": y, "y_scale": _y_scales(given.get("y_scale"), y, own)}
    if own is not None and own.x == roles["x"]:
        table |= {"x_scale": own.x_scale, "mark": own.mark, "theory": own.theory}
    elif roles["x"] == "client.batch_size":
        table["mark"] = "server.recipient_limit"
    table |= {key: given[key] for key in ("x_scale", "mark", "theory") if key in given}
    if isinstance(table.get("mark"), str):
        require_known(table["mark"], (), "mark")
    with as_input_errors("", Figure):
        return Figure(**table)


def _named_roles(given: Mapping[str, Any], columns: Sequence[str]) -> dict[str, str]:
    roles = {role: given[role] for role in _ROLES if role in given}
    for role, name in roles.items():
        if name not in columns:
            allowed = columns or "a factor, and this study has none"
            raise InputError("not a factor of this study", key=role, given=name, allowed=allowed)
        if (other := next(one for one in roles if roles[one] == name)) != role:
            raise InputError(f"is {other} already", key=role, given=name, allowed="a factor of its own")
    return roles


def varied_factors(points: Sequence[DesignPoint]) -> dict[str, list[Label]]:
    """Return the factors with more than one level, and their levels."""
    found = {
        name: list({_told_apart(one.factors[name]): one.factors[name] for one in points}.values())
        for name in points[0].factors
    }
    return {name: levels for name, levels in found.items() if len(levels) > 1}


def _free_roles(roles: Mapping[str, str], varied: Mapping[str, Sequence[Label]], *, one_panel: bool) -> dict[str, str]:
    left = [name for name in varied if name not in roles.values()]
    found = {}
    if "x" not in roles and left:
        found["x"] = next((one for one in left if _is_numeric(varied[one])), left[0])
        left.remove(found["x"])
    few = (name for name in left if len(varied[name]) <= _MOST_LEVELS)
    for role in ("line",) if one_panel else ("line", "panel"):
        if role not in roles and (name := next(few, None)) is not None:
            found[role] = name
    return found


def _is_numeric(levels: Iterable[Label]) -> bool:
    return all((isinstance(one, int | float) and not isinstance(one, bool)) or one == "unlimited" for one in levels)


def _responses(named: object, own: Figure | None, *, one_panel: bool) -> list[str]:
    usual = own.y if own is not None else MAIN_RESPONSES
    if named is None:
        return list(usual[:1] if one_panel else usual)
    found = texts_in([named] if isinstance(named, str) else named, "y", "responses in a list")
    for name in found:
        if name not in COLUMNS:
            raise InputError("unknown response", key="y", given=name, allowed=COLUMNS)
    if not found:
        raise InputError("names no response", key="y", given=named, allowed=COLUMNS)
    return list(dict.fromkeys(found))


def _y_scales(named: object, responses: Sequence[str], own: Figure | None) -> list[str]:
    if isinstance(named, str):
        return [named] * len(responses)
    if named is not None:
        scales = texts_in(named, "y_scale", "one scale, or a list with one for each response")
        if len(scales) != len(responses):
            raise InputError("should be one scale for each response", key="y_scale", given=scales, allowed=responses)
        return scales
    known = dict(zip(own.y, own.y_scale, strict=False)) if own is not None else {}
    return [known.get(one, "linear") for one in responses]


def heading(title: str, where: Mapping[str, object] | None) -> str:
    """Return a title that names the levels that were picked."""
    from simsmtp.figures.labels import level_label, level_text, plain_level

    parts = []
    for name, given in (where or {}).items():
        levels = [plain_level(label_of(one)) for one in _picked(given)]
        first = level_label(name, levels[0]) if levels else ""
        parts.append(", ".join([first, *map(level_text, levels[1:])]))
    return f"{title} ({'; '.join(parts)})" if parts else title


def marks_of(points: Sequence[DesignPoint], figure: Figure) -> dict[Label | None, float | None]:
    """Return the marked key's value for each level of the panel factor, None where it varies."""
    if figure.mark is None:
        return {None: None}
    values: dict[Label | None, set[object]] = {}
    for point in points:
        panel = point.factors[figure.panel] if figure.panel else None
        values.setdefault(panel, set()).add(label_of(value_at(point.scenario, figure.mark)))
    return {None: None} | {panel: _only_number(found) for panel, found in values.items()}


def _only_number(values: set[object]) -> float | None:
    only = next(iter(values)) if len(values) == 1 else None
    return float(only) if isinstance(only, int | float) else None
