"""Figures as a referee reads them: nothing twice, nothing impossible, nothing that vanishes without a note."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from capacity_files import Queue, planned, queue
from matplotlib.colors import to_rgb
from test_plots import BATCHES, SENDERS, bars, draw, main_lines, markers, summary

import simsmtp
from simsmtp.figures.canvas import figure_files
from simsmtp.figures.capacity_figure import Line, capacity_figure
from simsmtp.figures.line_styles import COLOURS
from simsmtp.planning.sustainable_rate import sustainable_rate
from simsmtp.statistics.objectives import Unit

__all__ = ["queue"]


def notes(figure: Any) -> list[str]:
    """Return the lines below the legend of a study's figure."""
    texts = [one.get_text() for one in figure.texts if one is not figure._suptitle]
    return texts[0].splitlines() if texts else []


def told(figure: Any, start: str) -> str:
    """Return the note that starts so, which may go over several lines."""
    text = " ".join(notes(figure))
    return text[text.index(start) :]


def letters(figure: Any) -> list[str]:
    return [one.get_title(loc="left") for one in figure.axes]


def alike_in_panels(response: str = "false_ndr_rate") -> pd.DataFrame:
    """Return a summary in which one response is the same for both round-trip times."""
    table = summary()
    mine, first = table["response"] == response, table["network.rtt_ms"] == 10
    for name in ("mean", "low", "high"):
        table.loc[mine & ~first, name] = table.loc[mine & first, name].to_numpy()
    return table


def test_a_response_that_does_not_depend_on_the_panel_is_drawn_once_and_a_note_says_so() -> None:
    figure = draw(alike_in_panels())
    titles = [one.get_title() for one in figure.axes]
    assert titles == ["RTT 10 ms", "RTT 200 ms", "RTT 10, 200 ms: equal"]
    assert letters(figure) == ["(a)", "(b)", "(c)"]
    assert notes(figure)[0] == "(c): equal for all levels of round-trip time, drawn once"
    once = figure.axes[2]
    assert once.get_ylabel() == "false-NDR rate (share)"
    assert len(main_lines(once)) == len(SENDERS)
    assert {one.get_xlabel() for one in figure.axes} == {"batch size (recipients per transaction)"}
    figure.canvas.draw()
    assert once.get_window_extent().width > 1.7 * figure.axes[0].get_window_extent().width


def test_by_how_little_it_depends_does_not_matter() -> None:
    table = alike_in_panels()
    table.loc[table.index[-1], "high"] += 1e-12
    assert len(draw(table).axes) == 4
    gaps = alike_in_panels().assign(mean=np.nan, low=np.nan, high=np.nan)
    assert len(draw(gaps).axes) == 2  # nothing is equal to nothing


@pytest.mark.parametrize("marks", [{10: 100, 200: 50}, {10: 100, 200: None}])
def test_panels_with_other_marks_are_not_the_same(marks: dict[object, float | None]) -> None:
    assert len(draw(alike_in_panels(), marks=marks).axes) == 4


def test_panels_with_other_closed_forms_are_not_the_same() -> None:
    both = [pd.DataFrame({"client.batch_size": BATCHES, "response": "false_ndr_rate", "mean": rtt / 1e3,
                          "network.rtt_ms": rtt}) for rtt in (10, 200)]  # fmt: skip
    assert len(draw(alike_in_panels(), theory=pd.concat(both)).axes) == 4
    assert len(draw(alike_in_panels(), theory=both[0].drop(columns="network.rtt_ms")).axes) == 3


