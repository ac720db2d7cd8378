"""What the scenario says of settings it cannot use: one clear sentence."""

from __future__ import annotations

from typing import Any

import pytest

from simsmtp.engines import run_replication
from simsmtp.errors import InputError, StrategyError
from simsmtp.model.plan import plan_of
from simsmtp.model.scenario import Scenario
from simsmtp.strategies.counting import Knobs, Rcpt, Verdict
from simsmtp.strategies.registry import register_strategy
from simsmtp.strategies.tally import Tally

COMPLAINTS: list[tuple[dict[str, Any], list[str]]] = [
    ({"Client": {}}, ["Client: unknown key 'Client'", "did you mean 'client'?"]),
    ({"client": {"Strategy": 1}}, ["client.Strategy: unknown key 'Strategy'", "strategy"]),
    ({"client": {"int": 5}}, ["client.int: unknown key 'int'"]),
    ({"client": {"batch size": 5}}, ["client.batch size: unknown key"]),
    ({"client": 3}, ["client: should be a table", "given: 3"]),
    ({"client": {"batch_size": 0}}, ["client.batch_size", "at least 1", "given: 0"]),
    ({"client": {"batch_size": "x"}}, ["client.batch_size: should be a whole number", "given: 'x'"]),
    ({"client": {"strategy": "one-stp"}}, ["client.strategy", "did you mean 'one-stop'?"]),
    ({"client": {"overflow": {"452": "x"}}}, ["client.overflow.452", "allowed: new-connection"]),
    ({"network": {"rtt_ms": -1}}, ["network.rtt_ms: should be at least 0; given: -1"]),
    ({"network": {"rtt_ms": float("inf")}}, ["network.rtt_ms: should be a finite number"]),
    ({"network": {"rtt_ms": {"dist": "lognormal", "mean": 3}}}, ["network.rtt_ms: lognormal needs cv"]),
    ({"destinations": [{"nam": "a"}]}, ["destinations.0.nam: unknown key 'nam'", "did you mean 'name'?"]),
    ({"server": {"overflow_reply": "hello"}}, ["server.overflow_reply: not a reply", "452 4.5.3"]),
    ({"client": {"window_recipients": 2, "window_bytes": 3}}, ["client.window_bytes", "cannot be combined"]),
    ({"client": {"overflow": "same-session", "transactions_per_connection": 1}}, ["client.overflow", "at least 2"]),
    ({"server": {"preset": "windows"}}, ["server.preset", "did you mean 'windows-2003'?"]),
]


@pytest.mark.parametrize(("tables", "parts"), COMPLAINTS, ids=[parts[0][:40] for _, parts in COMPLAINTS])
def test_a_complaint_names_key_given_and_allowed(tables: dict[str, Any], parts: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        Scenario(**tables)
    for part in parts:
        assert part in str(caught.value)


def test_replacing_a_preset_takes_effect_and_given_keys_stay() -> None:
    scenario = Scenario(client={"preset": "windows-2003-rtm", "connections": 3})
    changed = scenario.replace({"client.preset": "windows-2003-kb822105"})
    assert (changed.client.strategy, changed.client.connections) == ("corrected", 3)


def test_equal_scenarios_have_equal_text_however_they_are_written() -> None:
    written_out = Scenario.from_dict(Scenario().to_dict())
    assert written_out.canonical() == Scenario().canonical()


def test_a_strategy_that_never_lets_go_ends_at_expiry() -> None:
    def clinging(tally: Tally, rcpt: Rcpt, knobs: Knobs) -> Verdict:
        return Verdict.REQUEUE

    register_strategy("clinging", clinging)
    scenario = Scenario(workload={"recipients_per_message": 3}, client={"strategy": "clinging", "expiry_s": 2000.0})
    responses = run_replication(plan_of(scenario)).responses
    assert responses["contradictory_ndr"] == 3


@pytest.mark.parametrize("wrong", ["x", None, 7])
def test_what_is_no_verdict_is_named(wrong: object) -> None:
    def confused(tally: Tally, rcpt: Rcpt, knobs: Knobs) -> Any:
        return wrong

    register_strategy("confused", confused)
    with pytest.raises(StrategyError, match=f"confused returned {wrong!r}; allowed: a Verdict"):
        run_replication(plan_of(Scenario(client={"strategy": "confused"})))
