"""The answers of a capacity plan, from ``capacity.json``, as parts of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from simsmtp.analysis.labels import factor_name, response_label
from simsmtp.analysis.report_text import NOTHING, Cell, interval_text, list_html, number_text, table_html
from simsmtp.model.responses import BY_NAME

Rows = Sequence[Mapping[str, Any]]
Heads = Mapping[str, str]

_OBJECTIVES = {"objective": "objective", "verdict": "verdict", "sentence": "what was seen"}
_SEARCHES = {"search": "what was searched", "text": "value", "sentence": "what was found"}
_PERCENTILES = {
    "percentile": "delay",
    "plan": "as written (s)",
    "edge": "at the largest rate (s)",
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
    words = f'<p class="lead">{escape(points[0])}</p>{list_html(points[1:])}'
    return f'<div class="glance">{words}</div>' + ("<h3>What was assumed</h3>" + list_html(assumed) if assumed else "")


def capacity_tables(found: Mapping[str, Any]) -> str:
    """Return objectives, searches, percentiles, bounds, curve and tornado as tables."""
    curve, tornado = _rows(found.get("curve")), _rows(found.get("tornado"))
    parts = [
        ("Objectives of the plan as written", _table(_rows(found.get("objectives")), _OBJECTIVES)),
        ("What meets them", _table(_rows(found.get("searches")), _SEARCHES)),
        ("Percentiles of delay", _table(_rows(found.get("percentiles")), _PERCENTILES)),
        ("Saturation curve", _table(curve, {**_CURVE, **_responses(curve), "n": "replications", "verdict": "verdict"})),
        (_sways(tornado), _table(_with_names(tornado, found), _SWAYS)),
        ("Theoretical bounds, the tightest first", _table(_rows(found.get("bounds")), _BOUNDS)),
        ("Cost of a run, at the plan's own prices", _table(_rows([found.get("cost")]), _COST)),
    ]
    return "".join(f"<h3>{escape(title)}</h3>{table}" for title, table in parts if table)


def _texts(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _rows(value: Any) -> Rows:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _responses(curve: Rows) -> Heads:
    """Return the responses that a curve has means of, as they are called."""
    return {name: response_label(name) for one in curve[:1] for name in one if name in BY_NAME}


def _sways(tornado: Rows) -> str:
    if not tornado:
        return ""
    base = tornado[0].get("base_mean")
    written = f", from {number_text(base)} as written" if isinstance(base, int | float) else ""
    return f"What sways it: {response_label(str(tornado[0].get('response')))}{written}"


def _with_names(tornado: Rows, found: Mapping[str, Any]) -> Rows:
    """Return the rows with factors as figures call them, and their destination by its name."""
    scenario = found.get("scenario")
    named = scenario.get("destinations") if isinstance(scenario, Mapping) else None
    return [{**one, "factor": _factor(str(one.get("factor")), named)} for one in tornado]


def _factor(factor: str, destinations: Any) -> str:
    table, _, rest = factor.partition(".")
    number, _, inner = rest.partition(".")
    if table != "destinations":
        return factor_name(factor).name
    try:
        where = destinations[int(number)]["name"]
    except (TypeError, ValueError, LookupError):
        where = f"destination {number}"
    return f"{factor_name(inner).name} of {where}"


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
