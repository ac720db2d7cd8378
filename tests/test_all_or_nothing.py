"""Senders that give a message to all of a transaction or to nobody."""

from __future__ import annotations

from collections import Counter
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from helpers import STRATEGIES, by_connection, replay
from live_pair import commands, fates, ledger, pair, verdicts

import simsmtp
from simsmtp import Scenario
from simsmtp.dialogue.capture import read_capture
from simsmtp.dialogue.ndr import write_ndrs
from simsmtp.engines import run_replication
from simsmtp.errors import InputError
from simsmtp.model.plan import plan_of
from simsmtp.protocol.commands import Verb
from simsmtp.protocol.ledger import Ledger, ledger_class
from simsmtp.protocol.wire import AddressBook
from simsmtp.theory.closed_form_domain import why_no_closed_form

QUICK_RETRY = {"retry_initial_s": 0.02, "retry_max_s": 0.02, "expiry_s": 0.05}


def tables(**client: Any) -> dict[str, Any]:
    """Return eight recipients, of whom the third is unknown, and a sender without a queue."""
    return {
        "workload": {"recipients_per_message": 8, "unknown": [2]},
        "client": {"on_refusal": "give-up", "expiry_s": 0} | client,
    }


def said(**changed: Any) -> list[str]:
    """Return what the client says on its only connection, in short."""
    (names,) = commands(replay(**changed)).values()
    return names


def test_one_command_at_a_time_it_stops_at_the_refusal_and_begins_anew_with_rset() -> None:
    two = tables(pipelining=False)
    two["workload"]["messages"] = 2
    once = ["MAIL", "RCPT", "RCPT", "RCPT"]
    assert said(**two) == ["EHLO", *once, "RSET", *once]


def test_a_whole_group_is_out_before_the_refusal_is_read_and_a_lone_dot_ends_it() -> None:
    output = replay(**tables())
    assert [name for names in commands(output).values() for name in names][1:] == [
        "MAIL",
        *["RCPT"] * 8,
        "DATA",
        "TEXT",
    ]
    (text,) = (row for row in output.dialogue if row.kind == "command" and row.verb == Verb.TEXT)
    assert text.octets == 3
    assert output.responses["empty_text"] == 7


@pytest.mark.parametrize(
    ("window", "out"), [({"window_recipients": 3}, 3), ({"window_recipients": 2}, 4), ({"window_recipients": 1}, 3)]
)
def test_flights_behind_the_one_with_the_refusal_are_not_sent(window: dict[str, int], out: int) -> None:
    output = replay(**tables(**window))
    assert said(**tables(**window))[1:] == ["MAIL", *["RCPT"] * out]
    assert ledger(output) == {"false_ndr": 7, "true_ndr": 1}
    assert output.responses["empty_text"] == 0


def test_with_bdat_the_text_went_along_and_those_accepted_have_it() -> None:
    given = tables(chunking=True) | {"server": {"chunking": True}}
    output = replay(**given)
    assert ledger(output) == {"contradictory_ndr": 7, "true_ndr": 1}
    assert sum(row.accepted for row in output.recipients) == 7
    assert output.responses["empty_text"] == 0


def test_without_a_refusal_nothing_is_different() -> None:
    plain, strict = (
        {"client": {"on_refusal": one}, "server": {"recipient_limit": None}} for one in ("go-on", "give-up")
    )
    assert repr(replay(**plain).responses) == repr(replay(**strict).responses)


def test_a_deferral_defers_everybody_and_a_refusal_later_on_does_not_matter() -> None:
    """Everybody waits for greylisting once, and gets an empty letter each time."""
    given = {
        "workload": {"recipients_per_message": 8},
        "client": {"on_refusal": "give-up"},
        "server": {"greylist_s": 30.0},
    }
    output = replay(**given)
    assert ledger(output) == {"delivered": 8}
    assert output.responses["transactions"] == 2
    over = {"server": {"recipient_limit": 5, "overflow_reply": "452 4.5.3"}}
    output = replay(**(given | over | {"client": {"on_refusal": "give-up", "expiry_s": 1000.0}}))
    assert ledger(output) == {"contradictory_ndr": 5, "false_ndr": 3}, "until it expires"
    assert output.responses["empty_text"] == 5


def test_who_learns_the_limit_gets_through_at_last() -> None:
    given = {
        "workload": {"recipients_per_message": 8},
        "client": {"on_refusal": "give-up", "sizing": "adaptive", "overflow": "same-session"},
        "server": {"recipient_limit": 5, "overflow_reply": "452 4.5.3"},
    }
    output = replay(**given)
    assert ledger(output) == {"delivered": 8}
    assert output.responses["empty_text"] == 0
    assert sum(row.empty_text for row in output.recipients) == 5, "of whom all got the real text, too"


