"""Nothing in the model has a time of its own: scaling all times of a scenario scales all its answers."""

from __future__ import annotations

from typing import Any

import pytest
from generated_scenarios import scenarios
from hypothesis import given, settings

from simsmtp import Scenario
from simsmtp.engines import run_replication
from simsmtp.model.plan import plan_of
from simsmtp.rows.responses import RESPONSES

FACTOR = 4
"""A power of two, with which the generated bandwidths stay whole nanoseconds an octet."""
TIMES = {one.name for one in RESPONSES if one.unit == "s"}
RATES = {one.name for one in RESPONSES if one.unit == "1/s"}


def slower(table: Any, key: str = "") -> Any:
    """Return a table, list or value with all its times longer and all bandwidths smaller."""
    if isinstance(table, dict):
        if "dist" in table:
            return _longer_draws(table) if key.endswith(("_ms", "_s")) else table
        return {name: slower(value, f"{key}_s" if key == "timeout_s" else name) for name, value in table.items()}
    if isinstance(table, (list, tuple)):
        return [slower(value, key) for value in table]
    if table is None or isinstance(table, (str, bool)):
        return table
    if key.endswith(("_ms", "_s")):
        return table * FACTOR
    return table / FACTOR if key.endswith("_mbit") else table


def _longer_draws(table: dict[str, Any]) -> dict[str, Any]:
    scaled = {"value", "mean", "low", "high", "scale"}
    return {name: value * FACTOR if name in scaled and value is not None else value for name, value in table.items()}


@settings(max_examples=60, deadline=None)
@given(scenarios(4, drawn=False))
def test_scaling_all_times_scales_all_answers(scenario: Scenario) -> None:
    tables = scenario.model_dump()
    # A real network has times of its own: those after which TCP gives up waiting.
    tables["network"] = {name: tables["network"][name] for name in ("rtt_ms", "bandwidth_mbit", "losses")}
    one, other = (
        run_replication(plan_of(Scenario.from_dict(each)), engine="reference", recipients=True)
        for each in (tables, slower(tables))
    )
    for name, value in one.responses.items():
        wanted = value * FACTOR if name in TIMES else value / FACTOR if name in RATES else value
        # Percentiles come from a histogram of 0.1 %.
        assert other.responses[name] == pytest.approx(wanted, rel=2e-3 if name in TIMES else 1e-9, nan_ok=True), name
    for row, later in zip(one.recipients, other.recipients, strict=True):
        assert later.delay_s == pytest.approx(row.delay_s * FACTOR, nan_ok=True)
        assert (later.ledger, later.accepted, later.attempts) == (row.ledger, row.accepted, row.attempts)
