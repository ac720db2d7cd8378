"""What stands outside the panels, where it cannot hide data: letters and legends."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_lowercase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

_BELOW_PT = 32  # tick labels and the label of the axis
_PAD_PT = 6  # between a panel and its title, as matplotlib has it


def letter(number: int) -> str:
    """Return the letter of a panel: a to z, then aa, ab and so on.

    Examples
    --------
    >>> letter(0), letter(25), letter(26)
    ('a', 'z', 'aa')
    """
    rest, last = divmod(number, len(ascii_lowercase))
    return (letter(rest - 1) if rest else "") + ascii_lowercase[last]


def write_letters(panels: Sequence[Axes], pad: float = _PAD_PT) -> None:
    """Write (a), (b), … above the left end of panels, as high as their titles; one panel alone needs none."""
    for number, axes in enumerate(panels if len(panels) > 1 else ()):
        height = pad if axes.get_title() else None  # one for all titles of a panel
        axes.set_title(f"({letter(number)})", loc="left", pad=height, fontweight="bold")


def legend_below(axes: Axes, handles: Sequence[Artist], *, own: bool) -> None:
    """Put the legend of a panel below its x axis; in axes of the user's own, where it hides least."""
    from matplotlib.transforms import ScaledTranslation

    if own:
        axes.legend(handles=handles, loc="best", frameon=True, framealpha=0.9, edgecolor="none")
        return
    below = axes.transAxes + ScaledTranslation(0, -_BELOW_PT / 72, axes.figure.dpi_scale_trans)
    axes.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=below, ncols=len(handles),
                frameon=False, fontsize=8, borderaxespad=0, columnspacing=1.2, handlelength=2.4)  # fmt: skip
