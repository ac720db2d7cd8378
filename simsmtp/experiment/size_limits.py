"""How large a study may be: counted before anything is made of it, so that what is too large is said at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from simsmtp.errors import InputError

if TYPE_CHECKING:
    from simsmtp.experiment.factors import Factor

MOST_POINTS = 16_384
"""Design points: each is checked as a whole, at some thousand a second."""
MOST_COLUMNS = 200
"""Factors and other keys that points set."""
MOST_REPLICATIONS = 50_000_000
"""Replications of a study, over all its points: what is left to do takes nine octets for each."""
MOST_SETTINGS = 1000
MOST_WORKERS = 512
"""Worker processes on one machine, unless it has more processors."""
LONGEST_NAME = 100
"""Characters of a study's name: names of files are made of it."""


def check_points(factors: Sequence[Factor], sampled: int, listed: int) -> None:
    """Raise an `InputError` if a design has too many points: the product of levels and sampled points, and the listed.

    Parameters
    ----------
    factors : sequence of Factor
        With their levels.
    sampled, listed : int
        Points spread over ranges, 0 for none, and points listed one by one.
    """
    crossed = math.prod(len(factor.levels) for factor in factors) * max(1, sampled)
    points = crossed + listed if factors or sampled else max(1, listed)
    if points > MOST_POINTS:
        # The factor to blame is the one with most levels, unless points were spread or listed in greater number.
        sizes = {f"factors.{factor.name}": len(factor.levels) for factor in factors}
        sizes |= {"design.points": sampled, "points": listed}
        raise InputError("too many design points", key=max(sizes, key=lambda key: sizes[key]),
                         given=points, allowed=f"{MOST_POINTS:,} in all")  # fmt: skip


def check_columns(columns: Sequence[str]) -> None:
    """Raise an `InputError` if factors and points set too many different keys."""
    if len(columns) > MOST_COLUMNS:
        raise InputError(
            "too many factors and keys of points", key="factors", given=len(columns), allowed=f"{MOST_COLUMNS} in all"
        )
