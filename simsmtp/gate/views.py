"""How a comparison is shown, whatever was compared: a headline, a table, how to read it, notes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from simsmtp.gate.verdicts import CHANGED, IDENTICAL, INCONCLUSIVE, OK, REGRESSION
from simsmtp.shown import html_text, markdown_text

_COLOURS = {OK: "#2e7d32", IDENTICAL: "#2e7d32", CHANGED: "#555", INCONCLUSIVE: "#b26a00"}
_MOST_ROWS = 60


class View(NamedTuple):
    """What there is to show.

    Attributes
    ----------
    name, verdict, headline : str
        Of the study or plan; the gravest verdict; it with what it counts.
    heads : sequence of str
        Columns of the table.
    rows : sequence of (str, list of str)
        Verdict and cells of each row, the last cell beginning with the verdict.
    explanation : str
        How to read the table.
    notes : sequence of str
        What differs between the sides.
    """

    name: str
    verdict: str
    headline: str
    heads: Sequence[str]
    rows: Sequence[tuple[str, list[str]]]
    explanation: str
    notes: Sequence[str]


class Viewed:
    """Something that has a view: as Markdown, and as HTML in notebooks."""

    def view(self) -> View:
        """Return what there is to show."""
        raise NotImplementedError

    def to_markdown(self, limit: int = 40) -> str:
        """Return verdict, table and notes as Markdown; `limit` rows at most."""
        view = self.view()
        lines = [f"### {markdown_text(view.name or 'comparison')}: {view.headline}", ""]
        if view.rows:
            cells = [view.heads, ["---"] * len(view.heads), *(row for _, row in view.rows[:limit])]
            lines += ["| " + " | ".join(map(markdown_text, row)) + " |" for row in cells]
            more = len(view.rows) - limit
            lines += ["", *([f"… and {more} more.", ""] if more > 0 else []), view.explanation, ""]
        return "\n".join([*lines, *(f"- {markdown_text(note)}" for note in view.notes)]).rstrip() + "\n"

    def _repr_html_(self) -> str:
        view = self.view()
        title = f"<b>{html_text(view.name)}</b> " if view.name else ""
        head = f'<p>{title}<b style="color: {_colour(view.verdict)}">{html_text(view.headline)}</b></p>'
        notes = "".join(f"<li>{html_text(note)}</li>" for note in view.notes)
        notes = f"<ul>{notes}</ul>" if notes else ""
        if not view.rows:
            return head + notes
        heads = "".join(f"<th>{html_text(name)}</th>" for name in view.heads)
        body = "".join(f"<tr>{_html_cells(verdict, row)}</tr>" for verdict, row in view.rows[:_MOST_ROWS])
        table = f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
        return f"{head}{table}<p><small>{html_text(view.explanation)}</small></p>{notes}"


def _colour(verdict: str) -> str:
    return _COLOURS.get(verdict, "#b3261e")


def _html_cells(verdict: str, cells: Sequence[str]) -> str:
    *others, last = (html_text(cell) for cell in cells)
    style = f"color: {_colour(verdict)}; font-weight: {'bold' if verdict == REGRESSION else 'normal'}; text-align: left"
    return "".join(f"<td>{cell}</td>" for cell in others) + f'<td style="{style}">{last}</td>'
