"""Presets are data: each builds a scenario, each value has its source; and what was added to the model for them."""

from __future__ import annotations

from typing import Any

import pytest
from helpers import ledger, run
from hypothesis import given
from hypothesis import strategies as st

from simsmtp import Scenario, presets
from simsmtp.errors import InputError
from simsmtp.model.plan import plan_of
from simsmtp.protocol.replies import enhanced
from simsmtp.strategies.order import number_at
from simsmtp.strategies.reply_class import ReplyClass, classify, classify_among, is_company

SIDES = {"client": presets.clients(), "server": presets.servers()}
EVERY = [(side, name) for side, known in SIDES.items() for name in known]


def regions(server: str) -> dict[str, int]:
    """Return what else has to be said of the workload where a server's preset tells groups of recipients apart."""
    values = SIDES["server"][server].values if server in SIDES["server"] else {}
    return {"groups": 3} if "group" in values.get("limit_kind", "") else {}


@pytest.mark.parametrize(("side", "name"), EVERY)
def test_a_preset_builds_a_scenario_and_says_where_each_value_is_from(side: str, name: str) -> None:
    preset = SIDES[side][name]
    scenario = Scenario.from_dict({side: {"preset": name}, "workload": regions(name)})
    plan_of(scenario)
    assert preset.title
    assert set(preset.sources) == set(preset.values)
    assert all(len(source) > 7 for source in preset.sources.values())
    assert set(preset.verified) <= set(preset.values)
    assert all(any(letter.isdigit() for letter in seen) for seen in preset.verified.values())
    given_back = scenario.to_dict()[side]
    for key, value in preset.values.items():
        assert given_back[key] == (None if value == "unlimited" else value), key


@pytest.mark.parametrize("name", list(presets.clients()))
def test_every_client_meets_every_server_and_the_ledger_adds_up(name: str) -> None:
    for server in presets.servers():
        found = run(
            workload={"recipients_per_message": 120, **regions(server)},
            client={"preset": name},
            server={"preset": server, "recipient_limit": 50, "soft_error_limit": None, "hard_error_limit": None},
        )
        assert sum(ledger(found).values()) == 120


@given(st.integers(1, 300), st.integers(1, 9))
def test_sorted_by_domain_is_a_stable_sort(recipients: int, domains: int) -> None:
    places = [number_at(place, recipients, domains) for place in range(recipients)]
    assert places == sorted(range(recipients), key=lambda number: number % domains)


STATUSES = [0, *(enhanced(*one) for one in [(4, 5, 3), (5, 5, 3), (4, 2, 2), (5, 2, 2)])]


@given(st.sampled_from([0, 250, 421, 450, 451, 452, 455, 550, 552, 554]), st.sampled_from(STATUSES), st.booleans())
def test_among_others_only_452_in_company_is_over_the_limit(code: int, status: int, first: bool) -> None:
    assert classify_among(code, status, first, False, False) == classify(code, status, first)
    seen = classify_among(code, status, first, True, True)
    assert (seen == ReplyClass.OVER) == (code == 452 and not first)
    alone = classify_among(code, status, first, True, False)
    assert alone == classify(code, 0, True) != ReplyClass.OVER
    assert is_company(seen) == (200 <= code < 300 or (code >= 500))


def test_a_sender_that_sorts_makes_a_block_of_what_is_refused() -> None:
    """Every other recipient is of the other domain: a sender that gives up after three refusals in a row notices."""
    table: dict[str, Any] = {
        "workload": {"recipients_per_message": 12, "domains": 2},
        "client": {"pipelining": False, "overflow": "defer", "give_up_after_refusals": 3, "stop_on_overflow": False}
        | {"expiry_s": 0.0},
        "server": {"limit_kind": "first-domain-only", "overflow_reply": "452 4.5.3"},
    }
    assert ledger(run(**table)) == {"delivered": 6, "false_ndr": 6}
    table["client"]["sorts_by_domain"] = True
    assert ledger(run(**table)) == {"false_ndr": 12}


def test_who_did_not_fail_is_deferred_when_the_sender_gives_up() -> None:
    found = run(
        workload={"recipients_per_message": 20},
        client={"pipelining": False, "overflow": "bounce", "give_up_after_refusals": 4, "stop_on_overflow": False},
        server={"recipient_limit": 10, "overflow_reply": 552},
    )
    # Of 20, 16 and 12 the first ten are accepted in vain; each of the first two rounds bounces four.
    assert ledger(found) == {"delivered": 10, "false_ndr": 10}
    assert (found["transactions"], found["connections"], found["rcpt_commands"]) == (3, 3, 14 + 14 + 12)


def test_without_a_queue_what_is_deferred_fails_at_once() -> None:
    found = run(client={"expiry_s": 0.0, "overflow": "defer"}, server={"overflow_reply": "452 4.5.3"})
    assert ledger(found) == {"delivered": 100, "false_ndr": 150}
    assert found["transactions"] == 1


@pytest.mark.parametrize(
    ("client", "key"),
    [
        ({"give_up_after_refusals": 25}, "client.give_up_after_refusals"),
        ({"over_limit_seen": "452-in-company", "drain": True}, "client.over_limit_seen"),
        ({"over_limit_seen": "452"}, "client.over_limit_seen"),
        ({"give_up_after_refusals": 0, "pipelining": False}, "client.give_up_after_refusals"),
        ({"preset": "postfx"}, "client.preset"),
    ],
)
def test_what_cannot_be_is_refused_by_key(client: dict[str, Any], key: str) -> None:
    with pytest.raises(InputError, match=key):
        Scenario.from_dict({"client": client})


def test_a_sender_reaches_every_region_of_outlook_one_after_the_other() -> None:
    """Mailu issue 3013: of three regions a transaction takes one; the others wait for the next attempt."""
    found = run(
        workload={"recipients_per_message": 9, "groups": 3}, client={"preset": "postfix"}, server={"preset": "outlook"}
    )
    assert ledger(found) == {"delivered": 9}
    assert (found["transactions"], found["rcpt_commands"]) == (3, 9 + 6 + 3)
