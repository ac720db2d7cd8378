"""Every figure can be drawn into axes of the user's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

import simsmtp
from simsmtp import InputError, analysis

SCENARIO = {"workload": {"messages": 2, "recipients_per_message": 20}}
PAIRS = [{"receiver": "", "rate_mbit": None, "loss": 0.0, "rtt_ms": rtt, "calibrated": False, "measured_s": 1.0,
          "measured_low_s": 0.9, "measured_high_s": 1.1, "predicted_s": 1.05, "predicted_low_s": 1.0,
          "predicted_high_s": 1.2, "error": 0.05, "pipe_error": 0.2} for rtt in (2.0, 20.0)]  # fmt: skip


def dialogue(ax: Any) -> Figure:
    return simsmtp.trace(SCENARIO).plot(ax=ax)


def result(ax: Any) -> Figure:
    return simsmtp.simulate(SCENARIO).plot(ax=ax)


def study(ax: Any) -> Figure:
    found = simsmtp.sweep(SCENARIO, {"client.batch_size": [5, 20]}, replications=2, progress=False)
    return found.plot(y="delivered_per_s", ax=ax)


def warmup(ax: Any) -> Figure:
    series = np.random.default_rng(1).exponential(size=200)
    return analysis.warmup_figure(series, analysis.mser5(series), ax=ax)


def pairs(ax: Any) -> Figure:
    return analysis.pairs_figure(PAIRS, ax=ax)


@pytest.mark.parametrize("draw", [dialogue, result, study, warmup, pairs])
def test_a_figure_goes_into_axes_of_ones_own(draw: Callable[[Any], Figure]) -> None:
    figure = Figure()
    axes = figure.subplots(1, 2)[1]
    assert draw(axes) is figure
    assert axes.has_data() or axes.texts
    with pytest.raises(InputError, match=r"^ax: should be .*Axes"):
        draw(3)


def test_the_panels_of_a_capacity_go_into_as_many_axes(tmp_path: Path) -> None:
    scenario = {"workload": {"messages": 20, "recipients_per_message": 5,
                             "arrivals": {"dist": "poisson", "rate_per_s": 2.0}}}  # fmt: skip
    found = simsmtp.capacity(
        scenario, objectives=["delay p(50) < 60 s"], search={"rate": [0.5, 20.0]}, replications=4,
        output=tmp_path, progress=False,
    )  # fmt: skip
    figure = Figure()
    own = figure.subplots(1, 2)
    assert found.plot(ax=own) is figure
    assert all(axes.has_data() for axes in own)
    assert found.plot(ax=own[0]) is figure
    with pytest.raises(InputError, match=r"^ax: should be one Axes or 2 of them; given: '3 of them'"):
        found.plot(ax=Figure().subplots(1, 3))


@pytest.mark.parametrize("made", [simsmtp.trace(SCENARIO), simsmtp.simulate(SCENARIO)], ids=["Dialogue", "Result"])
def test_completion_shows_what_is_meant_to_be_used(made: object) -> None:
    assert "plot" in dir(made)
    assert not [name for name in dir(made) if name.startswith("_")]
