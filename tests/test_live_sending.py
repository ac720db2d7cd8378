"""What the sending side of a socket does with time, limits and peers that few runs meet."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from live_pair import LOOPBACK, commands, deliver, fates, ledger, pair
from played_sender import PlayedSender

from simsmtp import Scenario
from simsmtp.engines import run_replication
from simsmtp.errors import InputError
from simsmtp.live.asyncio_client import Delivered, Delivery
from simsmtp.live.asyncio_server import Listener, Terms
from simsmtp.live.client_session import ClientSession
from simsmtp.live.effects import Close
from simsmtp.live.endpoint import Endpoint, endpoint_in, reason_of
from simsmtp.live.mailboxes import Mailboxes
from simsmtp.live.sender_task import How
from simsmtp.live.served import Served, ServedRow
from simsmtp.live.wire import Wire
from simsmtp.model.plan import plan_of
from simsmtp.rows.records import Output


def scenario(recipients: int, **tables: dict[str, Any]) -> Scenario:
    workload = {"recipients_per_message": recipients, "message_bytes": 500} | tables.pop("workload", {})
    return Scenario.from_dict({"workload": workload, **tables})


TWO = {
    "destinations": [{"name": "big", "weight": 2.0}, {"name": "small", "weight": 1.0, "server": {"recipient_limit": 5}}]
}


@pytest.mark.parametrize(
    ("tables", "places"),
    [(TWO, LOOPBACK), (TWO, {"big": LOOPBACK}), (TWO, {"big": LOOPBACK, "smal": LOOPBACK}),
     ({}, {"a": LOOPBACK, "b": LOOPBACK}), ({}, {})],
)  # fmt: skip
def test_each_destination_needs_a_place_of_its_own(tables: dict[str, Any], places: Any) -> None:
    with pytest.raises(InputError, match="destination"):
        Delivery(Scenario.from_dict(tables), places, How())


def test_a_listener_is_one_server() -> None:
    with pytest.raises(InputError, match="destinations"):
        Listener(Scenario.from_dict(TWO), LOOPBACK, Terms())


def test_a_client_that_knows_limits_leaves_after_mailmax_messages() -> None:
    one = scenario(1, workload={"messages": 5}, client={"sizing": "rcptmax"},
                   server={"advertise_limits": True, "messages_per_connection": 2})  # fmt: skip
    both = pair(one)
    assert ledger(both.delivered.output) == {"delivered": 5}
    assert both.delivered.output.responses["connections"] == 3
    assert both.served.sessions == 3


def limited(most: int) -> Callable[[bytes], bytes]:
    """Return a server that takes so many recipients a transaction, over any number of sessions."""
    accepted, in_text = 0, False

    def answer(octets: bytes) -> bytes:
        nonlocal accepted, in_text
        said = b""
        for line in octets.split(b"\r\n")[:-1]:
            verb = line[:4]
            if in_text and line != b".":
                continue
            accepted = accepted + 1 if verb == b"RCPT" else 0 if verb == b"MAIL" else accepted
            in_text = verb == b"DATA"
            is_over = verb == b"RCPT" and accepted > most
            said += b"354 go\r\n" if in_text else b"452 4.5.3 no\r\n" if is_over else b"250 PIPELINING\r\n"
        return said.replace(b"250 PIPELINING\r\n", b"250-x\r\n250 PIPELINING\r\n", octets.startswith(b"EHLO"))

    return answer


@pytest.mark.parametrize(("forget_s", "tried"), [(60.0, 10 + 7 + 4 + 1), (86_400.0, 10 + 3 + 3 + 1)])
def test_what_was_learned_is_forgotten_after_its_time(forget_s: float, tried: int) -> None:
    """The seven that are over the limit are deferred for five minutes at least."""
    client = {"sizing": "adaptive", "sizing_forget_s": forget_s, "overflow": "defer"}
    player = PlayedSender(scenario(10, client=client))
    player.play(b"220 x\r\n", limited(3), sessions=10)
    assert {row.ledger for row in player.rows()} == {"delivered"}
    assert player.accounts.rcpt_commands == tried


def test_a_message_that_grows_too_old_while_connections_are_refused_is_given_up() -> None:
    player = PlayedSender(scenario(3, client={"expiry_s": 60.0, "retry_initial_s": 10.0}))
    sessions = player.play(b"421 busy\r\n", lambda _: b"", sessions=10)
    assert player.sender.is_finished
    assert player.now == (10 + 20 + 40) * 10**9
    assert len(sessions) == 3
    assert {row.ledger for row in player.rows()} == {"false_ndr"}


@pytest.mark.parametrize("resend", ["all", "failed"])
@pytest.mark.parametrize("strategy", ["corrected", "one-stop"])
def test_what_failed_is_resent_as_in_the_simulator(strategy: str, resend: str) -> None:
    one = scenario(9, workload={"resend": resend, "resends": 3, "resend_after_s": 0.02},
                   client={"strategy": strategy}, server={"recipient_limit": 4})  # fmt: skip
    both, simulated = (
        pair(one),
        run_replication(plan_of(one), seed=0, replication=0, engine="reference", recipients=True),
    )
    assert fates(both.delivered.output) == fates(simulated)
    assert [row.resend_of for row in both.delivered.output.recipients] == [
        row.resend_of for row in simulated.recipients
    ]
    assert both.served.accepted.total() == sum(row.accepted for row in simulated.recipients)


def test_several_destinations_get_their_own_and_no_more() -> None:
    """Each server has its own limit; the ledgers are the simulator's, destination by destination."""
    one = scenario(30, workload={"messages": 3}, client={"strategy": "one-stop"},
                   server={"recipient_limit": 10}, **TWO)  # fmt: skip
    alone = {"big": scenario(1, server={"recipient_limit": 10}), "small": scenario(1, server={"recipient_limit": 5})}

    async def run() -> tuple[Output, dict[str, int]]:
        async with (
            Listener(alone["big"], LOOPBACK, Terms()) as big,
            Listener(alone["small"], LOOPBACK, Terms()) as small,
        ):
            places = {"big": big.place, "small": small.place}
            delivered = await Delivery(one, places, How(timeout_s=10.0, keeps_dialogue=True)).run()
            return delivered.output, {"big": big.served.accepted.total(), "small": small.served.accepted.total()}

    output, accepted = asyncio.run(run())
    simulated = run_replication(plan_of(one), seed=0, replication=0, engine="reference", recipients=True)
    assert fates(output) == fates(simulated)
    places = [row.destination for row in output.recipients]
    assert places == [row.destination for row in simulated.recipients]
    by_place = Counter(row.destination for row in output.recipients if row.accepted)
    assert by_place == accepted
    assert {row.destination for row in output.dialogue} == {"big", "small"}


