"""Comparisons for people and programs: what to show of them, and plain dictionaries."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from simsmtp.gate.verdicts import IDENTICAL, INCONCLUSIVE
from simsmtp.gate.views import View
from simsmtp.model.numbers import counted, number_text, percent_text, signed_text
from simsmtp.output.json_values import plain
from simsmtp.shown import shown

if TYPE_CHECKING:
    from simsmtp.gate.comparison import Comparison  # for annotations: a comparison shows itself

_COLUMNS = ("response", "base", "new", "change", "allowed", "verdict")


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
    """Return how intervals and verdicts are meant, in one line, and what to do where they do not tell."""
    rows = found.rows[found.rows["verdict"] == INCONCLUSIVE].to_dict("records")
    step = f" Next: {next_step(rows)}" if found.verdict == INCONCLUSIVE else ""
    return (
        f"Changes of the mean with {percent_text(found.level, 4)} paired t intervals. OK: the interval lies within the "
        f"allowed change. REGRESSION: beyond it, with a false alarm anywhere in this table in at most "
        f"{percent_text(found.alarm, 2)} of comparisons. INCONCLUSIVE: neither.{step}"
    )


def next_step(rows: Sequence[Mapping[Any, Any]]) -> str:
    """Return what to do about rows that are inconclusive; about sides that are not the same where there are none."""
    if not rows:
        return "compare again with what one side lacks."
    pairs = max(int(row["n"]) for row in rows)
    if all(math.isnan(row["low"]) for row in rows):
        step = "write a baseline of rows, with two replications or more (simsmtp run … --write-baseline FILE)"
    else:
        step = f"give both sides more than {pairs} replications (--replications {2 * pairs} --write-baseline FILE)"
    return f"with the code of the base, {step}, and compare again; or allow more (--margin)."


def _cells(row: Mapping[Any, Any], factors: tuple[str, ...]) -> list[str]:
    """Return one row of a comparison as texts: factors, then the columns of the table."""
    verdict = row["verdict"] + (f": {row['reason']}" if row["reason"] else "")
    means = [number_text(row[name]) for name in ("base_mean", "new_mean")]
    return [
        *(shown(row[name]) for name in factors),
        row["response"],
        *means,
        change_text(row),
        allowed_text(row),
        verdict,
    ]


def allowed_text(row: Mapping[Any, Any]) -> str:
    """Return the change for the worse that is allowed."""
    sign = "" if row["relative"] else " absolute"
    return f"{_change(row['margin'], row['relative'])}{sign}".lstrip("+")


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


def view_of(found: Comparison) -> View:
    """Return what there is to show of a comparison, the gravest rows first."""
    rows = [(row["verdict"], _cells(row, found.factors)) for row in found.worst_first().to_dict("records")]
    heads = (*found.factors, *_COLUMNS)
    return View(found.name, found.verdict, headline(found), heads, rows, explanation(found), found.notes)


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
