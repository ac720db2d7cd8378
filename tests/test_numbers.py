"""Numbers as people write them, and what an answer has to say of the numbers in it."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from capacity_files import PLAN, Queue, planned, queue
from hypothesis import given
from hypothesis import strategies as st
from study_files import TINY, FakeEngine, engine, here, written

import simsmtp
from simsmtp import Scenario, simulate
from simsmtp.cli.printing.capacity_tables import print_capacity
from simsmtp.cli.printing.documents import document_of
from simsmtp.cli.printing.study_tables import print_study
from simsmtp.experiment.capacity_table import RATE
from simsmtp.figures.labels import level_text
from simsmtp.gate.comparison_views import change_text
from simsmtp.model.numbers import number_text, percent_text, seconds_text, signed_text
from simsmtp.planning.answer_text import size_text
from simsmtp.planning.capacity_files import document_of_capacity
from simsmtp.planning.finding_text import value_text
from simsmtp.report.capacity_sections import capacity_tables
from simsmtp.report.report import write_report
from simsmtp.statistics.judgements import judge
from simsmtp.statistics.objectives import parse_objective
from simsmtp.theory.asymptotic_bounds import recipients_per_message

__all__ = ["engine", "here", "queue"]
WRITERS = [number_text, level_text, lambda value: number_text(value, 2)]


@given(st.floats(-1e14, 1e14).filter(lambda value: abs(value) >= 1e-6 or value == 0), st.sampled_from(WRITERS))
def test_no_power_of_ten_and_no_minus_zero_in_ordinary_numbers(value: float, write: Any) -> None:
    text = write(value)
    assert re.fullmatch(r"-?\d[\d,]*(\.\d*[1-9])?", text), text
    assert not re.fullmatch(r"-0(\.0*)?", text)


@given(st.floats(1e-6, 1e14), st.integers(1, 12))
def test_the_digits_asked_for_are_right(value: float, digits: int) -> None:
    read = float(number_text(value, digits).replace(",", ""))
    assert math.isclose(read, value, rel_tol=0.5001 * 10 ** (1 - digits))


@given(st.integers(-(10**14), 10**14))
def test_whole_numbers_are_written_in_full(value: int) -> None:
    assert number_text(value) == f"{value:,}"
    assert number_text(float(value), 2) == f"{value:,}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (number_text(50_000.0), "50,000"),
        (number_text(9.9996), "10"),
        (number_text(999.96), "1,000"),
        (number_text(float("nan")), "-"),
        (number_text(float("inf")), "∞"),
        (number_text(1.5e-9), "1.5e-09"),
        (level_text(1234), "1234"),  # a level of a figure: as it is given on the command line
        (level_text(12345.6), "12,346"),
        (percent_text(1.6), "160 %"),
        (percent_text(-6.7e-17), "0 %"),
        (percent_text(-1e-17, signed=True), "+0 %"),
        (percent_text(12.345, signed=True), "+1,234 %"),
        (signed_text(-0.0), "+0"),
        (seconds_text(9.96), "10 s"),
        (seconds_text(59.9), "1 min"),
        (seconds_text(7200), "2 h"),
        (seconds_text(5_000_000), "1,388 h 53 min"),
        (change_text({"change": 2345.6, "low": 0.17, "high": 50_000.0, "relative": True}),
         "+234,560 % [+17 %, +5,000,000 %]"),
    ],
)  # fmt: skip
def test_numbers_read_as_people_write_them(text: str, expected: str) -> None:
    assert text == expected


def test_a_rate_of_fifty_thousand_recipients_is_written_out() -> None:
    scenario = Scenario(
        workload={"recipients_per_message": 5000, "messages": 10, "arrivals": {"dist": "poisson", "rate_per_s": 1.0}}
    )
    assert value_text(scenario, RATE, 10.0) == "10 messages/s (50,000 recipients/s)"


@pytest.mark.parametrize(
    ("objective", "values", "part"),
    [
        ("delay p(99) < 2 min", [90.0, 96.0, 93.0], "1.55 min on average over 3 replications, 95 % interval 1.426 min"),
        ("delay p(99) < 500 ms", [0.25, 0.26], "255 ms on average"),
        ("delay p(99) < 1 h", [7200.0], "2 h in one replication"),
        ("false_ndr_rate < 1 %", [0.005, 0.006], "0.55 % on average"),
        ("delivered_per_s > 60 /min", [2.0, 2.0], "120 /min on average"),
        ("makespan_s < 60", [10.0, 10.0], "10 s on average"),
        ("delivered > 5", [100_000.0, 100_000.0], "100,000 on average"),
        ("lost == 0", [12_345.0, 0.0], "6,172 each on average"),
        ("lost == 0", [0.0], "none in 1 replication;"),
    ],
)
def test_a_value_is_told_in_the_unit_of_its_objective(objective: str, values: list[float], part: str) -> None:
    assert part in judge(parse_objective(objective), values).sentence


def test_a_level_near_one_is_not_rounded_to_all() -> None:
    assert "at the 99.95 % level" in judge(parse_objective("lost == 0"), [0.0] * 5, 0.9995).sentence


def trace_of(folder: Path, messages: int) -> Path:
    sizes = [1, 1, 1, 2, 3, 5, 17, 120]
    lines = [f"s{i}@a.example r{i}-{j}@b.example {2 * i}" for i in range(messages) for j in range(sizes[i * 7 % 8])]
    path = folder / "trace.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("messages", [3, 513, 900])
def test_a_trace_is_told_with_the_messages_that_it_has(tmp_path: Path, messages: int) -> None:
    scenario = Scenario.from_dict({"workload": {"trace": str(trace_of(tmp_path, messages)), "arrivals": "trace"}})
    sizes = [[1, 1, 1, 2, 3, 5, 17, 120][i * 7 % 8] for i in range(messages)]
    assert recipients_per_message(scenario) == pytest.approx(sum(sizes) / messages, abs=1e-12)
    rows = pd.DataFrame({"recipients": [float(sum(sizes))]})
    assert size_text(scenario, rows) == f"{messages:,} messages to {sum(sizes):,} recipients on average"


SEVERAL = PLAN.replace(
    "[scenario.client]",
    '[[scenario.destinations]]\nname = "near"\n[[scenario.destinations]]\nname = "far"\n\n[scenario.client]',
)


def test_a_capacity_answer_says_that_percentiles_are_pooled(
    tmp_path: Path, queue: Queue, capsys: pytest.CaptureFixture[str]
) -> None:
    capacity = planned(tmp_path, SEVERAL)
    document = document_of_capacity(capacity)
    assert "pooled over all 2 destinations" in document["pooled"]
    assert "delay p(99) < 2 s is met (pooled over 2 destinations: " in document["answer"]
    assert "Whether each of them meets it alone is not known" in document["answer"]
    print_capacity(capacity, [])
    shown = " ".join(capsys.readouterr().out.split())
    assert "Delay from arrival to acceptance (s), pooled over 2 destinations" in shown
    html = capacity._repr_html_()
    assert "Percentiles of delay (s), pooled over 2 destinations" in html
    assert "Saturation curve, pooled over 2 destinations" in html


def test_with_one_destination_nothing_is_pooled(tmp_path: Path, queue: Queue) -> None:
    capacity = planned(tmp_path)
    assert "pooled" not in capacity._repr_html_()
    assert document_of_capacity(capacity)["pooled"] is None


def test_a_capacity_report_shows_delays_in_the_unit_of_the_objective(tmp_path: Path, queue: Queue) -> None:
    capacity = planned(tmp_path, objectives=["delay p(99) < 2000 ms"])
    found = document_of_capacity(capacity)
    html = capacity_tables(found)
    assert "Percentiles of delay (ms)" in html
    late = found["percentiles"][2]["plan"]
    assert 0 < late < 2
    assert number_text(late * 1000) in html


def test_a_result_of_several_destinations_says_that_percentiles_are_pooled() -> None:
    tables = {"workload": {"recipients_per_message": 4}, "destinations": [{"name": "near"}, {"name": "far"}]}
    assert "pooled over all 2 destinations" in simulate(tables)._repr_html_()
    assert "pooled" not in simulate({"workload": {"recipients_per_message": 4}})._repr_html_()


def study_in(folder: Path, text: str) -> simsmtp.Study:
    return simsmtp.run(written(folder, text), workers=1, progress=False)


TWO = TINY.replace(
    "[factors]", '[[scenario.destinations]]\nname = "near"\n[[scenario.destinations]]\nname = "far"\n[factors]'
)


def test_a_study_of_several_destinations_says_that_percentiles_are_pooled(
    here: Path, engine: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = TWO.replace("replications = 3", 'replications = 3\nresponses = ["delivered", "delay_p99_s"]')
    shown = shown.replace('"false_ndr"]', '"delay_p95_s"]')
    study = study_in(here, shown)
    written_files = study.write()
    print_study(study, written_files)
    assert "pooled over all 2 destinations" in " ".join(capsys.readouterr().out.split())
    assert "pooled over all 2 destinations" in study._repr_html_()
    assert "pooled over 2 destinations" in " ".join(study.plot().get_suptitle().split())
    assert "pooled over all 2 destinations" in document_of(study)["pooled"]
    assert "pooled over all 2 destinations" in write_report(study.folder).read_text(encoding="utf-8")
    assert any("pooled over all 2 destinations" in note for note in simsmtp.compare(study, study).notes)


def test_a_study_that_shows_no_percentile_or_has_one_destination_says_nothing(
    here: Path, engine: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    few = TWO.replace("replications = 3", 'replications = 3\nresponses = ["delivered"]')
    for text in (few, TINY):
        study = study_in(here, text)
        print_study(study, [])
        assert "pooled" not in capsys.readouterr().out + study._repr_html_()
