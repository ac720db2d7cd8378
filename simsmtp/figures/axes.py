"""Where levels of a factor stand on an x axis, and which of them get a label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeGuard

import numpy as np

from simsmtp.errors import InputError
from simsmtp.figures.labels import level_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCALES = ("linear", "log", "category")
_CHARACTER_PT = 5.4


class XAxis(NamedTuple):
    """The x axis of a figure.

    Attributes
    ----------
    scale : str
        ``"linear"``, ``"log"`` or ``"category"``.
    levels : tuple
        The levels in drawing order; None (unlimited) comes last on a numeric scale.
    positions : tuple of float
        Where they stand.
    """

    scale: str
    levels: tuple[object, ...]
    positions: tuple[float, ...]

    def place(self, level: object) -> float:
        """Return the position of any level or value; nan if it has none."""
        if level in self.levels:
            return self.positions[self.levels.index(level)]
        if not _is_number(level):
            return float("nan")
        return float(level) if self.scale != "category" else self._between(level)

    def _between(self, value: float) -> float:
        numbers = [level for level in self.levels if _is_number(level)]
        if len(numbers) < len(self.levels) or numbers != sorted(numbers):
            return float("nan")
        return float(np.interp(value, numbers, self.positions))

    def holds(self, value: object) -> bool:
        """Tell whether a value has a place within the ends of the axis."""
        low, high = self.limits()
        return low <= self.place(value) <= high

    def joined(self) -> bool:
        """Tell whether a line from level to level means something: not between names."""
        return self.scale != "category" or all(level is None or _is_number(level) for level in self.levels)

    def gap(self) -> float:
        """Return the smallest distance of neighbours, as a share of the axis."""
        return float(np.min(np.diff(self._fractions()))) if len(self.levels) > 1 else 0.3

    def limits(self) -> tuple[float, float]:
        """Return the ends of the axis: half a category, or 6 % of its length, beyond the levels."""
        if self.scale == "category":
            return -0.5, len(self.levels) - 0.5
        ends = np.array([min(self.positions), max(self.positions)])
        ends = np.log(ends) if self.scale == "log" else ends
        margin = 0.06 * (ends[1] - ends[0]) or 0.5
        low, high = ends + np.array([-margin, margin])
        return (float(np.exp(low)), float(np.exp(high))) if self.scale == "log" else (float(low), float(high))

    def labels(self, width_pt: float, first: object = None) -> list[str]:
        """Return one tick label per level; those that would touch a neighbour in so many points are empty.

        The level `first` (the limit) is served first, then the two ends.
        """
        if self.scale == "category":
            return [level_text(level) for level in self.levels]
        texts = ["∞" if level is None else level_text(level) for level in self.levels]
        centres = self._fractions() * width_pt
        order = sorted(range(len(texts)), key=lambda i: (self.levels[i] != first, 0 < i < len(texts) - 1, i))
        shown: list[int] = []
        for i in order:
            if all(abs(centres[i] - centres[j]) > _room(texts[i], texts[j]) for j in shown):
                shown.append(i)
        return [text if i in shown else "" for i, text in enumerate(texts)]

    def _fractions(self) -> NDArray[np.float64]:
        ends, inner = np.array(self.limits()), np.array(self.positions)
        if self.scale == "log":
            ends, inner = np.log(ends), np.log(inner)
        shares: NDArray[np.float64] = (inner - ends[0]) / (ends[1] - ends[0])
        return shares


def x_axis(values: Sequence[object], scale: str | None, factor: str) -> XAxis:
    """Return the axis for these values of a factor, repeated or not.

    Without a scale, names are categories, and numbers that span a decade are logarithmic.

    Raises
    ------
    InputError
        If `scale` is unknown, or the values have no place on it.
    """
    levels = list(dict.fromkeys(values))
    scale = _fitting(levels) if scale is None else scale
    if scale not in SCALES:
        raise InputError("unknown scale", key="figure.x_scale", given=scale, allowed=SCALES)
    if scale == "category":
        return XAxis(scale, tuple(levels), tuple(float(i) for i in range(len(levels))))
    numbers = sorted(_number(level, scale, factor) for level in levels if level is not None)
    positions = [float(number) for number in numbers]
    if None in levels:
        return XAxis(scale, (*numbers, None), (*positions, _next(positions, scale)))
    return XAxis(scale, tuple(numbers), tuple(positions))


def _fitting(levels: Sequence[object]) -> str:
    numbers = [level for level in levels if _is_number(level)]
    if not numbers or any(level is not None and not _is_number(level) for level in levels):
        return "category"
    return "log" if min(numbers) > 0 and max(numbers) >= 10 * min(numbers) else "linear"


def _room(text: str, neighbour: str) -> float:
    return _CHARACTER_PT * (len(text) + len(neighbour) + 1) / 2


def _number(level: object, scale: str, factor: str) -> float:
    if not _is_number(level) or (scale == "log" and level <= 0):
        remedy = 'x_scale = "category"'
        raise InputError(f"has no place on a {scale} axis", key=factor, given=level, allowed=remedy)
    return level


def _next(positions: Sequence[float], scale: str) -> float:
    """Return where "unlimited" stands: one ordinary step beyond the largest number."""
    if len(positions) < 2:
        return 2 * positions[0] if positions else 1.0
    steps = len(positions) - 1
    if scale == "log":
        return float(positions[-1] * (positions[-1] / positions[0]) ** (1 / steps))
    return positions[-1] + (positions[-1] - positions[0]) / steps


def _is_number(level: object) -> TypeGuard[float]:
    return isinstance(level, int | float) and not isinstance(level, bool)