def test_a_destination_that_is_gone_is_tried_again_once_others_have_mail() -> None:
    """Nobody would know the ledger if the run ended by it; before anybody has mail it is a wrong place."""
    one = scenario(9, client={"expiry_s": 0.3, "retry_initial_s": 0.1}, **TWO)
    nobody = Endpoint("127.0.0.1", 1)

    async def run() -> Delivered:
        async with Listener(scenario(1), LOOPBACK, Terms()) as big:
            return await Delivery(one, {"big": big.place, "small": nobody}, How(timeout_s=5.0)).run()

    with contextlib.suppress(InputError):  # its connection came first
        output = asyncio.run(run()).output
        assert ledger(output) == {
            "delivered": output.responses["delivered"],
            "false_ndr": output.responses["false_ndr"],
        }


def test_a_connection_that_is_gone_when_it_is_asked_for_costs_nobody_anything() -> None:
    """What waits is tried on a new connection, at once."""
    player = PlayedSender(scenario(2, workload={"messages": 3}, client={"reset_before_reuse": True}))
    serve = limited(10)
    sessions = player.play(
        b"220 x\r\n", lambda octets: b"421 idle\r\n" if octets.startswith(b"RSET") else serve(octets), sessions=10
    )
    assert [session.transactions for session in sessions] == [1, 1, 1]
    assert player.now == 0
    assert {(row.ledger, row.attempts) for row in player.rows()} == {("delivered", 1)}


def test_a_sender_that_asks_before_it_reuses_and_pauses_does_so() -> None:
    client = {"reset_before_reuse": True, "pause_ms": 20.0}
    found = pair(scenario(2, workload={"messages": 3}, client=client)).delivered.output
    assert commands(found)[1] == ["EHLO", *["MAIL", "RCPT", "RCPT", "DATA", "TEXT", "RSET"] * 3][:-1]
    assert found.responses["makespan_s"] >= 0.04


