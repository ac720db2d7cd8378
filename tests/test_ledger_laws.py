"""What must hold of the ledger, the rows and the dialogue in every scenario, whatever it combines."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from helpers import LEDGER, STRATEGIES, by_connection, flights, ledger, many, replay, some
from hypothesis import assume, given
from hypothesis import strategies as st

from simsmtp.engines import run_replication
from simsmtp.model.plan import LIMIT_KINDS, plan_of
from simsmtp.model.scenario import Scenario
from simsmtp.protocol.commands import Verb
from simsmtp.rows.records import Output

SMALL = st.integers(1, 8)
REPLIES = ("452", "552", "452 4.5.3", "451 4.5.3", "455 4.5.3", "451", "550 5.5.3", "550", "421", "421 4.5.3")
POLICIES = ("new-connection", "same-session", "defer", "bounce")
DAY_S = 86_400.0

Tables = dict[str, Any]


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), values)


overflows = st.one_of(
    st.sampled_from(POLICIES),
    st.fixed_dictionaries({"452": st.sampled_from(POLICIES), "552": st.sampled_from(POLICIES)}),
)
window_keys = st.sampled_from(
    [
        {},
        {"window_recipients": 1},
        {"window_recipients": 2},
        {"window_recipients": 5},
        {"window_bytes": 90},
        {"window_bytes": 4096},
        {"drain": True},
        {"drain": True, "command_ms": 7.0},
    ]
)
networks = st.fixed_dictionaries(
    {
        "rtt_ms": st.sampled_from([0.0, 20.0, {"dist": "uniform", "low": 5, "high": 40}]),
        "bandwidth_mbit": st.sampled_from([None, 0.1, 100.0]),
        "replies_per_read": maybe(SMALL),
    }
)


@st.composite
def servers(draw: st.DrawFn) -> Tables:
    """A server with anything that may stand in its table."""
    soft = draw(maybe(SMALL))
    return {
        "recipient_limit": draw(maybe(SMALL)),
        "limit_kind": draw(st.sampled_from(list(LIMIT_KINDS))),
        "overflow_reply": draw(st.sampled_from(REPLIES)),
        "overshoot_limit": draw(maybe(SMALL)),
        "soft_error_limit": soft,
        "hard_error_limit": None if soft is None else draw(maybe(st.integers(soft, 12))),
        "reject_data_after_overflow": draw(st.sampled_from([False, False, True])),
        "data_without_recipients": draw(st.sampled_from(["354", "554 5.5.1"])),
        "data_failure_share": draw(st.sampled_from([0.0, 0.0, 0.3])),
        "data_failure_reply": draw(st.sampled_from(["451 4.3.0", "554 5.3.0", "421 4.3.0"])),
        "greylist_s": draw(st.sampled_from([None, None, 60.0, 900.0])),
        "pipelining": draw(st.sampled_from([True, True, False])),
        "chunking": draw(st.booleans()),
        "advertise_limits": draw(st.booleans()),
        "messages_per_connection": draw(maybe(st.integers(1, 3))),
        "sessions": draw(maybe(st.integers(1, 2))),
        "workers": draw(st.sampled_from([None, None, 1, 3])),
        "reply_buffer_bytes": draw(st.sampled_from([1, 50, 4096])),
        "text_service_ms": draw(st.sampled_from([0.0, 2.0, {"dist": "gamma", "mean": 3.0, "cv": 0.5}])),
        "rcpt_service_ms": draw(st.sampled_from([0.0, 0.2, {"dist": "exponential", "mean": 1.0}])),
    }


@st.composite
def scenarios(draw: st.DrawFn) -> Tables:
    """A whole scenario, small enough to run in a few milliseconds."""
    server = draw(servers())
    client = {
        "strategy": draw(st.sampled_from(STRATEGIES)),
        "budget": draw(SMALL),
        "overflow": draw(overflows),
        "batch_size": draw(st.integers(1, 15)),
        "sizing": draw(st.sampled_from(["fixed", "rcptmax", "adaptive"])),
        "sizing_forget_s": draw(maybe(st.sampled_from([0.1, 1000.0]))),
        "pipelining": draw(st.sampled_from([True, True, True, False])),
        "chunking": draw(st.booleans()),
        "stop_on_overflow": draw(st.booleans()),
        "connections": draw(st.sampled_from([1, 2, 3, None])),
        "connections_total": draw(maybe(st.integers(1, 3))),
        "transactions_per_connection": draw(maybe(st.integers(2, 4))),
        "starttls": draw(st.booleans()),
        **draw(window_keys),
    }
    client["on_refusal"] = draw(st.sampled_from(["go-on"] if client.get("drain") else ["go-on", "go-on", "give-up"]))
    tables = {
        "workload": {
            "messages": draw(st.integers(1, 4)),
            "recipients_per_message": draw(
                st.one_of(st.integers(1, 14), st.just({"dist": "geometric", "mean": 5, "maximum": 14}))
            ),
            "unknown_share": draw(st.sampled_from([0.0, 0.0, 0.2, 0.7, 1.0])),
            "unknown": draw(st.sampled_from([[], [], [1, 4]])),
            "domains": draw(st.integers(1, 3)),
            "arrivals": draw(st.sampled_from(["at-once", {"dist": "poisson", "rate_per_s": 5.0}])),
            "resend": draw(st.sampled_from(["none", "all", "failed"])),
            "resends": draw(st.integers(1, 2)),
        },
        "client": client,
        "network": draw(networks),
        "server": server,
    }
    if places := draw(st.integers(0, 3)):
        tables["destinations"] = [
            {"name": f"mx{place}", "weight": place + 1.0, "server": draw(servers()) if place else {}}
            for place in range(places)
        ]
    return tables


def by_group(server: Tables) -> bool:
    return server["limit_kind"] in {"group", "first-group-only"}


def fitting(tables: Tables) -> Tables:
    """Return tables with groups where a server tells them apart, and without places that no message has."""
    workload, base = tables["workload"], tables["server"]
    servers = [base, *(base | one["server"] for one in tables.get("destinations", []))]
    most = workload["recipients_per_message"]
    unknown = [place for place in workload["unknown"] if not isinstance(most, int) or place < most]
    return tables | {"workload": workload | {"groups": 1 + any(map(by_group, servers)), "unknown": unknown}}


def everything(tables: Tables, seed: int = 0) -> Output:
    return run_replication(plan_of(Scenario.from_dict(fitting(tables))), seed=seed, recipients=True, dialogue=True)


# -- the ledger and the rows --------------------------------------------------------------------------------


def check_sums(output: Output) -> None:
    responses, rows = output.responses, output.recipients
    assert sum(responses[name] for name in LEDGER) == responses["recipients"] == len(rows)
    assert Counter(row.ledger for row in rows) == Counter({name: responses[name] for name in LEDGER})
    assert len({(row.message, row.recipient) for row in rows}) == len(rows)
    assert sum(row.attempts for row in rows) == responses["rcpt_commands"]
    assert responses["false_ndr"] + responses["contradictory_ndr"] == sum(row.valid and row.ndr for row in rows)
    assert responses["empty_text"] == sum(row.empty_text and row.accepted == 0 for row in rows)


def check_classes(output: Output) -> None:
    for row in output.recipients:
        expected = {
            "delivered": row.valid and row.accepted == 1 and not row.ndr,
            "false_ndr": row.valid and row.accepted == 0 and not row.empty_text and row.ndr,
            "contradictory_ndr": row.valid and (row.accepted > 0 or row.empty_text) and row.ndr,
            "duplicate": row.valid and row.accepted > 1 and not row.ndr,
            "lost": row.valid and row.accepted == 0 and not row.ndr,
            "true_ndr": not row.valid and row.ndr,
            "missed_ndr": not row.valid and not row.ndr,
            "queued": True,
        }
        assert expected[row.ledger], row
        assert row.valid or (row.accepted == 0 and not row.empty_text)
        assert row.accepted <= row.attempts
        assert math.isnan(row.delay_s) == (row.accepted == 0)


def check_derived(output: Output) -> None:
    responses, rows = output.responses, output.recipients
    finished = sum(row.valid and row.ledger != "queued" for row in rows)
    wrong = responses["false_ndr"] + responses["contradictory_ndr"]
    assert responses["false_ndr_rate"] == (wrong / finished if finished else 0)
    reached = sum(row.accepted > 0 for row in rows)
    makespan = responses["makespan_s"]
    assert responses["delivered_per_s"] == (reached / makespan if makespan else 0)
    if reached:
        assert responses["rcpt_per_delivered"] == responses["rcpt_commands"] / reached
    else:
        assert math.isnan(responses["rcpt_per_delivered"])
    delays = sorted(row.delay_s for row in rows if row.accepted)
    for percent in (50, 95, 99):
        if delays:
            exact = delays[-(-percent * len(delays) // 100) - 1]
            assert math.isclose(responses[f"delay_p{percent}_s"], exact, rel_tol=5e-4, abs_tol=1e-9)
        else:
            assert math.isnan(responses[f"delay_p{percent}_s"])


@many
@given(tables=scenarios(), seed=st.integers(0, 1000))
def test_every_recipient_ends_in_one_class_and_rows_agree(tables: Tables, seed: int) -> None:
    output = everything(tables, seed)
    assert output.responses["queued"] == 0
    check_sums(output)
    check_classes(output)
    check_derived(output)


@some
@given(tables=scenarios(), horizon=st.sampled_from([0.01, 0.1, 0.3, 1.0, 400.0, 4000.0]))
def test_the_ledger_sums_at_any_horizon(tables: Tables, horizon: float) -> None:
    output = everything(tables | {"horizon_s": horizon})
    check_sums(output)
    check_classes(output)
    check_derived(output)
    assert all(row.arrival_s <= horizon for row in output.recipients)
    assert output.responses["makespan_s"] <= horizon


@pytest.mark.slow
@some
@given(tables=scenarios(), seed=st.integers(0, 2**40))
def test_same_seed_same_bits(tables: Tables, seed: int) -> None:
    first, again = everything(tables, seed), everything(tables, seed)
    assert repr(first) == repr(again)
    assert first.recipients == again.recipients
    bare = run_replication(plan_of(Scenario.from_dict(fitting(tables))), seed=seed)
    assert repr(bare.responses) == repr(first.responses)
    assert bare.recipients == bare.dialogue == []


@some
@given(tables=scenarios(), seed=st.integers(0, 1000), other=st.sampled_from(STRATEGIES))
def test_a_recipient_meets_the_same_fate_under_every_strategy(tables: Tables, seed: int, other: str) -> None:
    """Mailbox, destination, size of the message and arrival are common to all strategies."""

    def fates(strategy: str) -> dict[tuple[int, int], tuple[bool, str, float]]:
        client = tables["client"] | {"strategy": strategy}
        rows = everything(tables | {"client": client}, seed).recipients
        return {(r.message, r.recipient): (r.valid, r.destination, r.arrival_s) for r in rows if r.resend_of < 0}

    assert fates(tables["client"]["strategy"]) == fates(other)


@some
@given(tables=scenarios(), seed=st.integers(0, 1000))
def test_a_resent_recipient_keeps_its_mailbox_and_destination(tables: Tables, seed: int) -> None:
    resend = tables["workload"] | {"resend": "all", "unknown_share": 0.3}
    output = everything(tables | {"workload": resend}, seed)
    rows = {(row.message, row.recipient): row for row in output.recipients}
    for row in output.recipients:
        if row.resend_of >= 0:
            original = rows[row.resend_of, row.recipient]
            assert (row.valid, row.destination) == (original.valid, original.destination)


# -- right counting harms nobody ----------------------------------------------------------------------------


def can_overflow(server: Tables, tables: Tables) -> bool:
    """Tell, on the safe side, whether any recipient may be refused as over the limit."""
    limit = server["recipient_limit"]
    if limit is None and server["limit_kind"] not in {"first-domain-only", "first-group-only"}:
        return False
    return limit is None or limit < 60 or tables["workload"]["domains"] > 1 or by_group(server)


def may_fail_valid_recipients(server: Tables, tables: Tables) -> bool:
    """Tell whether right counting cannot prevent an NDR for a valid mailbox.

    That is so where the server refuses for good what it could have taken (a 5yz that is not over-limit to the
    client's eyes, or to DATA or the text), where it makes progress impossible (421 in place of a refusal, the
    error limit before anything was committed) until the message expires, and under ``bounce``.
    """
    reply, overflow = server["overflow_reply"], tables["client"]["overflow"]
    by_class = overflow["552" if reply[0] == "5" else "452"] if isinstance(overflow, dict) else overflow
    refused = reply == "550" or reply.startswith("421") or by_class == "bounce"
    over = can_overflow(server, tables)
    return (
        (over and (refused or server["reject_data_after_overflow"]))
        or (server["data_failure_share"] > 0 and server["data_failure_reply"].startswith("5"))
        or server["hard_error_limit"] is not None
    )


@many
@given(tables=scenarios(), seed=st.integers(0, 1000))
def test_right_counting_never_loses_contradicts_repeats_or_misses(tables: Tables, seed: int) -> None:
    tables["client"] |= {"strategy": "corrected", "on_refusal": "go-on"}
    responses = everything(tables, seed).responses
    harm = ("contradictory_ndr", "duplicate", "lost", "missed_ndr", "queued")
    assert {name: responses[name] for name in harm if responses[name]} == {}


@some
@given(tables=scenarios(), seed=st.integers(0, 1000))
def test_all_or_nothing_contradicts_by_empty_texts_only(tables: Tables, seed: int) -> None:
    """And it loses nobody: whoever it gives up with, it says so or tries again."""
    tables["client"] |= {"strategy": "corrected", "on_refusal": "give-up", "drain": False, "chunking": False}
    output = everything(tables, seed)
    assert not any(output.responses[name] for name in ("duplicate", "lost", "missed_ndr", "queued"))
    assert not any(row.accepted for row in output.recipients if row.ledger == "contradictory_ndr")


@many
@given(tables=scenarios(), seed=st.integers(0, 1000))
def test_right_counting_gives_no_false_ndr(tables: Tables, seed: int) -> None:
    """Unless the server refuses for good, or lets nobody make progress, or the policy is ``bounce``."""
    tables["client"] |= {"strategy": "corrected", "on_refusal": "go-on"}
    base = tables["server"]
    for server in [base, *(base | one["server"] for one in tables.get("destinations", []))]:
        assume(not may_fail_valid_recipients(server, tables))
    assert everything(tables, seed).responses["false_ndr"] == 0


@many
@given(
    tables=scenarios(),
    permanent=st.sampled_from(["550", "bounce", "DATA"]),
    n=st.integers(4, 14),
    limit=st.integers(1, 3),
)
def test_what_no_counting_can_prevent(tables: Tables, permanent: str, n: int, limit: int) -> None:
    """The exceptions of the law above are real: there right counting does send NDRs to valid mailboxes."""
    tables.pop("destinations", None)
    tables["workload"] |= {"unknown_share": 0.0, "unknown": [], "recipients_per_message": n, "resend": "none"}
    tables["client"] |= {"strategy": "corrected", "overflow": "new-connection", "batch_size": n, "sizing": "fixed"}
    tables["client"]["on_refusal"] = "go-on"
    tables["client"]["drain"] = False  # when a draining sender stops is for test_windows_and_reads to say
    tables["server"] |= {
        "recipient_limit": limit,
        "limit_kind": "transaction",
        "overflow_reply": "550" if permanent == "550" else "552",
        "reject_data_after_overflow": permanent == "DATA",
        "hard_error_limit": None,
        "data_failure_share": 0.0,
        "greylist_s": None,
    }
    if permanent == "bounce":
        tables["client"]["overflow"] = {"552": "bounce", "452": "defer"}
    messages = tables["workload"]["messages"]
    responses = everything(tables).responses
    false_ndr = responses["false_ndr"]
    if permanent == "DATA":
        # Every transaction but the last overflows, and its accepted recipients fail with the 554.
        assert false_ndr >= limit * messages
    else:
        assert false_ndr == (n - limit) * messages
        assert responses["delivered"] == limit * messages


@some
@given(
    tables=scenarios(),
    reply=st.sampled_from(["452", "552", "455 4.5.3", "550 5.5.3"]),
    policy=st.sampled_from(POLICIES),
    other=st.sampled_from(POLICIES),
)
def test_the_policy_of_a_class_that_never_comes_does_not_matter(
    tables: Tables, reply: str, policy: str, other: str
) -> None:
    """Policies are per reply class; a server that only ever says 552 never meets the one for 452."""
    tables.pop("destinations", None)
    tables["server"] |= {"overflow_reply": reply}
    own, absent = ("552", "452") if reply[0] == "5" else ("452", "552")

    def responses(overflow: str | dict[str, str]) -> str:
        return repr(everything(tables | {"client": tables["client"] | {"overflow": overflow}}).responses)

    assert responses(policy) == responses({own: policy, absent: other})


def test_a_recipient_that_takes_anothers_552_follows_the_policy_for_552() -> None:
    """250, 552, 250, 552: `shifted` gives the third recipient the 552 before it, and that class bounces.

    The second and the fourth take a 250 and are lost; the third has been accepted and gets an NDR.
    """
    responses = replay(
        workload={"recipients_per_message": 4, "domains": 2},
        client={"strategy": "shifted", "overflow": {"552": "bounce", "452": "same-session"}},
        server={"limit_kind": "first-domain-only", "overflow_reply": 552},
    ).responses
    assert ledger(responses) == {"delivered": 1, "lost": 2, "contradictory_ndr": 1}


# -- the dialogue -------------------------------------------------------------------------------------------


LAST_ONLY = {Verb.EHLO, Verb.STARTTLS, Verb.DATA, Verb.NOOP, Verb.QUIT}


@pytest.mark.slow
@many
@given(tables=scenarios())
def test_command_groups_keep_to_rfc_2920(tables: Tables) -> None:
    output = everything(tables)
    destinations = {one["name"]: tables["server"] | one["server"] for one in tables.get("destinations", [])}
    for (name, _), groups in flights(output).items():
        server = destinations.get(name, tables["server"])
        for group in groups:
            verbs = [row.verb for row in group]
            assert not LAST_ONLY & set(verbs[:-1])
            assert Verb.TEXT not in verbs[1:]
            if not (server["pipelining"] and tables["client"]["pipelining"]):
                assert len(verbs) == 1
            if not (server["chunking"] and tables["client"]["chunking"]):
                assert Verb.BDAT not in verbs


@many
@given(tables=scenarios())
def test_peers_take_turns_and_every_command_but_those_after_421_is_answered(tables: Tables) -> None:
    output = everything(tables)
    replies = by_connection(output, "reply")
    commands = by_connection(output, "command")
    for connection, heard in replies.items():
        sent = commands.get(connection, [])
        asked = [(Verb.CONNECT, -1), *((row.verb, row.recipient) for row in sent)]
        assert [(row.verb, row.recipient) for row in heard] == asked[: len(heard)]
        assert all(row.code for row in heard)
        assert len(heard) == len(asked) or heard[-1].code == 421
        assert all(row.code != 421 for row in heard[:-1])
        assert all(a.server_ns <= b.server_ns and a.client_ns <= b.client_ns for a, b in pairwise(heard))
        assert all(a.server_ns <= b.server_ns and a.client_ns <= b.client_ns for a, b in pairwise(sent))
        for command, answer in zip(sent, heard[1:], strict=False):
            assert command.client_ns <= command.server_ns <= answer.server_ns <= answer.client_ns


@many
@given(tables=scenarios())
def test_the_server_keeps_its_recipient_limit(tables: Tables) -> None:
    """Counted from the dialogue: accepted recipients per transaction, domain, group or connection."""
    tables.pop("destinations", None)
    tables["workload"] |= {"resend": "none"}
    server = tables["server"]
    domains = 2 if by_group(server) else tables["workload"]["domains"]
    limit, kind = server["recipient_limit"] or math.inf, server["limit_kind"].replace("group", "domain")
    for heard in by_connection(everything(tables), "reply").values():
        accepted: list[int] = []
        on_connection = 0
        for row in heard:
            if row.verb == Verb.MAIL and row.code == 250:
                accepted = []
            if row.verb != Verb.RCPT or row.code != 250:
                continue
            accepted.append(row.recipient % domains)
            on_connection += 1
            count = {"connection": on_connection, "domain": accepted.count(accepted[-1])}.get(kind, len(accepted))
            assert count <= limit
            assert kind != "first-domain-only" or accepted[-1] == accepted[0]


@some
@given(tables=scenarios())
def test_connections_stay_within_their_limits(tables: Tables) -> None:
    output = everything(tables)
    total = tables["client"]["connections_total"] or math.inf
    each = tables["client"]["connections"] or math.inf
    opened = [(row.client_ns, 1, row.destination) for row in output.dialogue if row.kind == "connect"]
    closed = [(row.client_ns, 0, row.destination) for row in output.dialogue if row.kind == "close"]
    assert len(opened) == len(closed) == output.responses["connections"]
    now: Counter[str] = Counter()
    for _, is_open, destination in sorted(opened + closed):
        now[destination] += 1 if is_open else -1
        assert now[destination] <= each
        assert now.total() <= total


def test_dialogue_is_empty_unless_asked_for() -> None:
    assert replay(workload={"recipients_per_message": 3}).dialogue
    assert run_replication(plan_of(Scenario())).dialogue == []
