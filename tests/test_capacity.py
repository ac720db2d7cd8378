"""Searches with known answers, bounds against the simulation, plans that resume."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from capacity_files import MU, PLAN, Queue, planned, queue
from helpers import NO_SERVICE, run
from hypothesis import given
from hypothesis import strategies as st
from study_files import written

from simsmtp.errors import InputError
from simsmtp.model.scenario import Scenario
from simsmtp.planning.answer_text import assumptions
from simsmtp.planning.edge_search import largest, rounded, smallest_whole
from simsmtp.planning.sustainable_rate import sustainable_rate
from simsmtp.running.runner import StudyInterrupted
from simsmtp.theory.asymptotic_bounds import bounds_of

__all__ = ["queue"]


@given(st.floats(0.11, 900), st.floats(0.1, 1000), st.sampled_from([0.01, 0.05, 0.3]))
def test_the_largest_value_is_bracketed(edge: float, start: float, tolerance: float) -> None:
    asked: list[float] = []

    def passes(value: float) -> bool:
        asked.append(value)
        return value <= edge

    found = largest(passes, start, 0.1, 1000, tolerance)
    assert found.passes is not None
    assert found.passes <= edge
    assert found.fails is None or edge < found.fails <= (1 + tolerance) * found.passes * (1 + 1e-9)
    assert all(0.1 <= value <= 1000 for value in asked)
    assert len(asked) == len(set(asked)) <= 32


def test_a_search_says_when_nothing_or_everything_passes() -> None:
    assert largest(lambda _: False, 4, 1, 100, 0.1) == (None, 1)
    assert largest(lambda _: True, 4, 1, 100, 0.1) == (100, None)
    assert smallest_whole(lambda _: False, 1, 100) == (None, 100)
    assert smallest_whole(lambda _: True, 3, 100) == (3, None)


@given(st.integers(1, 500), st.integers(1, 20))
def test_the_smallest_whole_number_is_found(edge: int, low: int) -> None:
    found = smallest_whole(lambda value: value >= edge, low, 500)
    assert found.passes == max(edge, low)


def test_the_smallest_of_the_first_stretch_is_found() -> None:
    assert smallest_whole(lambda value: 10 <= value <= 100, 1, 1000).passes == 10


def test_what_a_search_finds_can_be_written_down() -> None:
    assert rounded(5.65685424949) == 5.657


def test_the_largest_rate_of_a_queue_is_found(tmp_path: Path, queue: Queue) -> None:
    # Sojourn of M/M/1: its 99th percentile is ln(100) / (mu - lambda).
    capacity = planned(tmp_path)
    known = MU - math.log(100) / 2
    rate = capacity.findings["rate"]
    assert rate.value is not None
    assert known / 1.03 < rate.value < known
    assert rate.confirmation is not None
    assert rate.confirmation.seed == 4
    assert capacity.verdict == "met"


def test_the_smallest_batch_and_connections_are_found(tmp_path: Path, queue: Queue) -> None:
    # At rate 1: room for ln(100) / 2 = 2.303 a second more, so mu of 3.303: batches of 4, one connection.
    capacity = planned(tmp_path)
    assert capacity.findings["client.batch_size"].value == 4
    assert capacity.findings["client.connections"].value == 1


def test_the_answer_says_what_it_rests_on(tmp_path: Path, queue: Queue) -> None:
    capacity = planned(tmp_path)
    answer = capacity.answer()
    verdict = "The plan as written meets its objectives (1 messages/s, batch size 1000, 2 connections)."
    assert answer.startswith(f"{verdict} delay p(99) < 2 s is met")
    assert "false_ndr == 0 is met (none in 8 replications; at the 95 % level at most 31.2 % of" in answer
    assert "confirmed on 8 fresh replications" in answer
    assert "The bottleneck is connections" in answer
    rests = " ".join(assumptions(capacity))
    assert "A percentile is that of each replication by itself" in rests
    assert "Poisson arrivals" in rests
    # Two connections for half an hour at 3.6, and 20,000 commands at 50 a million.
    assert capacity.cost is not None
    assert capacity.cost.run == pytest.approx(3.6 + 1.0)
    assert capacity.cost.per_million == pytest.approx(4.6 * 50)


def test_percentiles_that_the_sample_does_not_carry_are_refused(tmp_path: Path, queue: Queue) -> None:
    table = planned(tmp_path).percentiles.set_index("percentile")
    assert table.loc["p(99)", "plan"] > 0
    assert math.isnan(table.loc["p(99.9)", "plan"])
    assert table.loc["p(99.9)", "note"].startswith("refused: not carried by the sample")


def test_a_plan_goes_on_where_it_was_stopped(tmp_path: Path, queue: Queue) -> None:
    queue.interrupt_after = 30
    with pytest.raises(StudyInterrupted, match="the same command resumes"):
        planned(tmp_path)
    queue.interrupt_after = None
    resumed = planned(tmp_path)
    assert resumed.reused >= 30
    total = queue.calls
    again = planned(tmp_path)
    assert queue.calls == total
    assert again.computed == 0
    assert again.answer() == resumed.answer()


def test_a_plan_out_of_reach_is_answered_with_no(tmp_path: Path, queue: Queue) -> None:
    capacity = planned(tmp_path, objectives=["delay p(99) < 10 ms"])
    assert capacity.verdict == "missed"
    assert capacity.findings["rate"].value is None
    tried = "No arrival rate tried meets the objectives: 5 between 0.1 messages/s (1 recipients/s) and 1 messages/s"
    assert tried in capacity.answer()


def test_the_largest_rate_of_one_connection_is_its_turnover(tmp_path: Path) -> None:
    # Messages at even times, one connection, two round trips of 50 ms each and no service: 10 messages a second.
    # A run of n messages at rate r > 10 ends with a delay of n (1/10 - 1/r): 2 s is reached at r = 1 / (0.1 - 0.002).
    trace = "".join(f"a@x.test b@y.test {second}\n" for second in range(1000))
    services = "\n".join(f"{key} = {value}" for key, value in NO_SERVICE.items())
    text = f"""
