"""Time-outs and lost connections: who gets a letter twice because its sender does not know that it arrived."""

from __future__ import annotations

import asyncio
import smtplib
from collections import Counter
from typing import Any

import pytest
from drivers import ENGINES, sent
from live_pair import LOOPBACK, ledger, pair

from simsmtp import Scenario, trace
from simsmtp.engines import run_replication
from simsmtp.errors import InputError
from simsmtp.live.asyncio_server import Listener, Terms
from simsmtp.live.served import Served
from simsmtp.model.plan import plan_of
from simsmtp.randomness.streams import Purpose, Streams
from simsmtp.theory.asymptotic_bounds import bounds_of

PATIENT = {"retry_initial_s": 1.0, "retry_max_s": 1.0, "expiry_s": 1e6, "connections": 5,
           "timeout_s": dict.fromkeys(("connect", "command", "data", "dot"), 1.0)}  # fmt: skip
ONE_EACH = {"recipients_per_message": 1, "message_bytes": 500}


def lost_at(at: str, share: float, **more: Any) -> dict[str, Any]:
    return {"losses": [{"at": at, "share": share, **more}]}


def copies_in_all(copies: Counter[int]) -> int:
    return sum(times * many for times, many in copies.items())


# -- report 13: the server has it, the client does not know (RFC 1047) -----------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_copies_are_geometric_where_the_reply_to_the_final_dot_is_lost(engine: str, share: float) -> None:
    """swiftmailer #828, hardware/mailserver #195: k copies with probability (1 - p) p^(k - 1)."""
    messages = 2000
    found = sent(engine, workload=ONE_EACH | {"messages": messages}, client=PATIENT, network=lost_at("dot", share))
    copies = Counter(row.accepted for row in found.recipients)
    for many in range(1, 6):
        likely = (1 - share) * share ** (many - 1)
        within = 4 * (likely * (1 - likely) / messages) ** 0.5
        assert copies[many] / messages == pytest.approx(likely, abs=within)
    spread = 4 * share**0.5 / (1 - share) / messages**0.5
    assert copies_in_all(copies) / messages == pytest.approx(1 / (1 - share), abs=spread)
    responses = found.responses
    assert responses["duplicate"] == responses["person_duplicates"] == messages - copies[1]
    assert responses["copies_max"] == max(copies)
    assert responses["false_ndr"] == responses["lost"] == responses["queued"] == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_every_reply_lost_makes_a_copy_of_every_attempt_until_the_sender_gives_up_and_says_so(engine: str) -> None:
    client = {"retry_initial_s": 300.0, "retry_factor": 1.0, "retry_max_s": 300.0, "expiry_s": 3000.0,
              "timeout_s": {"dot": 10.0}}  # fmt: skip
    found = sent(engine, workload={"recipients_per_message": 3}, client=client, network=lost_at("dot", 1.0))
    assert ledger(found) == {"contradictory_ndr": 3}
    attempts = {row.attempts for row in found.recipients}
    assert attempts == {row.accepted for row in found.recipients}
    assert attempts.pop() == found.responses["copies_max"] == found.responses["transactions"] > 5


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("at", ["connect", "command", "text", "dot"])
def test_nobody_gets_a_second_copy_of_what_the_server_never_finished(engine: str, at: str) -> None:
    losses = lost_at(at, 0.5, **({"committed": False} if at == "dot" else {}))
    found = sent(
        engine,
        workload=ONE_EACH | {"messages": 200},
        client=PATIENT | {"transactions_per_connection": 1},
        network=losses,
    )
    assert ledger(found) == {"delivered": 200}
    assert found.responses["copies_max"] == 1
    assert found.responses["connections"] > 120


@pytest.mark.parametrize("engine", ENGINES)
def test_a_caller_without_a_queue_is_told_that_a_letter_failed_which_is_there(engine: str) -> None:
    found = sent(engine, workload=ONE_EACH | {"messages": 400}, client={"expiry_s": 0.0}, network=lost_at("dot", 0.25))
    assert set(ledger(found)) == {"delivered", "contradictory_ndr"}
    assert 60 < ledger(found)["contradictory_ndr"] < 140


