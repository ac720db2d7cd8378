"""The facts F1-F7 of Microsoft KB 822105 and "Setting Recipient Limits", each as an executable test.

Tests named ``f1`` to ``f7`` hold what those texts say. Tests named ``assumed`` hold what they do not say and our preset
`windows-2003-rtm` assumes: how many of the refused recipients fail, and what a single refusal does.
"""

from __future__ import annotations

from collections import Counter

import pytest
from helpers import by_connection, ledger, ledgers_by_message, rcpts, replay, run, transactions

from simsmtp import presets
from simsmtp.protocol.commands import Verb
from simsmtp.strategies.counting import Verdict

RTM = {"preset": "windows-2003-rtm"}
FIXED = {"preset": "windows-2003-kb822105"}
RECEIVER = {"preset": "windows-2003"}
N, LIMIT = 250, 100


def workload(recipients: int, **more: object) -> dict[str, object]:
    return {"recipients_per_message": recipients, **more}


def test_f1_defect_appears_with_pipelining_which_is_on_by_default() -> None:
    assert run(workload=workload(N), client=RTM, server=RECEIVER)["false_ndr"] > 0


def test_f1_no_false_ndr_when_the_sender_does_not_pipeline() -> None:
    responses = run(workload=workload(N), client=RTM | {"pipelining": False}, server=RECEIVER)
    assert ledger(responses) == {"delivered": N}


def test_f1_no_false_ndr_when_the_receiver_does_not_offer_pipelining() -> None:
    responses = run(workload=workload(N), client=RTM, server=RECEIVER | {"pipelining": False})
    assert ledger(responses) == {"delivered": N}


def test_f1_no_false_ndr_when_every_reply_is_awaited() -> None:
    responses = run(workload=workload(N), client=RTM | {"window_recipients": 1}, server=RECEIVER)
    assert ledger(responses) == {"delivered": N}


@pytest.mark.parametrize("recipients", [1, 2, LIMIT - 1, LIMIT])
def test_f2_no_false_ndr_up_to_the_limit(recipients: int) -> None:
    responses = run(workload=workload(recipients), client=RTM, server=RECEIVER)
    assert ledger(responses) == {"delivered": recipients}
    assert responses["connections"] == responses["transactions"] == 1


def test_assumed_one_refusal_alone_is_counted_right() -> None:
    """The article speaks of many recipients and gives no number; this follows from the hypothesis `one-stop`."""
    assert ledger(run(workload=workload(LIMIT + 1), client=RTM, server=RECEIVER)) == {"delivered": LIMIT + 1}


@pytest.mark.parametrize("recipients", [LIMIT + 2, N, 999])
def test_f3_some_recipients_are_reached_and_valid_others_get_ndrs(recipients: int) -> None:
    output = replay(workload=workload(recipients), client=RTM, server=RECEIVER)
    assert all(row.valid for row in output.recipients)
    assert set(ledger(output.responses)) == {"delivered", "false_ndr"}
    assert output.responses["delivered"] >= LIMIT
    assert output.responses["false_ndr"] > 0


def test_f4_the_wrong_count_concerns_recipients_that_were_answered_552_and_only_those() -> None:
    output = replay(workload=workload(N), client=RTM, server=RECEIVER)
    first = transactions(output)[0]
    refused = set(rcpts(first, 552))
    assert len(refused) == N - LIMIT
    bounced = {row.recipient for row in output.recipients if row.ndr}
    assert bounced < refused
    retried = {row.recipient for row in output.dialogue if row.kind == "verdict" and row.note == Verdict.REQUEUE}
    assert bounced | retried == refused
    assert not bounced & retried


def test_assumed_all_refused_but_the_first_get_ndrs() -> None:
    """The article says "some of the recipients"; which and how many is the hypothesis `one-stop`."""
    output = replay(workload=workload(N), client=RTM, server=RECEIVER)
    assert {row.recipient for row in output.recipients if row.ndr} == set(range(LIMIT + 1, N))


