"""Long-run bounds: no simulation does more, whatever is set, and what is not known is left out with a word."""

from __future__ import annotations

import math
from importlib.util import find_spec
from pathlib import Path

import pytest
from capacity_files import PLAN, Queue, planned, queue
from generated_scenarios import scenarios
from hypothesis import HealthCheck, given, settings

from simsmtp.engines import run_replication
from simsmtp.experiment.key_list import list_keys
from simsmtp.model.plan import plan_of
from simsmtp.model.scenario import Scenario
from simsmtp.planning.bound_text import bottleneck_text, overload_text
from simsmtp.planning.capacity_files import document_of_capacity
from simsmtp.strategies.counting import Knobs, Rcpt, Verdict
from simsmtp.strategies.registry import register_strategy
from simsmtp.strategies.tally import Tally
from simsmtp.theory.asymptotic_bounds import bounds_of, left_out
from simsmtp.theory.key_effects import EFFECTS, ONLY_SLOWS

__all__ = ["queue"]

_FASTEST = "compiled" if find_spec("numba") else "reference"  # the same bits
_ROUNDING = 1 + 1e-9


def reached(scenario: Scenario, *, seeds: int = 1) -> float:
    """Return messages a second of runs in which all arrive at once, from the first to the last line of the dialogue."""
    took = 0
    for seed in range(seeds):
        dialogue = run_replication(plan_of(scenario), seed=seed, engine="reference", dialogue=True).dialogue
        took += max(max(row.client_ns, row.server_ns) for row in dialogue)
    return scenario.workload.messages * seeds * 1e9 / took if took else math.inf


def is_within(scenario: Scenario, bound: float, *, seeds: int = 1) -> bool:
    """Tell whether runs are no faster than a bound.

    ``makespan_s`` is asked first: it ends with the last final reply, which is never too late and may be too early.
    """
    runs = [
        run_replication(plan_of(scenario), seed=seed, engine=_FASTEST).responses["makespan_s"] for seed in range(seeds)
    ]
    enough = scenario.workload.messages * seeds <= bound * sum(runs) * _ROUNDING
    return enough or reached(scenario, seeds=seeds) <= bound * _ROUNDING


def bound_of(**tables: object) -> float:
    bounds = bounds_of(Scenario.from_dict(tables))
    return bounds[0].messages_per_s if bounds else math.inf


@pytest.mark.slow
@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(scenarios(6, drawn=False))
def test_no_run_without_chance_is_faster_than_its_bound(scenario: Scenario) -> None:
    bounds = bounds_of(scenario)
    if bounds:
        assert is_within(scenario, bounds[0].messages_per_s)


@pytest.mark.slow
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(scenarios(25, drawn=False))
def test_none_of_many_runs_without_chance_is_faster_than_its_bound(scenario: Scenario) -> None:
    bounds = bounds_of(scenario)
    if bounds:
        assert is_within(scenario, bounds[0].messages_per_s)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(scenarios(30))
def test_none_of_many_runs_with_chance_is_faster_than_its_bound(scenario: Scenario) -> None:
    bounds = bounds_of(scenario)
    if bounds and not is_within(scenario, bounds[0].messages_per_s):
        # A run of a few messages is faster now and then, the mean of many is not.
        many = scenario.replace({"workload.messages": 300})
        assert is_within(many, 1.05 * bounds[0].messages_per_s, seeds=6)


@pytest.mark.parametrize(
    ("tables", "possible"),
    [
        ({"workload": {"recipients_per_message": 200, "unknown_share": 0.5}}, 3.73),
        ({"client": {"overflow": "defer"}}, 2.5175),
        ({"server": {"overflow_reply": 451}}, 2.5175),
        ({"server": {"overflow_reply": 550}}, 6.56),
        ({"client": {"chunking": True}, "server": {"chunking": True}}, 1.82682),
    ],
    ids=["half unknown", "defer", "451", "550", "chunking"],
)
def test_what_was_seen_to_be_possible_is_below_the_bound(tables: dict[str, dict[str, object]], possible: float) -> None:
    # Messages a second of runs of 6,000 messages whose texts take no time; rounded.
    short = {**tables, "workload": {"message_bytes": 1, **tables.get("workload", {})}}
    assert possible <= bound_of(**short) + 5e-3


