"""Whether every design point has a place of its own in the figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simsmtp.errors import InputError

if TYPE_CHECKING:
    from simsmtp.experiment.experiment import Experiment


def check_figure(experiment: Experiment) -> None:
    """Raise an `InputError` if a design point has no place in the experiment's figure, or two share one."""
    figure = experiment.figure
    if figure is None:
        return
    axes = (figure.x, figure.line, figure.panel)
    places = {tuple(str(point.factors.get(axis)) for axis in axes if axis) for point in experiment.points}
    if len(places) < len(experiment.points):
        left = [name for name in experiment.columns if name not in axes]
        raise InputError(
            "several design points share one place in the figure",
            key="figure",
            allowed=f"a line or a panel for {' and '.join(left)}, or --no-figure",
        )
    from simsmtp.figures.axes import x_axis
    from simsmtp.figures.labels import plain_level

    try:
        x_axis([plain_level(point.factors[figure.x]) for point in experiment.points], figure.x_scale, figure.x)
    except InputError as error:
        raise experiment.places.locate(error, "figure.x_scale") from None
