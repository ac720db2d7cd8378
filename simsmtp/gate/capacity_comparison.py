"""What a comparison of two capacity plans found: one row per answer, a verdict, an exit code, and views of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from simsmtp.gate.comparison import EXIT_CODES, gravest
from simsmtp.gate.verdicts import CHANGED, IDENTICAL, OK
from simsmtp.gate.views import View, Viewed
from simsmtp.model.numbers import counted, percent_text

_HEADS = ("answer", "base", "new", "verdict")


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
class CapacityComparison(Viewed):
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

    def _headline(self) -> str:
        if self.same:
            return f"{IDENTICAL}: the same plan, the same answers, and the same rows to the last bit"
        found: dict[str, int] = {}
        for one in self.rows:
            found[one.verdict] = found.get(one.verdict, 0) + 1
        counts = ", ".join(f"{count} {verdict}" for verdict, count in found.items())
        return f"{self.verdict}: {counts} (of {counted(len(self.rows), 'answer')}); the plans are not the same"

    def _explanation(self) -> str:
        return (
            "REGRESSION: an objective that the base met is missed, or a searched value is worse by more than "
            f"{percent_text(self.margin)}. INCONCLUSIVE: the replications or searches do not tell, or the plans were "
            "not asked the same. CHANGED: neither direction is better by itself."
        ).replace("CHANGED", CHANGED)

    def view(self) -> View:
        """Return what there is to show: every answer, unless all is the same."""
        rows = [] if self.same else [(one.verdict, one.cells()) for one in self.rows]
        return View(self.name, self.verdict, self._headline(), _HEADS, rows, self._explanation(), self.notes)

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
        return f"<CapacityComparison {self.name!r}: {self._headline()}>"
