"""What a comparison of two capacity plans found: one row per answer, a verdict, an exit code, and views of them."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple

from simsmtp.gate.comparison import EXIT_CODES, gravest
from simsmtp.gate.verdicts import CHANGED, IDENTICAL, OK
from simsmtp.model.numbers import counted, percent_text

HEADS = ("answer", "base", "new", "verdict")


class AnswerRow(NamedTuple):
    """One answer of both plans.

    Attributes
    ----------
    answer : str
        What was asked: an objective, a search, the bottleneck, the cost.
    base, new : str
        What each plan was told; a dash where it was not asked.
    verdict, reason : str
        As of `simsmtp.gate.verdicts`.
    """

    answer: str
    base: str
    new: str
    verdict: str
    reason: str

    def cells(self) -> list[str]:
        """Return the row as texts, the reason behind the verdict."""
        return [self.answer, self.base, self.new, f"{self.verdict}: {self.reason}" if self.reason else self.verdict]


@dataclass(frozen=True, repr=False)
class CapacityComparison:
    """What became of the answers of a capacity plan.

    Attributes
    ----------
    rows : tuple of AnswerRow
        One per answer.
    same : bool
        True where scenario, objectives, answers and the rows behind them are all equal.
    name : str
        Of the plan.
    margin : float
        Share by which a searched value may become worse.
    notes : tuple of str
        What differs between the plans.
    """

    rows: tuple[AnswerRow, ...]
    same: bool
    name: str
    margin: float
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """The gravest verdict of all answers; identical only where everything is."""
        if self.same:
            return IDENTICAL
        return gravest([OK, *(one.verdict for one in self.rows)])

    @property
    def exit_code(self) -> int:
        """0 ok, 3 regression, 4 inconclusive."""
        return EXIT_CODES.get(self.verdict, 0)

    @property
    def headline(self) -> str:
        """The verdict in one line."""
        if self.same:
            return f"{IDENTICAL}: the same plan, the same answers, and the same rows to the last bit"
        found: dict[str, int] = {}
        for one in self.rows:
            found[one.verdict] = found.get(one.verdict, 0) + 1
        counts = ", ".join(f"{count} {verdict}" for verdict, count in found.items())
        return f"{self.verdict}: {counts} (of {counted(len(self.rows), 'answer')}); the plans are not the same"

    @property
    def explanation(self) -> str:
        """How the verdicts are meant, in one paragraph."""
        return (
            "REGRESSION: an objective that the base met is missed, or a searched value is worse by more than "
            f"{percent_text(self.margin)}. INCONCLUSIVE: the replications or searches do not tell, or the plans were "
            "not asked the same. CHANGED: neither direction is better by itself."
        ).replace("CHANGED", CHANGED)

    def to_markdown(self, limit: int = 40) -> str:
        """Return verdict, table and notes as Markdown."""
        lines = [f"### {self.name or 'comparison'}: {self.headline}", ""]
        if not self.same:
            cells = [HEADS, ["---"] * len(HEADS), *(one.cells() for one in self.rows[:limit])]
            lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells]
            lines += ["", self.explanation, ""]
        return "\n".join([*lines, *(f"- {note}" for note in self.notes)]).rstrip() + "\n"

    def to_dict(self) -> dict[str, Any]:
        """Return verdict, exit code, answers and notes as plain values."""
        return {
            "name": self.name,
            "verdict": self.verdict,
            "exit_code": self.exit_code,
            "margin": self.margin,
            "notes": list(self.notes),
            "answers": [one._asdict() for one in self.rows],
        }

    def __repr__(self) -> str:
        return f"<CapacityComparison {self.name!r}: {self.headline}>"

    def _repr_html_(self) -> str:
        heads = "".join(f"<th>{one}</th>" for one in HEADS)
        body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in one.cells())}</tr>" for one in self.rows)
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        table = "" if self.same else f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
        return f"<p><b>{escape(self.name)}</b> {escape(self.headline)}</p>{table}<ul>{notes}</ul>"