def test_who_was_refused_before_a_text_that_failed_may_expire_untried() -> None:
    scenario = Scenario.from_dict(
        {
            "workload": {"messages": 300},
            "client": {"expiry_s": 20.0, "window_recipients": 1},
            "server": {"recipient_limit": 10, "data_failure_share": 1.0, "data_failure_reply": 554},
        }
    )
    assert is_within(scenario, bounds_of(scenario)[0].messages_per_s)


def test_without_pipelining_and_with_everybody_unknown_there_is_no_bound() -> None:
    scenario = Scenario.from_dict({"client": {"pipelining": False}, "workload": {"unknown_share": 1.0}})
    assert bounds_of(scenario) == []
    (told,) = left_out(scenario)
    assert told.startswith("There is no bound on messages: every mailbox is unknown (workload.unknown_share = 1)")


@pytest.mark.parametrize(
    ("tables", "why"),
    [
        ({"server": {"overflow_reply": 421}}, "server.overflow_reply = 421"),
        ({"client": {"expiry_s": 0.0, "connections": 3}, "server": {"sessions": 1}}, "server.sessions = 1"),
        (
            {"client": {"expiry_s": 0.0}, "server": {"greylist_s": 60.0, "hard_error_limit": 5}},
            "deferred recipients may expire untried (client.expiry_s = 0)",
        ),
        (
            {"client": {"expiry_s": 0.0, "pipelining": False, "give_up_after_refusals": 2},
             "workload": {"unknown_share": 0.5}},
            "deferred recipients may expire untried",
        ),
    ],
)  # fmt: skip
def test_a_bound_that_cannot_be_proved_is_left_out_with_its_reason(tables: dict[str, object], why: str) -> None:
    scenario = Scenario.from_dict(tables)
    assert bounds_of(scenario) == []
    (told,) = left_out(scenario)
    assert why in told


def test_a_session_limit_bounds_a_run_that_ends_before_anything_expires() -> None:
    tables = {"client": {"connections": 3}, "server": {"sessions": 1}}
    assert bounds_of(Scenario.from_dict(tables))
    assert left_out(Scenario.from_dict(tables)) == []


