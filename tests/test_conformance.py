"""One body, several arms: the simulator, our own client and server over a socket, and a real server.

The same scenario must give the same ledger, the same commands and the same replies, times and wording aside.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from live_pair import commands, deliver, fates, pair, reads, replies, verdicts
from postfix_receiver import PostfixReceiver, why_not

from simsmtp import Scenario
from simsmtp.engines import run_replication
from simsmtp.model.records import Output

STRATEGIES = (
    "corrected",
    "one-stop",
    "per-read",
    "send-cursor",
    "send-cursor-silent",
    "aggregate",
    "budget",
    "shifted",
)
OVERFLOWS = ("new-connection", "same-session", "defer", "bounce")
KINDS = ("transaction", "domain", "connection", "first-domain-only")
REPLIES = (552, "452 4.5.3")
QUICK_RETRY = {"retry_initial_s": 0.02, "retry_max_s": 0.05, "expiry_s": 30.0}
COUNTS = ("recipients", "rcpt_commands", "transactions", "connections", "round_trips")


def scenario(
    strategy: str, overflow: str, *, client: dict[str, Any] | None = None, **tables: dict[str, Any]
) -> Scenario:
    """Return 25 recipients in three domains for a server that takes ten."""
    return Scenario.from_dict(
        {
            "workload": {"recipients_per_message": 25, "message_bytes": 600, "domains": 3} | tables.get("workload", {}),
            "client": {"strategy": strategy, "overflow": overflow} | QUICK_RETRY | (client or {}),
            "server": {"recipient_limit": 10} | tables.get("server", {}),
            "network": tables.get("network", {}),
        }
    )


def same(found: Output, expected: Output) -> None:
    """Demand the same ledger and the same dialogue."""
    assert fates(found) == fates(expected)
    assert {name: found.responses[name] for name in COUNTS} == {name: expected.responses[name] for name in COUNTS}
    assert commands(found) == commands(expected)
    assert replies(found) == replies(expected)
    assert verdicts(found) == verdicts(expected)


def simulated(one: Scenario) -> Output:
    """Return the reference engine's answer."""
    return run_replication(one, engine="reference", recipients=True, dialogue=True)


def on_loopback(one: Scenario) -> Output:
    """Return what our client and server make of it, after both agree on who was accepted."""
    both = pair(one)
    assert both.delivered.faults == []
    assert both.served.faults == {}
    output = both.delivered.output
    assert both.served.accepted.total() == sum(row.accepted for row in output.recipients)
    return output


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("overflow", OVERFLOWS)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_loopback_agrees_with_the_simulator(strategy: str, overflow: str, kind: str) -> None:
    for reply in REPLIES:
        one = scenario(strategy, overflow, server={"limit_kind": kind, "overflow_reply": reply})
        same(on_loopback(one), simulated(one))


