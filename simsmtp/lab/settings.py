"""Which sessions to measure: settings, and the designs that combine them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple


class Setting(NamedTuple):
    """What is set for a session; the names are those of a measured row.

    Attributes
    ----------
    N : int
        Recipients of the one message.
    batch : int
        Recipients that the sender puts into a transaction.
    limit : int
        Recipients that the receiver accepts in a transaction.
    size : int
        Octets of text.
    cache : {"on", "off"}
        Whether the sender uses a connection again.
    pipelining : bool
        Whether the sender uses what the receiver offers.
    rtt_ms : float
        Round trip of the line.
    """

    N: int
    batch: int
    limit: int
    size: int
    cache: str
    pipelining: bool
    rtt_ms: float

    @property
    def programs(self) -> tuple[int, int, str, bool]:
        """What the programs are started with; the rest may change from session to session."""
        return self.batch, self.limit, self.cache, self.pipelining

    def is_of(self, row: dict[str, Any]) -> bool:
        """Tell whether a measured row is of this setting."""
        return all(row.get(name) == value for name, value in self._asdict().items())


class Medium(NamedTuple):
    """What else the line does to packets.

    Attributes
    ----------
    loss : float
        Probability that a packet is lost.
    rate_mbit : float
        Megabits a second in each direction; 0 is all that comes.
    """

    loss: float = 0.0
    rate_mbit: float = 0.0

    def named(self) -> dict[str, float]:
        """Return what a row says of it: nothing of what the line does not do."""
        return {name: value for name, value in self._asdict().items() if value}

    def is_of(self, row: dict[str, Any]) -> bool:
        """Tell whether a measured row is of this line."""
        return all(row.get(name, 0.0) == value for name, value in self._asdict().items())


def settings(levels: dict[str, Sequence[Any]], design: str) -> list[Setting]:
    """Combine the levels of each factor.

    Parameters
    ----------
    levels : dict of str to sequence
        Levels by the names of a `Setting`, at least one each.
    design : {"product", "around"}
        Every combination; or the first level of every factor, changed in one factor at a time, each at every round
        trip.

    Examples
    --------
    >>> levels = {"N": [9], "batch": [3, 9], "limit": [5], "size": [1], "cache": ["on", "off"], "pipelining": [True]}
    >>> [(one.batch, one.cache) for one in settings({**levels, "rtt_ms": [2.0]}, "around")]
    [(3, 'on'), (9, 'on'), (3, 'off')]
    """
    names = [name for name in Setting._fields if name != "rtt_ms"]
    combined = [dict(zip(names, values, strict=True)) for values in product(*(levels[name] for name in names))]
    if design == "around":
        combined = [one for one in combined if sum(one[name] != levels[name][0] for name in names) <= 1]
        combined.sort(key=lambda one: next((i for i, name in enumerate(names) if one[name] != levels[name][0]), -1))
    return [Setting(**one, rtt_ms=rtt_ms) for rtt_ms in levels["rtt_ms"] for one in combined]
