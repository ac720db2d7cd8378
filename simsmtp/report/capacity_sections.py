"""The answers of a capacity plan, from ``capacity.json``, as parts of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simsmtp.errors import InputError
from simsmtp.figures.labels import factor_name, of_destination, response_label
from simsmtp.model.numbers import NOTHING, number_text
from simsmtp.report.html import Cell, interval_text, list_html, table_html
from simsmtp.rows.responses import BY_NAME
from simsmtp.shown import html_text
from simsmtp.statistics.objectives import Unit, delay_unit, parse_objective
from simsmtp.statistics.pooled_percentiles import pooled_mark

Rows = Sequence[Mapping[str, Any]]
Heads = Mapping[str, str]

_OBJECTIVES = {"objective": "objective", "verdict": "verdict", "sentence": "what was seen"}
_SEARCHES = {"search": "what was searched", "text": "value", "sentence": "what was found"}
_PERCENTILES = {
    "percentile": "delay",
    "plan": "as written",
    "edge": "at the largest rate",
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
_SWAYS = {"factor": "factor", "base_level": "as written", "level": "instead", "mean": "mean", "difference": "change",
          "n": "replications"}  # fmt: skip
_ENDS = ("_low", "_high")


def capacity_answer(found: Mapping[str, Any]) -> str:
    """Return the answer in words, and what it assumes."""
    points = _texts(found.get("answers")) or [str(found.get("answer", ""))]
    assumed = _texts(found.get("assumptions"))
    words = f'<p class="lead">{html_text(points[0])}</p>{list_html(points[1:])}'
    return f'<div class="glance">{words}</div>' + ("<h3>What was assumed</h3>" + list_html(assumed) if assumed else "")


def capacity_tables(found: Mapping[str, Any]) -> str:
    """Return objectives, searches, percentiles, bounds, curve and tornado as tables."""
    curve, tornado = _rows(found.get("curve")), _rows(found.get("tornado"))
    unit, pooled = _unit(found), f", {mark}" if (mark := pooled_mark(len(_destinations(found)))) else ""
    percentiles = _in_unit(_rows(found.get("percentiles")), unit, ("plan", "edge"))
    curve = _in_unit(curve, unit, [name for name in (curve[0] if curve else ()) if name.startswith("delay_")])
    parts = [
        ("Objectives of the plan as written", _table(_rows(found.get("objectives")), _OBJECTIVES)),
        ("What meets them", _table(_rows(found.get("searches")), _SEARCHES)),
        (f"Percentiles of delay ({unit.name}){pooled}", _table(percentiles, _PERCENTILES)),
        (
            f"Saturation curve{pooled}",
            _table(curve, {**_CURVE, **_responses(curve, unit), "n": "replications", "verdict": "verdict"}),
        ),
        (_sways(tornado), _table(_with_names(tornado, found), _SWAYS)),
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
    return {name: response_label(name).replace("(s)", f"({unit.name})") for name in names}


def _unit(found: Mapping[str, Any]) -> Unit:
    """Return the unit in which delays are held against objectives."""
    try:
        return delay_unit([parse_objective(str(one.get("objective"))) for one in _rows(found.get("objectives"))])
    except InputError:  # of another version
        return delay_unit(())


def _in_unit(rows: Rows, unit: Unit, names: Sequence[str]) -> Rows:
    keys = {f"{name.removesuffix('_low').removesuffix('_high')}{end}" for name in names for end in ("", *_ENDS)}
    return [{key: value / unit.factor if key in keys and isinstance(value, int | float) else value
             for key, value in one.items()} for one in rows]  # fmt: skip


def _destinations(found: Mapping[str, Any]) -> list[str]:
    scenario = found.get("scenario")
    listed = scenario.get("destinations") if isinstance(scenario, Mapping) else None
    return [str(one.get("name")) for one in _rows(listed)]


def _sways(tornado: Rows) -> str:
    if not tornado:
        return ""
    base = tornado[0].get("base_mean")
    written = f", from {number_text(base)} as written" if isinstance(base, int | float) else ""
    return f"What sways it: {response_label(str(tornado[0].get('response')))}{written}"


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
