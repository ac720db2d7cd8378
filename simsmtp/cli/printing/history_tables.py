"""Histories and what a commit changed, as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from simsmtp.cli.printing.console import PlainConsole
from simsmtp.cli.printing.tables import columns_of, print_table, short_names
from simsmtp.history.changes import sparkline
from simsmtp.model.numbers import counted, number_text
from simsmtp.output.json_values import plain

if TYPE_CHECKING:
    from simsmtp.history.bisect import Change
    from simsmtp.history.changes import Series

_MOST_ROWS = 40


def history_document(series: Iterable[Series]) -> list[dict[str, Any]]:
    """Return series as plain values: nan is None."""
    return [
        {
            "study": one.study, "response": one.response, "factors": one.factors, "replications": one.n,
            "changed_at": [one.commits[at] for at in one.changes],
            "commits": [
                {"commit": commit, **{name: plain(value) for name, value in entry._asdict().items()}}
                for commit, entry in zip(one.commits, one.entries, strict=True)
            ],
        }
        for one in series
    ]  # fmt: skip


def print_history(name: str, series: Sequence[Series], picked: Sequence[Series]) -> None:
    """Print how many series there are, and a row for each that is to be seen."""
    console = PlainConsole()
    commits = counted(len({commit for one in series for commit in one.commits}), "commit")
    changed = sum(bool(one.changes) for one in series)
    points = counted(len({(one.study, str(one.factors), one.n) for one in series}), "design point")
    responses = counted(len({one.response for one in series}), "response")
    told = f"{counted(changed, 'series')}".replace("seriess", "series")
    console.print(f"{name}: {commits}, {responses} at {points}", style="bold")
    console.print(f"{told} changed of {len(series):,}; all others are equal to the last bit at every commit.")
    if not picked:
        return
    console.print()
    shown = picked[:_MOST_ROWS]
    factors = list(dict.fromkeys(name for one in shown for name in one.factors))
    keys = [[one.study, *(one.factors.get(name, "-") for name in factors), one.response] for one in shown]
    values = [
        [number_text(one.entries[0].mean), number_text(one.entries[-1].mean), _last_change(one),
         sparkline([entry.mean for entry in one.entries])] for one in shown
    ]  # fmt: skip
    first, last, changed_at, line = columns_of(("first", "last", "changed at", "over commits"), values)
    texts = [replace(one, is_text=True) for one in (changed_at, line)]
    heads = ("study", *short_names(factors), "response")
    print_table(console, columns_of(heads, keys, is_text=True), [first, last, *texts])
    if len(picked) > len(shown):
        console.print(f"{len(picked) - len(shown):,} more rows: --json, or --response NAME")


def _last_change(one: Series) -> str:
    return one.commits[one.changes[-1]][:10] if one.changes else "-"


def print_changes(changes: Sequence[Change], before: str, after: str) -> None:
    """Print what two commits differ in."""
    console, shown = PlainConsole(), changes[:_MOST_ROWS]
    factors = list(dict.fromkeys(name for one in shown for name in one.factors))
    keys = [[*(one.factors.get(name, "-") for name in factors), one.response] for one in shown]
    means = [[number_text(one.before.mean, 6), number_text(one.after.mean, 6)] for one in shown]
    heads = (*short_names(factors), "response")
    print_table(console, columns_of(heads, keys, is_text=True), columns_of((before, after), means))
    if len(changes) > len(shown):
        console.print(f"{len(changes) - len(shown):,} more changes: --json")
