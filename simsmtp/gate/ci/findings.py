"""What is worse, failed or not known, in plain words: what was compared, by how much it differs, and what to do."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from simsmtp.gate.comparison import EXIT_CODES, Comparison
from simsmtp.gate.comparison_views import allowed_text, change_text, next_step
from simsmtp.gate.places import Place
from simsmtp.gate.verdicts import FAILED, INCONCLUSIVE, REGRESSION
from simsmtp.gate.views import View
from simsmtp.model.numbers import counted, number_text, percent_text
from simsmtp.rows.responses import BY_NAME
from simsmtp.shown import shown
from simsmtp.statistics.intervals import mean_interval

if TYPE_CHECKING:
    from simsmtp.gate.capacity_comparison import CapacityComparison

_GRAVE = (FAILED, REGRESSION)
_TO_DO = {
    REGRESSION: "find what changed since the baseline was written. If the change is intended, write a new baseline "
    "(simsmtp run … --write-baseline FILE), or allow more (--margin).",
    FAILED: "run the experiment again: simsmtp run tells which replications failed, and why.",
}


class Finding(NamedTuple):
    """Something that a reader has to look at.

    Attributes
    ----------
    is_error : bool
        Worse or failed; otherwise it is not known.
    title : str
        What, in one line.
    lines : sequence of str
        More about it.
    places : sequence of Place
        Where it is written, the best place first.
    """

    is_error: bool
    title: str
    lines: Sequence[str]
    places: Sequence[Place] = ()


class Outcome(NamedTuple):
    """A comparison, or an audit, as documents for CI tell of it.

    Attributes
    ----------
    view : View
        The table with its headline.
    exit_code : int
        0 ok, 1 failed, 3 worse, 4 not known.
    findings : sequence of Finding
        The gravest first.
    """

    view: View
    exit_code: int
    findings: Sequence[Finding]


def outcome_of(found: Comparison | CapacityComparison) -> Outcome:
    """Return what documents tell of a comparison."""
    findings = _of_comparison(found) if isinstance(found, Comparison) else _of_answers(found)
    return Outcome(found.view(), found.exit_code, sorted(findings, key=lambda one: not one.is_error))


def _of_comparison(found: Comparison) -> Iterator[Finding]:
    """Yield one finding for each design point and kind of verdict."""
    worst = found.worst_first()
    for verdict in EXIT_CODES:
        for point, rows in worst[worst["verdict"] == verdict].groupby("point", sort=False):
            records = rows.to_dict("records")
            names = [row["response"] for row in records if row["response"]]
            lines = [f"{row['response'] or 'runs'}: {short_text(row)}" for row in records]
            title = f"{verdict}: {_some(names) or 'runs'} at {levels_text(found, records[0])}"
            yield Finding(
                verdict in _GRAVE, title, [*lines, f"What to do: {to_do(records[0])}"], found.places(int(str(point)))
            )
    for verdict, text in found.caveats:
        if verdict == INCONCLUSIVE:
            yield Finding(False, f"{verdict}: the two sides are not the same", [text, f"What to do: {next_step([])}"])


def _some(names: Sequence[str]) -> str:
    more = f" and {counted(len(names) - 3, 'more response')}" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _of_answers(found: CapacityComparison) -> Iterator[Finding]:
    for row in found.rows:
        if row.verdict in EXIT_CODES:
            reason = f" ({row.reason})" if row.reason else ""
            told = f"base: {row.base}; new: {row.new}{reason}"
            yield Finding(row.verdict in _GRAVE, f"{row.verdict}: {row.answer}", [told])


def levels_text(found: Comparison, row: Mapping[Any, Any]) -> str:
    """Return the factor levels of a row, such as ``batch=100, sender=one-stop``."""
    return ", ".join(f"{name}={row[name]}" for name in found.factors) or "the base scenario"


def short_text(row: Mapping[Any, Any]) -> str:
    """Return what became of a response, in one line."""
    if row["verdict"] == FAILED:
        return str(row["reason"])
    means = " → ".join(number_text(row[f"{side}_mean"]) for side in ("base", "new"))
    unit = f" {BY_NAME[row['response']].unit}".rstrip()
    reason = f"; {row['reason']}" if row["reason"] else ""
    return f"{means}{unit}, {change_text(row)}, allowed {allowed_text(row)}{reason}"


def to_do(row: Mapping[Any, Any]) -> str:
    """Return what to do about a row."""
    return _TO_DO.get(row["verdict"]) or next_step([row])


def full_text(found: Comparison, row: Mapping[Any, Any]) -> str:
    """Return what was compared, both means, the difference, the margin, and what to do: a line each.

    Parameters
    ----------
    found : Comparison
        With the rows behind the means.
    row : mapping
        Of ``found.rows``.
    """
    what = row["response"] or "runs"
    says = {
        REGRESSION: f"{what} is worse than the margin allows.",
        INCONCLUSIVE: f"It is not known whether {what} is worse than the margin allows.",
        FAILED: f"{row['reason']}.",
    }
    lines = [says[row["verdict"]], f"Design point: {levels_text(found, row)}"]
    places = [f"{one.file}:{one.line}" if one.line else one.file for one in found.places(int(row["point"]))]
    lines += [f"Written in: {', '.join(places)}"] if places else []
    if row["verdict"] == FAILED:
        lines += [note for note in found.notes if " failed: " in note]
        return "\n".join(shown(line) for line in [*lines, f"What to do: {to_do(row)}"])
    one = BY_NAME[what]
    lines.append(f"Response: {one.meaning}" + (f" ({one.better} is better)" if one.better else ""))
    for side, rows in (("Baseline", found.base), ("New", found.new)):
        lines.append(f"{side} mean: {_mean(rows.loc[rows['point'] == row['point'], what], one.unit, found.level)}")
    pairs = counted(int(row["n"]), "pair")
    interval = "" if math.isnan(row["low"]) else f", {percent_text(found.level, 4)} interval in brackets"
    lines.append(f"Difference: {change_text(row)} ({pairs} of replications{interval})")
    lines.append(f"Allowed: a change for the worse of {allowed_text(row)}")
    lines += [f"Reason: {row['reason']}"] if row["reason"] else []
    return "\n".join(shown(line) for line in [*lines, f"What to do: {to_do(row)}"])


def _mean(values: Any, unit: str, level: float) -> str:
    found = mean_interval(values.to_numpy(np.float64), level)
    mean = f"{number_text(found.mean, 6)} {unit}".rstrip()
    if math.isnan(found.low):
        return f"{mean}, no interval"
    ends = f"{number_text(max(found.low, 0.0), 6)} to {number_text(found.high, 6)}"
    return f"{mean}, {percent_text(level, 4)} interval {ends}"
