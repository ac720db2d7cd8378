"""Which inputs matter: one at a time for a first look, Sobol indices for shares of the variance."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from simsmtp.errors import InputError
from simsmtp.statistics.intervals import Floats, check_level
from simsmtp.statistics.paired_difference import paired_difference
from simsmtp.statistics.summary import require_columns

if TYPE_CHECKING:
    from pandas import DataFrame, Series


class Span(NamedTuple):
    """Where an input lies: evenly spread from `low` to `high`, or its logarithm is."""

    low: float
    high: float
    scale: str = "linear"


def tornado(
    rows: DataFrame,
    factors: Sequence[str],
    responses: Sequence[str],
    base: Mapping[str, Hashable] | None = None,
    level: float = 0.95,
) -> DataFrame:
    """Return what each factor does by itself, the others held at their base level.

    Parameters
    ----------
    rows : DataFrame
        One row per replication: ``replication``, the factors, the responses, optionally ``error``; for example of
        a study with ``[design] kind = "one-at-a-time"``. Points at which two factors leave their base are not used.
    factors, responses : sequence of str
        Columns.
    base : mapping, optional
        Factor → base level; by default the most frequent level of each.
    level : float
        Confidence level of each interval by itself.

    Returns
    -------
    DataFrame
        One row per response, factor and level off the base: ``response``, ``factor``, ``level``, ``base_level``,
        ``base_mean``, ``n``, ``mean``, ``difference``, ``low``, ``high`` (paired over replications, in the unit of
        the response) and ``swing``: how far the factor moves the mean, from its least value to its greatest, the
        base included. Per response the largest swing comes first.

    Raises
    ------
    InputError
        If a column is missing, the base was not run, or no factor was varied by itself.
    """
    import pandas as pd

    check_level(level)
    require_columns(rows, ["replication", *factors, *responses])
    good = rows[rows["error"].isna()] if "error" in rows else rows
    at = {factor: (base or {}).get(factor, good[factor].mode().iloc[0]) for factor in factors}
    off = sum((good[factor] != at[factor]).astype(int) for factor in factors)
    assert not isinstance(off, int)
    centre = good[off == 0].drop_duplicates("replication").set_index("replication")
    if centre.empty:
        raise InputError(
            "no replication was run at the base", key="base", given=at, allowed="levels of one design point"
        )
    alone = [
        (factor, value, part.drop_duplicates("replication").set_index("replication"))
        for factor in factors
        for value, part in good[(off == 1) & (good[factor] != at[factor])].groupby(factor)
    ]
    if not alone:
        raise InputError("no factor was varied by itself", key="factors", given=list(factors))
    found = [_bar(centre, part, name, factor, value, at[factor], level)
             for name in responses for factor, value, part in alone]  # fmt: skip
    return _by_swing(pd.DataFrame(found))


def _bar(
    centre: DataFrame, part: DataFrame, response: str, factor: str, value: object, base: object, level: float
) -> dict[str, Any]:
    both = centre.index.intersection(part.index)
    a, b = centre.loc[both, response], part.loc[both, response]
    found = paired_difference(a, b, level)
    return {"response": response, "factor": factor, "level": value, "base_level": base,
            "base_mean": float(a.mean()), "n": found.n, "mean": float(b.mean()),
            "difference": found.mean, "low": found.low, "high": found.high}  # fmt: skip


def _by_swing(table: DataFrame) -> DataFrame:
    groups = table.groupby(["response", "factor"], sort=False)["difference"]
    table["swing"] = groups.transform("max").clip(lower=0) - groups.transform("min").clip(upper=0)
    order = {name: place for place, name in enumerate(dict.fromkeys(table["response"]))}
    table["place"] = table["response"].map(order)
    sorted_ = table.sort_values(["place", "swing", "factor"], ascending=[True, False, True], kind="stable")
    return sorted_.drop(columns="place").reset_index(drop=True)


def sobol(
    evaluate: Callable[[DataFrame], ArrayLike],
    spans: Mapping[str, Any],
    n: int,
    *,
    responses: Sequence[str] = ("response",),
    seed: int = 0,
    level: float = 0.95,
) -> DataFrame:
    """Return Sobol indices: the share of a response's variance that is due to each input.

    By `scipy.stats.sobol_indices`, after Saltelli et al. (2010), "Variance based sensitivity analysis of model
    output". `evaluate` sees n (d + 2) points for d inputs, in three calls.

    Parameters
    ----------
    evaluate : callable
        DataFrame with one column per input, one row per point → array of shape (points,) or (points, responses).
        For a random model give means over enough replications: noise counts as interaction.
    spans : mapping
        Input → `Span`, or anything with ``low``, ``high``, ``scale``, such as a range of ``[design.ranges]``.
    n : int
        Base sample size, a power of two.
    responses : sequence of str
        Names of the columns that `evaluate` returns.
    seed : int
        Key of the sample.
    level : float
        Confidence level of the bootstrap intervals.

    Returns
    -------
    DataFrame
        One row per response and input: ``response``, ``factor``, ``first`` (alone), ``first_low``, ``first_high``,
        ``total`` (with all interactions), ``total_low``, ``total_high``; the largest total first. Indices are nan
        for a response that does not vary.

    Raises
    ------
    InputError
        If `n` is no power of two, a span is impossible, or `evaluate` returns another shape or a value that is not
        finite.
    """
    check_level(level)
    if n < 2 or n & (n - 1):
        raise InputError("should be a power of two", key="n", given=n, allowed="64, 128, 256, …")
    names = list(spans)
    for name, span in spans.items():
        _check_span(name, span)

    def model(unit: Floats) -> Floats:
        return _evaluated(evaluate, _points(unit, spans), responses)

    return _table(_indices(model, len(names), n, seed, level), names, responses)


def _indices(model: Callable[[Floats], Floats], inputs: int, n: int, seed: int, level: float) -> tuple[Any, Any]:
    """Return the indices of a model over the unit cube, and their bootstrap intervals."""
    from scipy import stats

    word = "rng" if "rng" in inspect.signature(stats.sobol_indices).parameters else "random_state"
    found = stats.sobol_indices(
        func=model, n=n, dists=[stats.uniform()] * inputs, **{word: np.random.default_rng(seed)}
    )
    with warnings.catch_warnings(), np.errstate(all="ignore"):  # an index that is exactly 0 has nothing to resample
        warnings.simplefilter("ignore")
        return found, found.bootstrap(confidence_level=level)


def _points(unit: Floats, spans: Mapping[str, Any]) -> DataFrame:
    import pandas as pd

    return pd.DataFrame({name: _placed(u, span) for u, (name, span) in zip(unit, spans.items(), strict=True)})


def _placed(u: Floats, span: Span) -> Floats:
    if span.scale == "log":
        found: Floats = span.low * (span.high / span.low) ** u
        return found
    return span.low + (span.high - span.low) * u


def _evaluated(evaluate: Callable[[DataFrame], ArrayLike], points: DataFrame, responses: Sequence[str]) -> Floats:
    values = np.array(evaluate(points), dtype=np.float64)  # a copy: SciPy works in place
    values = values[:, None] if values.ndim == 1 else values
    if values.shape != (len(points), len(responses)):
        allowed = f"({len(points)}, {len(responses)})"
        raise InputError("another shape is needed", key="evaluate", given=values.shape, allowed=allowed)
    if not np.isfinite(values).all():
        raise InputError("a value is not finite", key="evaluate", allowed="numbers at every point of the ranges")
    return values.T


def _table(found: tuple[Any, Any], names: Sequence[str], responses: Sequence[str]) -> DataFrame:
    import pandas as pd

    indices, intervals = found
    columns = {"first": indices.first_order, "first_low": intervals.first_order.confidence_interval.low,
               "first_high": intervals.first_order.confidence_interval.high, "total": indices.total_order,
               "total_low": intervals.total_order.confidence_interval.low,
               "total_high": intervals.total_order.confidence_interval.high}  # fmt: skip
    shape = (len(responses), len(names))
    table = pd.DataFrame({name: np.reshape(column, shape).ravel() for name, column in columns.items()})
    for end in ("low", "high"):
        for name in ("first", "total"):
            table[f"{name}_{end}"] = table[f"{name}_{end}"].fillna(table[name])
    table.insert(0, "factor", list(names) * len(responses))
    table.insert(0, "response", np.repeat(list(responses), len(names)))
    largest: Series[float] = -table["total"].fillna(0)
    order = np.lexsort((largest, np.repeat(np.arange(len(responses)), len(names))))
    return table.iloc[order].reset_index(drop=True)


def _check_span(name: str, span: Span) -> None:
    if span.scale not in {"linear", "log"}:
        raise InputError("unknown scale", key=name, given=span.scale, allowed=("linear", "log"))
    if not span.low < span.high or (span.scale == "log" and span.low <= 0):
        given = f"{span.low} to {span.high}"
        raise InputError("not a range", key=name, given=given, allowed="low < high, above 0 on a log scale")
