"""One body, several arms: the compiled engine, our own client and server over a socket, and a real server.

Each is held against the reference engine: the same scenario must give the same ledger, the same commands and the same
replies, times and wording aside. What TCP decides on a real connection, which replies come in one read and how many
RCPTs were out before a refusal was read, is observed and replayed in the engine.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from helpers import STRATEGIES
from live_pair import commands, deliver, fates, pair, reads, replies, verdicts
from observed_reads import replayed
from postfix_receiver import PostfixReceiver, why_not

from simsmtp import Scenario
from simsmtp.engines import run_replication
from simsmtp.model.plan import LIMIT_KINDS, plan_of
from simsmtp.rows.records import Output

OVERFLOWS: tuple[Any, ...] = (
    *("new-connection", "same-session", "defer", "bounce"),
    {"452": "same-session", "552": "bounce"},
)
KINDS = tuple(LIMIT_KINDS)
REPLIES = (552, "452 4.5.3")
WINDOWS: tuple[dict[str, Any], ...] = (
    {"pipelining": False},
    {"window_recipients": 1},
    {"window_recipients": 4},
    {"window_bytes": 200},
    {"stop_on_overflow": False, "window_recipients": 4},
    {"drain": True},
    {"drain": True, "stop_on_overflow": False},
    {"batch_size": 7},
    {"sizing": "adaptive"},
    {"chunking": True},
)
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
    """Demand the same ledger, the same counts and, where there is one, the same dialogue."""
    assert fates(found) == fates(expected)
    assert {name: found.responses[name] for name in COUNTS} == {name: expected.responses[name] for name in COUNTS}
    if found.dialogue:
        assert commands(found) == commands(expected)
        assert replies(found) == replies(expected)
        assert verdicts(found) == verdicts(expected)


def simulated(one: Scenario) -> Output:
    """Return the reference engine's answer."""
    return run_replication(plan_of(one), engine="reference", recipients=True, dialogue=True)


def compiled(one: Scenario) -> Output:
    """Return the compiled engine's answer, which has no dialogue."""
    return run_replication(plan_of(one), engine="compiled", recipients=True)


def on_loopback(one: Scenario) -> Output:
    """Return what our client and server make of it, after both agree on who was accepted."""
    both = pair(one)
    assert both.delivered.faults == []
    assert both.served.faults == {}
    output = both.delivered.output
    assert both.served.accepted.total() == sum(row.accepted for row in output.recipients)
    return output


KINDS_OF = {"compiled": KINDS, "loopback": KINDS, "postfix": ("transaction",)}
"""The limit kinds that each arm has."""
REPLIES_OF = {"compiled": REPLIES, "loopback": REPLIES, "postfix": ("452 4.5.3",)}
MARKS = {"postfix": (pytest.mark.mta,)}


def arms(*cases: tuple[Any, ...]) -> list[Any]:
    """Return the cases for each arm."""
    return [
        pytest.param(arm, *case, marks=MARKS.get(arm, ()), id="-".join(map(str, (arm, *case))))
        for arm in KINDS_OF
        for case in cases
    ]


@pytest.fixture(scope="module")
def postfix() -> Iterator[PostfixReceiver]:
    if reason := why_not():
        pytest.skip(reason)
    with PostfixReceiver(limits=(10,)) as receiver:
        yield receiver


def conforms(arm: str, one: Scenario, request: pytest.FixtureRequest) -> None:
    """Demand of an arm what the reference engine says: the body of it all."""
    if arm == "compiled":
        pytest.importorskip("numba", reason="numba is not installed (pip install 'simsmtp[fast]')")
        same(compiled(one), simulated(one))
        return
    if arm == "loopback":
        found = on_loopback(one)
    else:
        delivered = deliver(one, request.getfixturevalue("postfix").places[10])
        assert delivered.faults == []
        found = delivered.output
    assert found.dialogue
    same(found, replayed(one, found))
    if one.client.strategy != "per-read" and not one.client.drain:
        same(found, simulated(one))  # for these, how replies were cut into reads must make no difference


def tables_of(arm: str, kind: str, reply: int | str) -> dict[str, Any]:
    """Return the server table with which the engine is the arm's server."""
    if arm == "postfix":
        return {"preset": "postfix", "recipient_limit": 10}
    return {"limit_kind": kind, "overflow_reply": reply, "chunking": True}


def groups_of(kind: str) -> dict[str, Any]:
    """Return the workload's key that makes a difference to a server that tells groups apart."""
    return {"groups": 3} if "group" in kind else {}


@pytest.mark.parametrize(("arm", "strategy", "overflow"), arms(*itertools.product(STRATEGIES, OVERFLOWS)))
def test_strategies_overflows_and_limits(
    arm: str, strategy: str, overflow: Any, request: pytest.FixtureRequest
) -> None:
    for kind, reply in itertools.product(KINDS_OF[arm], REPLIES_OF[arm]):
        one = scenario(strategy, overflow, workload=groups_of(kind), server=tables_of(arm, kind, reply))
        conforms(arm, one, request)


@pytest.mark.parametrize(("arm", "strategy", "client"), arms(*itertools.product(STRATEGIES, WINDOWS)))
def test_windows_and_sizes(arm: str, strategy: str, client: dict[str, Any], request: pytest.FixtureRequest) -> None:
    server = tables_of(arm, "transaction", REPLIES_OF[arm][0])
    conforms(arm, scenario(strategy, "new-connection", client=client, server=server), request)


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
    one = one.replace({f"workload.{key}": value for key, value in groups_of(kind).items()})
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


@pytest.mark.parametrize("reply_buffer_bytes", [4096, 90, 40])
@pytest.mark.parametrize("client", [{}, {"drain": True}, {"window_recipients": 30}], ids=str)
def test_observed_reads_replayed_in_the_simulator_give_the_same(
    reply_buffer_bytes: int, client: dict[str, Any]
) -> None:
    """However the server's replies were cut: the simulator, given the reads, comes to the same ledger."""
    server = {"recipient_limit": 20, "reply_buffer_bytes": reply_buffer_bytes}
    one = scenario("per-read", "new-connection", client=client, workload={"recipients_per_message": 300}, server=server)
    found = on_loopback(one)
    again = replayed(one, found)
    same(found, again)
    assert [row.read for row in found.dialogue if row.kind == "reply"] == [
        row.read for row in again.dialogue if row.kind == "reply"
    ]
    if client:
        return
    over = []  # of a whole flight: the refusals, and the reads that held any
    for flight in reads(found):
        ends = itertools.accumulate(flight)
        over.append((max(0, sum(flight) - 20), sum(end > 20 for end in ends)))
    assert sum(row.ledger == "false_ndr" for row in found.recipients) == sum(max(0, n - held) for n, held in over)
