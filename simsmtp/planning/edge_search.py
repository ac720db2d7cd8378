"""Searches for the edge of what meets objectives: they ask a question of one value, and remember nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

Question = Callable[[float], bool]


class Edge(NamedTuple):
    """Where "met" ends.

    Attributes
    ----------
    passes : float or None
        The last value found that meets the objectives; None if none does.
    fails : float or None
        The nearest value found that does not; None if the bound of the search meets them.
    """

    passes: float | None
    fails: float | None


class Stretch(NamedTuple):
    """The last stretch of values that pass, seen from a grid.

    Attributes
    ----------
    lower : Edge
        Its smallest value, and the nearest smaller one found that does not pass; None where the bound passes.
    upper : Edge
        Its largest value, and the nearest larger one found that does not pass; None where the bound passes.
    """

    lower: Edge
    upper: Edge


def last_stretch(question: Question, grid: Sequence[float], tolerance: float) -> Stretch:
    """Return the last stretch of values that pass, for a question of which nothing is taken for granted.

    Asks every value of the grid, then bisects on a log scale where the stretch with the largest passing value begins
    and where it ends. A stretch between two neighbours of the grid is missed.

    Parameters
    ----------
    question : callable
        Tells whether a value passes.
    grid : sequence of float
        Ascending, above 0; nothing beyond its ends is asked.
    tolerance : float
        Both edges end with neighbours at most 1 + `tolerance` apart.

    Examples
    --------
    >>> found = last_stretch(lambda rate: 3.1 <= rate <= 7.3, [1, 2, 4, 8], 0.01)
    >>> found.lower.fails < 3.1 <= found.lower.passes < found.upper.passes <= 7.3 < found.upper.fails
    True
    """
    passing = [question(value) for value in grid]
    if not any(passing):
        return Stretch(Edge(None, grid[0]), Edge(None, grid[-1]))
    last = len(grid) - 1 - passing[::-1].index(True)
    first = next((place + 1 for place in range(last, -1, -1) if not passing[place]), 0)
    below, above = grid[first - 1] if first else None, grid[last + 1] if last + 1 < len(grid) else None
    lower, upper = ((grid[first], below), (grid[last], above))
    return Stretch(_bisected(question, *lower, tolerance), _bisected(question, *upper, tolerance))


def geometric_grid(low: float, high: float, most: int) -> list[float]:
    """Return values from `low` to `high`, both included, each at most twice the one before if `most` are enough."""
    steps = min(max(2, math.ceil(math.log2(high / low))), most - 1)
    inner = [rounded(low * (high / low) ** (step / steps)) for step in range(1, steps)]
    return [low, *(value for value in inner if low < value < high), high]


def largest(question: Question, start: float, low: float, high: float, tolerance: float) -> Edge:
    """Return the largest value that passes, for a question that passes below some value and fails above it.

    Doubles or halves from `start` until the answer changes, then bisects on a log scale.

    Parameters
    ----------
    question : callable
        Tells whether a value passes.
    start : float
        First value asked, between the bounds.
    low, high : float
        Bounds, both above 0; nothing beyond is asked.
    tolerance : float
        Ends with `fails` at most 1 + `tolerance` times `passes`.

    Examples
    --------
    >>> edge = largest(lambda rate: rate <= 7.3, 1, 0.1, 100, 0.01)
    >>> edge.passes <= 7.3 < edge.fails <= 1.01 * edge.passes
    True
    """
    here = min(max(start, low), high)
    passes = fails = None
    if question(here):
        passes = here
        while fails is None and passes < high:
            here = min(2 * passes, high)
            passes, fails = (here, None) if question(here) else (passes, here)
    else:
        fails = here
        while passes is None and fails > low:
            here = max(fails / 2, low)
            passes, fails = (here, fails) if question(here) else (None, here)
    return _bisected(question, passes, fails, tolerance)


def smallest_whole(question: Question, low: int, high: int, tolerance: float = 0.0) -> Edge:
    """Return the smallest whole number that passes, climbing from `low` by doubling, then bisecting.

    The question may fail again further up: what is found is the first stretch that passes. A stretch shorter than a
    doubling can be missed.

    Parameters
    ----------
    question : callable
        Tells whether a value passes.
    low, high : int
        Bounds, at least 1.
    tolerance : float
        Ends with `passes` at most 1 + `tolerance` times `fails`; 0 ends at neighbours.
    """
    fails, here = None, low
    while not question(here):
        fails = here
        if here >= high:
            return Edge(None, fails)
        here = min(2 * here, high)
    passes = here
    while fails is not None and passes - fails > 1 and passes > (1 + tolerance) * fails:
        middle = (passes + fails) // 2
        passes, fails = (middle, fails) if question(middle) else (passes, middle)
    return Edge(passes, fails)


def _bisected(question: Question, passes: float | None, fails: float | None, tolerance: float) -> Edge:
    while passes is not None and fails is not None:
        (near, far), middle = sorted((passes, fails)), rounded(math.sqrt(passes * fails))
        if far <= (1 + tolerance) * near or not near < middle < far:
            break
        passes, fails = (middle, fails) if question(middle) else (passes, middle)
    return Edge(passes, fails)


def rounded(value: float, digits: int = 4) -> float:
    """Return a value with that many significant digits: what a search finds should be fit to be written down."""
    return float(f"{value:.{digits}g}")
