"""Tables of a capacity plan: saturation curve, percentiles, sensitivity, cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from simsmtp.experiment.capacity_table import RATE
from simsmtp.experiment.factors import label_of
from simsmtp.experiment.scenario_keys import value_at
from simsmtp.model.numbers import number_text
from simsmtp.planning.edge_search import rounded
from simsmtp.planning.percentile_support import BEYOND
from simsmtp.planning.results import Cost
from simsmtp.statistics.intervals import Interval, mean_interval
from simsmtp.statistics.objectives import PERCENTILES, Objective
from simsmtp.statistics.summary import clipped
from simsmtp.theory.asymptotic_bounds import connections_of

if TYPE_CHECKING:
    from pandas import DataFrame

    from simsmtp.experiment.capacity_table import CapacityTable
    from simsmtp.model.scenario import Scenario
    from simsmtp.planning.results import Finding, Look

_REFUSED = ("99.9",)
_MESSAGES_BEYOND = 5


def curve_rates(finding: Finding, points: int, known: Sequence[float]) -> list[float]:
    """Return rates between a quarter of and twice the found one that are well apart from those known."""
    low, high = finding.bounds
    centre = finding.value or finding.edge.passes or finding.edge.fails or low
    ends = max(low, centre / 4), min(high, 2 * centre)
    grid = [rounded(float(rate), 3) for rate in np.geomspace(*ends, points)] if points else []
    fresh: list[float] = []
    for rate in grid:
        if all(abs(np.log(rate / one)) > 0.08 for one in [*known, *fresh]):
            fresh.append(rate)
    return fresh


def late_percentile(objectives: Sequence[Objective], recipients: float) -> str:
    """Return the column that says how late: of the first objective on a delay, else the highest that is carried."""
    asked = next((one.response for one in objectives if one.response in PERCENTILES.values()), None)
    carried = [column for one, column in PERCENTILES.items() if recipients * (1 - float(one) / 100) >= BEYOND]
    return asked or (carried[-1] if carried else "delay_p50_s")


def curve_table(
    looks: Sequence[Look], arrivals: Callable[[float], tuple[float, float]], late: str, level: float
) -> DataFrame:
    """Return one row per rate: offered messages and recipients a second, then each response with its interval.

    The responses are ``delivered_per_s``, ``delay_p50_s`` and the column `late`.
    """
    import pandas as pd

    responses = list(dict.fromkeys(["delivered_per_s", "delay_p50_s", late]))
    rows = []
    for look in sorted(looks, key=lambda one: one.changes[RATE]):
        messages, recipients = arrivals(look.changes[RATE])
        row: dict[str, Any] = {"rate": look.changes[RATE], "messages_per_s": messages, "offered_per_s": recipients}
        for response in responses:
            row |= _columns(response, _interval(look.rows, response, level))
        rows.append(row | {"n": len(look.rows), "verdict": look.verdict})
    names = [f"{one}{end}" for one in responses for end in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=["rate", "messages_per_s", "offered_per_s", *names, "n", "verdict"])


def percentile_table(written: DataFrame, at_edge: DataFrame | None, messages: int, level: float) -> DataFrame:
    """Return percentiles of delay for the plan as written and at the largest rate.

    A percentile with fewer than 10 recipients beyond it in a replication is refused, and so is one that replications
    do not record; one with fewer than 5 messages beyond it gets a remark. Columns ``percentile``, ``column``, ``plan``,
    ``plan_low``, ``plan_high``, ``edge``, ``edge_low``, ``edge_high``, ``note``; refused ones hold nan.
    """
    import pandas as pd

    recipients = float(written["recipients"].mean())
    rows = []
    for percentile in (*PERCENTILES, *_REFUSED):
        beyond, rare = recipients * (1 - float(percentile) / 100), messages * (1 - float(percentile) / 100)
        column = PERCENTILES.get(percentile)
        row: dict[str, Any] = {
            "percentile": f"p({percentile})",
            "column": column,
            "note": _remark(percentile, beyond, rare),
        }
        if column is not None and beyond >= BEYOND:
            for name, rows_of in (("plan", written), ("edge", at_edge)):
                if rows_of is not None:
                    row |= _columns(name, _interval(rows_of, column, level))
        rows.append(row)
    ends = [f"{name}{end}" for name in ("plan", "edge") for end in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=["percentile", "column", *ends, "note"])


def _remark(percentile: str, beyond: float, messages: float) -> str:
    if beyond < BEYOND:
        return f"refused: only {number_text(beyond, 2)} recipients of a replication lie beyond it, fewer than {BEYOND}"
    if percentile not in PERCENTILES:
        return f"refused: not carried by the sample, a replication records {', '.join(PERCENTILES)} only"
    if messages < _MESSAGES_BEYOND:
        return f"rests on {max(1, round(messages))} late message(s) per replication: trust the interval, not the digits"
    return f"{beyond:,.0f} recipients, {messages:,.0f} messages beyond it in a replication"


def tornado_table(
    looks: Sequence[Look], written: DataFrame, scenario: Scenario, response: str, level: float
) -> DataFrame:
    """Return what each factor does by itself, see `simsmtp.statistics.sensitivity.tornado`; empty without looks."""
    import pandas as pd

    from simsmtp.statistics.sensitivity import tornado

    factors = list(dict.fromkeys(key for look in looks for key in look.changes))
    if not factors:
        return pd.DataFrame()
    base = {factor: label_of(value_at(scenario, factor)) for factor in factors}
    parts = [(base, written.iloc[: len(looks[0].rows)])]
    parts += [(base | {key: label_of(value) for key, value in look.changes.items()}, look.rows) for look in looks]
    rows = pd.concat([rows.assign(**{key: [one] * len(rows) for key, one in labels.items()}) for labels, rows in parts])
    return tornado(rows, factors, [response], base, level)


def cost_of(scenario: Scenario, table: CapacityTable, rows: DataFrame) -> Cost | None:
    """Return the cost of a run: all connections held from the first connect to the last reply, and RCPT commands."""
    prices = table.prices
    if not (prices.per_connection_hour or prices.per_million_rcpt):
        return None
    connections = connections_of(scenario)
    held = np.nan if connections is None and prices.per_connection_hour else float(connections or 0)
    hours = rows["makespan_s"].to_numpy(float) / 3600
    for_connections = prices.per_connection_hour * held * hours
    for_commands = prices.per_million_rcpt * rows["rcpt_commands"].to_numpy(float) / 1e6
    run = mean_interval(for_connections + for_commands, table.level)
    delivered = float((rows["delivered_per_s"] * rows["makespan_s"]).mean())
    per_million = run.mean * 1e6 / delivered if delivered else float("nan")
    return Cost(run.mean, max(run.low, 0.0), run.high, float(for_connections.mean()), float(for_commands.mean()),
                per_million, prices.currency)  # fmt: skip


def _interval(rows: DataFrame, response: str, level: float) -> Interval:
    found = mean_interval(rows[response].to_numpy(float), level)
    low, high = clipped(found.low, found.high, response)
    return found._replace(low=low, high=high)


def _columns(name: str, interval: Interval) -> dict[str, float]:
    return {name: interval.mean, f"{name}_low": interval.low, f"{name}_high": interval.high}