@pytest.mark.parametrize("engine", ENGINES)
def test_a_server_slower_than_the_time_out_gets_the_letter_again_and_again(engine: str) -> None:
    """RFC 1047: the text is taken after 20 s, and the client leaves after 10."""
    client = {"timeout_s": {"dot": 10.0}, "retry_initial_s": 60.0, "retry_factor": 1.0, "expiry_s": 600.0}
    tables = {"workload": ONE_EACH, "server": {"text_service_ms": 20_000.0}}
    found = sent(engine, client=client, **tables)
    assert ledger(found) == {"contradictory_ndr": 1}
    assert found.responses["copies_max"] > 5
    patient = sent(engine, client=client | {"timeout_s": {"dot": 21.0}}, **tables)
    assert ledger(patient) == {"delivered": 1}


@pytest.mark.parametrize("engine", ENGINES)
def test_the_time_outs_are_those_of_rfc_5321_where_none_are_given(engine: str) -> None:
    client = {"expiry_s": 0.0, "pipelining": False}  # else the reply to DATA comes with that to MAIL, after 121 s
    for service_s, expected in ((599.0, "delivered"), (601.0, "contradictory_ndr")):
        found = sent(engine, workload=ONE_EACH, client=client, server={"text_service_ms": service_s * 1e3})
        assert ledger(found) == {expected: 1}
    for verb, longest_s in (("mail", 300.0), ("data", 120.0), ("connect", 300.0)):
        for off_s, expected in ((-1.0, "delivered"), (1.0, "false_ndr")):
            server = {f"{verb}_service_ms": (longest_s + off_s) * 1e3}
            assert ledger(sent(engine, workload=ONE_EACH, client=client, server=server)) == {expected: 1}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_connection_that_nobody_answers_costs_the_time_out_and_is_tried_again(engine: str) -> None:
    client = {"timeout_s": {"connect": 7.0}, "retry_initial_s": 5.0, "retry_factor": 1.0, "expiry_s": 40.0}
    found = sent(engine, workload=ONE_EACH, client=client, network=lost_at("connect", 1.0))
    assert ledger(found) == {"false_ndr": 1}
    assert found.responses["connections"] == 4  # at 0, 12, 24 and 36 s
    assert found.responses["transactions"] == 0


# -- what is told of it ---------------------------------------------------------------------------------------------


def test_the_dialogue_shows_that_the_client_leaves_and_the_server_has_the_text() -> None:
    client = {"timeout_s": {"dot": 10.0}, "expiry_s": 0.0}
    told = trace({"workload": ONE_EACH, "client": client, "network": lost_at("dot", 1.0)})
    text = told.text()
    assert "hears nothing, and closes; the server has taken the text" in text
    assert "QUIT" not in text
    assert "queued" not in text, "the lost reply is not read"
    assert "10.201055  (the client" in text
    untaken = trace({"workload": ONE_EACH, "client": client, "network": lost_at("dot", 1.0, committed=False)})
    assert "hears nothing, and closes)" in untaken.text()
    assert trace({"workload": ONE_EACH, "client": client, "network": lost_at("connect", 1.0)}).to_html()


