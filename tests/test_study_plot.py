"""`Study.plot` and `plot(ax=)`: what is named, what is chosen, whose axes; and figures that are shown in scripts."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from study_files import TINY, FakeEngine, engine, environment, here, own_registry, stand_in

import simsmtp
from simsmtp import InputError
from simsmtp.engines import Choice
from simsmtp.model.plan import Plan
from simsmtp.rows.records import Output
from simsmtp.theory.least_means import least_mean

__all__ = ["engine", "here", "own_registry"]
FACTORS: dict[str, Any] = {
    "client.strategy": ["corrected", "one-stop"],
    "client.batch_size": [50, 100, 250],
    "network.rtt_ms": [10, 50],
}


class Slower(FakeEngine):
    """Is the slower the longer the round trip, and with each strategy another."""

    def __call__(self, plan: Plan, *, seed: int, replication: int, engine: Choice) -> Output:
        found = super().__call__(plan, seed=seed, replication=replication, engine=engine)
        slower = least_mean(plan.destinations[0].path.one_way) / 1e9 + len(self.calls[-1][0])
        return found._replace(responses={name: value - slower for name, value in found.responses.items()})


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> simsmtp.Study:
    stand_in(monkeypatch, Slower())
    return simsmtp.sweep({}, FACTORS, replications=2, workers=1)


def drawn(figure: Figure) -> tuple[str, list[str], list[str]]:
    """Return the label of the x axis, the legend, and the titles of panels."""
    legend = [text.get_text() for one in figure.legends for text in one.get_texts()]
    titles = [one.get_title() for one in figure.axes if one.get_title()]
    return figure.axes[-1].get_xlabel().partition(" (")[0], legend, titles


def test_without_names_numbers_come_first_and_the_rest_gets_what_is_free(study: simsmtp.Study) -> None:
    figure = study.plot()
    assert drawn(figure) == ("batch size", ["corrected", "one-stop"], ["RTT 10 ms", "RTT 50 ms"])
    assert [one.get_ylabel() for one in figure.axes[::2]] == [
        "delivered recipients per second",
        "false-NDR rate (share)",
    ]


def test_what_is_named_is_drawn(study: simsmtp.Study) -> None:
    figure = study.plot(x="network.rtt_ms", y="lost", line="client.batch_size", title="Mine", y_scale="symlog")
    assert drawn(figure) == (
        "round-trip time",
        ["50", "100", "250"],
        ["counting strategy: corrected", "counting strategy: one-stop"],
    )
    assert figure.get_suptitle() == "Mine"
    assert {one.get_yscale() for one in figure.axes} == {"symlog"}
    assert drawn(study.plot(line="network.rtt_ms"))[1] == ["10 ms", "50 ms"]


def test_a_factor_of_one_level_takes_no_place(study: simsmtp.Study) -> None:
    figure = study.plot(where={"client.strategy": "one-stop", "client.batch_size": np.array([50, 100])})
    assert drawn(figure) == ("batch size", ["10 ms", "50 ms"], [])
    assert "(counting strategy: one-stop; batch size 50, 100)" in " ".join(figure.get_suptitle().split())


def test_the_own_figure_holds_for_what_is_not_named(here: Any, engine: FakeEngine) -> None:
    (here / "study.toml").write_text(TINY, encoding="utf-8")
    study = simsmtp.run("study.toml", workers=1)
    figure = study.plot(y="false_ndr")
    assert drawn(figure) == ("batch size", ["corrected", "one-stop"], [])
    assert [text.get_text() for text in figure.axes[0].texts] == ["recipient limit 100"]
    assert len(study.plot().axes) == 2
    swapped = study.plot(x="client.strategy")
    assert drawn(swapped) == ("counting strategy", ["50", "200"], [])
    assert not swapped.axes[0].texts


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"x": "batch_size"}, r"^x: not a factor of this study; .* did you mean 'client\.batch_size'\?$"),
        ({"line": "delivered_per_s"}, r"^line: not a factor of this study"),
        ({"panel": ["client.strategy"]}, r"^panel: not a factor of this study"),
        ({"x": "network.rtt_ms", "line": "network.rtt_ms"}, r"^line: is x already"),
        ({"y": "deliverd"}, r"^y: unknown response; .* did you mean 'delivered'\?$"),
        ({"y": []}, r"^y: names no response"),
        ({"y": 5}, r"^y: should be a list"),
        ({"where": {"network.rtt_ms": 20}}, r"^where: network\.rtt_ms: no such level; given: 20; allowed: 10, 50$"),
        ({"where": {"client.strategy": ["onestop"]}}, r"did you mean 'one-stop'\?$"),
        ({"where": {"network.rtt": 20}}, r"^where: not a factor .* did you mean 'network\.rtt_ms'\?$"),
        ({"where": {"network.rtt_ms": []}}, r"^where: no design point has these levels"),
        ({"where": "network.rtt_ms"}, r"^where: should be a dict"),
        ({"x_scale": "lin"}, r"^x_scale: .* did you mean 'linear'\?$"),
        ({"y_scale": ["log"]}, r"^y_scale: should be one scale for each response"),
        ({"mark": "server.recipient_limt"}, r"^mark: unknown key, did you mean 'server\.recipient_limit'\?"),
        ({"mark": 5}, r"^mark: should be a text"),
        ({"ax": 5}, r"^ax: should be Axes; given: 'int'"),
        ({"ax": [1, 2]}, r"^ax: should be Axes; given: 'list'; .*one of them"),
    ],
)
def test_a_wrong_name_is_one_clear_line(study: simsmtp.Study, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as told:
        study.plot(**options)
    assert len(str(told.value).splitlines()) == 1


def test_points_in_one_place_say_which_factor_to_name_or_to_pick(engine: FakeEngine) -> None:
    factors = FACTORS | {"server.recipient_limit": [50, 100]}
    study = simsmtp.sweep({}, factors, replications=1, workers=1)
    with pytest.raises(
        InputError, match=r"for server\.recipient_limit, or .* plot\(where={'server\.recipient_limit': 50}"
    ):
        study.plot()
    assert study.plot(where={"server.recipient_limit": 50}).axes
    assert study.plot(panel="server.recipient_limit", where={"network.rtt_ms": 50}).axes


def test_a_study_without_factors_has_nothing_to_draw_along(engine: FakeEngine) -> None:
    with pytest.raises(InputError, match="x: is required to plot"):
        simsmtp.sweep({}, {}, replications=1, workers=1).plot()


def test_axes_of_the_user_get_one_response_and_one_panel(study: simsmtp.Study) -> None:
    figure = Figure()
    left, right = figure.subplots(1, 2)
    left.set_title("kept")
    assert study.plot(ax=left, where={"network.rtt_ms": 50}, mark="server.recipient_limit") is figure
    assert left.get_legend().get_title().get_text() == "counting strategy"
    assert (left.get_title(), left.get_ylabel()) == ("kept", "delivered recipients per second")
    study.plot(ax=right, y="lost", x="network.rtt_ms", where={"client.batch_size": 50}, title="$a$")
    assert (right.get_title(), right.get_ylabel()) == ("$a$", "lost recipients\n(per replication)")
    assert not figure.legends
    figure.canvas.draw()
    inner = Figure().subfigures(1, 2)[0]
    assert study.plot(ax=inner.subplots(), where={"network.rtt_ms": 50}) is inner.figure


def test_axes_of_the_user_take_no_more(study: simsmtp.Study) -> None:
    ax = Figure().subplots()
    with pytest.raises(InputError, match=r"^y: axes of your own take one response"):
        study.plot(ax=ax, y=["lost", "delivered"])
    with pytest.raises(InputError, match=r"share one place .*for network\.rtt_ms, or one level"):
        study.plot(ax=ax)
    with pytest.raises(InputError, match=r"^panel: axes of your own take one panel, and network\.rtt_ms has 2 levels"):
        study.plot(ax=ax, panel="network.rtt_ms")


def test_a_result_is_drawn_into_one_or_two_axes() -> None:
    result = simsmtp.simulate({}, replications=2)
    figure = Figure()
    axes = figure.subplots(1, 2)
    assert result.plot(ax=axes) is figure
    assert [one.get_xlabel() for one in axes] == [
        "recipients per replication",
        "delay from arrival to first acceptance (s)",
    ]
    alone = Figure().subplots()
    result.plot(ax=alone)
    assert alone.patches
    for wrong, said in (
        (5, "should be Axes"),
        (list(axes) * 2, "should be one Axes or 2 of them"),
        ("x", "should be Axes"),
    ):
        with pytest.raises(InputError, match=f"^ax: {said}"):
            result.plot(ax=wrong)


WINDOWS = """
import gc, sys, weakref
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
shown, blocked = [], []
class Manager(FigureManagerBase):
    def show(self):
        shown.append(self.canvas.figure)
    @classmethod
    def start_main_loop(cls):
        import matplotlib.pyplot as plt
        blocked.append(plt.get_fignums())
        plt.close("all")  # the user closes every window
