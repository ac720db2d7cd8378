"""What a strategy may say beyond RCPT: of the reply to DATA, and of the final reply."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import drivers
import pytest
from drivers import DRIVERS, need
from generated_scenarios import scenarios
from helpers import few
from hypothesis import given
from hypothesis import strategies as st
from live_pair import ledger
from study_files import own_registry

import simsmtp
from simsmtp import Scenario, TextReply, Verdict, register_strategy
from simsmtp.engines import choose_engine, run_replication
from simsmtp.errors import InputError, StrategyError
from simsmtp.model.plan import Plan, plan_of
from simsmtp.rows.records import Output
from simsmtp.strategies.counting import corrected
from simsmtp.strategies.hooks import Hook, Hooks, by_final_reply
from simsmtp.strategies.registry import find_strategy
from simsmtp.theory.closed_form_domain import why_no_closed_form

__all__ = ["own_registry"]
pytestmark = pytest.mark.usefixtures("own_registry")
needs_numba = pytest.mark.usefixtures("numba")


@pytest.fixture
def numba() -> None:
    pytest.importorskip("numba", reason="the compiled engine needs numba: pip install 'simsmtp[fast]'")


def drops(tally, reply):  # type: ignore[no-untyped-def]
    return Verdict.DEFER


def fails_odd(tally, reply):  # type: ignore[no-untyped-def]
    return Verdict.FAIL if tally.accepted % 2 == 1 else by_final_reply(reply)


def sends_again(tally, reply):  # type: ignore[no-untyped-def]
    return Verdict.REQUEUE


def takes_all(tally, reply):  # type: ignore[no-untyped-def]
    return Verdict.DONE


def tells_apart(tally, reply):  # type: ignore[no-untyped-def]
    if reply.code == 354 or 200 <= reply.code < 300:
        return Verdict.DONE
    return Verdict.FAIL if reply.status % 7 < reply.lines + reply.data_lines else Verdict.DEFER


def raises(tally, reply):  # type: ignore[no-untyped-def]
    return Verdict.FAIL if tally.accepted // (tally.accepted - tally.accepted) > 2 else Verdict.DONE


def says_nothing(tally, reply):  # type: ignore[no-untyped-def]  # noqa: RET503
    if reply.code == 0:
        return Verdict.DONE


def draws_a_file(tally, reply):  # type: ignore[no-untyped-def]
    with open(__file__, encoding="utf-8") as file:  # noqa: PTH123
        file.readline()
    return Verdict.DONE


def without_patience(plan: Plan) -> Plan:
    schedule = plan.client.schedule
    soon = schedule._replace(expiry_ns=min(schedule.expiry_ns, 5 * 10**9))
    return plan._replace(client=plan.client._replace(schedule=soon))


ON_DATA: tuple[Hook | None, ...] = (None, drops, fails_odd, sends_again, takes_all, tells_apart)
ON_FINAL: tuple[Hook | None, ...] = (None, fails_odd, sends_again, takes_all, tells_apart)


def hooked(plan: Plan, on_data: Hook | None, on_final: Hook | None) -> Plan:
    """Return a plan with hooks, and with few attempts: some of them never have enough."""
    plan = without_patience(plan)
    return plan._replace(client=plan.client._replace(hooks=Hooks(on_data, on_final)))


def sent(driver: str, on_data: Hook | None = None, on_final: Hook | None = None, **tables: Any) -> Output:
    """Run the tables' scenario with such a strategy on an engine, or over a real socket."""
    register_strategy("own", corrected, on_data, on_final)
    tables["client"] = {"strategy": "own", "retry_initial_s": 0.5, "retry_max_s": 0.5, "expiry_s": 0.75} | tables.get(
        "client", {}
    )
    tables = {"network": {"rtt_ms": 0.0}, **tables}  # as on the loopback
    if need(driver) == "compiled":
        plan = plan_of(Scenario.from_dict(tables))
        assert choose_engine(plan, "compiled", at_stake=10**9).engine == "compiled"
    return drivers.sent(driver, **tables)


@needs_numba
@few
@given(
    scenario=scenarios(2),
    on_data=st.sampled_from(ON_DATA),
    on_final=st.sampled_from(ON_FINAL),
    seed=st.integers(0, 2**40),
)
def test_engines_agree_on_what_hooks_make_of_replies(
    scenario: Scenario, on_data: Hook | None, on_final: Hook | None, seed: int
) -> None:
    plan = hooked(plan_of(scenario), on_data, on_final)
    ours, theirs = (
        run_replication(plan, seed=seed, engine=engine, recipients=True) for engine in ("reference", "compiled")
    )
    assert repr(ours.responses) == repr(theirs.responses)
    assert ours.recipients == theirs.recipients


