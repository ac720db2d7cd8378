"""What a figure cannot show, in words: lines that coincide, values that are missing or have no place on a scale."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simsmtp.figures.grid import Panel
from simsmtp.figures.labels import factor_name, level_text, level_with_unit
from simsmtp.figures.layout import Layout, Points, points
from simsmtp.model.numbers import counted

if TYPE_CHECKING:
    from pandas import DataFrame


class _Lines(NamedTuple):
    """A panel with the points of each of its lines, and whether its scale is logarithmic."""

    letter: str
    points: Sequence[Points]
    is_log: bool

    def missing(self) -> int:
        """Return how many points have no value."""
        return sum(int(np.isnan(one.mean).sum()) for one in self.points)

    def without_place(self) -> int:
        """Return how many points have a value that has no place on the scale."""
        return sum(int((one.mean <= 0).sum()) for one in self.points) * self.is_log

    def is_cut(self) -> bool:
        """Tell whether an interval reaches 0 where the scale does not."""
        return self.is_log and any(bool(((one.low <= 0) & (one.mean > 0)).any()) for one in self.points)


def notes(layout: Layout, rows: DataFrame, panels: Sequence[Panel], limits: Iterable[float | None]) -> list[str]:
    """Return what has to be said below a figure of a study; `limits` are marked on the x axes of its panels."""
    shown = [_lines(layout, rows, one) for one in panels]
    repeated = [one.letter for one in panels if one.is_repeated]
    found = [f"{_places(repeated)}: equal for all levels of {_name(layout)}, drawn once"] if repeated else []
    found += [f"coincide: {'; '.join(groups)}"] if (groups := _coinciding(layout, shown)) else []
    found += _counts("no value", [(one.letter, one.missing()) for one in shown])
    found += _counts("0, at the lower edge of a log axis", [(one.letter, one.without_place()) for one in shown])
    if cut := [one.letter for one in shown if one.is_cut()]:
        found.append(f"intervals that reach 0 end early on the log axis{_in(cut)}")
    outside = sorted({one for one in limits if one is not None and not layout.x.holds(one)})
    return found + [f"recipient limit {level_text(one)}: outside the axis" for one in outside]


def _name(layout: Layout) -> str:
    return factor_name(layout.figure.panel or "").name


def _lines(layout: Layout, rows: DataFrame, panel: Panel) -> _Lines:
    found = [points(rows, layout.x, panel.response, line, panel.level) for line in layout.lines]
    return _Lines(panel.letter, found, layout.scale(panel.response) == "log")


def _coinciding(layout: Layout, shown: Sequence[_Lines]) -> list[str]:
    """Return the groups of lines that are equal at every x, each with its panels."""
    groups: dict[tuple[int, ...], list[str]] = {}
    for panel in shown:
        alike: dict[bytes, list[int]] = {}
        for place, one in enumerate(panel.points):
            if not np.isnan(one.mean).all():
                alike.setdefault(np.concatenate([one.x, one.mean + 0.0]).tobytes(), []).append(place)
        for group in alike.values():
            if len(group) > 1:
                groups.setdefault(tuple(group), []).append(panel.letter)
    names = [level_with_unit(layout.figure.line or "", level) for level in layout.lines]
    return [" = ".join(names[place] for place in group) + _in(letters) for group, letters in groups.items()]


def _counts(what: str, found: Iterable[tuple[str, int]]) -> list[str]:
    some = [(letter, count) for letter, count in found if count]
    total = counted(sum(count for _, count in some), "point")
    return [f"{what}: {total}{_in([letter for letter, _ in some])}"] if some else []


def _in(letters: Sequence[str]) -> str:
    return f" {_places(letters)}" if any(letters) else ""


def _places(letters: Sequence[str]) -> str:
    return f"({', '.join(letters)})"
