"""Recipients in a row whose replies are alike, and what a counting strategy concludes for them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, count, repeat
from typing import NamedTuple

from simsmtp.strategies.counting import Knobs, Rcpt, Verdict
from simsmtp.strategies.registry import Settle
from simsmtp.strategies.reply_class import ReplyClass
from simsmtp.strategies.tally import Tally

# By names of their own: Python 3.11 is slow to look members up in their classes.
_OVER = ReplyClass.OVER

_RCPT: Callable[[Iterable[int]], Rcpt] = partial(tuple.__new__, Rcpt)  # `Rcpt._make` without its look at the length

Stretch = tuple[Verdict, int]
"""A verdict, and how many recipients in a row got it."""


class Alike(NamedTuple):
    """Recipients in a row whose replies have one class, and who have one `Rcpt.decisive`.

    Attributes
    ----------
    first : Rcpt
        The first of them.
    recipients : int
        How many they are, at least 1.
    """

    first: Rcpt
    recipients: int

    def at(self, place: int) -> Rcpt:
        """Return the one at a place among them, from 0."""
        position, seen, previous, over_rank, decisive = self.first
        rank = over_rank + place if seen == _OVER else over_rank
        return Rcpt(position + place, seen, seen if place else previous, rank, decisive)

    def each(self) -> Iterator[Rcpt]:
        """Return all of them, one after the other."""
        position, seen, previous, over_rank, decisive = self.first
        places, ranks = range(position, position + self.recipients), count(over_rank, int(seen == _OVER))
        return map(_RCPT, zip(places, repeat(seen), chain((previous,), repeat(seen)), ranks, repeat(decisive)))


def steady_verdicts(settle: Settle, tally: Tally, alike: Alike, knobs: Knobs) -> list[Stretch]:
    """Return what a steady strategy concludes for recipients who are alike.

    Few of them have to be asked about: where the first and the last of some get the same verdict, so do all between.

    Parameters
    ----------
    settle : callable
        A strategy that is steady, see `simsmtp.strategies.registry.Strategy`.
    tally, alike, knobs : Tally, Alike, Knobs
        What came back, the recipients, and what else the strategy may look at.
    """
    recipients = alike.recipients

    def verdict_at(place: int) -> Verdict:
        return settle(tally, alike.at(place), knobs)

    begin, verdict = 0, verdict_at(0)
    last = verdict if recipients == 1 else verdict_at(recipients - 1)
    found: list[Stretch] = []
    while verdict != last:
        end = bisect_left(range(recipients), True, begin + 1, key=lambda place: verdict_at(place) != verdict)
        found.append((verdict, end - begin))
        begin, verdict = end, verdict_at(end)
    return [*found, (last, recipients - begin)]
