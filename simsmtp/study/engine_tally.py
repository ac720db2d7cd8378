"""Which engines ran the replications of this run, and why; those found in the store are counted apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simsmtp.engines import Choice
    from simsmtp.store.store import Row

_UNFORESEEN = {
    "reference": "where the compiled one was not at hand, or something did not fit its 64 bits",
    "compiled": "where it was at hand",
}
"""Workers choose for themselves: on another machine, or for a replication that outgrows the compiled engine."""


class EngineTally:
    """A book of the engines that ran replications in this run.

    Attributes
    ----------
    counts : dict
        Engine → replications that it finished in this run.
    reasons : dict
        Engine → why it was chosen, fit to end a sentence.
    places : list of str
        Where they ran, as far as that was decided here.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.reasons: dict[str, str] = {}
        self.places: list[str] = []

    def chose(self, choices: Iterable[Choice]) -> None:
        """Note the choices that were made before anything ran."""
        for one in choices:
            self.reasons.setdefault(one.engine, one.reason)

    def took_over(self, choice: Choice, until: str) -> None:
        """Note that an engine has taken over from the reference engine, which ran for the reason given."""
        self.chose([choice])
        self.reasons["reference"] = until

    def saw(self, rows: Iterable[tuple[int, Row]]) -> None:
        """Count rows that were just computed."""
        self.counts.update(row.engine for _, row in rows if row.error is None)

    def add(self, other: EngineTally) -> None:
        """Take in what ran before."""
        self.counts.update(other.counts)
        self.reasons = other.reasons | self.reasons
        self.places += other.places

    def text(self, engines: Mapping[str, int]) -> str:
        """Return in words who ran what and why.

        Parameters
        ----------
        engines : dict
            Engine → all replications that it ran, those found in the store included.
        """
        stored = {name: count - self.counts[name] for name, count in engines.items() if count > self.counts[name]}
        parts = [self._computed()] if self.counts else []
        parts += [f"stored: {_listed(stored)}"] if stored else []
        return "; ".join(parts) or "engine: no replication was finished"

    def _computed(self) -> str:
        whys = {name: self.reasons.get(name) or _UNFORESEEN.get(name, "") for name in self.counts}
        where = f"; in {', then in '.join(dict.fromkeys(self.places))}" if self.places else ""
        if len(self.counts) == 1:
            (name,) = self.counts
            return f"engine {name}: {whys[name]}{where}"
        each = (f"{name} {count:,} ({whys[name]})" for name, count in sorted(self.counts.items()))
        return f"engines: {', '.join(each)}{where}"


def _listed(counts: Mapping[str, int]) -> str:
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))