@pytest.mark.parametrize(
    "tables",
    [
        {"client": {"overflow": {"552": "bounce"}}},
        {"client": {"overflow": {"452": "bounce"}}},
        {"client": {"overflow": "bounce"}},
        {"client": {"command_ms": 0.5}},
        {"client": {"window_bytes": 200}},
        {"client": {"drain": True}, "server": {"recipient_limit": None}},
        {"client": {"strategy": "send-cursor", "connections": 4, "batch_size": 12}},
        {"client": {"strategy": "one-stop", "connections": 2, "batch_size": 12}},
        {"client": {"sizing": "adaptive"}},
        {"server": {"limit_kind": "connection"}},
        {"server": {"limit_kind": "domain"}, "workload": {"domains": 2}},
        {"server": {"limit_kind": "first-domain-only"}, "workload": {"domains": 2, "recipients_per_message": 9}},
        {"server": {"reject_data_after_overflow": True}},
        {"server": {"hard_error_limit": 3, "overshoot_limit": 0}},
        {"client": {"pipelining": False, "give_up_after_refusals": 1}},
        {"client": {"on_refusal": "give-up"}},
        {"client": {"on_refusal": "give-up", "window_recipients": 5}, "workload": {"unknown": [3]}},
        {"client": {"on_refusal": "give-up", "sizing": "adaptive", "overflow": "same-session"}},
        {"client": {"over_limit_seen": "452-in-company"}},
        {"server": {"messages_per_connection": 1}},
        {"server": {"messages_per_connection": 1, "messages_reply": "450 4.7.0"}},
        {"server": {"messages_per_connection": 1, "messages_at": "data", "messages_reply": 554}},
        {"server": {"commands_per_connection": 40}},
        {"server": {"commands_per_connection": 40, "commands_reply": 450}},
        {"server": {"limit_at": "data", "overflow_reply": "452 4.5.3"}, "client": {"expiry_s": 400.0}},
        {"server": {"limit_at": "dot"}},
        {"server": {"limit_at": "dot"}, "client": {"batch_size": 10}},
        {"server": {"overflow_reply": "552 5.2.2"}},
        {"client": {"reset_before_reuse": True}, "server": {"recipient_limit": None}},
        {"client": {"starttls": True, "transactions_per_connection": 1}},
        {"network": {"profile": "tcp"}, "workload": {"message_bytes": 2_000_000}},
        {"client": {"chunking": True}, "server": {"chunking": True}, "workload": {"message_bytes": 2_000_000}},
        {"client": {"connections": 6}, "server": {"workers": 2}},
        {"client": {"connections": 6, "connections_total": 2}},
        {"client": {"connections": 6}, "server": {"sessions": 2}},
        {"workload": {"resend": "failed"}, "client": {"strategy": "one-stop"}},
        {"server": {"greylist_s": 1.0}, "client": {"retry_initial_s": 2.0}},
    ],
    ids=str,
)
def test_a_run_of_twenty_messages_is_not_faster_than_the_bound(tables: dict[str, dict[str, object]]) -> None:
    base = {"workload": {"messages": 20, "recipients_per_message": 25}, "server": {"recipient_limit": 10}}
    filled = {name: {**base.get(name, {}), **tables.get(name, {})} for name in (*base, *tables)}
    scenario = Scenario.from_dict(filled)
    assert is_within(scenario, bounds_of(scenario)[0].messages_per_s)


def test_a_limit_on_connections_in_total_is_left_out_like_the_others() -> None:
    client = {"connections": None, "connections_total": 3}
    assert [one.resource for one in bounds_of(Scenario.from_dict({"client": client}))] == ["connections in total"]
    scenario = Scenario.from_dict({"client": client, "workload": {"unknown_share": 1.0}})
    assert bounds_of(scenario) == []
    assert len(left_out(scenario)) == 1


def test_a_session_limit_alone_is_a_bound_until_messages_expire_untried() -> None:
    tables = {"client": {"connections": None}, "server": {"sessions": 2}}
    assert [one.resource for one in bounds_of(Scenario.from_dict(tables))] == ["connections", "bandwidth"]
    tables["client"]["expiry_s"] = 0.0
    assert bounds_of(Scenario.from_dict(tables)) == []
    assert len(left_out(Scenario.from_dict(tables))) == 1


def test_where_closed_forms_hold_the_bound_is_reached_to_the_opening_of_the_connection() -> None:
    scenario = Scenario.from_dict({"workload": {"messages": 60}})
    (bound, *_) = bounds_of(scenario)
    assert not bound.weak
    assert 0.99 * bound.messages_per_s < reached(scenario) < bound.messages_per_s


def test_a_trace_counts_each_text_with_the_recipients_it_goes_to(tmp_path: Path) -> None:
    # Long texts to few and short ones to many: sizes and transactions must not be averaged apart.
    rows = "".join(f"a@x.test r{n}@y.test {0 if n < 40 else 1}\n" for n in range(41))
    (tmp_path / "t.txt").write_text(rows, encoding="utf-8")
    scenario = Scenario.from_dict({
        "workload": {"trace": str(tmp_path / "t.txt"), "arrivals": "at-once", "trace_recipient_factor": 7},
        "server": {"recipient_limit": 100},
    })  # fmt: skip
    bound = bounds_of(scenario)[0]
    assert bound.recipients_per_s / bound.messages_per_s == pytest.approx(41 * 7 / 2)
    took = max(row.client_ns for row in run_replication(plan_of(scenario), engine="reference", dialogue=True).dialogue)
    assert 2e9 / took <= bound.messages_per_s * _ROUNDING


