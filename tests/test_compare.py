"""The comparison of rows: what is identical, worse, good enough, or not known."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsmtp.errors import InputError
from simsmtp.gate.compare_rows import Comparison, Margin, compare_rows, read_margins
from simsmtp.gate.comparison_views import change_text
from simsmtp.gate.verdicts import (
    CHANGED,
    FAILED,
    IDENTICAL,
    INCONCLUSIVE,
    OK,
    REGRESSION,
    judge,
    with_alarms,
)  # fmt: skip
from simsmtp.output.json_values import plain
from simsmtp.rows.responses import BY_NAME, COLUMNS

NAN = float("nan")


def rows(points: int = 1, replications: int = 10, **values: Any) -> pd.DataFrame:
    """Return rows of a study that delivers 100 recipients a replication, some responses replaced."""
    table = pd.DataFrame({name: [100.0] * (points * replications) for name in COLUMNS})
    for name in ("false_ndr", "contradictory_ndr", "duplicate", "lost", "missed_ndr", "queued", "false_ndr_rate"):
        table[name] = 0.0
    table["point"] = np.repeat(np.arange(1, points + 1), replications)
    table["replication"] = list(range(replications)) * points
    table["batch"] = table["point"] * 10
    return table.assign(**values)


def noisy(seed: int, mean: float = 100.0, sd: float = 1.0, n: int = 10) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, sd, n)


def verdict(found: Comparison, response: str, point: int = 1) -> str:
    here = found.rows[(found.rows["response"] == response) & (found.rows["point"] == point)]
    return str(here["verdict"].iloc[0])


def test_equal_rows_are_identical_to_the_last_bit() -> None:
    base = rows(2, makespan_s=[0.1 * one for one in range(20)], delay_p50_s=NAN)
    found = compare_rows(base, base.copy(), factors=["batch"])
    assert (found.verdict, found.exit_code) == (IDENTICAL, 0)
    assert set(found.rows["verdict"]) == {IDENTICAL}
    assert len(found.rows) == 2 * len(COLUMNS)
    assert "identical" in found.to_markdown()
    one_bit = base.assign(makespan_s=np.nextafter(base["makespan_s"], 9))
    assert compare_rows(base, one_bit).verdict == OK


def test_a_change_within_the_margin_is_ok_and_beyond_it_a_regression() -> None:
    a = noisy(1)
    base = rows(makespan_s=a, delivered_per_s=a)
    assert compare_rows(base, rows(makespan_s=a * 1.02, delivered_per_s=a * 0.98)).verdict == OK
    worse = compare_rows(base, rows(makespan_s=a * 1.08, delivered_per_s=a))
    assert (verdict(worse, "makespan_s"), worse.exit_code) == (REGRESSION, 3)
    slower = compare_rows(base, rows(makespan_s=a, delivered_per_s=a * 0.9))
    assert verdict(slower, "delivered_per_s") == REGRESSION
    faster = compare_rows(base, rows(makespan_s=a * 0.5, delivered_per_s=a * 2))
    assert (faster.verdict, faster.exit_code) == (OK, 0)


def test_change_interval_and_margin_are_in_the_same_terms() -> None:
    a, b = noisy(1), noisy(1) * 1.08 + noisy(2, 0, 0.3)
    row = compare_rows(rows(makespan_s=a), rows(makespan_s=b), responses=["makespan_s"]).rows.iloc[0]
    assert row["change"] == pytest.approx(b.mean() / a.mean() - 1)
    assert row["low"] < row["change"] < row["high"]
    assert row["low"] > row["margin"] == 0.05
    z = b - 1.05 * a
    half = 2.262157 * z.std(ddof=1) / np.sqrt(10)
    assert row["low"] == pytest.approx((z.mean() - half) / a.mean() + 0.05)


def test_noise_is_inconclusive() -> None:
    base, new = rows(makespan_s=noisy(1, sd=30)), rows(makespan_s=noisy(2, 106, sd=30))
    found = compare_rows(base, new)
    assert (found.verdict, found.exit_code) == (INCONCLUSIVE, 4)


def test_inconclusive_says_what_to_do_next() -> None:
    found = compare_rows(rows(makespan_s=noisy(1, sd=30)), rows(makespan_s=noisy(2, 106, sd=30)))
    assert "more than 10 replications (--replications 20 --write-baseline FILE)" in found.to_markdown()
    assert "or allow more (--margin)" in found._repr_html_()
    means = compare_rows(rows(replications=1), rows(replications=1, makespan_s=100.1), means_only=True)
    assert "write a baseline of rows" in means.to_markdown()
    assert "Next:" not in compare_rows(rows(makespan_s=noisy(1)), rows(makespan_s=noisy(1) * 1.02)).to_markdown()


@pytest.mark.parametrize("relative", [True, False])
def test_zero_has_no_minus(relative: bool) -> None:
    row = {"change": -0.0, "low": -0.0, "high": 0.0, "relative": relative}
    assert "-0" not in change_text(row)
    assert str(plain(np.float64(-0.0))) == "0.0"


def test_never_is_refuted_by_one_counter_example_on_the_same_mail() -> None:
    lost = [0.0] * 9 + [1.0]
    found = compare_rows(rows(), rows(lost=lost))
    assert verdict(found, "lost") == REGRESSION
    assert "above 0 in 1 on the same mail" in found.rows.set_index("response").loc["lost", "reason"]
    other_mail = compare_rows(rows(recipients=noisy(1)), rows(recipients=noisy(2), lost=lost))
    assert verdict(other_mail, "lost") == INCONCLUSIVE
    allowed = compare_rows(rows(), rows(lost=lost), margins={"lost": Margin(absolute=2)})
    assert verdict(allowed, "lost") == OK


def test_fewer_of_a_rare_event_is_ok_without_a_test() -> None:
    base, new = rows(duplicate=[0.0] * 9 + [3.0]), rows(duplicate=[0.0] * 10)
    assert verdict(compare_rows(base, new), "duplicate") == OK


def test_what_is_the_same_in_every_replication_needs_no_test() -> None:
    assert verdict(compare_rows(rows(replications=2), rows(replications=2, makespan_s=104.0)), "makespan_s") == OK
    worse = compare_rows(rows(replications=2), rows(replications=2, makespan_s=106.0))
    assert verdict(worse, "makespan_s") == REGRESSION
    once = compare_rows(rows(replications=1), rows(replications=1, makespan_s=106.0))
    assert verdict(once, "makespan_s") == INCONCLUSIVE


def test_neither_direction_better_is_changed_and_does_not_gate() -> None:
    found = compare_rows(rows(), rows(recipients=50.0))
    assert verdict(found, "recipients") == CHANGED
    assert (found.verdict, found.exit_code) == (OK, 0)


def test_values_that_went_away_are_never_ok() -> None:
    assert verdict(compare_rows(rows(), rows(delay_p50_s=NAN)), "delay_p50_s") == INCONCLUSIVE
    assert verdict(compare_rows(rows(delay_p50_s=NAN), rows()), "delay_p50_s") == CHANGED


def test_failed_replications_have_exit_code_1() -> None:
    new = rows(2).assign(error=[None] * 19 + ["ValueError: no"])
    found = compare_rows(rows(2), new)
    assert (found.verdict, found.exit_code) == (FAILED, 1)
    assert found.to_dict()["rows"][0]["reason"] == "1 replications failed"


def test_alarms_are_corrected_over_all_tests() -> None:
    a, one = noisy(1), BY_NAME["makespan_s"]
    worse = judge(a, a * 1.05 + noisy(6, 0.3, 0.3), one, Margin(), 0.95, same_mail=False)
    assert 0.001 < worse.p < 0.01
    assert with_alarms([worse], 0.01)[0].verdict == REGRESSION
    many = with_alarms([worse] * 20, 0.01)
    assert {cell.verdict for cell in many} == {INCONCLUSIVE}
    assert "20 tests" in many[0].reason


def test_replications_and_points_of_one_side_only_are_left_out() -> None:
    found = compare_rows(rows(1, 3), rows(1, 9))
    assert set(found.rows["n"]) == {3}
    with pytest.raises(InputError, match="no replication stands on both sides"):
        compare_rows(rows(1, 3), rows(1, 3).assign(replication=[7, 8, 9]))


def test_means_are_equal_or_not() -> None:
    base, new = rows(replications=1), rows(replications=1, makespan_s=100.1, recipients=1.0)
    found = compare_rows(base, new, means_only=True)
    assert (verdict(found, "makespan_s"), verdict(found, "recipients")) == (INCONCLUSIVE, CHANGED)
    assert compare_rows(base, base, means_only=True).verdict == IDENTICAL


def test_a_factor_may_be_called_like_a_column() -> None:
    base = rows(2, margin=[1] * 10 + [2] * 10)
    found = compare_rows(base, base, factors=["margin"])
    assert found.factors == ("margin (factor)",)
    assert set(found.rows["margin (factor)"]) == {1, 2}


def test_two_looks_spend_half_of_both_errors_each() -> None:
    found = compare_rows(rows(), rows(makespan_s=noisy(1)), looks=2)
    assert (found.level, found.alarm) == (pytest.approx(0.975), 0.005)


@pytest.mark.parametrize("margin", [-0.1, NAN, "5 %", None, {"makespan": 0.1}, {"lost": Margin(0.1, -1)}])
def test_an_impossible_margin_is_an_input_error(margin: Any) -> None:
    with pytest.raises(InputError):
        read_margins(margin)


@pytest.mark.parametrize("options", [{"responses": ["makespan"]}, {"level": 1.0}, {"alarm": 0.0}])
def test_other_impossible_options_too(options: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        compare_rows(rows(), rows(), **options)


def test_views_say_what_happened() -> None:
    found = compare_rows(
        rows(2), rows(2, makespan_s=150.0, lost=7.0), factors=["batch"], name="<b>|x", notes=["a note"]
    )
    text = found.to_markdown()
    for part in ("REGRESSION", "| 10 | makespan_s | 100 | 150 | +50 %", "0 absolute", "a note", "95 %"):
        assert part in text
    assert "more." in found.to_markdown(1)
    html = found._repr_html_()
    assert "REGRESSION" in html
    assert "<b>|x" not in html
    assert "4 REGRESSION" in repr(found)
    document = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert (document["verdict"], document["exit_code"], len(document["rows"])) == (REGRESSION, 3, 4)
    assert document["rows"][0]["factors"] == {"batch": 10}


@given(st.lists(st.floats(0.1, 1e6), min_size=2, max_size=12), st.floats(0.0, 0.5))
def test_never_worse_is_never_a_regression_and_the_order_of_rows_does_not_matter(a: list[float], share: float) -> None:
    base = rows(1, len(a), makespan_s=a, rcpt_commands=a)
    new = base.assign(makespan_s=np.array(a) * (1 - share), rcpt_commands=np.array(a) * (1 - share))
    found = compare_rows(base, new)
    assert found.exit_code in {0, 4}
    assert verdict(found, "rcpt_commands") in {OK, IDENTICAL}
    again = compare_rows(base.iloc[::-1], new.sample(frac=1, random_state=1))
    assert found.rows.equals(again.rows)
