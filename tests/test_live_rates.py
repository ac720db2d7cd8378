"""Rate limits over real sockets: what `serve` refuses and `send` waits for is what the simulator says."""

from __future__ import annotations

import asyncio
import smtplib
import threading
from typing import Any

import pytest
from helpers import NO_SERVICE
from live_pair import LOOPBACK, commands, fates, ledger, pair, replies
from test_live_commands import HELLO, MAIL, RCPT, Server

from simsmtp import Scenario
from simsmtp.engines import run_replication
from simsmtp.live.asyncio_server import Listener, Terms
from simsmtp.model.plan import plan_of
from simsmtp.rows.records import Output

HOUR_S = 3600.0
KINDS = ("fixed", "sliding", "bucket")
PLACES = [
    ("connections", "connect", 2),
    ("messages", "mail", 3),
    ("messages", "data", 3),
    ("messages", "dot", 3),
    ("recipients", "rcpt", 5),
    ("recipients", "data", 5),
    ("recipients", "dot", 5),
    ("commands", "rcpt", 7),
    ("commands", "dot", 2),
]


def scenario(limit: dict[str, Any], **client: Any) -> Scenario:
    """Return six messages of two, one on each connection, from a sender without a queue."""
    return Scenario.from_dict(
        {
            "workload": {"messages": 6, "recipients_per_message": 2, "message_bytes": 300},
            "client": {"expiry_s": 0.0, "transactions_per_connection": 1} | client,
            "server": NO_SERVICE | {"chunking": bool(client.get("chunking")), "rate_limits": [limit]},
        }
    )


def simulated(one: Scenario) -> Output:
    return run_replication(plan_of(one), engine="reference", recipients=True, dialogue=True)


@pytest.mark.parametrize("client", [{}, {"pipelining": False}, {"chunking": True}], ids=str)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("counts", "at", "most"), PLACES)
def test_serve_refuses_what_the_simulator_refuses(
    counts: str, at: str, most: int, kind: str, client: dict[str, Any]
) -> None:
    """So much in an hour, of which a test lasts a second: a bucket gains none, unless it holds several in a second."""
    one = scenario({"counts": counts, "at": at, "most": most, "window_s": HOUR_S, "kind": kind}, **client)
    found, expected = pair(one), simulated(one)
    output = found.delivered.output
    assert fates(output) == fates(expected)
    assert commands(output) == commands(expected)
    assert replies(output) == replies(expected)
    assert ledger(output)["false_ndr"] > 0
    assert found.served.refused_sessions == (4 if at == "connect" else 0)


@pytest.mark.parametrize("reply", ["421 4.7.0", "454 4.7.0 Throttling failure", "554 5.7.1"])
@pytest.mark.parametrize(("counts", "at", "most"), PLACES)
def test_each_limit_has_a_reply_of_its_own(counts: str, at: str, most: int, reply: str) -> None:
    limits = [
        {"counts": counts, "at": at, "most": 100, "window_s": HOUR_S, "reply": "450 4.2.1 never said"},
        {"counts": counts, "at": at, "most": most, "window_s": HOUR_S, "reply": reply},
    ]
    one = scenario(limits[0])
    one = one.replace("server.rate_limits", limits)
    output, expected = pair(one).delivered.output, simulated(one)
    assert fates(output) == fates(expected)
    assert replies(output) == replies(expected)
    said = {code for connection in replies(output).values() for _, code, _ in connection}
    assert int(reply[:3]) in said
    assert 450 not in said


def test_serve_counts_all_its_sessions_together() -> None:
    """Real smtplib in eight threads, one message each: three are let pass, whoever comes first."""
    limit = {"counts": "messages", "most": 3, "window_s": HOUR_S, "kind": "sliding"}
    told: list[int] = []

    def send(port: int) -> None:
        with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
            try:
                client.sendmail("a@a.test", ["b@b.test"], "Subject: x\r\n\r\ntext\r\n")
                told.append(250)
            except smtplib.SMTPResponseException as error:
                told.append(error.smtp_code)

    async def serve() -> int:
        async with Listener(scenario(limit), LOOPBACK, Terms(timeout_s=10.0)) as listener:
            threads = [threading.Thread(target=send, args=(listener.place.port,)) for _ in range(8)]
            for one in threads:
                one.start()
            while any(one.is_alive() for one in threads):
                await asyncio.sleep(0.01)
            return listener.served.texts

    assert asyncio.run(serve()) == 3
    assert sorted(told) == [250] * 3 + [451] * 5


def test_serve_lets_pass_again_what_the_window_has_let_go() -> None:
    limit = {"counts": "messages", "most": 2, "window_s": 0.3, "kind": "sliding"}
    one = scenario(limit, expiry_s=60.0, retry_initial_s=0.3, retry_factor=1.0)
    output = pair(one).delivered.output
    assert ledger(output) == {"delivered": 12}
    assert output.responses["makespan_s"] >= 0.6


@pytest.mark.parametrize(("counts", "most", "least_s"), [("messages", 2, 0.8), ("recipients", 4, 0.8),
                                                         ("connections", 2, 0.8)])  # fmt: skip
def test_send_waits_by_its_own_rate(counts: str, most: int, least_s: float) -> None:
    """A bucket of 2 messages of two, 0.2 s each: the last of six goes 0.8 s after the first."""
    limit = {"counts": "messages", "most": 6, "window_s": HOUR_S}
    one = scenario(limit, rate={"counts": counts, "most": most, "window_s": 0.4}, connections=3)
    output = pair(one).delivered.output
    assert ledger(output) == {"delivered": 12}
    assert least_s - 0.05 <= output.responses["makespan_s"] < least_s + 2.0


def test_a_chunk_that_is_not_the_last_counts_nothing() -> None:
    server = Server(chunking=True, rate_limits=[{"counts": "messages", "at": "dot", "most": 2, "window_s": HOUR_S}])
    message = [MAIL, RCPT, "BDAT 0", "BDAT 0", "BDAT 0 LAST"]
    assert server.codes(HELLO, *message * 3)[-5:] == [250, 250, 250, 250, 451]


def test_a_text_refused_for_a_bare_line_feed_counts_nothing() -> None:
    server = Server(rate_limits=[{"counts": "messages", "at": "dot", "most": 1, "window_s": HOUR_S}])
    server.say(HELLO)
    codes = []
    for text in (b"a\nb\r\n.\r\n", b"a\r\n.\r\n", b"a\r\n.\r\n"):
        server.say(MAIL, RCPT, "DATA")
        codes += [int(reply[:3]) for reply in server.hear(text)]
    assert codes[1:] == [250, 451]
    assert codes[0] >= 500


def test_fixed_windows_begin_with_the_server() -> None:
    server = Server(rate_limits=[{"counts": "commands", "at": "mail", "most": 1, "window_s": 10.0}])
    codes = []
    server.say(HELLO)
    for at_s in (9.0, 9.999999999, 10.0, 19.9, 20.0):
        server.now_ns = round(at_s * 1e9)
        codes += server.codes(MAIL, "RSET")[:1]
    assert codes == [250, 451, 250, 451, 250]
