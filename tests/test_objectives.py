"""The grammar of objectives, and what it takes to meet one."""

from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsmtp.errors import InputError
from simsmtp.rows.responses import RESPONSES
from simsmtp.statistics.intervals import zero_bound
from simsmtp.statistics.judgements import MET, MISSED, UNDECIDED, judge, verdict_of
from simsmtp.statistics.objectives import parse_objective, parse_objectives


@pytest.mark.parametrize(
    ("text", "response", "operator", "threshold"),
    [
        ("delay p(99) < 60 s", "delay_p99_s", "<", 60.0),
        ("delay p(95) <= 500 ms", "delay_p95_s", "<=", 0.5),
        ("p(50)<1min", "delay_p50_s", "<", 60.0),
        ("delay p99 < 2 h", "delay_p99_s", "<", 7200.0),
        ("delay p(99.0) < 60 s", "delay_p99_s", "<", 60.0),
        ("delay_p99_s < 60", "delay_p99_s", "<", 60.0),
        ("false_ndr == 0", "false_ndr", "==", 0.0),
        ("false_ndr_rate < 0.001", "false_ndr_rate", "<", 0.001),
        ("false_ndr_rate < 0.1 %", "false_ndr_rate", "<", 0.001),
        ("delivered_per_s > 100", "delivered_per_s", ">", 100.0),
        ("delivered_per_s >= 6,000 /min", "delivered_per_s", ">=", 100.0),
        ("makespan < 1 d", "makespan_s", "<", 86_400.0),
        ("queued == 0", "queued", "==", 0.0),
    ],
)
def test_an_objective_is_read(text: str, response: str, operator: str, threshold: float) -> None:
    found = parse_objective(text)
    assert (found.response, found.operator) == (response, operator)
    assert found.threshold == pytest.approx(threshold)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dely p(99) < 60 s", "did you mean 'delay'"),
        ("false_ndrs == 0", "did you mean 'false_ndr'"),
        ("delay p(99.9) < 60 s", "not carried by the sample"),
        ("delay p(90) < 60 s", "delay p(50), delay p(95), delay p(99)"),
        ("delay < 60 s", "needs a percentile"),
        ("lost p(99) < 3", "percentiles of delay alone"),
        ("delay p(99) < 60", "needs its unit"),
        ("delay p(99) < 60 mins", "did you mean 'min'"),
        ("lost < 3 s", "allowed: no unit"),
        ("lost = 0", "unknown operator"),
        ("lost != 0", "unknown operator"),
        ("lost < 0", "never below 0"),
        ("delay p(99) < 0 s", "never below 0"),
        ("delay p(99) == 0 s", "never 0"),
        ("false_ndr_rate > 100 %", "never above 1"),
        ("queued == 5", "only == 0"),
        (f"lost < {'9' * 400}", "too large a number"),
        ("fast please", "RESPONSE OPERATOR NUMBER"),
        ("", "RESPONSE OPERATOR NUMBER"),
    ],
)
def test_what_is_no_objective_is_refused(text: str, said: str) -> None:
    with pytest.raises(InputError, match=r"^objective: ") as caught:
        parse_objective(text)
    assert said in str(caught.value)


def test_objectives_that_exclude_each_other_are_refused() -> None:
    with pytest.raises(InputError, match="no plan can meet both"):
        parse_objectives(["delay p(99) < 1 s", "delay p(99) > 2 s"])
    with pytest.raises(InputError, match="at least one objective"):
        parse_objectives([])
    assert len(parse_objectives(["lost == 0", "lost  ==  0"])) == 1


def test_more_objectives_than_can_be_judged_in_reasonable_time_are_refused() -> None:
    with pytest.raises(InputError, match="too many objectives; given: 101; allowed: up to 100"):
        parse_objectives([f"lost < {number}" for number in range(1, 102)])


@given(
    st.sampled_from(RESPONSES),
    st.sampled_from(["<", "<=", ">", ">="]),
    st.floats(1e-3, 1e6).map(lambda value: float(f"{value:.6g}")),
)
def test_a_column_with_a_number_reads_back(response: object, operator: str, threshold: float) -> None:
    name = response.name  # type: ignore[attr-defined]
    if name.endswith("_rate"):
        threshold = min(threshold, 0.5)
    found = parse_objective(f"{name} {operator} {threshold!r}")
    assert (found.response, found.operator, found.threshold) == (name, operator, threshold)


@given(st.text(max_size=40))
def test_any_text_is_an_objective_or_an_input_error(text: str) -> None:
    with contextlib.suppress(InputError):
        parse_objective(text)


@given(st.lists(st.floats(0, 100), min_size=2, max_size=12), st.floats(0.5, 100))
def test_a_verdict_agrees_with_its_interval(values: list[float], threshold: float) -> None:
    found = judge(parse_objective(f"delay_p99_s < {threshold!r}"), values)
    assert found.low <= found.high
    met, missed = found.high < threshold, found.low >= threshold
    assert found.verdict == (MET if met else MISSED if missed else UNDECIDED)


def test_the_end_of_the_interval_has_to_pass() -> None:
    objective = parse_objective("delay p(99) < 60 s")
    assert judge(objective, [50, 51, 52]).verdict == MET
    assert judge(objective, [50, 55, 64]).verdict == UNDECIDED  # the mean is below
    assert judge(objective, [70, 71, 72]).verdict == MISSED
    assert judge(objective, [1.0]).verdict == UNDECIDED
    assert judge(objective, []).verdict == UNDECIDED
    assert judge(parse_objective("delivered_per_s > 100"), [90, 120, 130]).verdict == UNDECIDED
    assert judge(parse_objective("delivered_per_s > 100"), [119, 120, 121]).verdict == MET


def test_no_delay_at_all_misses_a_ceiling() -> None:
    found = judge(parse_objective("delay p(99) < 60 s"), [1.0, math.nan])
    assert found.verdict == MISSED
    assert found.sentence == "1 of 2 replications have no value: nothing arrived"


@pytest.mark.parametrize("text", ["false_ndr == 0", "false_ndr <= 0", "false_ndr < 1", "false_ndr_rate < 0.001"])
def test_none_seen_is_said_with_its_bound(text: str) -> None:
    found = judge(parse_objective(text), [0] * 20)
    assert found.verdict == MET
    assert found.high == zero_bound(20)
    assert found.sentence == "none in 20 replications; at the 95 % level at most 13.9 % of replications show any"


def test_some_seen_misses_zero() -> None:
    found = judge(parse_objective("false_ndr == 0"), [0, 0, 0, 7])
    assert found.verdict == MISSED
    assert found.sentence == "1 of 4 replications show some, 1.75 each on average"
    assert found.low < 0.25 < found.high


def test_several_verdicts_come_to_one() -> None:
    objective = parse_objective("delay p(99) < 60 s")
    met, missed, open_ = (judge(objective, values) for values in ([1, 1], [99, 99], [50, 64]))
    assert verdict_of([met, met]) == MET
    assert verdict_of([met, open_]) == UNDECIDED
    assert verdict_of([met, open_, missed]) == MISSED