def test_a_client_that_gives_up_after_refusals_leaves_each_time_until_the_message_is_too_old() -> None:
    one = scenario(10, client={"give_up_after_refusals": 2, "stop_on_overflow": False, "pipelining": False,
                               "retry_initial_s": 0.02, "expiry_s": 0.2},
                   server={"recipient_limit": 4, "overflow_reply": "452 4.5.3"})  # fmt: skip
    both = pair(one)
    assert ledger(both.delivered.output) == {"false_ndr": 10}
    assert both.delivered.output.responses["connections"] > 1
    assert both.served.texts == 0


def test_messages_that_arrive_later_are_waited_for() -> None:
    one = scenario(1, workload={"messages": 4, "arrivals": {"dist": "poisson", "rate_per_s": 40.0}})
    assert ledger(pair(one).delivered.output) == {"delivered": 4}


def test_a_client_that_takes_time_for_each_command_is_slower_by_it() -> None:
    quick, slow = scenario(4), scenario(4, client={"command_ms": 20.0})
    times = [pair(one).delivered.output.responses["makespan_s"] for one in (quick, slow)]
    assert times[1] >= 0.02 * 6


def test_a_session_limit_refuses_and_everybody_is_served_in_turn() -> None:
    one = scenario(1, workload={"messages": 6}, client={"connections": 3, "retry_initial_s": 0.02, "retry_max_s": 0.05,
                                                       "expiry_s": 60.0}, server={"sessions": 1})  # fmt: skip
    both = pair(one)
    assert ledger(both.delivered.output) == {"delivered": 6}
    assert both.served.accepted.total() == 6


def test_greylisted_recipients_are_delivered_at_their_retry() -> None:
    one = scenario(3, client={"retry_initial_s": 0.1, "expiry_s": 60.0}, server={"greylist_s": 0.2})
    both = pair(one)
    assert ledger(both.delivered.output) == {"delivered": 3}
    assert both.served.rcpt_commands >= 6


# -- server -------------------------------------------------------------------------------------------------------


def test_a_client_that_never_reads_is_given_up_and_leaves_nothing() -> None:
    """Its replies fill every buffer between the two; the session ends all the same."""

    async def run() -> tuple[int, int]:
        async with Listener(Scenario(), LOOPBACK, Terms(timeout_s=0.3)) as listener:
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(client, tuple(listener.place))
            with client:
                await loop.sock_sendall(client, b"EHLO x\r\n")
                sending = asyncio.create_task(loop.sock_sendall(client, b"NOOP\r\n" * 2_000_000))
                async with asyncio.timeout(20):
                    while not listener.ended or listener._tasks:
                        await asyncio.sleep(0.01)
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
            return listener.sessions, len(listener._tasks)

    assert asyncio.run(run()) == (0, 0)


def test_what_fails_in_a_session_ends_the_server_and_is_raised() -> None:
    def full(row: ServedRow) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    async def run() -> None:
        async with Listener(scenario(1), LOOPBACK, Terms(enter=full)) as listener:
            delivery = Delivery(scenario(1), listener.place, How(timeout_s=5.0))
            running = asyncio.create_task(delivery.run())
            async with asyncio.timeout(10):
                while not listener.failure:
                    await listener.changed.wait()
                    await asyncio.sleep(0)
            delivery.interrupt()
            await running

    with pytest.raises(OSError, match="no space left"):
        asyncio.run(run())


def test_trouble_of_the_system_is_told_once_and_anything_else_as_ever() -> None:
    async def run() -> tuple[list[str], list[str]]:
        told, passed = [], []
        loop = asyncio.get_running_loop()
        async with Listener(Scenario(), LOOPBACK, Terms(warn=told.append)):
            loop.default_exception_handler = lambda context: passed.append(context["message"])  # type: ignore[method-assign]
            for number in (errno.EMFILE, errno.EMFILE, errno.ENFILE):
                loop.call_exception_handler({"message": "accept", "exception": OSError(number, "too many")})
            loop.call_exception_handler({"message": "other", "exception": ValueError()})
        assert loop.get_exception_handler() is None
        return told, passed

    assert asyncio.run(run()) == (["connections have to wait until others end: too many"], ["other"])


