"""How lines are told apart: colour, marker, fill and dashes at once, and a small sideways step of the markers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from simsmtp.strategies.registry import BUILT_IN

# Okabe and Ito (2008), safe for colour-blind readers, and a grey. In place of their yellow, which is faint on white,
# stands a dark red of Tol (2021), which is as far from all others in every kind of colour blindness.
COLOURS = ("#000000", "#E69F00", "#0072B2", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#661100", "#757575")
_MARKERS = ("o", "s", "^", "D", "v", "X", "P", "*", "<", ">", "h", "p", "d")
_SIZES = {"*": 1.45, "D": 0.82, "d": 1.1, "X": 1.05, "P": 1.05, "h": 1.1, "p": 1.1}
_DASHES: tuple[Any, ...] = (
    "-",
    (0, (5, 1.2)),
    (0, (3, 1, 1, 1)),
    (0, (1, 1)),
    (0, (7, 1.5, 1.5, 1.5)),
    (0, (2, 1)),
    (0, (4, 1, 1, 1, 1, 1)),
    "-",
    (0, (1, 0.6)),
)
# A sender looks the same in every figure: readers carry colours from one to the next.
_FIXED = {name: one.look for name, one in BUILT_IN.items()} | {"bounce": 8}
_MARKER_PT = 4.6
_STEP_PT = (1.5, 7.0)

# Applied while a figure is built, so that it does not depend on the user's own settings.
RC: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "legend.fontsize": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "0.9",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "text.usetex": False,
    "text.parse_math": False,  # a title of the user's may hold dollar signs
}


THEORY: dict[str, Any] = {"color": "0.55", "linewidth": 0.7, "linestyle": "-", "zorder": 1.5}


class LineStyle(NamedTuple):
    """How one line is drawn.

    Attributes
    ----------
    color : str
        Of line, bars and marker.
    marker : str
        Marker in matplotlib's letters.
    dashes : object
        Line style.
    filled : bool
        False for a hollow marker.
    width, size : float
        Of line and marker, in points.
    step : float
        How far markers are moved sideways, in points; lines are not.
    """

    color: str
    marker: str
    dashes: Any
    filled: bool
    width: float
    size: float
    step: float

    def kwargs(self) -> dict[str, Any]:
        """Return keyword arguments for `matplotlib.lines.Line2D`."""
        return {
            "color": self.color,
            "linestyle": self.dashes,
            "linewidth": self.width,
            "marker": self.marker,
            "markersize": self.size,
            "markerfacecolor": self.color if self.filled else "white",
            "markeredgecolor": self.color,
            "markeredgewidth": 0.9,
        }


def line_styles(count: int, room_pt: float, *, joined: bool, levels: Sequence[object] = ()) -> list[LineStyle]:
    """Return `count` line styles, no two alike in colour, marker and dashes.

    A shipped counting strategy has its own style in every figure; others take what is free, in order. Lines that
    coincide stay legible: later ones are thinner, so that the earlier ones shine through their gaps, and the markers
    of each are set a little aside.

    Parameters
    ----------
    count : int
        Number of lines.
    room_pt : float
        Points of paper over which the markers of one level may spread.
    joined : bool
        Whether levels are joined by lines; without, markers stand wider apart.
    levels : sequence, optional
        What the lines show.
    """
    widest = _STEP_PT[0] if joined else _STEP_PT[1]
    step = min(widest, room_pt / max(count - 1, 1))
    looks = _looks([*levels, *[None] * (count - len(levels))])
    return [_style(look, i, (i - (count - 1) / 2) * step, joined=joined) for i, look in enumerate(looks)]


def _looks(levels: Sequence[object]) -> list[int]:
    """Return for each level the number of its look."""
    fixed = {level: _FIXED[str(level)] for level in levels if level in _FIXED}
    free = (look for look in range(len(levels) + len(_FIXED)) if look not in fixed.values())
    return [fixed[level] if level in fixed else next(free) for level in levels]


def _style(i: int, place: int, step: float, *, joined: bool) -> LineStyle:
    marker = _MARKERS[i % len(_MARKERS)]
    return LineStyle(
        COLOURS[i % len(COLOURS)],
        marker,
        _DASHES[(i + i // len(COLOURS)) % len(_DASHES)] if joined else "none",
        i % 2 == 0,
        max(1.0, 1.9 - 0.1 * place),
        _MARKER_PT * _SIZES.get(marker, 1.0),
        step,
    )
