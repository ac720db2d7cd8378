"""The tidy summary of a study."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simsmtp.errors import InputError
from simsmtp.statistics.intervals import mean_interval
from simsmtp.statistics.summary import natural_range, summarise

COLUMNS = ["point", "client.strategy", "response", "n", "mean", "sd", "low", "high"]


def rows(**changes: object) -> pd.DataFrame:
    table = {
        "point": [2, 2, 1, 1],
        "client.strategy": ["one-stop", "one-stop", "corrected", "corrected"],
        "replication": [0, 1, 0, 1],
        "lost": [1, 3, 0, 0],
        "false_ndr_rate": [0.0, 0.9, 0.0, 0.0],
        "error": [None, None, None, None],
    }
    return pd.DataFrame({**table, **changes})


def test_shape_and_order() -> None:
    found = summarise(rows(), ["client.strategy"], ["lost", "false_ndr_rate"])
    assert list(found.columns) == COLUMNS
    assert found["point"].tolist() == [1, 1, 2, 2]
    assert found["client.strategy"].tolist() == ["corrected", "corrected", "one-stop", "one-stop"]
    assert found["response"].tolist() == ["lost", "false_ndr_rate"] * 2
    assert found["mean"].tolist() == pytest.approx([0, 0, 2, 0.45])
    assert found["n"].tolist() == [2, 2, 2, 2]


def test_ends_stay_within_what_a_response_can_be() -> None:
    found = summarise(rows(), ["client.strategy"], ["lost", "false_ndr_rate"]).set_index(["point", "response"])
    assert found.loc[(2, "lost"), "low"] == 0
    assert found.loc[(2, "lost"), "high"] > 3
    assert found.loc[(2, "false_ndr_rate"), ["low", "high"]].tolist() == [0, 1]
    assert natural_range("temperature") == (-np.inf, np.inf)


def test_failed_replications_count_nowhere() -> None:
    table = rows(error=[None, "Crash: x", np.nan, None], lost=[1, np.nan, 0, 0])
    found = summarise(table, [], ["lost"])
    assert found["n"].tolist() == [2, 1]
    assert found["mean"].tolist() == [0, 1]
    assert np.isnan(found["high"].iloc[1])


def test_a_point_without_any_replication_is_kept() -> None:
    found = summarise(rows(error=["boom", "boom", None, None]), ["client.strategy"], ["lost"])
    assert found["n"].tolist() == [2, 0]
    assert np.isnan(found["mean"].iloc[1])
    assert found["client.strategy"].iloc[1] == "one-stop"


def test_every_replication_failed() -> None:
    found = summarise(rows(error=["boom"] * 4), [], ["lost"])
    assert found["n"].tolist() == [0, 0]


def test_error_column_is_optional_and_missing_values_tell() -> None:
    found = summarise(rows(lost=[None, 3, 0, 0]).drop(columns="error"), [], ["lost"])
    assert found["n"].tolist() == [2, 1]


def test_index_of_the_rows_does_not_matter() -> None:
    table = rows()
    table.index = pd.Index([0, 0, 0, 0])
    pd.testing.assert_frame_equal(summarise(table, [], ["lost"]), summarise(rows(), [], ["lost"]))


def test_levels_that_are_none_survive() -> None:
    table = rows().assign(limit=pd.Series([None, None, 5, 5], dtype=object))
    assert summarise(table, ["limit"], ["lost"])["limit"].tolist() == [5, None]


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.one_of(st.just(float("nan")), st.floats(0, 1e4))),
        min_size=1,
        max_size=40,
    )
)
def test_agrees_with_mean_interval(pairs: list[tuple[int, float]]) -> None:
    table = pd.DataFrame(pairs, columns=["point", "anything"])
    for row in summarise(table, [], ["anything"], 0.9).itertuples():
        found = mean_interval([value for point, value in pairs if point == row.point], 0.9)
        assert (row.n, row.mean, row.sd) == pytest.approx((found.n, found.mean, found.sd), nan_ok=True, abs=1e-6)
        assert (row.low, row.high) == pytest.approx((found.low, found.high), nan_ok=True, abs=1e-5)


def test_equal_values_have_no_width() -> None:
    table = pd.DataFrame({"point": [0] * 3, "x": [0.1] * 3})
    assert summarise(table, [], ["x"])[["mean", "sd", "low", "high"]].iloc[0].tolist() == [0.1, 0, 0.1, 0.1]


def test_missing_column_is_named() -> None:
    with pytest.raises(InputError, match=r"lots: no such column; .*did you mean 'lost'\?"):
        summarise(rows(), [], ["lots"])


def test_bad_level() -> None:
    with pytest.raises(InputError, match="level"):
        summarise(rows(), [], ["lost"], level=1.5)