def test_bounds_on_the_rate_are_not_known_where_messages_may_expire_unheard() -> None:
    tables = {"workload": {"messages": 100_000}, "client": {"expiry_s": 60.0}}
    assert bounds_of(Scenario.from_dict(tables))
    assert not bounds_of(Scenario.from_dict(tables | {"network": lost_at("text", 0.1)}))


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"network": lost_at("text", 0.1, committed=True)}, "committed"),
        ({"network": {"losses": [{"at": "dot", "share": 0.7}, {"at": "dot", "share": 0.4}]}}, "more than all"),
        ({"network": lost_at("rcpt", 0.1)}, "losses"),
        ({"network": lost_at("dot", 0.1) | {"profile": "tcp"}}, "not modelled under the profile tcp"),
        ({"network": {"profile": "tcp"}, "client": {"timeout_s": {"dot": 5.0}}}, "not modelled under the profile tcp"),
        ({"client": {"timeout_s": {"dot": 0.0}}}, "timeout_s"),
        ({"client": {"timeout_s": {"quit": 1.0}}}, "timeout_s"),
    ],
)
def test_losses_and_time_outs_that_mean_nothing_are_refused(tables: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as error:
        Scenario.from_dict(tables)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


# -- on the wire ----------------------------------------------------------------------------------------------------

ON_THE_WIRE = {"retry_initial_s": 0.02, "retry_max_s": 0.05, "expiry_s": 3600.0, "timeout_s": {
    "connect": 5.0, "command": 5.0, "data": 5.0, "dot": 5.0}}  # fmt: skip


@pytest.mark.parametrize("chunking", [False, True])
@pytest.mark.parametrize(
    "losses",
    [
        [{"at": "dot", "share": 0.5}],
        [{"at": "dot", "share": 0.5, "committed": False}],
        [{"at": "text", "share": 0.5}],
        [{"at": "command", "share": 0.5}],
        [{"at": "command", "share": 0.2}, {"at": "text", "share": 0.2}, {"at": "dot", "share": 0.4}],
    ],
    ids=str,
)
def test_serve_drops_the_connections_that_an_engine_loses_and_has_as_many_copies(
    losses: list[dict[str, Any]], chunking: bool
) -> None:
    one = Scenario.from_dict(
        {
            "workload": {"messages": 12, "recipients_per_message": 3, "message_bytes": 3000},
            "client": ON_THE_WIRE | {"chunking": chunking, "transactions_per_connection": 1},
            "network": {"losses": losses},
            "server": {"chunking": chunking, "recipient_limit": 2},
        }
    )
    live, simulated = pair(one), run_replication(plan_of(one), recipients=True)
    copies = {(row.message, row.recipient): row.accepted for row in simulated.recipients}
    assert {
        (int(sender[1:12]), int(recipient[1:12])): times for (sender, recipient), times in live.served.accepted.items()
    } == copies
    assert live.served.dropped > 0
    assert ledger(live.delivered.output) == {"delivered": 36}
    assert sum(copies.values()) == 36 or (losses[-1]["at"] == "dot" and "committed" not in losses[-1])


def test_serve_drops_connections_before_the_banner() -> None:
    one = Scenario.from_dict(
        {
            "workload": ONE_EACH | {"messages": 30},
            "client": ON_THE_WIRE | {"transactions_per_connection": 1},
            "network": lost_at("connect", 0.4),
        }
    )
    # A server that is not there at the first connection is taken for none.
    seed = next(seed for seed in range(99) if Streams(seed, 0).uniforms(Purpose.LOST_CONNECT, 1, 1)[0] > 0.4)
    live = pair(one, Terms(seed=seed, timeout_s=10.0))
    assert ledger(live.delivered.output) == {"delivered": 30}
    assert live.served.dropped == live.delivered.output.responses["connections"] - 30 > 5


def test_smtplib_is_cut_off_behind_the_dot_of_a_letter_that_is_there() -> None:
    def send(port: int) -> str:
        with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
            try:
                client.sendmail("a@example.test", ["b@example.test"], "Subject: x\r\n\r\nx\r\n")
            except smtplib.SMTPServerDisconnected as error:
                return str(error)
        return ""

    async def both() -> tuple[str, Served]:
        one = Scenario.from_dict({"network": lost_at("dot", 1.0)})
        async with Listener(one, LOOPBACK, Terms(timeout_s=10.0)) as listener:
            return await asyncio.to_thread(send, listener.place.port), listener.served

    said, served = asyncio.run(both())
    assert "closed" in said
    assert served.accepted == {("a@example.test", "b@example.test"): 1}
    assert served.summary()["dropped"] == 1


@pytest.mark.parametrize("expiry_s", [0.0, 2.0])
def test_send_waits_as_long_as_timeout_s_says_and_not_for_a_server_that_is_slower(expiry_s: float) -> None:
    """Behind its first error the server sleeps before each reply: it takes the text, and the client has left."""
    one = Scenario.from_dict(
        {
            "workload": {"recipients_per_message": 2, "unknown": [0], "message_bytes": 500},
            "client": {"timeout_s": {"dot": 0.3}, "retry_initial_s": 0.1, "retry_factor": 1.0, "retry_max_s": 1.0,
                       "expiry_s": expiry_s},
            "server": {"soft_error_limit": 1, "error_sleep_ms": 800.0},
        }
    )  # fmt: skip
    live, simulated = pair(one), run_replication(plan_of(one), recipients=True)
    assert ledger(simulated) == {"true_ndr": 1, "contradictory_ndr": 1}
    assert ledger(live.delivered.output) == {"true_ndr": 1, "false_ndr": 1}, "the sender cannot know that it is there"
    assert live.served.texts >= (1 if expiry_s == 0 else 2)
    assert any("may be sent more than once" in fault for fault in live.delivered.faults)
