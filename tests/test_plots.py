"""Figures: what they show, told from their parts; how they look is judged by eye."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from simsmtp.errors import InputError
from simsmtp.figures.axes import x_axis
from simsmtp.figures.canvas import save_figure
from simsmtp.figures.labels import factor_label, level_label, plain_level, response_label
from simsmtp.figures.line_styles import line_styles
from simsmtp.figures.study_figure import plot_study
from simsmtp.rows.responses import COLUMNS
from simsmtp.strategies.registry import strategies

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

SENDERS = ["corrected", "one-stop", "bounce"]
BATCHES = [50, 100, 200, 1000]


def spec(**changes: object) -> Any:
    usual: dict[str, object] = {
        "x": "client.batch_size",
        "y": ["delivered_per_s", "false_ndr_rate"],
        "line": "client.strategy",
        "panel": "network.rtt_ms",
        "x_scale": "log",
        "y_scale": None,
    }
    return SimpleNamespace(**{**usual, **changes})


def summary(batches: list[Any] = BATCHES, rtts: list[Any] | None = None) -> pd.DataFrame:
    keys = [
        (rtt, batch, sender, response)
        for rtt in rtts or [10, 200]
        for batch in batches
        for sender in SENDERS
        for response in ("delivered_per_s", "false_ndr_rate")
    ]
    table = pd.DataFrame(keys, columns=["network.rtt_ms", "client.batch_size", "client.strategy", "response"])
    mean = np.linspace(0, 0.5, len(table))
    return table.assign(point=0, n=20, mean=mean, sd=0.1, low=mean - 0.05, high=mean + 0.05)


def draw(table: pd.DataFrame | None = None, **changes: Any) -> Figure:
    options: dict[str, Any] = {"title": "t", "marks": {None: 100}}
    options |= {key: changes.pop(key) for key in ("marks", "theory", "title") if key in changes}
    return plot_study(summary() if table is None else table, spec(**changes), **options)


def bars(axes: Axes) -> list[Line2D]:
    """Return the bars of every line: one artist with gaps, from low to high."""
    return [line for line in axes.lines if line.get_marker() == "_"]


def main_lines(axes: Axes) -> list[Line2D]:
    return [line for line in axes.lines if line.get_zorder() == 2.1]


def seen_at(axes: Axes, artist: Any, points: Any) -> np.ndarray:
    """Return where points of an artist are seen, in units of the axes: an artist may be moved as a whole."""
    on_paper = artist.get_transform().transform(np.asarray(points, dtype=float))
    return np.asarray(axes.transData.inverted().transform(on_paper))


def markers(axes: Axes) -> list[Line2D]:
    return [line for line in axes.lines if line.get_marker() not in {"None", "none", None, "", "_", "|", 2, 3}]


def dashed(axes: Axes) -> list[float]:
    """Where upright lines stand."""
    uprights = [line for line in axes.lines if list(line.get_ydata()) == [0, 1]]
    return [float(np.asarray(line.get_xdata())[0]) for line in uprights]


def test_grid_labels_and_title() -> None:
    figure = draw(title="Batch size & limit")
    assert figure.get_suptitle() == "Batch size & limit"
    grid = np.array(figure.axes).reshape(2, 2)
    assert [axes.get_title() for axes in grid[0]] == ["RTT 10 ms", "RTT 200 ms"]
    assert [axes.get_ylabel() for axes in grid[:, 0]] == ["delivered recipients per second", "false-NDR rate (share)"]
    assert {axes.get_xlabel() for axes in grid[1]} == {"batch size (recipients per transaction)"}
    assert all(grid[0, 0].get_ylim() == axes.get_ylim() for axes in grid[0])
    assert all(grid[0, 0].get_xlim() == axes.get_xlim() for axes in figure.axes)


def test_every_line_with_intervals_is_seen_at_its_true_place() -> None:
    table = summary()
    figure = draw(table)
    figure.canvas.draw()  # a step aside on paper depends on where the axes end up
    axes = figure.axes[0]
    for sender, line, bar in zip(SENDERS, main_lines(axes), bars(axes), strict=True):
        mine = table[(table["client.strategy"] == sender) & (table["network.rtt_ms"] == 10)]
        mine = mine[mine["response"] == "delivered_per_s"]
        assert line.get_linestyle() != "None"
        assert line.get_marker() in {"None", "none"}
        seen = seen_at(axes, line, line.get_xydata())
        assert seen[:, 0] == pytest.approx(BATCHES)
        assert seen[:, 1] == pytest.approx(mine["mean"].to_numpy())
        ends = seen_at(axes, bar, bar.get_xydata()).reshape(-1, 3, 2)[:, :2]
        assert ends[:, :, 1] == pytest.approx(mine[["low", "high"]].clip(lower=0).to_numpy())
        assert ends[:, :, 0] == pytest.approx(np.transpose([BATCHES, BATCHES]))


@pytest.mark.parametrize(
    ("batches", "scale"),
    [
        ([25, 50, 75, 100, 125, 150, 200, 300, 500, 1000], "log"),
        ([25, 98, 99, 100, 101, 1000], "log"),
        ([0, 1, 100], "linear"),
        ([1, 2, 3, 500], "category"),
        (["552", "452 4.5.3"], "category"),
        ([50], "log"),
    ],
)
def test_markers_are_seen_nearer_to_their_own_level_than_to_another(batches: list[Any], scale: str) -> None:
    table = summary(batches, [10])
    names = [f"sender {number}" for number in range(9)]
    table = pd.concat([table[table["client.strategy"] == "corrected"].assign(**{"client.strategy": name})
                       for name in names])  # fmt: skip
    figure = draw(table, x_scale=scale)
    figure.canvas.draw()
    axes = figure.axes[0]
    places = np.asarray(axes.get_xticks(), dtype=float)
    true = axes.transData.transform(np.column_stack([places, np.ones(len(places))]))[:, 0]
    smallest = float(np.min(np.diff(true))) if len(true) > 1 else float(axes.bbox.width)
    shown = markers(axes)
    assert len(shown) == len(names)
    steps = []
    for line in shown:
        at = np.asarray(line.get_transform().transform(np.asarray(line.get_xydata(), dtype=float)))[:, 0]
        steps.append(at - true)
    assert np.abs(steps).max() < smallest / 2
    assert len({round(float(step[0]), 3) for step in steps}) == len(names)  # those that coincide are told apart


def test_closed_forms_are_seen_at_their_true_place() -> None:
    theory = summary([50, 75, 100, 1000])[lambda table: table["response"] == "false_ndr_rate"]
    figure = draw(theory=theory.drop(columns=["low", "high", "n", "sd", "point"]))
    figure.canvas.draw()
    axes = figure.axes[2]
    curves = [line for line in axes.lines if line.get_zorder() == 1.5]
    assert len(curves) == len(SENDERS)
    for curve in curves:
        assert seen_at(axes, curve, curve.get_xydata())[:, 0] == pytest.approx([50, 75, 100, 1000])


def test_a_line_that_is_lower_is_seen_lower_at_every_x() -> None:
    figure = draw()
    figure.canvas.draw()
    axes = figure.axes[0]
    xs = np.geomspace(BATCHES[0], BATCHES[-1], 50)
    heights = []
    for line in main_lines(axes):
        seen = seen_at(axes, line, line.get_xydata())
        heights.append(np.interp(np.log(xs), np.log(seen[:, 0]), seen[:, 1]))
    table = summary()
    for sender, height in zip(SENDERS, heights, strict=True):
        mine = table[(table["client.strategy"] == sender) & (table["network.rtt_ms"] == 10)]
        mean = mine[mine["response"] == "delivered_per_s"]["mean"].to_numpy()
        assert height == pytest.approx(np.interp(np.log(xs), np.log(BATCHES), mean))


def test_one_legend_that_says_what_the_bars_are() -> None:
    figure = draw()
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == SENDERS
    assert legend.get_title().get_text() == "counting strategy · bars: 95 % t interval over 20 replications"
    assert all(axes.get_legend() is None for axes in figure.axes)


def test_no_interval_no_note() -> None:
    (legend,) = draw(summary().assign(low=np.nan, high=np.nan, n=1)).legends
    assert legend.get_title().get_text() == "counting strategy"


def test_limit_is_marked_per_panel() -> None:
    figure = draw(marks={10: 100, 200: None})
    left, right = figure.axes[:2]
    assert dashed(left) == [100]
    assert dashed(right) == []
    assert [text.get_text() for text in left.texts] == ["recipient limit 100"]
    assert dashed(figure.axes[2]) == [100]
    assert not figure.axes[2].texts


def test_limit_outside_the_axis_is_not_marked() -> None:
    assert dashed(draw(marks={None: 5000}).axes[0]) == []


def test_ticks_are_the_levels() -> None:
    axes = draw().axes[2]
    assert list(axes.get_xticks()) == BATCHES
    assert [text.get_text() for text in axes.get_xticklabels()] == ["50", "100", "200", "1000"]


def test_close_levels_lose_labels_but_never_the_limit() -> None:
    axes = draw(summary([25, 98, 99, 100, 101, 102, 1000])).axes[2]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["25", "", "", "100", "", "", "1000"]


def test_unlimited_stands_last() -> None:
    figure = draw(summary([None, 100, 50]), marks={})
    assert [text.get_text() for text in figure.axes[2].get_xticklabels()] == ["50", "100", "∞"]
    assert list(figure.axes[2].get_xticks()) == [50, 100, 200]
    assert x_axis(["unlimited", 5, None], "category", "x").levels == ("unlimited", 5, None)
    assert x_axis([3, None, 1], "linear", "x").positions == (1, 3, 5)


def test_levels_read_from_a_file_are_the_same_figure() -> None:
    one, two = draw(summary([50, 100, None])), draw(summary([50.0, 100.0, float("nan")]))
    assert [t.get_text() for t in one.axes[2].get_xticklabels()] == [
        t.get_text() for t in two.axes[2].get_xticklabels()
    ]


def test_categories_are_not_joined_but_numbers_are() -> None:
    names = draw(summary(["552", "452 4.5.3"]), x_scale="category", marks={})
    assert {line.get_linestyle() for line in main_lines(names.axes[0])} == {"None"}
    numbers = draw(x_scale="category", marks={None: 150})
    assert "None" not in {line.get_linestyle() for line in main_lines(numbers.axes[0])}
    assert dashed(numbers.axes[0]) == [1.5]


def test_many_long_categories_are_slanted() -> None:
    figure = draw(summary([f"category number {i}" for i in range(12)]), x_scale="category", marks={})
    assert {text.get_rotation() for text in figure.axes[2].get_xticklabels()} == {35}


@pytest.mark.parametrize(
    ("levels", "scale"), [([1, 10], "log"), ([2, 3], "linear"), ([0, 10], "linear"), (["a", 1], "category")]
)
def test_scale_that_fits_the_levels(levels: list[object], scale: str) -> None:
    assert x_axis(levels, None, "x").scale == scale


def test_without_line_and_panel() -> None:
    table = summary([50, 100], [10])
    table = table[table["client.strategy"] == "corrected"]
    figure = draw(table, line=None, panel=None, y=["false_ndr_rate"])
    (axes,) = figure.axes
    assert len(bars(axes)) == 1
    assert axes.get_title() == ""


def test_zero_is_visible() -> None:
    axes = draw(summary().assign(mean=0.0, low=0.0, high=0.0)).axes[1]
    assert axes.get_ylim()[0] < 0 < axes.get_ylim()[1]


def test_log_response_has_plain_labels() -> None:
    figure = draw(summary().assign(mean=70.0, low=9.0, high=1500.0), y_scale=["log", "linear"])
    figure.canvas.draw()
    axes = figure.axes[0]
    assert axes.get_yscale() == "log"
    assert {"10", "20", "50", "1000"} <= {text.get_text() for text in axes.get_yticklabels()}


def test_theory_lies_under_points_that_are_not_joined() -> None:
    theory = summary([50, 75, 100, 1000])[lambda table: table["response"] == "false_ndr_rate"]
    figure = draw(theory=theory.drop(columns=["low", "high", "n", "sd", "point"]))
    joined = [{line.get_linestyle() for line in main_lines(axes)} for axes in figure.axes]
    assert "None" not in joined[0]
    assert joined[2] == {"None"}
    curves = [line for line in figure.axes[2].lines if len(line.get_xdata()) == 4 and line.get_zorder() == 1.5]
    assert len(curves) == len(SENDERS)
    assert np.asarray(curves[0].get_xdata()).tolist() == [50, 75, 100, 1000]
    assert figure.legends[0].get_texts()[-1].get_text() == "closed form"


def test_theory_that_holds_for_all_lines_and_panels_is_drawn_once_a_panel() -> None:
    theory = pd.DataFrame({"client.batch_size": [50, 60, 1000], "response": "false_ndr_rate", "mean": [0, 0.1, 1]})
    figure = draw(theory=theory)
    for axes in figure.axes[2:]:
        assert sum(line.get_zorder() == 1.5 for line in axes.lines) == 1


def test_styles_differ_in_marker_and_dashes() -> None:
    styles = line_styles(24, 12.0, joined=True)
    assert len({(style.color, style.marker, str(style.dashes)) for style in styles}) == 24
    first = styles[:9]
    assert len({style.marker for style in first}) == len({style.color for style in first}) == 9
    assert sum(style.step for style in styles) == pytest.approx(0)
    assert max(style.step for style in styles) <= 6


def test_a_strategy_looks_alike_in_every_figure() -> None:
    def looks(levels: list[object]) -> dict[object, tuple[object, ...]]:
        styles = line_styles(len(levels), 8.0, joined=True, levels=levels)
        return {
            level: (one.color, one.marker, str(one.dashes), one.filled)
            for level, one in zip(levels, styles, strict=True)
        }

    shipped = [name for name, one in strategies().items() if one.builtin]
    every = looks([*shipped, "bounce"])
    assert len(set(every.values())) == len(every)
    some = looks(["budget", "my-own", "corrected", None, 7])
    assert (some["budget"], some["corrected"]) == (every["budget"], every["corrected"])
    assert looks([3, 1])[3] == every["corrected"]  # nothing is kept free for what is not shown
    assert len(set(some.values())) == len(some)


def test_many_panels_stand_below_each_other() -> None:
    figure = draw(summary(rtts=[1, 2, 5, 10, 20]), marks={})
    grid = np.array(figure.axes).reshape(5, 2)
    assert [axes.get_title() for axes in grid[0]] == ["delivered recipients per second", "false-NDR rate"]
    assert [axes.texts[0].get_text() for axes in grid[:, -1]] == [f"RTT {rtt} ms" for rtt in (1, 2, 5, 10, 20)]
    assert {axes.get_xlabel() for axes in grid[-1]} == {"batch size (recipients per transaction)"}
    assert not any(axes.get_xlabel() or axes.get_title() for axes in grid[1:-1].ravel())
    assert len({axes.get_ylim() for axes in grid[:, 0]}) == 1
    assert {len(bars(axes)) for axes in grid.ravel()} == {len(SENDERS)}


def test_a_scale_of_many_decades_is_not_crowded() -> None:
    mean = np.geomspace(1, 50_000, len(summary()))
    figure = draw(summary().assign(mean=mean, low=mean, high=mean), y_scale=["log", "linear"])
    figure.canvas.draw()
    shown = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert "100" in shown
    assert "200" not in shown


def test_labels() -> None:
    assert level_label("server.overflow_reply", "452 4.5.3") == "over-limit reply 452 4.5.3"
    assert factor_label("network.rtt_ms") == "round-trip time (ms)"
    assert factor_label("server.error_sleep_ms") == "error sleep (ms)"
    assert factor_label("sender") == "sender"
    assert level_label("client.batch_size", 25) == "batch size 25"
    assert level_label("server.recipient_limit", None) == "no recipient limit"
    assert level_label("client.pipelining", False) == "pipelining off"
    assert level_label("client.overflow", "bounce") == "overflow policy: bounce"
    assert level_label("workload.messages", 100_000) == "messages 100,000"
    assert response_label("makespan_s") == "makespan (s)"
    assert len({response_label(name) for name in COLUMNS}) == len(COLUMNS)


def test_plain_levels() -> None:
    assert plain_level(np.int64(5)) == 5
    assert plain_level(pd.NA) is plain_level(None) is plain_level(float("nan")) is plain_level("unlimited") is None
    assert plain_level({"dist": "lognormal", "mean": 50, "cv": 0.4}) == "lognormal, mean 50, cv 0.4"
    assert plain_level([1, 2.5]) == "1, 2.5"


def test_points_that_share_a_place_are_refused() -> None:
    with pytest.raises(InputError, match=r"share one place .* a line or a panel for client\.strategy"):
        draw(line=None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": "client.batchsize"}, r"client\.batchsize: no such column; .*did you mean 'client.batch_size'"),
        ({"line": "sender"}, "sender: no such factor"),
        ({"y": ["makespan_s"]}, r"figure\.y: nothing to draw"),
        ({"x_scale": "logg"}, "unknown scale; .*did you mean 'log'"),
    ],
)
def test_what_cannot_be_drawn(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        draw(**changes)


def test_a_level_without_a_place() -> None:
    with pytest.raises(InputError, match=r'client\.batch_size: has no place on a log axis; given: 0; .*"category"'):
        draw(summary([0, 10]))


def test_saving_twice_gives_equal_bytes(tmp_path: Path) -> None:
    first = save_figure(draw(), tmp_path / "new" / "one", "fig")
    again = save_figure(draw(), tmp_path / "two", "fig")
    assert [path.name for path in first] == ["fig.png", "fig.svg"]
    for one, two in zip(first, again, strict=True):
        assert one.read_bytes() == two.read_bytes()
    assert b"<dc:date>" not in first[1].read_bytes()


def test_notebooks_show_it_without_pyplot() -> None:
    code = (
        "import sys, test_plots as t; png = t.draw()._repr_png_();"
        "assert png[:4] == b'\\x89PNG'; assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent, check=True, timeout=60)


def test_settings_of_the_user_are_left_alone() -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    draw()
    assert dict(mpl.rcParams) == before
