"""Comparisons for people and programs: Markdown, HTML, plain dictionaries."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from simsmtp.gate.verdicts import CHANGED, IDENTICAL, INCONCLUSIVE, OK, REGRESSION
from simsmtp.model.numbers import counted, number_text, percent_text, signed_text
from simsmtp.shown import html_text, markdown_text, shown

if TYPE_CHECKING:
    from simsmtp.gate.comparison import Comparison  # for annotations: a comparison shows itself

COLUMNS = ("response", "base", "new", "change", "allowed", "verdict")
_COLOURS = {OK: "#2e7d32", IDENTICAL: "#2e7d32", CHANGED: "#555", INCONCLUSIVE: "#b26a00"}


def headline(found: Comparison) -> str:
    """Return the verdict with what it counts, in one line."""
    points = found.rows["point"].nunique()
    cells = f"{counted(len(found.rows), 'response')} at {counted(points, 'design point')}"
    if found.verdict == IDENTICAL:
        return f"{IDENTICAL}: {cells}, to the last bit"
    aside = "; ".join(caveat for _, caveat in found.caveats)
    if set(found.counts) == {IDENTICAL}:
        return f"{found.verdict}: {cells} are equal, but the sides are not the same: {aside}"
    counts = ", ".join(f"{count:,} {verdict}" for verdict, count in found.counts.items())
    text = f"{found.verdict}: {counts} (of {cells}); behaviour changed"
    return f"{text}. Left out or not known: {aside}" if aside else text


def explanation(found: Comparison) -> str:
    """Return how intervals and verdicts are meant, in one line."""
    return (
        f"Changes of the mean with {percent_text(found.level, 4)} paired t intervals. OK: the interval lies within the "
        f"allowed change. REGRESSION: beyond it, with a false alarm anywhere in this table in at most "
        f"{percent_text(found.alarm, 2)} of comparisons. INCONCLUSIVE: neither.{_next_step(found)}"
    )


def _next_step(found: Comparison) -> str:
    """Return what to do where the comparison as a whole is inconclusive."""
    if found.verdict != INCONCLUSIVE:
        return ""
    rows = found.rows[found.rows["verdict"] == INCONCLUSIVE]
    if rows.empty:
        return " Next: compare again with what one side lacks."
    pairs = int(rows["n"].max())
    if rows["low"].isna().all():
        step = "write a baseline of rows, with two replications or more (simsmtp run … --write-baseline FILE)"
    else:
        step = f"give both sides more than {pairs} replications (--replications {2 * pairs} --write-baseline FILE)"
    return f" Next: with the code of the base, {step}, and compare again; or allow more (--margin)."


def cells_of(row: Mapping[Any, Any], factors: tuple[str, ...]) -> list[str]:
    """Return one row of a comparison as texts: factors, then the columns of the table."""
    sign = "" if row["relative"] else " absolute"
    allowed = f"{_change(row['margin'], row['relative'])}{sign}".lstrip("+")
    verdict = row["verdict"] + (f": {row['reason']}" if row["reason"] else "")
    values = [row["response"], number(row["base_mean"]), number(row["new_mean"]), change_text(row), allowed, verdict]
    return [shown(row[name]) for name in factors] + values


def change_text(row: Mapping[Any, Any]) -> str:
    """Return the change with its interval.

    Examples
    --------
    >>> change_text({"change": 0.19, "low": 0.17, "high": 0.21, "relative": True})
    '+19 % [+17 %, +21 %]'
    """
    middle = _change(row["change"], row["relative"])
    if math.isnan(row["low"]):
        return middle
    return f"{middle} [{_change(row['low'], row['relative'])}, {_change(row['high'], row['relative'])}]"


def _change(value: float, relative: bool) -> str:
    if math.isnan(value):
        return "-"
    return percent_text(value, signed=True) if relative else signed_text(value)


def number(value: float) -> str:
    """Return a mean with four digits, counts in full."""
    return number_text(value)


def markdown_of(found: Comparison, limit: int = 40) -> str:
    """Return verdict, table and notes as Markdown."""
    lines = [f"### {markdown_text(found.name or 'comparison')}: {headline(found)}", ""]
    rows = found.worst_first().to_dict("records")
    if rows:
        heads = [*found.factors, *COLUMNS]
        lines += [_row(heads), _row(["---"] * len(heads))]
        lines += [_row(cells_of(row, found.factors)) for row in rows[:limit]]
        lines += ["", *([f"… and {len(rows) - limit} more.", ""] if len(rows) > limit else []), explanation(found), ""]
    lines += [f"- {markdown_text(note)}" for note in found.notes]
    return "\n".join(lines).rstrip() + "\n"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(map(markdown_text, cells)) + " |"


def html_of(found: Comparison, limit: int = 60) -> str:
    """Return verdict and table for a notebook."""
    colour = _COLOURS.get(found.verdict, "#b3261e")
    title = f"<b>{html_text(found.name)}</b> " if found.name else ""
    head = f'<p>{title}<b style="color: {colour}">{html_text(headline(found))}</b></p>'
    rows = found.worst_first().to_dict("records")[:limit]
    if not rows:
        return head
    heads = "".join(f"<th>{html_text(name)}</th>" for name in (*found.factors, *COLUMNS))
    body = "".join(_html_row(cells_of(row, found.factors), row["verdict"]) for row in rows)
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
    notes = "".join(f"<li>{html_text(note)}</li>" for note in found.notes)
    notes = f"<ul>{notes}</ul>" if notes else ""
    return f"{head}{table}<p><small>{html_text(explanation(found))}</small></p>{notes}"


def _html_row(cells: list[str], verdict: str) -> str:
    *others, last = (html_text(cell) for cell in cells)
    weight = "bold" if verdict == REGRESSION else "normal"
    style = f"color: {_COLOURS.get(verdict, '#b3261e')}; font-weight: {weight}; text-align: left"
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in others) + f'<td style="{style}">{last}</td></tr>'


def dict_of(found: Comparison) -> dict[str, Any]:
    """Return a comparison as plain values: nan is None."""
    rows = [
        {
            "point": int(row["point"]),
            "factors": {name: plain(row[name]) for name in found.factors},
            **{name: plain(row[name]) for name in row if name != "point" and name not in found.factors},
        }
        for row in found.worst_first().to_dict("records")
    ]
    return {
        "name": found.name,
        "verdict": found.verdict,
        "exit_code": found.exit_code,
        "counts": found.counts,
        "level": found.level,
        "alarm": found.alarm,
        "notes": [*found.notes, *(text for _, text in found.caveats)],
        "rows": rows,
    }


def plain(value: Any) -> Any:
    """Return a value as Python's own type, nan and infinities as None, zero without a minus."""
    given = value.item() if hasattr(value, "item") else value
    if isinstance(given, float):
        return given + 0.0 if math.isfinite(given) else None
    return given