def test_only_so_many_senders_and_recipients_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simsmtp.live.mailboxes.MOST_REMEMBERED", 2)
    seen = Mailboxes(clock=lambda: 0).first_seen_ns
    for now, who in enumerate("abc"):
        seen.setdefault(("s", who), now)
    assert [seen.setdefault(("s", who), 10) for who in "cb"] == [2, 1]
    assert seen.setdefault(("s", "a"), 10) == 10


def test_only_so_many_pairs_are_counted_and_the_account_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simsmtp.live.served.MOST_KEPT", 1)
    served = Served()
    for who in "aba":
        served.enter(ServedRow(1, 1, "s", who, 0, 250, 0, 250, True, 0.0))
    assert served.accepted == {("s", "a"): 2}
    assert served.summary()["is_complete"] is False


# -- places and wires ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (socket.gaierror(socket.EAI_NONAME, "?"), "the host is not known"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "nobody listens there"),
        (TimeoutError(), "no answer"),
        (OSError(errno.EMFILE, "Too many open files"), "Too many open files"),
        (OSError(None, "[Errno 98] error while attempting to bind: [x]: address in use"), "address in use"),
        (OSError("multiple exceptions"), "multiple exceptions"),
    ],
)
def test_why_there_is_no_connection_is_said_in_words(error: OSError, words: str) -> None:
    assert reason_of(error) == words


@pytest.mark.parametrize("text", ["[::1]:25", "127.0.0.1:0", "localhost:65535", "LOCALHOST:1", "127.9.9.9:25"])
def test_this_machine_has_many_names(text: str) -> None:
    place = endpoint_in(text, key="HOST:PORT")
    assert str(place) == text


NO_PLACES = [
    *("", ":", "127.0.0.1", "127.0.0.1:", ":25", "127.0.0.1:x", "localhost:65536", "[::1:25", "a b:25"),
    *("localhost:\u0662\u0665", "x" * 300 + ":25", "[127.0.0.1]:25"),
]


@pytest.mark.parametrize("text", NO_PLACES)
def test_what_is_no_place_is_an_input_error(text: str) -> None:
    with pytest.raises(InputError, match="not a place"):
        endpoint_in(text, key="HOST:PORT")


def test_a_wire_that_is_gone_takes_what_is_asked_of_it() -> None:
    async def run() -> None:
        wire = Wire()
        assert wire.peer == "?"
        wire.write(b"nobody")
        wire.close()
        await wire.leave()
        with pytest.raises(ConnectionResetError):
            await wire.start_tls(None, server_side=False, timeout=1.0)  # type: ignore[arg-type]

    asyncio.run(run())


def test_a_peer_that_sends_more_than_is_taken_is_not_read_until_it_is() -> None:
    """A wire holds a quarter of a megabyte and no more, and then goes on where it stopped."""
    octets = b"x" * 3_000_000

    async def run() -> int:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(octets)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_connection(Wire, *server.sockets[0].getsockname()[:2])
        assert wire.peer.startswith("127.0.0.1:")
        await asyncio.sleep(0.2)
        assert wire._buffered < 1_000_000
        taken = 0
        async with asyncio.timeout(20):
            while True:
                while not wire.has_input:
                    await wire.change(loop.time() + 20)
                if not (chunk := wire.take()):
                    break
                taken += len(chunk)
        wire.close()
        server.close()
        return taken

    assert asyncio.run(run()) == len(octets)


def test_a_session_that_has_ended_hears_and_says_no_more() -> None:
    session = ClientSession(1)
    session.fail("first")
    session.receive(b"220 late\r\n")
    session.time_out()
    assert session.fault == "first"
    assert list(session.quit()) == [Close()]
    assert list(session.quit()) == []


def test_nobody_there_is_told_by_name() -> None:
    with pytest.raises(InputError, match=r"no connection: nobody listens there.*127\.0\.0\.1:1"):
        deliver(Scenario(), Endpoint("127.0.0.1", 1))


def test_a_tarpit_makes_a_client_on_a_socket_wait() -> None:
    slow = {"recipient_limit": 1, "overshoot_limit": 0, "soft_error_limit": 1, "error_sleep_ms": 50.0}
    found = pair(scenario(4, client={"overflow": "bounce", "stop_on_overflow": False}, server=slow))
    assert ledger(found.delivered.output) == {"delivered": 1, "false_ndr": 3}
    assert found.delivered.output.responses["makespan_s"] >= 0.15
