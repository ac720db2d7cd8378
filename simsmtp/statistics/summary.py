"""From one row per replication to one row per design point and response."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from simsmtp.errors import InputError
from simsmtp.rows.responses import BY_NAME
from simsmtp.statistics.intervals import check_level, half_width

if TYPE_CHECKING:
    from pandas import DataFrame, Series

STATISTICS = ("response", "n", "mean", "sd", "low", "high")


def summarise(rows: DataFrame, factors: Sequence[str], responses: Sequence[str], level: float = 0.95) -> DataFrame:
    """Return mean and t interval of every response at every design point.

    Parameters
    ----------
    rows : DataFrame
        One row per replication: ``point``, the factors, the responses, and optionally ``error``. A row
        with an error is a failed replication and counts nowhere.
    factors : sequence of str
        Columns that are constant within a point; carried over.
    responses : sequence of str
        Columns to summarise.
    level : float
        Confidence level of the intervals.

    Returns
    -------
    DataFrame
        Columns ``point``, the factors, ``response``, ``n``, ``mean``, ``sd``, ``low``, ``high``; one row
        per point and response, ordered by point, then as `responses`. ``n`` counts the replications that
        have a value; a point of which every replication failed has ``n`` = 0 and nan.
        The ends of an interval stay within what the response can be: a share within [0, 1], every
        other response of the model at or above 0.

    Raises
    ------
    InputError
        If a column is missing or `level` is not between 0 and 1.
    """
    check_level(level)
    require_columns(rows, ["point", *factors, *responses])
    points = rows.drop_duplicates("point").sort_values("point")[["point", *factors]]
    good = rows[rows["error"].isna()] if "error" in rows else rows
    table = points.iloc[np.repeat(np.arange(len(points)), len(responses))].reset_index(drop=True)
    table["response"] = list(responses) * len(points)
    for name, column in _statistics(good, points["point"], responses, level).items():
        table[name] = column
    return table


def natural_range(response: str) -> tuple[float, float]:
    """Return the least and the greatest value of a response; unbounded if it is not one of the model's."""
    if response.endswith(("_rate", "_share")):
        return 0.0, 1.0
    return (0.0, np.inf) if response in BY_NAME else (-np.inf, np.inf)


def clipped(low: float, high: float, response: str) -> tuple[float, float]:
    """Return the ends of an interval within the natural range of a response."""
    least, greatest = natural_range(response)
    return float(np.maximum(low, least)), float(np.minimum(high, greatest))


def _statistics(good: DataFrame, points: Series[Any], responses: Sequence[str], level: float) -> dict[str, np.ndarray]:
    groups = good[list(responses)].astype("float64").groupby(good["point"].to_numpy())
    n = groups.count().reindex(points, fill_value=0).to_numpy().astype(np.int64)
    tables = (groups.min(), groups.mean(), groups.std(), groups.max())
    lowest, mean, sd, highest = (table.reindex(points).to_numpy() for table in tables)
    equal = lowest == highest
    mean = np.where(equal, lowest, mean)  # summing equal values would round
    sd = np.where(equal & (n > 1), 0.0, sd)
    half = half_width(n, sd, level)
    least, greatest = np.array([natural_range(response) for response in responses]).reshape(-1, 2).T
    low, high = np.maximum(mean - half, least), np.minimum(mean + half, greatest)
    columns = {"n": n, "mean": mean, "sd": sd, "low": low, "high": high}
    return {name: column.ravel() for name, column in columns.items()}


def require_columns(rows: DataFrame, columns: Iterable[str]) -> None:
    """Raise an `InputError` if a table lacks one of the columns."""
    for column in columns:
        if column not in rows:
            raise InputError("no such column", key=column, allowed=[str(name) for name in rows.columns])
