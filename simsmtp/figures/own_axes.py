"""Axes of the user's own that something is drawn into."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from simsmtp.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_EXAMPLE = "Axes of matplotlib, such as those of plt.subplots()"


def require_axes(given: object) -> Axes:
    """Return axes as they were given; anything else is an `InputError`."""
    from matplotlib.axes import Axes

    if not isinstance(given, Axes):
        several = " (one of them: axes[0])" if isinstance(given, list | tuple) or hasattr(given, "ravel") else ""
        raise InputError("should be Axes", key="ax", given=type(given).__name__, allowed=_EXAMPLE + several)
    return given


def axes_of(given: object, panels: int = 2) -> list[Axes]:
    """Return axes, one or as many as there are panels, as ``plt.subplots()`` or ``plt.subplots(1, 2)`` return them.

    Raises
    ------
    InputError
        If it is something else, or another number of them.
    """
    from matplotlib.axes import Axes

    several = getattr(given, "flat", given)
    found = list(several) if isinstance(several, Iterable) and not isinstance(given, Axes | str) else [given]
    if len(found) not in {1, panels}:
        wanted = "should be one Axes" + (f" or {panels} of them" if panels > 1 else "")
        raise InputError(wanted, key="ax", given=f"{len(found)} of them", allowed=_EXAMPLE)
    return [require_axes(one) for one in found]


def figure_of(axes: Axes) -> Figure:
    """Return the figure that axes belong to, not the part of it that they are in."""
    from matplotlib.figure import Figure, SubFigure

    found = axes.figure.figure if isinstance(axes.figure, SubFigure) else axes.figure
    assert isinstance(found, Figure)
    return found
