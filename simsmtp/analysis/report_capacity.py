"""The answers of a capacity plan, from ``capacity.json``, as parts of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from simsmtp.analysis.report_text import NOTHING, Cell, interval_text, list_html, number_text, table_html

_OBJECTIVES = ("objective", "verdict", "sentence")
_SEARCHES = ("search", "text", "sentence")
_BOUNDS = ("name", "messages_per_s", "recipients_per_s", "utilisation", "headroom")
_ENDS = ("_low", "_high")


def capacity_answer(found: Mapping[str, Any]) -> str:
    """Return the answer in words, and what it assumes."""
    assumed = [str(one) for one in found.get("assumptions") or ()]
    words = f'<div class="glance"><p class="lead">{escape(str(found.get("answer", "")))}</p></div>'
    return words + ("<h3>What was assumed</h3>" + list_html(assumed) if assumed else "")


def capacity_tables(found: Mapping[str, Any]) -> str:
    """Return objectives, searches, percentiles, bounds, curve and tornado as tables."""
    parts = [
        ("Objectives of the plan as written", _table(found.get("objectives"), _OBJECTIVES)),
        ("What meets them", _table(found.get("searches"), _SEARCHES)),
        ("Percentiles of delay", _table(found.get("percentiles"))),
        ("Saturation curve", _table(found.get("curve"))),
        ("What sways it", _table(found.get("tornado"))),
        ("Theoretical bounds, the tightest first", _table(found.get("bounds"), _BOUNDS)),
        ("Cost of a run, at the plan's own prices", _table([found["cost"]] if found.get("cost") else None)),
    ]
    return "".join(f"<h3>{escape(title)}</h3>{table}" for title, table in parts if table)


def _table(rows: Any, columns: Sequence[str] = ()) -> str:
    """Return records as a table; low and high ends stand below their mean."""
    records = [one for one in rows or () if isinstance(one, Mapping)]
    if not records:
        return ""
    held = list(dict.fromkeys(key for one in records for key in one))
    names = [name for name in columns or held if name in held and not _is_end(name, held)]
    body = [[_cell(one, name) for name in names] for one in records]
    return table_html([name.replace("_", " ") for name in names], body)


def _is_end(name: str, held: Sequence[str]) -> bool:
    return any(name.endswith(end) and name.removesuffix(end) in held for end in _ENDS)


def _cell(row: Mapping[str, Any], name: str) -> Cell:
    value = row.get(name)
    if value is None:
        return NOTHING, ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value), str(value)
    low, high = (row.get(f"{name}{end}") for end in _ENDS)
    ends = interval_text(low, high) if isinstance(low, int | float) and isinstance(high, int | float) else ""
    return f"{number_text(value)}\n{ends}", value
