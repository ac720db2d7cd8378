"""What a comparison found: one row per design point and response, a verdict, an exit code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from simsmtp.gate.verdicts import CHANGED, FAILED, IDENTICAL, INCONCLUSIVE, OK, REGRESSION
from simsmtp.gate.views import View, Viewed

if TYPE_CHECKING:
    from pandas import DataFrame

    from simsmtp.gate.places import Place

ALARM = 0.01
EXIT_CODES = {FAILED: 1, REGRESSION: 3, INCONCLUSIVE: 4}
_ORDER = (FAILED, REGRESSION, INCONCLUSIVE, OK, CHANGED, IDENTICAL)


def gravest(verdicts: Iterable[str]) -> str:
    """Return the gravest of several verdicts; identical where there are none."""
    found = set(verdicts)
    return next((one for one in _ORDER if one in found), IDENTICAL)


def _nowhere(_: int) -> Sequence[Place]:
    return ()


@dataclass(frozen=True, repr=False)
class Comparison(Viewed):
    """What became of every response at every design point.

    Attributes
    ----------
    rows : DataFrame
        One row per design point and response: ``point``, the factors, ``response``, ``n``, ``base_mean``,
        ``new_mean``, ``change`` with ``low`` and ``high``, ``margin``, ``relative``, ``p``, ``verdict``, ``reason``.
        Change and margin are shares of the base's mean, or in units of the response where that mean is 0.
    base, new : DataFrame
        The paired per-replication rows.
    factors : tuple of str
        Factor columns.
    level, alarm : float
        Confidence level of the intervals, and probability of any false alarm, as used at this look.
    name : str
        Of the study.
    notes : tuple of str
        What a reader should know of the inputs.
    caveats : tuple of (str, str)
        What the two sides do not share and the rows therefore do not show, such as replications of one side only:
        the best verdict that this leaves, and a text.
    places : callable
        Number of a design point → where it is written, the best place first.
    """

    rows: DataFrame
    base: DataFrame = field(repr=False)
    new: DataFrame = field(repr=False)
    factors: tuple[str, ...] = ()
    level: float = 0.95
    alarm: float = ALARM
    name: str = ""
    notes: tuple[str, ...] = ()
    caveats: tuple[tuple[str, str], ...] = ()
    places: Callable[[int], Sequence[Place]] = field(default=_nowhere, repr=False, compare=False)

    @property
    def verdict(self) -> str:
        """The gravest verdict of all cells and caveats; "changed" does not count and shows as OK."""
        found = gravest([*self.rows["verdict"], *(one for one, _ in self.caveats)])
        return OK if found == CHANGED else found

    @property
    def exit_code(self) -> int:
        """0 ok, 1 a replication failed, 3 regression, 4 inconclusive."""
        return EXIT_CODES.get(self.verdict, 0)

    @property
    def counts(self) -> dict[str, int]:
        """Verdict → number of cells, the gravest first."""
        found = self.rows["verdict"].value_counts()
        return {one: int(found[one]) for one in _ORDER if one in found}

    def worst_first(self) -> DataFrame:
        """Return the rows that are not identical, the gravest first."""
        rows = self.rows[self.rows["verdict"] != IDENTICAL]
        rank = rows["verdict"].map(_ORDER.index)
        return rows.iloc[np.argsort(rank.to_numpy(), kind="stable")]

    def view(self) -> View:
        """Return what there is to show, the gravest rows first."""
        from simsmtp.gate.comparison_views import view_of

        return view_of(self)

    def to_dict(self) -> dict[str, Any]:
        """Return verdict, exit code and every row that is not identical, fit for JSON."""
        from simsmtp.gate.comparison_views import dict_of

        return dict_of(self)

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {verdict}" for verdict, count in self.counts.items())
        return f"<Comparison {self.name!r}: {self.verdict}; {counts}>"
