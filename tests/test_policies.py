"""What a receiver answers (the model's section 3), and what a sender makes of it over several transactions."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from helpers import (
    NO_SERVICE,
    by_connection,
    few,
    ledger,
    ledgers_by_message,
    rcpts,
    replay,
    run,
    some,
    transactions,
)
from hypothesis import given
from hypothesis import strategies as st

from simsmtp.protocol.commands import Verb
from simsmtp.rows.records import DialogueRow, Output

INSTANT = {"rtt_ms": 50, "bandwidth_mbit": None}
S = 10**9


def codes(output: Output, verb: Verb, connection: int = 1) -> list[int]:
    """Return the codes that a verb was answered with on a connection."""
    return [row.code for row in by_connection(output, "reply")["", connection] if row.verb == verb]


def replies_to(output: Output, verb: Verb) -> list[DialogueRow]:
    return [row for row in output.dialogue if row.kind == "reply" and row.verb == verb]


def connects_s(output: Output) -> list[float]:
    return [row.client_ns / S for row in output.dialogue if row.kind == "connect"]


# -- the recipient limit ------------------------------------------------------------------------------------


@some
@given(
    n=st.integers(1, 40),
    limit=st.integers(1, 12),
    kind=st.sampled_from(["transaction", "domain", "connection"]),
    domains=st.integers(1, 4),
    unknown=st.sampled_from([0.0, 0.2, 0.6]),
    overflow=st.sampled_from(["same-session", "new-connection", "defer"]),
    window=st.one_of(st.none(), st.integers(1, 9)),
    seed=st.integers(0, 99),
)
def test_every_rcpt_is_answered_by_the_rule(
    n: int, limit: int, kind: str, domains: int, unknown: float, overflow: str, window: int | None, seed: int
) -> None:
    """Accepted recipients are counted first, then the mailbox is looked at: unknown ones use nothing up."""
    output = replay(
        seed=seed,
        workload={"recipients_per_message": n, "domains": domains, "unknown_share": unknown},
        client={"overflow": overflow, "window_recipients": window},
        server={"recipient_limit": limit, "limit_kind": kind},
    )
    valid = {row.recipient: row.valid for row in output.recipients}
    for replies in by_connection(output, "reply").values():
        in_transaction: list[int] = []
        on_connection = 0
        for row in replies:
            if row.verb == Verb.MAIL:
                in_transaction = []
                exhausted = kind == "connection" and on_connection >= limit
                assert row.code == (421 if exhausted else 250)
            if row.verb != Verb.RCPT:
                continue
            domain = row.recipient % domains
            count = {
                "transaction": len(in_transaction),
                "domain": in_transaction.count(domain),
                "connection": on_connection,
            }[kind]
            assert row.code == (552 if count >= limit else 250 if valid[row.recipient] else 550)
            if row.code == 250:
                in_transaction.append(domain)
                on_connection += 1


def test_first_domain_only_interleaves() -> None:
    output = replay(
        workload={"recipients_per_message": 9, "domains": 3},
        server={"limit_kind": "first-domain-only", "overflow_reply": 452},
    )
    assert [rcpts(rows, 250) for rows in transactions(output)] == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]
    assert rcpts(transactions(output)[0]) == list(range(9))
    assert ledger(output.responses) == {"delivered": 9}


def test_first_domain_only_keeps_the_limit_too() -> None:
    output = replay(
        workload={"recipients_per_message": 9, "domains": 3},
        server={"limit_kind": "first-domain-only", "recipient_limit": 2, "overflow_reply": 452},
    )
    assert rcpts(transactions(output)[0], 250) == [0, 3]
    assert ledger(output.responses) == {"delivered": 9}


def test_a_domain_limit_interleaves_in_later_transactions() -> None:
    """Domain 0 is over its limit where domain 1 is not, once unknown mailboxes have thinned out the latter."""
    output = replay(
        seed=3,
        workload={"recipients_per_message": 30, "domains": 2, "unknown_share": 0.4},
        server={"limit_kind": "domain", "recipient_limit": 4},
    )
    answers = [row.code for row in transactions(output)[0] if row.verb == Verb.RCPT]
    assert 250 in answers[answers.index(552) :]


def test_totals_fail_where_acceptance_is_no_prefix() -> None:
    """`aggregate` maps totals back by position: right for a prefix, wrong for interleaved refusals."""
    responses = run(
        workload={"recipients_per_message": 9, "domains": 3},
        client={"strategy": "aggregate"},
        server={"limit_kind": "first-domain-only"},
    )
    assert set(ledger(responses)) > {"lost"}
    assert responses["delivered"] < 9


def test_resent_recipients_stay_in_their_domains() -> None:
    """The odd recipients are refused for good; sent again alone they share one domain, and nobody is refused."""
    output = replay(
        workload={"recipients_per_message": 8, "domains": 2, "resend": "failed"},
        server={"limit_kind": "first-domain-only", "overflow_reply": 550},
    )
    assert ledgers_by_message(output) == {0: {"delivered": 4, "false_ndr": 4}, 1: {"delivered": 4}}


# -- error limits -------------------------------------------------------------------------------------------


def test_overshoot_allowance_then_soft_limit_then_hard_limit() -> None:
    """Recipient limit 2, two refusals free, then each is an error: from 3 on sleeps, at 5 the next hears 421."""
    output = replay(
        workload={"recipients_per_message": 20},
        client={"expiry_s": 1.0},
        network=INSTANT,
        server=NO_SERVICE
        | {
            "recipient_limit": 2,
            "overshoot_limit": 2,
            "soft_error_limit": 3,
            "hard_error_limit": 5,
            "error_sleep_ms": 1000.0,
        },
    )
    assert output.dialogue
    first_session = [row for row in by_connection(output, "command")["", 1] if row.verb == Verb.RCPT]
    arrived = first_session[0].server_ns
    heard = by_connection(output, "reply")["", 1][3:]  # after banner, EHLO and MAIL
    assert [row.code for row in heard] == [250] * 2 + [552] * 7 + [421]
    # Errors: none for the first four replies, then 1 to 5; the last 552 and the 421 follow the third error.
    waited_s = [(row.server_ns - arrived) / S for row in heard]
    assert waited_s[:6] == [0.0] * 6
    own = waited_s[6]  # whether the third error's own reply is slowed down is not for this test to say
    assert own in (0.0, 1.0)
    assert waited_s[7:] == [own + 1, own + 2, own + 3]


def test_without_an_allowance_over_limit_refusals_are_no_errors() -> None:
    responses = run(
        workload={"recipients_per_message": 50},
        server={"recipient_limit": 10, "soft_error_limit": 1, "hard_error_limit": 1},
    )
    assert ledger(responses) == {"delivered": 50}
    assert responses["makespan_s"] < 5


def test_unknown_mailboxes_are_errors_and_421_commits_nothing() -> None:
    """A client that meets the hard limit before DATA has delivered to nobody, and its message expires."""
    output = replay(
        seed=1,
        workload={"recipients_per_message": 30, "unknown_share": 0.5},
        client={"expiry_s": 1.0},
        server={"hard_error_limit": 3},
    )
    assert codes(output, Verb.RCPT).count(550) == 3
    assert codes(output, Verb.RCPT)[-1] == 421
    assert output.responses["delivered"] == 0
    assert output.responses["false_ndr"] == sum(row.valid for row in output.recipients)


@few
@given(sleep_ms=st.integers(1, 5000), errors=st.integers(1, 6))
def test_a_tarpit_slows_every_later_reply(sleep_ms: int, errors: int) -> None:
    """All mailboxes unknown: each RCPT after the limit, and DATA, waits for one more sleep."""
    n = 8
    output = replay(
        workload={"recipients_per_message": n, "unknown_share": 1.0},
        network=INSTANT,
        server=NO_SERVICE | {"soft_error_limit": errors, "error_sleep_ms": float(sleep_ms)},
    )
    rcpt = replies_to(output, Verb.RCPT)
    data = replies_to(output, Verb.DATA)[0]
    times = [row.server_ns for row in (*rcpt, data)]
    gaps = [(late - early) / 1e6 for early, late in pairwise(times)]
    assert gaps[: max(0, errors - 2)] == [0.0] * max(0, errors - 2)
    assert gaps[errors - 1 :] == [sleep_ms] * (n - errors + 1)


def test_a_tarpit_goes_on_in_the_next_transaction_and_ends_with_the_session() -> None:
    output = replay(
        workload={"messages": 3, "recipients_per_message": 1, "unknown_share": 1.0},
        client={"transactions_per_connection": 2},
        network=INSTANT,
        server=NO_SERVICE | {"soft_error_limit": 2, "error_sleep_ms": 1000.0},
    )
    mail = replies_to(output, Verb.MAIL)
    arrivals = [row for row in output.dialogue if row.kind == "command" and row.verb == Verb.MAIL]
    waited = [reply.server_ns - command.server_ns for reply, command in zip(mail, arrivals, strict=True)]
    # The second transaction opens with RSET and MAIL, one sleep each: the session has seen 550 and 554.
    assert waited == [0, 2 * S, 0]


# -- connections that are spent -----------------------------------------------------------------------------


def test_an_exhausted_connection_is_told_so_at_mail_and_the_next_goes_on_at_once() -> None:
    output = replay(
        workload={"recipients_per_message": 8},
        client={"overflow": "same-session"},
        server={"limit_kind": "connection", "recipient_limit": 3},
    )
    assert [codes(output, Verb.MAIL, number) for number in (1, 2, 3)] == [[250, 421], [250, 421], [250]]
    assert [row.recipient for row in replies_to(output, Verb.RCPT) if row.code == 250] == list(range(8))
    assert ledger(output.responses) == {"delivered": 8}
    assert output.responses["makespan_s"] < 5


def test_a_connection_limit_counts_over_transactions() -> None:
    output = replay(
        workload={"messages": 4, "recipients_per_message": 2},
        server={"limit_kind": "connection", "recipient_limit": 5},
    )
    accepted = [rcpts(rows, 250) for rows in by_connection(output, "reply").values()]
    assert accepted == [[0, 1, 0, 1, 0], [1, 0, 1]]
    assert ledger(output.responses) == {"delivered": 8}


@pytest.mark.parametrize("pipelining", [True, False])
def test_messages_per_connection(pipelining: bool) -> None:
    output = replay(
        workload={"messages": 5, "recipients_per_message": 1},
        client={"pipelining": pipelining},
        server={"messages_per_connection": 2},
    )
    assert [codes(output, Verb.MAIL, number) for number in (1, 2, 3)] == [[250, 250, 421], [250, 250, 421], [250]]
    assert ledger(output.responses) == {"delivered": 5}
    assert output.responses["makespan_s"] < 10


def test_a_sender_that_obeys_mailmax_hears_no_421() -> None:
    output = replay(
        workload={"messages": 5, "recipients_per_message": 1},
        client={"sizing": "rcptmax"},
        server={"messages_per_connection": 2, "advertise_limits": True},
    )
    assert [codes(output, Verb.MAIL, number) for number in (1, 2, 3)] == [[250, 250], [250, 250], [250]]


def test_transactions_per_connection_is_the_senders_own_limit() -> None:
    responses = run(workload={"messages": 6, "recipients_per_message": 1}, client={"transactions_per_connection": 2})
    assert responses["connections"] == 3


def test_a_refused_connection_waits_by_the_schedule() -> None:
    """One session at once, held for 1,000 s by each of two texts: the other connection is refused 3 times."""
    output = replay(
        workload={"messages": 2, "recipients_per_message": 1},
        client={"connections": 2, "timeout_s": {"dot": 2000}},
        network=INSTANT,
        server=NO_SERVICE | {"sessions": 1, "text_service_ms": 1e6},
    )
    refused = [row for row in replies_to(output, Verb.CONNECT) if row.code == 421]
    assert len(refused) == 3
    # Two round trips to the refusal, then 300 s and 600 s; 1,200 s later nothing is left to be sent.
    assert connects_s(output) == pytest.approx([0, 0, 300.1, 900.2])
    assert ledger(output.responses) == {"delivered": 2}
    assert output.responses["makespan_s"] == pytest.approx(5 * 0.05 + 1000 + 2 * 0.05 + 1000)


def test_sessions_within_the_limit_are_served() -> None:
    responses = run(
        workload={"messages": 6, "recipients_per_message": 2}, client={"connections": 3}, server={"sessions": 3}
    )
    assert responses["connections"] == 3
    assert ledger(responses) == {"delivered": 12}


# -- DATA ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunking", [True, False])
def test_data_refused_after_overflow_reaches_nobody(chunking: bool) -> None:
    """Limit 2 of 5: twice two are accepted and failed by 554; the last one is alone and gets through."""
    output = replay(
        workload={"recipients_per_message": 5},
        client={"chunking": chunking},
        server={"recipient_limit": 2, "reject_data_after_overflow": True, "chunking": chunking},
    )
    assert [row.code for row in replies_to(output, Verb.BDAT if chunking else Verb.DATA)][:2] == [554, 554]
    assert ledger(output.responses) == {"delivered": 1, "false_ndr": 4}
    assert [row.recipient for row in output.recipients if not row.ndr] == [4]
    # Nothing was committed, so the refused ones came back by the schedule: after 300 s and 600 s.
    assert output.responses["delay_p50_s"] > 900


def test_data_answered_354_without_recipients_ends_with_a_lone_dot() -> None:
    output = replay(
        workload={"recipients_per_message": 3, "unknown_share": 1.0},
        server={"data_without_recipients": "354"},
    )
    text = next(row for row in output.dialogue if row.kind == "command" and row.verb == Verb.TEXT)
    assert text.octets == len(".\r\n")
    assert codes(output, Verb.DATA) == [354]
    assert codes(output, Verb.TEXT) == [554]
    assert ledger(output.responses) == {"true_ndr": 3}


def test_data_answered_554_without_recipients_sends_no_text() -> None:
    output = replay(workload={"recipients_per_message": 3, "unknown_share": 1.0})
    assert codes(output, Verb.DATA) == [554]
    assert codes(output, Verb.TEXT) == []
    assert ledger(output.responses) == {"true_ndr": 3}


@pytest.mark.parametrize("client", [{"pipelining": False}, {"window_recipients": 1}, {"window_recipients": 3}])
def test_a_sender_that_knows_all_are_refused_sends_no_data(client: dict[str, Any]) -> None:
    """DATA goes out blindly only where it rides with RCPTs that are not answered yet."""
    output = replay(workload={"recipients_per_message": 3, "unknown_share": 1.0}, client=client)
    assert codes(output, Verb.DATA) == ([554] if client.get("window_recipients") == 3 else [])
    assert ledger(output.responses) == {"true_ndr": 3}


def test_a_refused_text_fails_or_defers_by_its_code() -> None:
    permanent = {"data_failure_share": 1.0, "data_failure_reply": "554 5.3.0"}
    assert ledger(run(workload={"recipients_per_message": 7}, server=permanent)) == {"false_ndr": 7}
    for reply in ("451 4.3.0", "421 4.3.0"):
        temporary = {"data_failure_share": 1.0, "data_failure_reply": reply}
        output = replay(workload={"recipients_per_message": 7}, client={"expiry_s": 700.0}, server=temporary)
        assert ledger(output.responses) == {"false_ndr": 7}
        assert output.responses["transactions"] == 3  # at once, after 300 s, and a last time at 700 s


@few
@given(share=st.sampled_from([0.2, 0.7]), seed=st.integers(0, 99))
def test_texts_refused_for_now_get_through_in_the_end(share: float, seed: int) -> None:
    server = {"data_failure_share": share, "recipient_limit": 3}
    assert ledger(run(seed=seed, workload={"recipients_per_message": 8}, server=server)) == {"delivered": 8}


# -- greylisting, 421 and the retry schedule ----------------------------------------------------------------


@pytest.mark.parametrize(("greylist_s", "waits_s"), [(60.0, 300), (299.0, 300), (301.0, 900), (1000.0, 2100)])
def test_greylisting_delays_and_then_delivers(greylist_s: float, waits_s: int) -> None:
    output = replay(workload={"recipients_per_message": 5}, server={"greylist_s": greylist_s})
    assert ledger(output.responses) == {"delivered": 5}
    assert all(waits_s <= row.delay_s < waits_s + 2 for row in output.recipients)
    assert set(codes(output, Verb.RCPT)) == {451}


def test_greylisting_comes_after_limit_and_mailbox() -> None:
    output = replay(
        seed=2,
        workload={"recipients_per_message": 20, "unknown_share": 0.5},
        server={"greylist_s": 60.0, "recipient_limit": 3},
    )
    valid = {row.recipient: row.valid for row in output.recipients}
    first = [row for row in transactions(output)[0] if row.verb == Verb.RCPT]
    # Nobody is accepted, so nobody is over the limit of accepted recipients.
    assert [row.code for row in first] == [451 if valid[row.recipient] else 550 for row in first]
    assert set(ledger(output.responses)) == {"delivered", "true_ndr"}


def test_a_resent_recipient_is_no_stranger_to_the_greylist() -> None:
    """It was first seen when the original was sent, an hour and more before."""
    output = replay(
        seed=2,
        workload={"recipients_per_message": 4, "unknown_share": 0.5, "resend": "all"},
        server={"greylist_s": 60.0},
    )
    again = [row for row in output.recipients if row.resend_of == 0]
    assert all(row.delay_s < 300 for row in again if row.valid)


@pytest.mark.parametrize(("pipelining", "commands"), [(False, 101), (True, 250)])
def test_421_on_a_recipient_makes_no_progress_until_expiry(pipelining: bool, commands: int) -> None:
    output = replay(
        workload={"recipients_per_message": 250},
        client={"pipelining": pipelining, "expiry_s": 700.0},
        server={"overflow_reply": "421"},
    )
    assert codes(output, Verb.RCPT) == [250] * 100 + [421]
    assert ledger(output.responses) == {"false_ndr": 250}
    assert output.responses["transactions"] == output.responses["connections"] == 3
    assert output.responses["rcpt_commands"] == 3 * commands


def test_retries_keep_to_the_schedule_and_the_last_is_at_expiry() -> None:
    output = replay(
        workload={"recipients_per_message": 1},
        client={"expiry_s": 20_000.0},
        network={"rtt_ms": 0, "bandwidth_mbit": None},
        server=NO_SERVICE | {"data_failure_share": 1.0},
    )
    # 300, 600, 1200, 2400, then 4000 each, and the end.
    assert connects_s(output) == [0, 300, 900, 2100, 4500, 8500, 12500, 16500, 20000]
    assert ledger(output.responses) == {"false_ndr": 1}


@pytest.mark.parametrize("reply", ["452", "451 4.5.3", "455 4.5.3"])
def test_deferred_recipients_wait_and_those_not_yet_sent_do_not(reply: str) -> None:
    """Limit 2, flights of 3: 1 of each 3 waits for the schedule, the rest of the batch goes on at once."""
    output = replay(
        workload={"recipients_per_message": 9},
        client={"overflow": "defer", "window_recipients": 3},
        server={"recipient_limit": 2, "overflow_reply": reply},
    )
    assert [rcpts(rows) for rows in transactions(output)][:3] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert {row.connection for rows in transactions(output)[:3] for row in rows} == {1}
    late = [row.recipient for row in output.recipients if row.delay_s > 300]
    assert late == [2, 5, 8]
    assert ledger(output.responses) == {"delivered": 9}


def test_an_over_limit_code_without_a_class_of_its_own_just_defers() -> None:
    """Plain 451 is temporary but not over-limit: no immediate retry, and the flight does not stop the batch."""
    output = replay(
        workload={"recipients_per_message": 6},
        client={"window_recipients": 3},
        server={"recipient_limit": 2, "overflow_reply": "451"},
    )
    assert rcpts(transactions(output)[0]) == list(range(6))
    assert ledger(output.responses) == {"delivered": 6}
    assert sum(row.delay_s > 300 for row in output.recipients) == 4


@pytest.mark.parametrize(
    ("overflow", "connections"), [("same-session", 1), ("new-connection", 3), ("bounce", 1), ("defer", 2)]
)
def test_what_each_overflow_policy_does_with_the_connection(overflow: str, connections: int) -> None:
    """Limit 3 of 7. `defer` comes back twice from the queue, on connections of its own: 3, 3 and 1."""
    responses = run(
        workload={"recipients_per_message": 7}, client={"overflow": overflow}, server={"recipient_limit": 3}
    )
    expected = 3 if overflow == "defer" else connections
    assert responses["connections"] == expected
    assert responses["false_ndr"] == (4 if overflow == "bounce" else 0)


# -- sizes of transactions ----------------------------------------------------------------------------------


def test_rcptmax_is_obeyed_where_advertised() -> None:
    output = replay(
        workload={"recipients_per_message": 250},
        client={"sizing": "rcptmax"},
        server={"advertise_limits": True},
    )
    assert [len(rcpts(rows)) for rows in transactions(output)] == [100, 100, 50]
    assert output.responses["connections"] == 1
    assert output.responses["rcpt_commands"] == output.responses["delivered"] == 250


@pytest.mark.parametrize(("sizing", "advertised"), [("rcptmax", False), ("fixed", True)])
def test_rcptmax_takes_both_to_say_and_to_listen(sizing: str, advertised: bool) -> None:
    responses = run(
        workload={"recipients_per_message": 250},
        client={"sizing": sizing},
        server={"advertise_limits": advertised},
    )
    assert responses["rcpt_commands"] == 450


def test_rcptmax_protects_even_a_sender_that_cannot_count() -> None:
    client = {"sizing": "rcptmax", "strategy": "send-cursor"}
    responses = run(workload={"recipients_per_message": 250}, client=client, server={"advertise_limits": True})
    assert ledger(responses) == {"delivered": 250}


def test_the_batch_size_stays_a_cap() -> None:
    output = replay(
        workload={"recipients_per_message": 250},
        client={"sizing": "rcptmax", "batch_size": 80},
        server={"advertise_limits": True},
    )
    assert [len(rcpts(rows)) for rows in transactions(output)] == [80, 80, 80, 10]


def test_an_adaptive_sender_learns_the_limit_from_refusals() -> None:
    output = replay(
        workload={"messages": 2, "recipients_per_message": 350},
        client={"sizing": "adaptive"},
    )
    sizes = [len(rcpts(rows)) for rows in transactions(output)]
    assert sizes == [350, 100, 100, 50, 100, 100, 100, 50]
    assert sum(len(rcpts(rows, 552)) for rows in transactions(output)) == 250


def test_an_adaptive_sender_forgets() -> None:
    """Messages an hour apart, memory of a minute: each learns anew."""
    client = {"sizing": "adaptive", "sizing_forget_s": 1e-9}
    output = replay(workload={"recipients_per_message": 350}, client=client)
    assert [len(rcpts(rows)) for rows in transactions(output)] == [350, 250, 150, 50]


@few
@given(n=st.integers(1, 60), limit=st.integers(1, 20), unknown=st.sampled_from([0.0, 0.9]), seed=st.integers(0, 50))
def test_a_learned_size_lets_everybody_through(n: int, limit: int, unknown: float, seed: int) -> None:
    responses = run(
        seed=seed,
        workload={"recipients_per_message": n, "unknown_share": unknown},
        client={"sizing": "adaptive"},
        server={"recipient_limit": limit},
    )
    assert set(ledger(responses)) <= {"delivered", "true_ndr"}
    if not unknown:
        assert responses["rcpt_commands"] <= 2 * n
        assert responses["transactions"] == math.ceil(n / limit)


# -- destinations and connections ---------------------------------------------------------------------------


def test_connections_are_limited_for_each_destination_and_in_total() -> None:
    tables = {
        "workload": {"messages": 30, "recipients_per_message": 6},
        "destinations": [
            {"name": "near", "network": {"rtt_ms": 1}},
            {"name": "far", "connections": 5, "network": {"rtt_ms": 300}},
        ],
    }
    each = replay(client={"connections": 2}, **tables)
    opened = Counter(destination for destination, _ in by_connection(each, "connect"))
    assert opened == {"near": 2, "far": 5}
    total = replay(client={"connections": 2, "connections_total": 1}, **tables)
    assert ledger(each.responses) == ledger(total.responses) == {"delivered": 180}


def test_each_destination_has_its_own_limit_and_path() -> None:
    output = replay(
        workload={"recipients_per_message": 200},
        client={"strategy": "one-stop"},
        destinations=[
            {"name": "strict", "weight": 1, "server": {"recipient_limit": 10}},
            {"name": "lax", "weight": 3, "server": {"recipient_limit": None}},
        ],
    )
    harmed = {row.destination for row in output.recipients if row.ledger != "delivered"}
    assert harmed == {"strict"}
    strict = sum(row.destination == "strict" for row in output.recipients)
    assert 30 <= strict <= 70
    assert output.responses["false_ndr"] == strict - 10 - 1