def test_who_takes_refusals_for_acceptances_loses_those_with_an_empty_text() -> None:
    given = tables(strategy="send-cursor-silent", expiry_s=1000.0) | {"server": {"recipient_limit": 5}}
    given["workload"]["unknown"] = []
    output = replay(**given)
    assert ledger(output) == {"lost": 8}
    assert output.responses["empty_text"] == 5


def test_the_ledger_of_an_empty_text() -> None:
    def found(accepted: int, *, ndr: bool) -> Ledger:
        return ledger_class(True, accepted, ndr, False, True)

    assert found(0, ndr=True) == found(1, ndr=True) == Ledger.CONTRADICTORY_NDR
    assert found(0, ndr=False) == Ledger.LOST
    assert found(1, ndr=False) == Ledger.DELIVERED
    assert ledger_class(True, 0, True, True, True) == Ledger.QUEUED


@pytest.mark.parametrize("window", [{}, {"pipelining": False}, {"window_recipients": 4}, {"chunking": True}], ids=str)
@pytest.mark.parametrize("server", [{"recipient_limit": 10}, {"recipient_limit": 10, "overflow_reply": "452 4.5.3"}])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_send_does_what_the_simulator_says(strategy: str, server: dict[str, Any], window: dict[str, Any]) -> None:
    one = Scenario.from_dict(
        {
            "workload": {"recipients_per_message": 15, "message_bytes": 600, "messages": 2},
            "client": {"strategy": strategy, "on_refusal": "give-up", **QUICK_RETRY, **window},
            "server": server | {"chunking": "chunking" in window},
            "network": {"rtt_ms": 0.0, "replies_per_read": 3},
        }
    )
    both = pair(one)
    found = both.delivered.output
    expected = run_replication(plan_of(one), engine="reference", recipients=True, dialogue=True)
    assert both.delivered.faults == []
    assert both.served.faults == {}
    assert {row.ledger for row in found.recipients} == {row.ledger for row in expected.recipients}
    assert {(row.recipient, row.empty_text) for row in found.recipients} == {
        (row.recipient, row.empty_text) for row in expected.recipients
    }
    first = min(verdicts(expected))
    assert commands(found)[first][:20] == commands(expected)[first][:20]
    assert verdicts(found)[first][:15] == verdicts(expected)[first][:15]


def test_send_without_a_queue_comes_to_the_very_ledger() -> None:
    one = Scenario.from_dict(tables())
    both = pair(one)
    expected = run_replication(plan_of(one), engine="reference", recipients=True)
    assert fates(both.delivered.output) == fates(expected)
    assert both.served.accepted.total() == 7, "the server has taken an empty text"


@pytest.mark.parametrize("pipelining", [True, False])
def test_an_ndr_names_the_refusal_that_ended_it_for_everybody(tmp_path: Path, *, pipelining: bool) -> None:
    scenario = Scenario.from_dict(tables(pipelining=pipelining))
    output = run_replication(plan_of(scenario), engine="reference", recipients=True, dialogue=True)
    (path,) = write_ndrs(tmp_path, output, plan_of(scenario), AddressBook(20, 1))
    report = message_from_bytes(path.read_bytes())
    _, *blocks = report.get_payload(1).get_payload()  # type: ignore[union-attr]
    assert [block["Status"] for block in blocks] == ["5.1.1"] * 8  # type: ignore[union-attr]


def test_a_diagram_shows_the_lone_dot() -> None:
    text = str(simsmtp.trace(Scenario.from_dict(tables())))
    assert "C: .\n" in text
    assert "contradictory_ndr" in text


def test_a_capture_tells_an_empty_text_from_a_real_one(tmp_path: Path) -> None:
    path = simsmtp.trace(Scenario.from_dict(tables())).write_pcap(tmp_path / "empty.pcap")
    found = Counter(one.truth for one in read_capture(path).recipients)
    assert found == {"emptied": 7, "": 1}
    plain = simsmtp.trace(Scenario.from_dict({"workload": {"recipients_per_message": 8, "unknown": [2]}}))
    found = Counter(one.truth for one in read_capture(plain.write_pcap(tmp_path / "real.pcap")).recipients)
    assert found == {"taken": 7, "": 1}


@pytest.mark.parametrize(
    ("beside", "key"),
    [
        ({"drain": True}, "client.drain"),
        ({"give_up_after_refusals": 3, "pipelining": False}, "client.give_up_after_refusals"),
    ],
)
def test_what_does_not_go_together_is_told(beside: dict[str, Any], key: str) -> None:
    with pytest.raises(InputError, match=rf"^{key}: gives up at the first refusal"):
        Scenario.from_dict({"client": {"on_refusal": "give-up"} | beside})


def test_no_closed_form_holds_over_a_limit() -> None:
    assert 'client.on_refusal = "give-up"' in why_no_closed_form(
        Scenario.from_dict({"client": {"on_refusal": "give-up"}})
    )


def test_every_connection_ends_with_quit() -> None:
    for rows in by_connection(replay(**tables()), "close").values():
        assert [row.verb for row in rows] == [Verb.QUIT]
