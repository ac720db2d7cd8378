"""The answers of a capacity plan, from ``capacity.json``, as parts of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simsmtp.errors import InputError
from simsmtp.figures.labels import factor_name, label_in_unit, of_destination
from simsmtp.model.numbers import NOTHING, number_text
from simsmtp.report.html import Cell, interval_text, list_html, table_html
from simsmtp.rows.responses import BY_NAME
from simsmtp.shown import html_text
from simsmtp.statistics.objectives import Objective, Unit, delay_unit, parse_objective, unit_of
from simsmtp.statistics.pooled_percentiles import pooled_mark

Rows = Sequence[Mapping[str, Any]]
Heads = Mapping[str, str]

_OBJECTIVES = {"objective": "objective", "verdict": "verdict", "sentence": "what was seen"}
_SEARCHES = {"search": "what was searched", "text": "value", "sentence": "what was found"}
_PERCENTILES = {
    "percentile": "delay",
    "plan": "as written",
    "edge": "at the largest rate that passes",
    "note": "what it rests on",
}
_BOUNDS = {
    "name": "resource",
    "messages_per_s": "messages/s",
    "recipients_per_s": "recipients/s",
    "utilisation": "share in use",
    "headroom": "headroom",
    "formula": "formula",
    "weak": "what it leaves out",
}
_COST = {
    "run": "a run",
    "connections": "of it for connections",
    "commands": "of it for RCPT commands",
    "per_million": "per million delivered",
    "currency": "currency",
}
_CURVE = {"messages_per_s": "messages/s", "offered_per_s": "recipients offered/s"}
_INFLUENCES = {"factor": "factor", "base_level": "as written", "level": "instead", "mean": "mean",
               "difference": "change", "n": "replications"}  # fmt: skip
_ENDS = ("_low", "_high")


def capacity_parts(found: Mapping[str, Any], figure: str) -> list[tuple[str, str, str]]:
    """Return the parts of the answer in their order, each with its name, title and HTML.

    The verdict and four numbers come first, then the figure, then words, then tables. What an earlier version wrote
    has no such numbers: there the words come first.
    """
    first = _headline(found.get("headline"))
    words = _words(found, told=1 if first else 0)
    parts = [
        ("glance", "The answer at a glance", first or words),
        ("figures", "Figures", figure),
        ("words", "The answer in words", words if first else ""),
        ("plan", "The plan in numbers", capacity_tables(found)),
    ]
    return [part for part in parts if part[-1]]


def _headline(found: Any) -> str:
    """Return verdict and numbers; empty where there are none."""
    if not isinstance(found, Mapping):
        return ""
    numbers = "".join(
        f'<div style="flex: 1 1 11rem"><dt>{html_text(one.get("name"))}</dt>'
        f'<dd style="margin: 0"><strong>{html_text(one.get("text"))}</strong><br>'
        f"<small>{html_text(one.get('note'))}</small></dd></div>"
        for one in _rows(found.get("numbers"))
    )
    # Notebooks have no style sheet of the report's: what the numbers need to stand side by side is said here.
    cards = (
        f'<dl class="numbers" style="display: flex; flex-wrap: wrap; gap: .8rem 1.6rem; max-width: none">{numbers}</dl>'
    )
    verdict = f'<p class="lead"><strong>{html_text(found.get("verdict"))}</strong></p>'
    return f'<div class="glance">{verdict}{cards}</div>'


def _words(found: Mapping[str, Any], told: int) -> str:
    """Return the answer in words, without so many points that were told before, and what it assumes."""
    points = (_texts(found.get("answers")) or [str(found.get("answer", ""))])[told:]
    assumed = _texts(found.get("assumptions"))
    return list_html(points) + ("<h3>What was assumed</h3>" + list_html(assumed) if assumed else "")


def capacity_tables(found: Mapping[str, Any]) -> str:
    """Return objectives, searches, percentiles, bounds, curve and tornado as tables."""
    curve, tornado = _rows(found.get("curve")), _rows(found.get("tornado"))
    pooled = f", {mark}" if (mark := pooled_mark(len(_destinations(found)))) else ""
    asked = _objectives(found)
    unit, of_tornado = delay_unit(asked), unit_of(str(tornado[0].get("response")) if tornado else "", asked)
    percentiles = _in_unit(_rows(found.get("percentiles")), unit, ("plan", "edge"))
    tornado = _in_unit(tornado, of_tornado, ("mean", "base_mean", "difference", "low", "high"))
    curve = _in_unit(curve, unit, [name for name in (curve[0] if curve else ()) if name.startswith("delay_")])
    parts = [
        ("Objectives of the plan as written", _table(_rows(found.get("objectives")), _OBJECTIVES)),
        ("What meets the objectives", _table(_rows(found.get("searches")), _SEARCHES)),
        (f"Percentiles of delay ({unit.name}){pooled}", _table(percentiles, _PERCENTILES)),
        (
            f"Saturation curve{pooled}",
            _table(curve, {**_CURVE, **_responses(curve, unit), "n": "replications", "verdict": "verdict"}),
        ),
        (_influences(tornado, of_tornado), _table(_with_names(tornado, found), _INFLUENCES)),
        ("Theoretical bounds, the tightest first", _table(_rows(found.get("bounds")), _BOUNDS)),
        ("Cost of a run, at the plan's own prices", _table(_rows([found.get("cost")]), _COST)),
    ]
    return "".join(f"<h3>{html_text(title)}</h3>{table}" for title, table in parts if table)


def _texts(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _rows(value: Any) -> Rows:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _responses(curve: Rows, unit: Unit) -> Heads:
    """Return the responses that a curve has means of, as they are called."""
    names = [name for one in curve[:1] for name in one if name in BY_NAME]
    return {name: label_in_unit(name, unit) for name in names}


def _objectives(found: Mapping[str, Any]) -> list[Objective]:
    """Return the objectives of the plan."""
    try:
        return [parse_objective(str(one.get("objective"))) for one in _rows(found.get("objectives"))]
    except InputError:  # of another version
        return []


def _in_unit(rows: Rows, unit: Unit, names: Sequence[str]) -> Rows:
    keys = {f"{name.removesuffix('_low').removesuffix('_high')}{end}" for name in names for end in ("", *_ENDS)}
    return [{key: value / unit.factor if key in keys and isinstance(value, int | float) else value
             for key, value in one.items()} for one in rows]  # fmt: skip


def _destinations(found: Mapping[str, Any]) -> list[str]:
    scenario = found.get("scenario")
    listed = scenario.get("destinations") if isinstance(scenario, Mapping) else None
    return [str(one.get("name")) for one in _rows(listed)]


def _influences(tornado: Rows, unit: Unit) -> str:
    if not tornado:
        return ""
    base = tornado[0].get("base_mean")
    written = f", from {number_text(base)} as written" if isinstance(base, int | float) else ""
    label = label_in_unit(str(tornado[0].get("response")), unit)
    return f"Most influential inputs: {label}{written}"


def _with_names(tornado: Rows, found: Mapping[str, Any]) -> Rows:
    """Return the rows with factors as figures call them, and their destination by its name."""
    split = [of_destination(str(one.get("factor")), _destinations(found)) for one in tornado]
    named = [f"{factor_name(key).name}{f' of {where}' if where else ''}" for key, where in split]
    return [{**one, "factor": name} for one, name in zip(tornado, named, strict=True)]


def _table(records: Rows, heads: Heads) -> str:
    """Return records as a table of those columns that they hold; low and high ends stand below their mean."""
    names = [name for name in heads if any(name in one for one in records)]
    body = [[_cell(one, name) for name in names] for one in records]
    return table_html([heads[name] for name in names], body) if names else ""


def _cell(row: Mapping[str, Any], name: str) -> Cell:
    value = row.get(name)
    if value is None:
        return NOTHING, ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value), str(value)
    low, high = _ends(row, name)
    text = interval_text(low, high) if isinstance(low, int | float) and isinstance(high, int | float) else ""
    return f"{number_text(value)}\n{text}", value


def _ends(row: Mapping[str, Any], name: str) -> tuple[Any, Any]:
    """Return the interval of a column: beside it under its name, or the row's own (of a change, of a cost)."""
    if any(f"{name}{end}" in row for end in _ENDS):
        return row.get(f"{name}_low"), row.get(f"{name}_high")
    return (row.get("low"), row.get("high")) if name in {"difference", "run"} else (None, None)
