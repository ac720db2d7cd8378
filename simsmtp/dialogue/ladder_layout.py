"""Where the steps of ladders are drawn: a time axis without its long waits, and lanes for connections."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise, zip_longest
from typing import NamedTuple

from simsmtp.dialogue.ladder import Ladder, Step

_CUT_FROM = 0.75
"""A wait is cut from this share of everything shorter on."""
_BREAK_SHARE = 0.05
"""How much of the axis a wait takes that is cut out."""

_AWAITED = {"connect", "handshake", "group"}


class Stretch(NamedTuple):
    """A part of the time axis.

    Attributes
    ----------
    begin_s, end_s : float
        From when to when.
    top, bottom : float
        Where it is drawn, in seconds of an axis whose waits are cut.
    is_cut : bool
        A long wait, which is not drawn to scale.
    """

    begin_s: float
    end_s: float
    top: float
    bottom: float
    is_cut: bool


class TimeAxis:
    """Time downwards to scale, but for long waits in which nothing is under way and no answer is due.

    A wait is cut if it is about as long as all that is shorter taken together: retries may wait for hours between
    sessions of milliseconds.

    Parameters
    ----------
    ladders : iterable of Ladder
        All that share the axis.
    """

    def __init__(self, ladders: Iterable[Ladder]) -> None:
        spans = _merged(span for ladder in ladders for span in _spans(ladder))
        busy = sum(end - begin for begin, end in spans)
        gaps = sorted((after[0] - before[1], before[1]) for before, after in pairwise(spans))
        cut: set[float] = set()
        for length, at in gaps:
            if busy and length > _CUT_FROM * busy:
                cut.add(at)
            else:
                busy += length
        self.stretches = _stretches(spans, cut, busy * _BREAK_SHARE)
        self._begins = [one.begin_s for one in self.stretches]

    @property
    def length(self) -> float:
        """Length of the axis, in seconds that are drawn."""
        return self.stretches[-1].bottom

    def place(self, at_s: float) -> float:
        """Return where an instant is drawn."""
        one = self.stretches[max(0, bisect_right(self._begins, at_s) - 1)]
        span = one.end_s - one.begin_s
        return one.top + (at_s - one.begin_s) * ((one.bottom - one.top) / span if span else 1.0)


def _span(step: Step) -> tuple[float, float]:
    ends = [at for at in (step.client_s, step.server_s) if not math.isnan(at)]
    return min(ends), max(ends)


def _spans(ladder: Ladder) -> Iterator[tuple[float, float]]:
    """Yield when something is under way: octets on the line, or an answer that is waited for."""
    for step, after in zip_longest(ladder.steps, ladder.steps[1:]):
        begin, end = _span(step)
        yield begin, end
        is_awaited = step.kind in _AWAITED and after is not None and after.connection == step.connection
        if after is not None and (is_awaited or (step.kind == after.kind == "read")):
            yield begin, max(end, _span(after)[1])


def _merged(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def _stretches(spans: Sequence[tuple[float, float]], cut: set[float], break_s: float) -> list[Stretch]:
    """Join busy spans with the waits between them that are not cut."""
    if not spans:
        return [Stretch(0.0, 0.0, 0.0, 0.0, False)]
    found: list[Stretch] = []
    begin, top = spans[0][0], 0.0
    for number, (_, end) in enumerate(spans):
        is_last = number == len(spans) - 1
        if end in cut or is_last:
            found.append(Stretch(begin, end, top, top + end - begin, False))
            top += end - begin
        if end in cut and not is_last:
            begin = spans[number + 1][0]
            found.append(Stretch(end, begin, top, top + break_s, True))
            top += break_s
    return found


def lanes(ladder: Ladder) -> list[int]:
    """Return a lane for each connection: two that are open at once, or lead to two servers, are not drawn together."""
    begins = [math.inf] * len(ladder.connections)
    ends = [-math.inf] * len(ladder.connections)
    has_left = [False] * len(ladder.connections)
    for step in ladder.steps:
        begin, end = _span(step)
        one = step.connection
        begins[one] = min(begins[one], begin)
        if not has_left[one]:
            # A client that has said QUIT is free for the next connection, whatever is still on its way.
            has_left[one] = step.kind == "close" or any(line.verb == "QUIT" for line in step.lines)
            ends[one] = max(ends[one], step.client_s if has_left[one] else end)
    taken: list[tuple[str, float]] = []  # by which server, until when
    found = [0] * len(begins)
    for connection in sorted(range(len(begins)), key=begins.__getitem__):
        server = ladder.servers[connection] if ladder.servers else ""
        free = (lane for lane, (own, until_s) in enumerate(taken) if own == server and until_s <= begins[connection])
        lane = next(free, len(taken))
        taken[lane : lane + 1] = [(server, ends[connection])]
        found[connection] = lane
    return found


def parting(ladders: Sequence[Ladder]) -> float | None:
    """Return when several ladders begin to differ; None if they do not, or do from the beginning."""
    if len(ladders) < 2:
        return None
    same = 0
    for steps in zip(*(ladder.steps for ladder in ladders), strict=False):
        if len({_traits(step) for step in steps}) > 1:
            break
        same += 1
    rest = [ladder.steps[same].client_s for ladder in ladders if same < len(ladder.steps)]
    return min(rest) if same and rest else None


def _traits(step: Step) -> tuple[object, ...]:
    lines = tuple((line.verb, line.code, line.kind, line.recipient) for line in step.lines)
    return step.kind, step.connection, round(step.client_s, 9), lines
