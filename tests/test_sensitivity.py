"""Tornado and Sobol indices: closed forms and pairs."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from simsmtp.errors import InputError
from simsmtp.statistics.sensitivity import Span, sobol, tornado

PI = math.pi


def ishigami(points: pd.DataFrame) -> np.ndarray:
    a, b, c = (points[name] for name in "abc")
    return (np.sin(a) + 7 * np.sin(b) ** 2 + 0.1 * c**4 * np.sin(a)).to_numpy()


def rows() -> pd.DataFrame:
    """One at a time around rtt 50, batch 100; batch does nothing to what is lost."""
    noise = np.random.default_rng(1).normal(0, 30, 8)
    points = [(50, 100), (10, 100), (200, 100), (50, 25), (50, 400), (10, 25)]
    table = [
        {"rtt": rtt, "batch": batch, "replication": r, "speed": 1000 - 2 * rtt + batch / 4 + noise[r], "lost": 3}
        for rtt, batch in points
        for r in range(8)
    ]
    return pd.DataFrame(table)


def test_ishigami() -> None:
    """Ishigami and Homma (1990): the closed form of the indices, with a = 7 and b = 0.1."""
    table = sobol(ishigami, dict.fromkeys("abc", Span(-PI, PI)), 1024).set_index("factor")
    v1, v2, v13 = (1 + 0.1 * PI**4 / 5) ** 2 / 2, 49 / 8, 0.01 * PI**8 * 8 / 225
    total = v1 + v2 + v13
    assert table.loc[list("abc"), "first"].tolist() == pytest.approx([v1 / total, v2 / total, 0], abs=0.03)
    expected = [(v1 + v13) / total, v2 / total, v13 / total]
    assert table.loc[list("abc"), "total"].tolist() == pytest.approx(expected, abs=0.03)
    assert table.index.tolist() == ["a", "b", "c"]
    assert ((table["total_low"] <= table["total"]) & (table["total"] <= table["total_high"])).all()


def test_log_scale_and_several_responses() -> None:
    """On a log scale log10 of the input is uniform: equal spans of decades matter equally."""

    def two(points: pd.DataFrame) -> np.ndarray:
        return np.column_stack([np.log10(points["x"]) + np.log10(points["y"]), points["x"] * 0 + points["z"]])

    spans = {"x": Span(1, 100, "log"), "y": Span(10, 1000, "log"), "z": Span(0, 1)}
    table = sobol(two, spans, 256, responses=["a", "b"])
    assert table.shape == (6, 8)
    a = table[table["response"] == "a"].set_index("factor")["first"]
    assert a[["x", "y", "z"]].tolist() == pytest.approx([0.5, 0.5, 0], abs=0.03)
    assert table[table["response"] == "b"]["factor"].iloc[0] == "z"


def test_sobol_depends_on_the_seed_alone() -> None:
    spans = dict.fromkeys("abc", Span(-PI, PI))
    first, second = (sobol(ishigami, spans, 64, seed=3)["total"] for _ in range(2))
    assert first.equals(second)
    assert not first.equals(sobol(ishigami, spans, 64, seed=4)["total"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((ishigami, {"a": Span(0, 1)}, 100), "power of two"),
        ((ishigami, {"a": Span(1, 1)}, 64), "not a range"),
        ((ishigami, {"a": Span(0, 1, "log")}, 64), "not a range"),
        ((lambda points: points, {"a": Span(0, 1), "b": Span(0, 1)}, 64), "another shape"),
        ((lambda points: points["a"] * np.nan, {"a": Span(0, 1)}, 64), "not finite"),
    ],
)
def test_bad_input(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        sobol(*arguments)  # type: ignore[arg-type]


def test_tornado_pairs_with_the_base_and_sorts_by_swing() -> None:
    table = tornado(rows(), ["rtt", "batch"], ["speed", "lost"])
    speed = table[table["response"] == "speed"]
    assert speed[["factor", "level", "base_level"]].to_numpy().tolist() == [
        ["rtt", 10, 50], ["rtt", 200, 50], ["batch", 25, 100], ["batch", 400, 100],
    ]  # fmt: skip
    assert speed["difference"].tolist() == pytest.approx([80, -300, -18.75, 75])
    assert speed["swing"].tolist() == pytest.approx([380, 380, 93.75, 93.75])
    # The noise is common to a replication, so it cancels: the intervals are all but points.
    assert (speed["high"] - speed["low"]).max() < 1e-9
    assert table[table["response"] == "lost"]["swing"].tolist() == [0] * 4


def test_tornado_takes_another_base_and_leaves_failures_out() -> None:
    failed = rows().assign(error=None)
    failed.loc[failed["replication"] == 0, "error"] = "boom"
    table = tornado(failed, ["rtt", "batch"], ["speed"], base={"rtt": 10, "batch": 100})
    assert set(table["n"]) == {7}
    assert table[["factor", "level"]].to_numpy().tolist() == [["rtt", 50], ["rtt", 200], ["batch", 25]]


def test_tornado_needs_a_base_and_something_varied() -> None:
    with pytest.raises(InputError, match="no replication was run at the base"):
        tornado(rows(), ["rtt", "batch"], ["speed"], base={"rtt": 7})
    with pytest.raises(InputError, match="no factor was varied by itself"):
        tornado(rows()[:8], ["rtt", "batch"], ["speed"])
    with pytest.raises(InputError, match="did you mean 'speed'"):
        tornado(rows(), ["rtt"], ["sped"])
