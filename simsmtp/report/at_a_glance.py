"""The answer of a study at a glance, from its means: extremes of every response, and ranges for each line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simsmtp.figures.labels import factor_name, level_label, level_text, response_label
from simsmtp.model.numbers import number_text, percent_text
from simsmtp.report.html import Cell, interval_text
from simsmtp.rows.responses import BY_NAME
from simsmtp.statistics.intervals import zero_bound

if TYPE_CHECKING:
    from pandas import DataFrame, Series

    from simsmtp.report.results_folder import Means, Record

# Beside a throughput stands what it cost: a sender that gives up looks fast.
_OUTCOMES = ("false_ndr_rate", "lost", "duplicate")
_FAULTS = ("false_ndr", "contradictory_ndr", "duplicate", "lost", "missed_ndr", "queued")
_MOST = 8


def responses_at_a_glance(record: Record) -> list[str]:
    """Return the responses of a study, with the outcomes beside a throughput."""
    held = set(record.means.table["response"])
    chosen = list(record.responses[:_MOST]) if len(record.responses) < len(held) else ["delivered_per_s"]
    if "delivered_per_s" in chosen:
        chosen += [name for name in _OUTCOMES if name not in chosen]
    return [name for name in chosen if name in held] or list(record.responses[:_MOST])


def sentences(record: Record) -> list[str]:
    """Return what the means say, one sentence for each response."""
    means = record.means
    if len(means.points) == 1:
        return []
    names = responses_at_a_glance(record)
    found = [_extremes(means, name) for name in names]
    found += [_best_clean(means)] if "delivered_per_s" in names else []
    return [one for one in [*found, _zero_note(record)] if one]


def _extremes(means: Means, response: str) -> str:
    rows = _rows(means, response)
    if rows.empty:
        return ""
    label = _capital(response_label(response))
    low, high = rows["mean"].min(), rows["mean"].max()
    if low == high:
        return f"{label}: {number_text(low)} at every design point."
    zeros = int((rows["mean"] == 0).sum())
    if zeros and _is_fault(response):
        return f"{label}: none at {zeros} of {len(rows)} design points; at most {_place(means, rows, high)}."
    return f"{label}: from {_place(means, rows, low)} to {_place(means, rows, high)}."


def _is_fault(response: str) -> bool:
    return response in BY_NAME and BY_NAME[response].better == "lower" and not BY_NAME[response].unit


def _zero_note(record: Record) -> str:
    """Return what a fault that was seen in no replication proves; empty if every one was seen everywhere."""
    names = [name for name in responses_at_a_glance(record) if _is_fault(name)]
    table = record.means.table
    unseen = table[table["response"].isin(names) & (table["mean"] == 0)]
    if unseen.empty:
        return ""
    n = int(unseen["n"].min())
    most = f"{percent_text(zero_bound(n), 2)} of replications may still show one (95 % confidence)"
    return f"“None” means none in {n} replications: up to {most}."


def _place(means: Means, rows: DataFrame, value: float) -> str:
    """Return a mean with its interval and where it is found."""
    equal = rows[rows["mean"] == value]
    first = equal.iloc[0]
    more = f" and {len(equal) - 1} more" if len(equal) > 1 else ""
    interval = interval_text(first["low"], first["high"])
    return f"{number_text(value)}{f' [{interval}]' if interval else ''} ({_levels(means, first)}{more})"


def _levels(means: Means, row: Series[Any]) -> str:
    named = [level_label(name, row[name]) for name in means.varied]
    return ", ".join(named) or "the only one"


def _best_clean(means: Means) -> str:
    """Return the fastest design point at which nothing went wrong, where throughput was measured."""
    rate = _rows(means, "delivered_per_s")
    table = means.table
    faulty = table[table["response"].isin(_FAULTS) & (table["mean"] != 0)]["point"].unique()
    clean = rate[~rate["point"].isin(faulty)]
    if clean.empty:
        return "No design point is without false NDRs, losses, duplicates or recipients left over."
    text = f"Highest throughput without a false NDR, a loss or a duplicate: {_place(means, clean, clean['mean'].max())}"
    if rate["mean"].max() > clean["mean"].max():
        text += "; a faster mean elsewhere was bought with recipients that were failed, lost or duplicated"
    return f"{text}."


def _rows(means: Means, response: str) -> DataFrame:
    return means.table[(means.table["response"] == response) & means.table["mean"].notna()]


def grouping(record: Record) -> str | None:
    """Return the factor that tells lines apart: the figure's, else the first whose levels are words."""
    factors = record.means.factors
    line = record.figure.get("line")
    if line in factors:
        return str(line)
    words = [name for name in factors if all(isinstance(one, str) for one in record.means.points[name])]
    return next(iter([*words, *factors]), None)


def range_table(record: Record, factor: str) -> tuple[list[str], list[list[Cell]]]:
    """Return heads and rows: for each level of a factor the least and greatest mean of each response.

    Below it stands, for times and rates, how that compares with the first level: least and greatest ratio of means of
    design points that differ in this factor alone.
    """
    names = responses_at_a_glance(record)
    table = record.means.table
    heads = [factor_name(factor).name, "design points", *(response_label(name) for name in names)]
    rows: list[list[Cell]] = []
    for level, part in table.groupby(factor, sort=False):
        count = part["point"].nunique()
        cells = [_range_cell(record.means, factor, level, name) for name in names]
        rows.append([(level_text(level), level), (str(count), count), *cells])
    return heads, rows


def _range_cell(means: Means, factor: str, level: object, response: str) -> Cell:
    rows = _rows(means, response)
    wanted = rows.loc[rows[factor] == level, "mean"]
    low, high = wanted.min(), wanted.max()
    text = _range_text(low, high)
    first = rows[factor].iloc[0] if len(rows) else level
    if level == first or response not in BY_NAME or not BY_NAME[response].unit:
        return text, high
    others = [name for name in means.varied if name != factor] or ["response"]
    own, base = (rows[rows[factor] == one].set_index(others)["mean"] for one in (level, first))
    ratios = (own / base).dropna()
    if not base.all() or ratios.empty:
        return text, high
    return f"{text}\n{_range_text(ratios.min(), ratios.max())} \u00d7 {level_text(first)}", high


def _range_text(low: float, high: float) -> str:
    return number_text(low) if low == high else f"{number_text(low)} … {number_text(high)}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