@pytest.mark.parametrize("rtts", [[1, 2, 5, 10, 20], [1, 2]])
def test_where_all_is_equal_every_response_is_drawn_once(rtts: list[int]) -> None:
    table = summary(rtts=rtts)
    for name in ("mean", "low", "high"):
        table[name] = np.tile(table[name].to_numpy()[: len(table) // len(rtts)], len(rtts))
    figure = draw(table)
    assert len(figure.axes) == 2
    title = "all 5 levels of RTT: equal" if len(rtts) == 5 else "RTT 1, 2 ms: equal"
    assert {one.get_title() for one in figure.axes} == {title}


def test_the_headline_shows_its_five_panels() -> None:
    folder = Path(__file__).parents[1] / "results" / "kb822105"
    figure = simsmtp.load_experiment("kb822105").figure
    table = pd.read_csv(folder / "summary.csv")
    from simsmtp.figures.study_figure import plot_study

    drawn = plot_study(table, figure, title="", marks={None: 100})  # type: ignore[arg-type]
    assert letters(drawn) == ["(a)", "(b)", "(c)", "(d)", "(e)"]
    assert [one.get_ylabel() for one in drawn.axes] == [
        "delivered recipients per second", "", "", "false-NDR rate (share)", "lost recipients\n(per replication)",
    ]  # fmt: skip
    assert "(d, e): equal for all levels of round-trip time, drawn once" in notes(drawn)
    assert "send-cursor = bounce (d)" in told(drawn, "coincide: ")


def test_lines_that_coincide_are_named_with_their_panels() -> None:
    table = summary()
    hidden = (table["client.strategy"] == "bounce") & (table["response"] == "false_ndr_rate")
    shown = (table["client.strategy"] == "corrected") & (table["response"] == "false_ndr_rate")
    table.loc[hidden, "mean"] = table.loc[shown, "mean"].to_numpy()
    assert notes(draw(table)) == ["coincide: corrected = bounce (c, d)"]
    table.loc[table.index[hidden][-1], "mean"] += 1e-9
    assert notes(draw(table)) == ["coincide: corrected = bounce (c)"]
    assert notes(draw()) == []


def test_a_limit_outside_the_axis_is_told() -> None:
    assert notes(draw(marks={10: 5000, 200: 100})) == ["recipient limit 5000: outside the axis"]


def test_missing_values_are_counted() -> None:
    table = summary()
    table.loc[table.index[:3:2], ["mean", "low", "high"]] = np.nan
    assert notes(draw(table)) == ["no value: 2 points (a)"]


def test_zero_on_a_log_axis_is_a_marker_at_its_edge_and_no_line_through_others() -> None:
    table = summary()
    figure = draw(table, y_scale=["log", "linear"])
    assert table["mean"].iloc[0] == 0
    assert "0, at the lower edge of a log axis: 1 point (a)" in notes(figure)
    assert "intervals that reach 0 end early on the log axis (a)" in notes(figure)
    figure.canvas.draw()
    first = figure.axes[0]
    assert np.isnan(np.asarray(main_lines(first)[0].get_ydata())[0])
    low, high = first.get_window_extent().y0, first.get_window_extent().y1
    for line in first.lines:
        at = line.get_transform().transform(np.asarray(line.get_xydata(), dtype=float))[:, 1]
        at = at[np.isfinite(at)]
        assert ((at > low - 0.5) & (at < high + 0.5)).all()
    edge = [line for line in markers(first) if len(np.asarray(line.get_xdata())) == 1]
    assert len(edge) == 1


def test_a_log_axis_with_nothing_above_zero_has_no_numbers() -> None:
    figure = draw(summary().assign(mean=0.0, low=0.0, high=0.0), y_scale=["log", "linear"])
    assert list(figure.axes[0].get_yticks()) == []
    assert figure.axes[0].yaxis.get_minorticklocs().size == 0


def test_intervals_stay_within_what_is_possible() -> None:
    table = summary().assign(low=-0.2, high=1.3)
    figure = draw(table)
    for axes, most in ((figure.axes[0], 1.3), (figure.axes[2], 1.0)):
        ends = np.concatenate([np.asarray(one.get_ydata(), dtype=float) for one in bars(axes)])
        assert (np.nanmin(ends), np.nanmax(ends)) == (0.0, most)


def test_a_count_that_is_always_zero_has_no_axis_below_zero() -> None:
    axes = draw(summary().assign(mean=0.0, low=0.0, high=0.0)).axes[0]
    assert [one for one in axes.get_yticks() if axes.get_ylim()[0] <= one < 0] == []


def test_one_panel_has_no_letter() -> None:
    table = summary(rtts=[10])
    assert letters(draw(table, panel=None, y=["false_ndr_rate"])) == [""]


def test_the_legend_stands_below_all_panels_and_notes_below_it() -> None:
    figure = draw(alike_in_panels())
    figure_files(figure, "laid out")
    figure.get_layout_engine().execute(figure)
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert all(one.get_tightbbox().y0 > box.y1 - 1 for one in figure.axes)
    note = next(one for one in figure.texts if one is not figure._suptitle)
    assert note.get_window_extent().y0 >= 0
    assert note.get_window_extent().y1 <= box.y0 + 1


def test_every_colour_can_be_read_on_white() -> None:
    def contrast(colour: str) -> float:
        light = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in to_rgb(colour)]
        return 1.05 / (float(np.dot(light, [0.2126, 0.7152, 0.0722])) + 0.05)

    assert min(map(contrast, COLOURS)) > 2
    assert len(set(COLOURS)) == len(COLOURS)


def test_the_figure_of_a_plan_marks_the_sustainable_rate(tmp_path: Path, queue: Queue) -> None:
    capacity = planned(tmp_path)
    figure = capacity.plot()
    rate = sustainable_rate(capacity).messages_per_s
    for axes in figure.axes[:2]:
        uprights = {float(np.asarray(one.get_xdata())[0]) for one in axes.lines if list(one.get_ydata()) == [0, 1]}
        assert uprights == {1.0, rate}
        assert {"as written", "sustainable rate"} <= {one.get_text() for one in axes.texts}
    assert letters(figure) == ["(a)", "(b)", "(c)"]
    figure.canvas.draw()
    for axes in figure.axes:
        legend = axes.get_legend()
        assert legend.get_window_extent().y1 < axes.get_window_extent().y0
    shown = [one.get_text() for one in figure.axes[2].get_legend().get_texts()]
    assert shown == ["lower than written", "95 % interval"]
    assert "bounds far above not drawn" in figure._supxlabel.get_text()


def test_the_tornado_is_drawn_in_the_unit_of_the_objective(tmp_path: Path, queue: Queue) -> None:
    capacity = planned(tmp_path, objectives=["delay p(99) < 0.05 min"])
    axes = capacity.plot().axes[2]
    assert axes.get_xlabel().startswith("change of 99th percentile of delay (min), from 0.0")
    widest = capacity.tornado["difference"].abs().max()
    assert max(abs(bar.get_width()) for bar in axes.patches) == pytest.approx(widest / 60)
    assert "Most influential inputs: 99th percentile of delay (min), from 0.0" in capacity._repr_html_()


def curve(**changes: object) -> pd.DataFrame:
    table = pd.DataFrame({"messages_per_s": [1.0, 2.0, 4.0], "offered_per_s": [10.0, 20.0, 40.0], "n": 3})
    for name, value in (("delivered_per_s", 10.0), ("delay_p50_s", 1.0), ("delay_p99_s", 2.0)):
        table = table.assign(**{name: value, f"{name}_low": 0.9 * value, f"{name}_high": 1.1 * value})
    return table.assign(**changes)


def note_of(table: pd.DataFrame, **changes: Any) -> str:
    given: dict[str, Any] = {"late": "delay_p99_s", "bounds": [Line("far", 100.0, 1000.0)], "ceiling": None,
                             "written": 2.0, "sustainable": 3.0, "title": ""}  # fmt: skip
    figure = capacity_figure(table, pd.DataFrame(), **(given | changes))
    figure_files(figure, "drawn")
    return str(figure._supxlabel.get_text())  # type: ignore[attr-defined]


def test_what_the_figure_of_a_plan_does_not_show_is_said() -> None:
    assert note_of(curve()) == (
        "bars: 95 % t intervals over 3 replications; 1 bound far above not drawn; offered goes beyond the axis"
    )
    assert "as written: 0.01 messages/s, outside the axis" in note_of(curve(), written=0.01)
    nothing = [1.0, 2.0, float("nan")]
    assert "no delay at 1 rate: nothing arrived" in note_of(curve(delay_p50_s=nothing, delay_p99_s=nothing))
    assert "intervals of delay that reach 0 end early" in note_of(curve(delay_p50_s_low=0.0))
    assert "log axis" not in note_of(curve(delay_p50_s=0.0, delay_p50_s_low=0.0, delay_p50_s_high=0.0))


def test_a_factor_that_is_no_number_is_neither_lower_nor_higher() -> None:
    row = {"factor": "client.overflow", "response": "false_ndr_rate", "base_level": "defer", "base_mean": 0.01,
           "difference": 0.02, "low": 0.01, "high": 0.03, "level": "bounce", "n": 3}  # fmt: skip
    figure = capacity_figure(
        pd.DataFrame(), pd.DataFrame([row]), late="delay_p99_s", bounds=[], ceiling=None, written=None,
        sustainable=None, title="", tornado_unit=Unit("%", 0.01),
    )  # fmt: skip
    (axes,) = figure.axes
    assert [one.get_text() for one in axes.get_legend().get_texts()] == ["another value", "95 % interval"]
    assert axes.get_xlabel() == "change of false-NDR rate (%), from 1 as written"