class FigureCanvas(FigureCanvasAgg):
    manager_class = Manager
FigureManager = Manager
"""


def script(code: str, **changes: str) -> subprocess.CompletedProcess[str]:
    head = 'import sys, types\nwindows = types.ModuleType("windows")\nsys.modules["windows"] = windows\n'
    head += f"exec({WINDOWS!r}, vars(windows))\n"
    head += "import simsmtp, matplotlib as mpl\nresult = simsmtp.simulate({})\nfigure = result.plot()\n"
    env = environment() | {"MPLBACKEND": "module://windows"} | changes
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", head + code], env=env, capture_output=True, text=True, check=False
    )


def test_a_script_shows_a_figure_in_a_window_that_is_freed_when_it_is_closed() -> None:
    code = """
assert "matplotlib.pyplot" not in sys.modules
figure.show()
import matplotlib.pyplot as plt, gc, weakref
assert windows.shown == [figure] and windows.blocked == [[1]], windows.shown
assert plt.get_fignums() == []
figure.show()  # once more
assert len(windows.shown) == 2
other = result.plot()
other.show(block=False)
other.show(block=False)  # one window
assert plt.get_fignums() == [1] and windows.shown[2:] == [other, other]
plt.close("all")
assert other._repr_png_()[:4] == b"\\x89PNG"
gone = weakref.ref(other)
windows.shown.clear()
del other
gc.collect()
assert gone() is None
"""
    done = script(code)
    assert done.returncode == 0, done.stderr


def test_where_there_are_no_windows_show_says_so_and_keeps_nothing() -> None:
    code = """
import matplotlib.pyplot as plt, warnings
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    figure.show()
assert ["backend agg of matplotlib opens no window" in str(one.message) for one in told] == [True], told
figure.show(warn=False)
assert plt.get_fignums() == []
"""
    done = script(code, MPLBACKEND="agg")
    assert done.returncode == 0, done.stderr
