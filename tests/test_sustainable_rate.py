"""What a capacity plan answers first: the verdict, the rate that it can sustain, and three numbers more."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from capacity_files import PLAN, Queue, planned, queue

import simsmtp
from simsmtp.gate.compare_capacity import compare_capacity
from simsmtp.gate.verdicts import IDENTICAL
from simsmtp.planning.answer_text import answers
from simsmtp.planning.capacity import Capacity
from simsmtp.planning.capacity_files import document_of_capacity
from simsmtp.planning.headline import headline
from simsmtp.planning.recorded_answers import RecordedAnswers, answers_of
from simsmtp.planning.sustainable_rate import BOUND, SEARCHED, sustainable_rate
from simsmtp.report.capacity_sections import capacity_parts

__all__ = ["queue"]
RATE_ALONE = re.sub(r'"client\.(batch_size|connections)" = \[1, 64\]\n', "", PLAN)


def with_bound(found: Capacity, rate: float) -> Capacity:
    """Return the answers with a tightest bound of so many messages a second."""
    first = found.bounds[0]._replace(messages_per_s=rate, recipients_per_s=10 * rate)
    return replace(found, bounds=[first, *found.bounds[1:]])


@pytest.fixture
def plan(tmp_path: Path, queue: Queue) -> Capacity:
    return planned(tmp_path, RATE_ALONE)


def test_below_the_bound_the_confirmed_rate_is_sustainable(plan: Capacity) -> None:
    found, value = sustainable_rate(plan), plan.findings["rate"].value
    assert (found.basis, found.messages_per_s, found.value) == (SEARCHED, value, value)
    assert value is not None
    assert found.recipients_per_s == pytest.approx(10 * value)
    assert "confirmed on 8 fresh replications; the long-run bound of connections is 19.1 messages/s" in found.note


def test_above_the_bound_the_bound_is_and_words_say_so(plan: Capacity) -> None:
    beyond = with_bound(plan, 5.0)
    found = sustainable_rate(beyond)
    assert (found.basis, found.messages_per_s, found.recipients_per_s, found.value) == (BOUND, 5.0, 50.0, 5.0)
    assert found.text == "at least 4.4, below 5 messages/s (50 recipients/s)"
    largest = plan.findings["rate"].value
    assert found.note == (
        "runs at 4.4 meet the objectives; the long-run bound of connections is 5 messages/s; "
        f"runs that end pass up to {largest}"
    )
    words = next(one for one in answers(beyond) if one.startswith("The largest arrival rate"))
    assert f"{largest} messages/s" in words
    assert words.endswith("the queue grows as long as messages arrive. Plan for less than this bound.")
    assert "Plan for less" not in plan.answer()


@pytest.mark.parametrize(
    ("objectives", "text", "note"),
    [
        (["delay p(99) < 10 ms"], "none found", "no rate tried meets the objectives; the long-run bound"),
        (["false_ndr == 0"], "at least 16, below 19.1 messages/s", "runs that end pass up to 100"),
    ],
)
def test_a_rate_that_is_not_found_or_has_no_end(
    tmp_path: Path, queue: Queue, objectives: list[str], text: str, note: str
) -> None:
    found = sustainable_rate(planned(tmp_path, RATE_ALONE, objectives=objectives))
    assert found.text.startswith(text)
    assert note in found.note


def test_without_a_bound_the_largest_rate_tried_is_at_least_sustainable(tmp_path: Path, queue: Queue) -> None:
    capacity = replace(planned(tmp_path, RATE_ALONE, objectives=["false_ndr == 0"]), bounds=[])
    found = sustainable_rate(capacity)
    assert found.text == "at least 100 messages/s (1,000 recipients/s)"
    assert found.note.startswith("the largest rate tried, confirmed on 8 fresh replications")
    assert found.note.endswith("no long-run bound is known")


def test_rates_that_pass_only_above_the_bound_are_not_sustainable(tmp_path: Path, queue: Queue) -> None:
    queue.delivered_per_s = lambda rate: 10 * rate
    capacity = planned(tmp_path, RATE_ALONE, objectives=["delivered_per_s > 35"])
    found = sustainable_rate(with_bound(capacity, 2.0))
    assert (found.messages_per_s, found.basis, found.text) == (None, "", "none found")
    assert "only in runs that end" in found.note


def test_a_rate_that_was_not_searched_is_not_known(tmp_path: Path, queue: Queue) -> None:
    capacity = planned(tmp_path, RATE_ALONE.replace("rate = [0.1, 100]\n", '"client.connections" = [1, 4]\n'))
    found = sustainable_rate(capacity)
    assert (found.messages_per_s, found.text) == (None, "not searched")
    assert found.note.startswith("no rate in [capacity.search]; the long-run bound of connections is 19.1")


def test_the_four_numbers(plan: Capacity) -> None:
    numbers = {one.name: one for one in headline(plan).numbers}
    assert list(numbers) == ["Sustainable rate", "Last recipient", "Bottleneck", "Cost"]
    assert numbers["Last recipient"].text == "after 30 min"
    assert numbers["Bottleneck"].text == "connections: room for 19.1 times as much"
    assert numbers["Bottleneck"].note.startswith("5.24 % in use at 1 messages/s")
    assert numbers["Cost"].text == "4.6 EUR a run"
    assert headline(with_bound(plan, 0.5)).numbers[2].text == "connections: overloaded"
    bare = {one.name: one.text for one in headline(replace(plan, bounds=[], cost=None)).numbers}
    assert (bare["Bottleneck"], bare["Cost"]) == ("none known", "not asked for")


def test_recipients_that_a_horizon_leaves_over_have_no_last(tmp_path: Path) -> None:
    arrivals = {"dist": "poisson", "rate_per_s": 50.0}
    scenario = {"horizon_s": 1.0, "workload": {"messages": 100, "recipients_per_message": 5, "arrivals": arrivals}}
    found = simsmtp.capacity(
        scenario, objectives=["false_ndr == 0"], replications=2, output=tmp_path, progress=False, workers=1
    )
    last = headline(found).numbers[1]
    assert last.text == "not within 1 s"
    assert re.fullmatch(r"\d+(\.\d+)? recipients on average are still queued when the run ends", last.note)


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        (lambda one: one, "The plan as written meets its objectives (1 messages/s, "),
        (
            lambda one: with_bound(one, 0.5),
            "The plan as written meets its objectives in a run that ends (1 messages/s, ",
        ),
    ],
)
def test_the_verdict_is_one_line(plan: Capacity, change: Callable[[Capacity], Capacity], verdict: str) -> None:
    told = headline(change(plan)).verdict
    assert told.startswith(verdict)
    assert "\n" not in told
    assert ("long-run bound of 0.5 messages/s" in told) == ("ends" in verdict)


def test_the_document_holds_them_and_reports_begin_with_them(plan: Capacity) -> None:
    found = document_of_capacity(plan)
    assert found["headline"]["verdict"] == headline(plan).verdict
    assert found["sustainable_rate"]["basis"] == SEARCHED
    assert found["last_recipient_s"]["mean"] == 1800.0
    names = [name for name, _, _ in capacity_parts(found, "<p>figure</p>")]
    assert names == ["glance", "figures", "words", "plan"]
    html = plan._repr_html_()
    order = ["meets its objectives", "Sustainable rate", "Last recipient", "Bottleneck", "Cost",
             'src="data:image/png', "The largest arrival rate", "What was assumed",
             "Percentiles of delay", "Most influential inputs: 99th percentile of delay (s)"]  # fmt: skip
    places = [html.index(one) for one in order]
    assert places == sorted(places)
    assert html.count("The plan as written meets its objectives") == 1


def of_an_earlier_version(new: RecordedAnswers) -> RecordedAnswers:
    """Return the same answers as a version wrote them that had other words and fewer values."""
    document = json.loads(json.dumps(new.document))
    for key in ("headline", "sustainable_rate", "last_recipient_s"):
        del document[key]
    document |= {"answer": "As written the plan meets them.", "answers": ["As written."], "code": "another"}
    document["searches"][0] |= {"sentence": "The largest arrival rate that meets them is so much.", "text": "so much"}
    return RecordedAnswers(new.source, document, new.digest, new.summary)


def test_answers_of_an_earlier_version_are_read_and_found_identical(plan: Capacity) -> None:
    new = answers_of(plan)
    old = of_an_earlier_version(new)
    assert compare_capacity(old, new).verdict == IDENTICAL
    assert "sustainable rate" not in {row.answer for row in compare_capacity(old, new).rows}
    assert "sustainable rate" in {row.answer for row in compare_capacity(new, new).rows}
    parts = {name: html for name, _, html in capacity_parts(old.document, "<p>figure</p>")}
    assert list(parts) == ["glance", "figures", "plan"]
    assert "As written." in parts["glance"]


def test_other_values_are_never_identical(plan: Capacity) -> None:
    new = answers_of(plan)
    other = of_an_earlier_version(new)
    other.document["searches"][0]["value"] *= 1.001
    assert compare_capacity(other, new).verdict != IDENTICAL
