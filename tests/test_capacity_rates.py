"""Arrival rates that meet objectives which fail at low rates; plans beyond their bounds; percentiles too far out."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from capacity_files import MU, PLAN, Queue, planned, queue
from hypothesis import given
from hypothesis import strategies as st
from study_files import written

from simsmtp.planning.answer_text import above_offered, assumptions
from simsmtp.planning.capacity_files import document_of_capacity
from simsmtp.planning.edge_search import Edge, geometric_grid, last_stretch
from simsmtp.statistics.objectives import PercentileSupportError

__all__ = ["queue"]

RATE_ALONE = PLAN.replace('"client.batch_size" = [1, 64]\n', "").replace('"client.connections" = [1, 64]\n', "")


@given(st.floats(0.2, 400), st.floats(2.1, 50), st.sampled_from([0.01, 0.05, 0.3]))
def test_a_stretch_wider_than_the_grid_is_bracketed(begin: float, width: float, tolerance: float) -> None:
    asked: list[float] = []

    def passes(value: float) -> bool:
        asked.append(value)
        return begin <= value <= begin * width

    grid = geometric_grid(0.1, 1000, 20)
    lower, upper = last_stretch(passes, grid, tolerance)
    assert lower.passes is not None
    assert upper.passes is not None
    assert lower.fails is not None
    assert lower.fails < begin <= lower.passes <= lower.fails * (1 + tolerance) * (1 + 1e-9)
    assert upper.passes <= begin * width
    assert upper.fails is None or begin * width < upper.fails <= (1 + tolerance) * upper.passes * (1 + 1e-9)
    assert all(0.1 <= value <= 1000 for value in asked)
    assert len(asked) == len(set(asked))


def test_a_stretch_at_the_bounds_and_none_at_all() -> None:
    assert last_stretch(lambda _: True, [1, 2, 4], 0.1) == (Edge(1, None), Edge(4, None))
    assert last_stretch(lambda _: False, [1, 2, 4], 0.1) == (Edge(None, 1), Edge(None, 4))
    lower, upper = last_stretch(lambda value: value != 2, [1, 2, 4], 0.1)
    assert upper == (4, None)
    assert lower.fails == 2


@given(st.floats(0.01, 10), st.floats(1.01, 1e6), st.integers(3, 15))
def test_a_grid_holds_both_ends_and_doubles_where_it_can(low: float, share: float, most: int) -> None:
    grid = geometric_grid(low, low * share, most)
    assert (grid[0], grid[-1]) == (low, low * share)
    assert grid == sorted(set(grid))
    assert len(grid) <= most
    if share <= 2 ** (most - 1):
        assert all(later <= 2.01 * one for one, later in pairwise(grid))


def asked(folder: Path, queue: Queue, delivered: Callable[[float], float], *objectives: str):  # type: ignore[no-untyped-def]
    queue.delivered_per_s = delivered
    return planned(folder, RATE_ALONE, objectives=objectives)


def test_at_least_has_a_smallest_rate_and_no_largest(tmp_path: Path, queue: Queue) -> None:
    capacity = asked(tmp_path, queue, lambda rate: 10 * min(rate, MU), "delivered_per_s > 35")
    found, answer = capacity.findings["rate"], capacity.answer()
    assert found.value == 100
    assert found.lowest is not None
    assert found.lowest.value == pytest.approx(3.5, rel=0.02)
    assert (
        "The largest arrival rate tried, 100 messages/s (1,000 recipients/s), meets the objectives, confirmed on 8 "
        "fresh replications: no upper limit was found up to there. The smallest is 3.5" in answer
    )
    assert capacity.verdict == "missed"
    assert f"{len(found.tried)} rates were tried, over the whole range" in " ".join(assumptions(capacity))
    document = document_of_capacity(capacity)["searches"][0]
    assert document["lowest"]["value"] == found.lowest.value
    assert document["tried"][0] == [0.1, False]


def test_at_least_and_at_most_have_an_interval(tmp_path: Path, queue: Queue) -> None:
    both = ("delivered_per_s > 35", "delay p(99) < 2 s")
    capacity = asked(tmp_path, queue, lambda rate: 10 * min(rate, MU), *both)
    found = capacity.findings["rate"]
    assert found.value is not None
    assert found.lowest is not None
    assert found.lowest.value is not None
    assert 3.5 < found.lowest.value < 3.6
    assert 7.4 < found.value < 7.7
    assert "not one interval" not in capacity.answer()


def test_rates_apart_from_the_last_stretch_are_told(tmp_path: Path, queue: Queue) -> None:
    capacity = asked(tmp_path, queue, lambda rate: 0.0 if 1 < rate < 20 else 50.0, "delivered_per_s > 35")
    answer = capacity.answer()
    assert "The values that meet the objectives are not one interval: 0.1, 0." in answer
    assert "passed as well, and 1" in answer


def test_at_least_too_much_is_met_by_no_rate_of_the_whole_range(tmp_path: Path, queue: Queue) -> None:
    capacity = asked(tmp_path, queue, lambda rate: 10 * min(rate, MU), "delivered_per_s > 350")
    told = "No arrival rate tried meets the objectives: 12 between 0.1 messages/s (1 recipients/s) and 100 messages/s"
    assert told in capacity.answer()


def test_a_shorter_makespan_is_searched_in_both_directions(tmp_path: Path, queue: Queue) -> None:
    capacity = asked(tmp_path, queue, lambda _: 1.0, "makespan < 1 h")
    assert capacity.findings["rate"].value == 100
    assert capacity.findings["rate"].tried[0][0] == 0.1


def test_delays_alone_are_searched_as_before(tmp_path: Path, queue: Queue) -> None:
    found = asked(tmp_path, queue, lambda _: 1.0, "delay p(99) < 2 s", "lost == 0").findings["rate"]
    assert found.lowest is None
    assert found.tried[-1][0] < 100


def test_what_is_asked_above_the_bound_is_answered_with_the_bound(tmp_path: Path, queue: Queue) -> None:
    capacity = planned(tmp_path, RATE_ALONE.replace("rate_per_s = 1.0", "rate_per_s = 90.0"))
    assert capacity.bounds[0].messages_per_s < 90
    answer = capacity.answer()
    assert answer.startswith("The plan as written does not meet its objectives (90 messages/s,")
    assert "delay p(99) < 2 s is missed. The rate as written, 90 messages/s, is above the long-run bound of " in answer
    assert "of connections: the queue grows as long as messages arrive" in answer


def test_more_delivered_than_offered_is_explained(tmp_path: Path, queue: Queue) -> None:
    less = asked(tmp_path, queue, lambda rate: 9 * rate, "delay p(99) < 2 s")
    assert above_offered(less) == ""
    (tmp_path / "again").mkdir()
    more = asked(tmp_path / "again", queue, lambda rate: 11 * rate, "delay p(99) < 2 s")
    assert above_offered(more).startswith(f"Delivered is above offered at {len(more.curve)} of {len(more.curve)} rates")
    assert document_of_capacity(more)["curve_note"] == above_offered(more)


@pytest.mark.parametrize(
    ("objective", "messages", "said"),
    [
        ("delay p(99) < 2 s", 50, "for only 5 of a replication's 500 recipients lie beyond it"),
        ("delay p(99) < 2 s", 50, "allowed: delay p(50), delay p(95), delay p(99) with 1,000 recipients or more"),
        ("delay p(99) < 2 s", 50, "(workload.messages=100)"),
        ("delay p(99.9) < 2 s", 50, "for only 0.5 of a replication's 500 recipients lie beyond it"),
        ("delay p(99.9) < 2 s", 2000, "for a replication records its 50, 95, 99 only"),
        ("delay p(99.9) < 2 s", 2000, "allowed: delay p(50), delay p(95), delay p(99)"),
    ],
)
def test_a_percentile_that_runs_do_not_carry_is_refused(
    tmp_path: Path, queue: Queue, objective: str, messages: int, said: str
) -> None:
    text = PLAN.replace("messages = 2000", f"messages = {messages}").replace("delay p(99) < 2 s", objective)
    with pytest.raises(PercentileSupportError) as caught:
        planned(tmp_path, text)
    assert (
        f"capacity.objectives: refused: {objective[6 : objective.index(')') + 1]} is not carried by the sample"
        in str(caught.value)
    )
    assert "study.toml:" in str(caught.value)
    assert said in str(caught.value)
    assert queue.calls == 0
    assert not (tmp_path / "out").exists()


def test_a_percentile_refused_above_the_bound_names_the_bound_first(tmp_path: Path) -> None:
    text = PLAN.replace("rate_per_s = 1.0", "rate_per_s = 90.0")
    with pytest.raises(PercentileSupportError) as caught:
        planned(tmp_path, text, objectives=["delay p(99.9) < 2 s"])
    said = str(caught.value)
    assert said.startswith("objectives: The rate as written, 90 messages/s, is above the long-run bound")
    assert "refused: p(99.9)" in said


def test_a_trace_too_small_for_a_percentile_asks_for_a_larger_one(tmp_path: Path) -> None:
    written(tmp_path, "a@x.test b@y.test 0\na@x.test b@y.test 9\n", "two.txt")
    text = RATE_ALONE.replace("messages = 2000\nrecipients_per_message = 10\n", 'trace = "two.txt"\n')
    text = text.replace('arrivals = { dist = "poisson", rate_per_s = 1.0 }\n', "")
    with pytest.raises(PercentileSupportError, match=r"delay p\(99\) with a trace of 1,000 recipients or more"):
        planned(tmp_path, text)