def test_f4_the_count_is_the_cause() -> None:
    """With every other setting of the affected sender, right counting alone cures it."""
    cured = RTM | {"strategy": "corrected"}
    assert ledger(run(workload=workload(N), client=cured, server=RECEIVER)) == {"delivered": N}


def test_f5_happens_again_when_the_message_is_resent_to_all() -> None:
    output = replay(workload=workload(N, resend="all", resends=2), client=RTM, server=RECEIVER)
    per_message = ledgers_by_message(output)
    assert len(per_message) == 3
    assert per_message[0]["false_ndr"] > 0
    assert per_message[0] == per_message[1] == per_message[2]


def test_f5_and_f2_resending_to_the_failed_ones_succeeds_once_the_rest_fits_the_limit() -> None:
    """F5 says that it happens again; that it ends follows from F2, since fewer are sent each time."""
    output = replay(workload=workload(N, resend="failed", resends=9), client=RTM, server=RECEIVER)
    *before, last = ledgers_by_message(output).values()
    assert all(one["false_ndr"] > 0 for one in before)
    assert last["false_ndr"] == 0
    sizes = [one.total() for one in (*before, last)]
    assert sizes[1:] == [one["false_ndr"] for one in before]
    assert last.total() <= LIMIT + 1  # assumed: one refusal is counted right
    assert sum(one["delivered"] for one in (*before, last)) == N


@pytest.mark.parametrize("recipients", [1, LIMIT, LIMIT + 1, 105, N, 1000, 1234])
def test_f6_the_fixed_sender_delivers_to_everybody_exactly_once(recipients: int) -> None:
    output = replay(workload=workload(recipients), client=FIXED, server=RECEIVER)
    assert ledger(output.responses) == {"delivered": recipients}
    assert all(row.accepted == 1 and not row.ndr for row in output.recipients)


def test_f6_105_recipients_at_limit_100_go_over_two_connections_of_100_and_5() -> None:
    output = replay(workload=workload(105), client=FIXED, server=RECEIVER)
    accepted = {key: rcpts(rows, 250) for key, rows in by_connection(output, "reply").items()}
    assert list(accepted.values()) == [list(range(100)), list(range(100, 105))]
    texts = Counter(
        row.connection for row in output.dialogue if row.kind == "reply" and row.verb == Verb.TEXT and row.code == 250
    )
    assert texts == {1: 1, 2: 1}
    assert output.responses["connections"] == 2
    assert not any(row.ndr for row in output.recipients)


def test_f6_the_new_connection_is_opened_at_once() -> None:
    output = replay(workload=workload(105), client=FIXED, server=RECEIVER)
    last_reply = max(row.client_ns for row in by_connection(output, "reply")["", 1])
    second = next(row for row in output.dialogue if row.kind == "connect" and row.connection == 2)
    assert second.client_ns == last_reply


def test_f7_both_presets_exist_and_every_value_cites_its_source() -> None:
    known = presets.clients()
    assert {"windows-2003-rtm", "windows-2003-kb822105"} <= set(known)
    for name in ("windows-2003-rtm", "windows-2003-kb822105"):
        preset = known[name]
        assert "6.0.3790.47" in preset.title
        assert preset.values
        assert set(preset.sources) == set(preset.values)
        assert all(source.strip() for source in preset.sources.values())
    server = presets.servers()["windows-2003"]
    assert all(server.sources[key].strip() for key in server.values)


def test_f7_the_presets_differ_in_the_counting_only_and_call_it_a_hypothesis() -> None:
    before, after = (presets.clients()[name] for name in ("windows-2003-rtm", "windows-2003-kb822105"))
    differing = {key for key in before.values | after.values if before.values.get(key) != after.values.get(key)}
    assert differing == {"strategy"}
    assert after.values["strategy"] == "corrected"
    assert "hypothesis" in before.sources["strategy"]
    assert "hypothesis" in before.note
