"""Exim before 4.95 against a server that accepts somebody behind a 452: the ledgers that the real program reached.

Exim's bug 2693. The program was built from its public history at the commit before the fix and run as the sender of
one message, over sockets, to a server with a limit of 100 and the reply ``452 4.5.3``, its batch cap lifted. The
ledgers come out of the model: nothing here or there holds them but these tests.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from drivers import DRIVERS, need
from hypothesis import given
from hypothesis import strategies as st
from live_pair import ledger, pair

from simsmtp import Scenario
from simsmtp.engines import run_replication
from simsmtp.model.plan import plan_of
from simsmtp.rows.records import Output
from simsmtp.strategies.counting import Knobs, Rcpt, Verdict, by_own_reply, first_pending
from simsmtp.strategies.outcome import is_marked_after, is_still_marked
from simsmtp.strategies.reply_class import ReplyClass
from simsmtp.strategies.tally import empty_tally

LEDGER = {"delivered": 36, "lost": 37, "duplicate": 27}
COUNTS = {"transactions": 7, "connections": 4, "rcpt_commands": 197}


def table(recipients: int, kind: str, **client: Any) -> Scenario:
    tables: dict[str, Any] = {
        "workload": {"recipients_per_message": recipients, "domains": 2 if kind == "first-domain-only" else 1},
        "client": {"preset": "exim-4.94", "batch_size": 1000, **client},
        "server": {"recipient_limit": 100, "limit_kind": kind, "overflow_reply": "452 4.5.3"},
    }
    return Scenario.from_dict(tables)


def sent(driver: str, scenario: Scenario) -> Output:
    if need(driver) == "wire":
        return pair(scenario.replace({"client.retry_initial_s": 0.05})).delivered.output
    output = run_replication(plan_of(scenario), engine=driver, recipients=True)
    assert output.engine == driver
    return output


@pytest.mark.parametrize("driver", DRIVERS)
def test_with_every_other_recipient_refused_some_are_lost_and_some_get_it_twice(driver: str) -> None:
    found = sent(driver, table(100, "first-domain-only"))
    assert ledger(found) == LEDGER
    assert {name: found.responses[name] for name in COUNTS} == COUNTS


@pytest.mark.parametrize("driver", DRIVERS)
def test_the_default_batch_of_100_changes_nothing(driver: str) -> None:
    assert ledger(sent(driver, table(100, "first-domain-only", batch_size=100))) == LEDGER


@pytest.mark.parametrize("driver", DRIVERS)
def test_without_pipelining_everybody_gets_it_once(driver: str) -> None:
    assert ledger(sent(driver, table(100, "first-domain-only", pipelining=False))) == {"delivered": 100}


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("recipients", [100, 101, 124, 250])
def test_a_limit_per_transaction_does_no_harm(driver: str, recipients: int) -> None:
    assert ledger(sent(driver, table(recipients, "transaction"))) == {"delivered": recipients}


@pytest.mark.parametrize("driver", DRIVERS)
def test_the_fixed_program_loses_nobody(driver: str) -> None:
    assert ledger(sent(driver, table(100, "first-domain-only", preset="exim"))) == {"delivered": 100}


@given(
    st.lists(
        st.sampled_from([ReplyClass.ACCEPTED, ReplyClass.OVER, ReplyClass.FAILED, ReplyClass.DEFERRED]), max_size=30
    ),
    st.booleans(),
)
def test_the_booking_is_that_of_a_list_of_addresses_of_which_some_are_pending(
    heard: list[ReplyClass], marked: bool
) -> None:
    """Replies go down the list: each is for the first address that is pending, and a 452 leaves it so."""
    booked = [ReplyClass.OVER] * len(heard)
    for reply in heard:
        booked[booked.index(ReplyClass.OVER)] = reply
    pending = Verdict.DEFER if marked else Verdict.REQUEUE
    expected = [pending if one == ReplyClass.OVER else by_own_reply(one) for one in booked]
    ahead = iter([one for one in heard if one != ReplyClass.OVER])
    knobs = Knobs(pipelined=True, budget=3, marked=marked)
    rcpts = [
        Rcpt(place, seen, ReplyClass.ACCEPTED, 0, next(ahead, ReplyClass.OVER)) for place, seen in enumerate(heard)
    ]
    assert [first_pending(empty_tally(), rcpt, knobs) for rcpt in rcpts] == expected


def test_a_refusal_read_with_the_reply_to_data_marks_the_connection_and_flights_without_data_lift_that() -> None:
    assert is_marked_after(False, 1, 1, True)
    assert not is_marked_after(False, 1, -1, True)
    assert not is_marked_after(False, 2, 1, True), "DATA went alone after the refusal"
    assert is_marked_after(True, 1, -1, True)
    assert not is_marked_after(True, 2, -1, True)
    assert is_marked_after(True, 2, 2, True)
    assert (is_still_marked(True, 1), is_still_marked(True, 2), is_still_marked(False, 1)) == (True, False, False)


@pytest.mark.parametrize("driver", DRIVERS)
def test_refusals_in_a_flight_before_data_go_out_again_on_the_same_connection(driver: str) -> None:
    """Flights of ten: nobody waits for a further attempt where the refusals came before DATA was sent."""
    found = sent(driver, table(12, "first-domain-only", window_recipients=10))
    fates = Counter(row.ledger for row in found.recipients)
    assert fates["lost"] > 0
    assert found.responses["connections"] < found.responses["transactions"]