def test_a_strategy_of_the_users_own_may_do_less_than_any_closed_form() -> None:
    def drops_all(tally: Tally, rcpt: Rcpt, knobs: Knobs) -> Verdict:
        return Verdict.DONE

    register_strategy("drops-all", drops_all)
    scenario = Scenario.from_dict({"workload": {"messages": 20}, "client": {"strategy": "drops-all"}})
    assert bounds_of(scenario)[0].weak == 'client.strategy = "drops-all"'
    assert is_within(scenario, bounds_of(scenario)[0].messages_per_s)


def test_every_key_is_said_to_take_part_in_the_bounds_or_not_to() -> None:
    assert set(EFFECTS) == {one.key for one in list_keys()}
    assert {key for key, (bounds, _) in EFFECTS.items() if bounds == "slows"} == set(ONLY_SLOWS)


_OFFERED = {"recipients_per_message": 250, "arrivals": {"dist": "poisson", "rate_per_s": 3.0}}


def test_a_stable_plan_is_not_told_that_its_queue_grows() -> None:
    workload = {"recipients_per_message": 200, "unknown_share": 0.5, "arrivals": _OFFERED["arrivals"]}
    scenario = Scenario.from_dict({"workload": workload})  # 3.73 messages/s were seen to pass
    assert overload_text(scenario, bounds_of(scenario)) == ""
    text = bottleneck_text(scenario, bounds_of(scenario))
    assert text.startswith("No more than ")
    assert "at least" in text
    assert "headroom" in text
    assert text.endswith("Less may be possible: the bound leaves out what follows from workload.unknown_share = 0.5.")


def test_a_plan_that_is_overloaded_for_certain_is_told_so() -> None:
    scenario = Scenario.from_dict({"workload": _OFFERED})
    assert "the queue grows" in overload_text(scenario, bounds_of(scenario))
    assert "overloaded" in bottleneck_text(scenario, bounds_of(scenario))


@pytest.mark.parametrize("factor", [1.0, 1 - 1e-15, 1 + 1e-15, 1 + 3e-16])
def test_no_residue_of_rounding_is_shown_at_the_bound(factor: float) -> None:
    bound = bounds_of(Scenario())[0]
    rate = bound.messages_per_s * factor
    assert bound.headroom(rate) == 0
    arrivals = {"dist": "poisson", "rate_per_s": rate}
    scenario = Scenario.from_dict({"workload": {"arrivals": arrivals}})
    assert "0 % headroom" in bottleneck_text(scenario, bounds_of(scenario))
    assert overload_text(scenario, bounds_of(scenario)) == ""


def test_shares_of_a_connections_time_are_not_negative_and_add_up() -> None:
    for mbit in (None, 1e-3, 100.0, 1e6):
        bound = bounds_of(Scenario.from_dict({"network": {"bandwidth_mbit": mbit}}))[0]
        shares = (bound.round_trips, bound.service, bound.transfer)
        assert all(share >= 0 for share in shares)
        assert sum(shares) == pytest.approx(1)
        assert mbit is not None or bound.transfer == 0


def test_capacity_tells_which_bounds_are_left_out(tmp_path: Path, queue: Queue) -> None:
    plan = PLAN.replace("recipients_per_message = 10", "recipients_per_message = 10\nunknown_share = 1.0")
    capacity = planned(tmp_path, plan)
    assert capacity.bounds == []
    assert "There is no bound on messages: every mailbox is unknown" in capacity.answer()
    assert document_of_capacity(capacity)["bounds_left_out"] == left_out(capacity.plan.scenario)
