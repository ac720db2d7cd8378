"""A job summary and a comment: Markdown with the verdict first, as large as GitHub takes it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from simsmtp.gate.ci.findings import Outcome
from simsmtp.gate.views import View
from simsmtp.model.numbers import counted
from simsmtp.shown import markdown_text

MOST_SUMMARY = 2**20
"""Octets of a step's summary."""
MOST_COMMENT = 65_536
"""Characters of a comment; octets are never fewer."""
_LEAST = 16_384
"""What is always enough for the verdict."""
_UNFOLDED = 10
_FINE = ("OK", "OK (identical)")
_LONGEST = 300
_MOST_NOTES = 20
_SIGNS = {0: "\N{WHITE HEAVY CHECK MARK}", 4: "\N{WARNING SIGN}\N{VARIATION SELECTOR-16}"}
_STRESSED = re.compile(r"(?<!\w)_+|_+(?!\w)|~")
_MARK = "\ue000"  # a private character, which stays as it is until it becomes one of no width
_FAILED = "\N{CROSS MARK}"
# What GitHub makes a mention, a reference or a link of, at the place where it is taken apart.
_LINKED = re.compile(r"(?<=@)(?=\w)|(?<=#)(?=\d)|(?<=:)(?=//)|(?<=www)(?=\.)|(?<=GH-)(?=\d)", re.IGNORECASE)


def summary(outcome: Outcome, most: int = MOST_SUMMARY) -> str:
    """Return the Markdown of a job summary.

    Parameters
    ----------
    outcome : Outcome
        Of a comparison or an audit.
    most : int
        Largest size in octets: rows that do not fit are left out, and counted.
    """
    return _fitted(outcome.view, _head(outcome), most, folds=False)


def comment(outcome: Outcome, most: int = MOST_COMMENT) -> str:
    """Return the Markdown of a comment that is written anew at each run.

    Parameters
    ----------
    outcome : Outcome
        Of a comparison or an audit.
    most : int
        Largest size in octets.

    Returns
    -------
    str
        Its first line, which is not shown, is the same for the same name: a workflow finds the comment by it.
    """
    return _fitted(outcome.view, [marker(outcome.view.name), "", *_head(outcome)], most, folds=True)


def marker(name: str) -> str:
    """Return the line that a comment begins with.

    Examples
    --------
    >>> marker("gate"), marker("a --> b")
    ('<!-- simsmtp gate -->', '<!-- simsmtp a-b -->')
    """
    plain = re.sub(r"[^A-Za-z0-9_.]+", "-", name).strip("-")[:100]
    return f"<!-- simsmtp {plain or 'comparison'} -->"


def _head(outcome: Outcome) -> list[str]:
    view = outcome.view
    sign = _SIGNS.get(outcome.exit_code, _FAILED)
    headline = view.headline.removeprefix(f"{view.verdict}: ")
    return [f"### {sign} {_text(view.name or 'comparison')}: {_text(view.verdict)}", "", _text(headline, 2000), ""]


def _fitted(view: View, head: Sequence[str], most: int, *, folds: bool) -> str:
    """Return head, table and notes, with as many rows as fit."""
    heads, cells, alike = _narrow(view)
    cells = sorted(cells, key=lambda row: row[0] in _FINE)  # what is wrong is read first
    rows, wrong = [_line(row) for row in cells], sum(row[0] not in _FINE for row in cells)
    table = [*([f"In all rows: {_text(alike)}", ""] if alike else []), _line(heads), _line(["---"] * len(heads))]
    notes = [f"- {_text(note)}" for note in view.notes[:_MOST_NOTES]]
    tail = [*([_text(view.explanation, 2000), ""] if rows else []), *notes]

    def told(many: int) -> str:
        left_out = len(rows) - many
        body = [*table, *rows[:many], ""] if many else []
        more = [f"{counted(left_out, 'more row')} left out: too long for this page.", ""] if left_out else []
        parts = [*body, *more, *tail]
        if folds and (many > _UNFOLDED or (not rows and notes)):
            open_ones = min(_UNFOLDED, wrong, many)
            first = [*table, *rows[:open_ones], ""] if open_ones else []
            rest = [*table[-2:], *rows[open_ones:many], ""] if many > open_ones else []
            name = counted(len(rows) - open_ones, "more row" if open_ones else "row") if rows else "Notes"
            parts = [*first, *_folded(name, [*rest, *more, *tail])]
        elif folds and rows:
            parts = [*body, *more, *_folded("How to read this", tail)]
        return "\n".join([*head, *parts]).rstrip() + "\n"

    sizes, room = 0, most - len(told(0).encode()) - 2 * len("\n".join(table).encode()) - 200
    fit = 0
    for row in rows:
        sizes += len(row.encode()) + 1
        if sizes > room:
            break
        fit += 1
    text = told(fit)
    return text if len(text.encode()) <= most else "".join(f"{line}\n" for line in head) if most > _LEAST else ""


def _narrow(view: View) -> tuple[list[str], list[list[str]], str]:
    """Return heads and rows with the verdict first and the reason last, and what is alike in all rows.

    A comment is about 700 pixels wide, and what is further right is hidden.
    """
    keys = [name for name in view.heads if "." in name]
    short = {name: name.rpartition(".")[2] for name in keys}
    if len({*short.values(), *view.heads}) < len(short) + len(view.heads):
        short = {}
    many = len(view.rows) > 1
    alike = [
        at
        for at, name in enumerate(view.heads)
        if many and name in keys and len({row[at] for _, row in view.rows}) == 1
    ]
    others = [at for at in range(len(view.heads) - 1) if at not in alike]
    heads = ["verdict", *(short.get(view.heads[at], view.heads[at]) for at in others), "why"]
    rows = [
        [verdict, *(row[at] for at in others), row[-1].removeprefix(verdict).removeprefix(": ")]
        for verdict, row in view.rows
    ]
    if not any(row[-1] for row in rows):
        heads, rows = heads[:-1], [row[:-1] for row in rows]
    told = ", ".join(f"{view.heads[at]} {view.rows[0][1][at]}" for at in alike)
    return heads, rows, told


def _folded(title: str, lines: Sequence[str]) -> list[str]:
    return ["<details>", f"<summary>{title}</summary>", "", *lines, "", "</details>"]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_text, cells))} |"


def _text(text: str, longest: int = _LONGEST) -> str:
    """Return a text as it is read on GitHub, without markup, and without mentioning or linking anything."""
    short = text if len(text) <= longest else f"{text[: longest - 2]} …"
    return _STRESSED.sub(r"\\\g<0>", markdown_text(_LINKED.sub(_MARK, short))).replace(_MARK, "&#8203;")