@pytest.mark.parametrize(
    "client",
    [
        {"pipelining": False},
        {"window_recipients": 1},
        {"window_recipients": 4},
        {"window_bytes": 200},
        {"stop_on_overflow": False, "window_recipients": 4},
        {"batch_size": 7},
        {"sizing": "adaptive"},
        {"chunking": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_windows_and_sizes_agree(strategy: str, client: dict[str, Any]) -> None:
    one = scenario(strategy, "new-connection", client=client, server={"chunking": True})
    same(on_loopback(one), simulated(one))


@pytest.mark.parametrize(
    "server",
    [
        {"pipelining": False},
        {"advertise_limits": True},
        {"messages_per_connection": 1},
        {"overflow_reply": "550 5.5.3"},
        {"overflow_reply": "451 4.3.0"},
    ],
    ids=str,
)
@pytest.mark.parametrize("strategy", ["corrected", "one-stop", "aggregate"])
def test_servers_agree(strategy: str, server: dict[str, Any]) -> None:
    one = scenario(strategy, "new-connection", server=server)
    same(on_loopback(one), simulated(one))


@pytest.mark.parametrize(
    "server",
    [
        {"reject_data_after_overflow": True},
        {"hard_error_limit": 3, "overshoot_limit": 2},
        {"overflow_reply": "421 4.3.2"},
    ],
    ids=str,
)
def test_no_progress_ends_with_expiry(server: dict[str, Any]) -> None:
    """Attempts at 0, 0.5 and 1 s, and then the recipients are too old: real time, but far from its edges."""
    client = {"retry_initial_s": 0.5, "retry_max_s": 0.5, "expiry_s": 0.75}
    one = scenario("corrected", "new-connection", client=client, server=server, network={"rtt_ms": 0})
    found, expected = on_loopback(one), simulated(one)
    same(found, expected)
    assert "false_ndr" in {row.ledger for row in found.recipients}


def of_preset(preset: str, client: dict[str, Any], **server: object) -> Scenario:
    """Return 25 recipients in three domains, sent as a program does, to a server that takes ten."""
    return Scenario.from_dict(
        {
            "workload": {"recipients_per_message": 25, "message_bytes": 600, "domains": 3},
            "client": {"preset": preset, "batch_size": 1000, "connections": 1} | client,
            "server": {"recipient_limit": 10} | server,
        }
    )


@pytest.mark.parametrize("reply", ["452 4.5.3", "552 5.5.3", "451 4.5.3"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("preset", ["postfix", "exim", "sendmail", "opensmtpd", "mox"])
def test_presets_of_mail_servers_agree(preset: str, kind: str, reply: str) -> None:
    quick = {"retry_initial_s": 0.02, "retry_max_s": 0.05, "expiry_s": 30.0}
    one = of_preset(preset, quick, limit_kind=kind, overflow_reply=reply)
    same(on_loopback(one), simulated(one))


@pytest.mark.parametrize("reply", ["452 4.5.3", "421 4.3.2"])
@pytest.mark.parametrize("preset", ["smtplib", "aiosmtplib", "nodemailer"])
def test_presets_of_libraries_agree(preset: str, reply: str) -> None:
    one = of_preset(preset, {}, overflow_reply=reply)
    found = on_loopback(one)
    same(found, simulated(one))
    assert {row.ledger for row in found.recipients} <= {"delivered", "false_ndr"}


def test_who_gives_up_after_refusals_in_a_row_makes_no_progress() -> None:
    slow = {"retry_initial_s": 0.5, "retry_max_s": 0.5, "expiry_s": 0.75, "give_up_after_refusals": 5}
    one = of_preset("opensmtpd", slow, overflow_reply="452 4.5.3").replace({"network.rtt_ms": 0.0})
    found = on_loopback(one)
    same(found, simulated(one))
    assert {row.ledger for row in found.recipients} == {"false_ndr"}
    assert found.responses["rcpt_commands"] == 3 * 15


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_unknown_mailboxes_agree(strategy: str) -> None:
    one = scenario(strategy, "new-connection", workload={"unknown_share": 0.3, "messages": 3})
    same(on_loopback(one), simulated(one))


@pytest.mark.parametrize("replies_per_read", [1, 3, 8])
def test_reads_counted_by_hand_agree(replies_per_read: int) -> None:
    one = scenario("per-read", "new-connection", network={"replies_per_read": replies_per_read})
    same(on_loopback(one), simulated(one))


def test_observed_reads_replayed_in_the_simulator_give_the_same() -> None:
    """The reads that TCP gave are what the strategy saw: the simulator, given them, comes to the same ledger."""
    server = {"recipient_limit": 100, "reply_buffer_bytes": 1_000_000}  # the simulator's reads are then whole flights
    one = scenario("per-read", "new-connection", workload={"recipients_per_message": 700}, server=server)
    found = on_loopback(one)
    sizes = reads(found)
    refused = []
    for flight in sizes:  # the first hundred are accepted, the rest refused
        ends = list(itertools.accumulate(flight))
        holding = sum(end > 100 for end in ends)
        refused.append((max(0, sum(flight) - 100), holding))
    expected = sum(max(0, over - holding) for over, holding in refused)
    assert sum(row.ledger == "false_ndr" for row in found.recipients) == expected
    if all(len(flight) == 1 for flight in sizes):
        same(found, simulated(one))


@pytest.fixture(scope="module")
def postfix() -> Iterator[PostfixReceiver]:
    if reason := why_not():
        pytest.skip(reason)
    with PostfixReceiver(limits=(10,)) as receiver:
        yield receiver


@pytest.mark.mta
@pytest.mark.parametrize("window", [None, 1, 4])
@pytest.mark.parametrize("overflow", OVERFLOWS)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_postfix_agrees_with_the_simulator(
    postfix: PostfixReceiver, strategy: str, overflow: str, window: int | None
) -> None:
    server = {"preset": "postfix", "recipient_limit": 10}
    table = {"window_recipients": window, "chunking": False}
    one = scenario(strategy, overflow, client=table, server=server)
    delivered = deliver(one, postfix.places[10])
    assert delivered.faults == []
    same(delivered.output, simulated(one))