@few
@given(scenario=scenarios(2), seed=st.integers(0, 1000))
def test_hooks_that_conclude_what_the_reply_says_change_nothing(scenario: Scenario, seed: int) -> None:
    def takes_354(tally: object, reply: Any) -> Verdict:
        return Verdict.DONE if reply.code == 354 else by_final_reply(reply)

    plan = plan_of(scenario)
    plain, asked = (
        run_replication(one, seed=seed, engine="reference", recipients=True)
        for one in (without_patience(plan), hooked(plan, takes_354, lambda tally, reply: by_final_reply(reply)))
    )
    assert repr(plain.responses) == repr(asked.responses)
    assert plain.recipients == asked.recipients


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_client_that_drops_every_354_delivers_nothing_and_says_so_in_the_end(driver: str) -> None:
    found = sent(driver, drops, workload={"recipients_per_message": 5})
    assert ledger(found) == {"false_ndr": 5}
    assert found.responses["connections"] == found.responses["transactions"] == 3
    assert {(row.attempts, row.accepted, row.empty_text) for row in found.recipients} == {(3, 0, False)}


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_client_that_takes_every_final_reply_for_a_failure_sends_until_it_expires(driver: str) -> None:
    found = sent(driver, None, drops, workload={"recipients_per_message": 5})
    assert ledger(found) == {"contradictory_ndr": 5}
    assert Counter(row.accepted for row in found.recipients) == {3: 5}


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("reply", ["451 4.3.0", "554 5.6.0"])
def test_a_client_that_takes_a_refused_text_as_delivered_loses_everybody(driver: str, reply: str) -> None:
    server = {"data_failure_share": 1.0, "data_failure_reply": reply}
    found = sent(driver, None, takes_all, workload={"recipients_per_message": 5}, server=server)
    assert ledger(found) == {"lost": 5}


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_refusal_of_data_stands_whatever_done_would_mean_there(driver: str) -> None:
    server = {"recipient_limit": 3, "reject_data_after_overflow": True}
    found = sent(driver, takes_all, workload={"recipients_per_message": 5}, server=server, client={"expiry_s": 60.0})
    assert ledger(found)["lost"] == 0
    assert ledger(found)["false_ndr"] == 3


def test_a_diagram_and_a_capture_show_a_connection_that_was_dropped_without_quit(tmp_path: Path) -> None:
    register_strategy("own", corrected, drops)
    client = {"strategy": "own", "expiry_s": 0.0}
    dialogue = simsmtp.trace(Scenario.from_dict({"client": client, "workload": {"recipients_per_message": 2}}))
    text = str(dialogue)
    assert "C: QUIT" not in text
    assert "(the strategy has the client drop the connection in place of the text)" in text
    octets = dialogue.write_pcap(tmp_path / "dropped.pcap").read_bytes()
    assert b"DATA\r\n" in octets
    assert b"QUIT" not in octets


@needs_numba
@pytest.mark.parametrize("place", ["on_data", "on_final"])
@pytest.mark.parametrize("hook", [raises, says_nothing])
def test_engines_tell_the_same_of_a_hook_that_raises_or_says_nothing(place: str, hook: Hook) -> None:
    register_strategy("own", corrected, **{place: hook})
    told = []
    for engine in ("reference", "compiled"):
        with pytest.raises((ZeroDivisionError, StrategyError)) as caught:
            run_replication(plan_of(Scenario(client={"strategy": "own"})), engine=engine)
        told.append(repr(caught.value))
    assert told[0] == told[1]


@needs_numba
def test_a_hook_outside_the_decision_language_is_refused_by_the_compiled_engine() -> None:
    register_strategy("own", corrected, draws_a_file)
    with pytest.raises(InputError, match="outside the decision language"):
        run_replication(plan_of(Scenario(client={"strategy": "own"})), engine="compiled")


def test_a_hook_takes_a_tally_and_a_reply() -> None:
    with pytest.raises(InputError, match=r"own\.on_data: a hook of a strategy is a function of two arguments"):
        register_strategy("own", corrected, corrected)  # type: ignore[arg-type]


def test_another_hook_is_another_version() -> None:
    versions = {
        register_strategy("own", corrected, *hooks).version
        for hooks in ((), (drops,), (takes_all,), (None, drops), (drops, drops))
    }
    assert len(versions) == 5
    assert TextReply(354, 0).data_lines == 0
    assert find_strategy("corrected").version == ""


def test_no_closed_form_holds_for_a_strategy_that_looks_beyond_rcpt() -> None:
    register_strategy("own", corrected)
    unlimited = Scenario.from_dict({"client": {"strategy": "own"}, "server": {"recipient_limit": None}})
    assert why_no_closed_form(unlimited) == []
    register_strategy("own", corrected, drops)
    assert why_no_closed_form(unlimited) == ['client.strategy = "own"']