[study]
name = "one"
title = "One connection"
replications = 2
[scenario.workload]
trace = "{written(tmp_path, trace, "even.txt").as_posix()}"
message_bytes = 1
[scenario.network]
bandwidth_mbit = "unlimited"
[scenario.server]
{services}
[capacity]
objectives = ["delay p(99) < 2 s"]
tolerance = 0.02
first_look = 2
curve_points = 0
[capacity.search]
rate = [4, 40]
"""
    capacity = planned(tmp_path, text)
    value = capacity.findings["rate"].value
    assert value is not None
    assert 10 / 1.02 < value < 1.03 / (0.1 - 0.002)
    assert capacity.bounds[0].messages_per_s == pytest.approx(10)
    assert "times the trace's own" in capacity.answer()
    sustainable = sustainable_rate(capacity)
    assert (sustainable.basis, sustainable.messages_per_s) == ("bound", pytest.approx(10))
    assert sustainable.text == "at least 9.93, below 10 messages/s (10 recipients/s, 10 times the trace's own)"
    assert capacity.curve.empty  # no points, no curve


@pytest.mark.parametrize(
    ("client", "server", "resource"),
    [
        ({"connections": 2, "batch_size": 50}, {}, "connections"),
        ({"connections": 2, "batch_size": 300}, {"recipient_limit": 60}, "connections"),
        ({"connections": 2, "window_recipients": 10}, {}, "connections"),
        ({"connections": 50, "batch_size": 100}, {"workers": 2, "rcpt_service_ms": 2.0}, "workers"),
        ({"connections": 3, "batch_size": 100}, {"sessions": 1}, "connections"),
    ],
)
def test_a_saturated_run_delivers_what_the_bound_allows(
    client: dict[str, object], server: dict[str, object], resource: str
) -> None:
    tables: dict[str, dict[str, object]] = {
        "workload": {"messages": 60, "recipients_per_message": 250}, "client": client, "server": server,
    }  # fmt: skip
    bound = bounds_of(Scenario.from_dict(tables))[0]
    assert bound.resource == resource
    delivered = run(**tables)["delivered_per_s"]
    if "sessions" not in server:  # refused connections wait for the retry schedule
        assert delivered > 0.8 * bound.recipients_per_s
    assert delivered < 1.03 * bound.recipients_per_s


def test_what_has_no_limit_has_no_bound() -> None:
    assert bounds_of(Scenario.from_dict({"client": {"connections": None}})) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"client.batch_size" = [1, 64]', '"client.batchsize" = [1, 64]', "cannot be searched"),
        ('"client.batch_size" = [1, 64]', '"network.rtt_ms" = [1, 64]', "cannot be searched"),
        ('"client.batch_size" = [1, 64]', '"client.batch_size" = [1.5, 64]', "whole numbers"),
        ("rate = [0.1, 100]", "rate = [100, 0.1]", "the lower bound comes first"),
        ("rate = [0.1, 100]", "rate = 3", "should be two values"),
        ("rate = [0.1, 100]", "rate = [0, 100]", "above 0"),
        ('"client.batch_size" = [5, 20]', '"client.batch_sise" = [5, 20]', "did you mean 'client.batch_size'"),
        ('"client.batch_size" = [5, 20]', '"client.batch_size" = [0, 20]', "at least 1"),
        ('objectives = ["delay p(99) < 2 s", "false_ndr == 0"]', "", "at least one objective"),
        ("false_ndr == 0", "false_ndrs == 0", "did you mean 'false_ndr'"),
        ("tolerance = 0.02", "tolerence = 0.02", "did you mean 'tolerance'"),
        ('arrivals = { dist = "poisson", rate_per_s = 1.0 }', "", "messages arrive at once"),
    ],
)
def test_a_plan_that_cannot_be_used_is_refused_and_nothing_written(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in PLAN
    with pytest.raises(InputError) as caught:
        planned(tmp_path, PLAN.replace(old, new))
    assert said in str(caught.value)
    assert not (tmp_path / "out").exists()
