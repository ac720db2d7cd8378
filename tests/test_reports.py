"""What people reported of real servers and senders, each with the outcome that they saw."""

from __future__ import annotations

from typing import Any

import pytest
from drivers import DRIVERS, ENGINES, sent
from helpers import NO_SERVICE
from live_pair import ledger, pair
from study_files import own_registry

from simsmtp import Scenario, Verdict, register_strategy
from simsmtp.rows.records import Output
from simsmtp.strategies.counting import corrected
from simsmtp.strategies.hooks import by_final_reply

__all__ = ["own_registry"]
pytestmark = pytest.mark.usefixtures("own_registry")


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize(
    ("client", "reply", "expected"),
    [
        ("windows-2000-sp2", "452", {"delivered": 100, "false_ndr": 150}),
        ("windows-2000-kb315119", "452", {"delivered": 250}),
        ("windows-2000-sp2", "552", {"delivered": 250}),
        ("windows-2003-rtm", "552", {"delivered": 101, "false_ndr": 149}),
        ("windows-2003-kb822105", "552", {"delivered": 250}),
    ],
)
def test_windows_2000_takes_452_for_an_error_until_its_hotfix(
    driver: str, client: str, reply: str, expected: dict[str, int]
) -> None:
    """KB 315119: before aqueue.dll 5.0.2195.4624 only 552 was known to mean too many recipients."""
    server = {"recipient_limit": 100, "overflow_reply": reply}
    found = sent(driver, workload={"recipients_per_message": 250}, client={"preset": client}, server=server)
    assert ledger(found) == expected


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_library_is_told_421_at_mail_after_ten_messages_and_its_caller_hears_of_every_eleventh(driver: str) -> None:
    """listmonk #2683, and Amazon SES: 421 for more messages on a connection than it may carry."""
    found = sent(
        driver,
        workload={"messages": 100, "recipients_per_message": 1},
        client={"preset": "smtplib"},
        server={"messages_per_connection": 10},
    )
    assert ledger(found) == {"delivered": 91, "false_ndr": 9}
    assert [row.message for row in found.recipients if row.ndr] == list(range(10, 100, 11))
    assert found.responses["connections"] == 10


@pytest.mark.parametrize("retry_initial_s", [0.1, 1.0, 300.0])
@pytest.mark.parametrize("engine", ENGINES)
def test_twenty_threads_at_a_server_for_four_waste_the_mail_of_the_other_sixteen(
    engine: str, retry_initial_s: float
) -> None:
    """luxletter #247, PHPMailer #2070: 421 to the connection.

    In round trips: a refused connection takes 2, the first message of one that is kept 7, each further one 4. After t
    of them 4 · (t - 3) / 4 are sent and 16 · t / 2 refused, and 9 t - 3 = 240 at t = 27.
    """
    found = sent(
        engine,
        workload={"messages": 240, "recipients_per_message": 1},
        client={"preset": "smtplib", "connections": 20, "retry_initial_s": retry_initial_s},
        server={"sessions": 4} | NO_SERVICE,
    )
    assert ledger(found) == {"delivered": 24, "false_ndr": 216}
    assert found.responses["connections"] == 4 + 216
    assert found.responses["makespan_s"] == pytest.approx(27 * 0.05, rel=2e-3)


_SES = {"counts": "messages", "most": 14, "window_s": 1.0, "kind": "bucket", "reply": "454 Throttling failure: Maximum "
        "sending rate exceeded"}  # fmt: skip


def _told_at_once(driver: str, messages: int, **limit: Any) -> tuple[dict[str, int], Output]:
    """Let a library send messages of one recipient each over one connection to a server with a limit in time."""
    found = sent(
        driver,
        workload={"messages": messages, "recipients_per_message": 1},
        client={"preset": "smtplib"},
        server=NO_SERVICE | {"rate_limits": [limit]},
        network={"rtt_ms": 0, "bandwidth_mbit": None},
    )
    return ledger(found), found


@pytest.mark.parametrize("at", ["mail", "data", "dot"])
@pytest.mark.parametrize("engine", ENGINES)
def test_amazon_ses_takes_fourteen_messages_a_second_and_throttles_the_rest(engine: str, at: str) -> None:
    """PHPMailer #908 and #298: "454 Throttling failure: Maximum sending rate exceeded"."""
    found, _ = _told_at_once(engine, 40, **_SES, at=at)
    assert found == {"delivered": 14, "false_ndr": 26}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_list_program_that_keeps_to_the_rate_is_never_throttled(engine: str) -> None:
    """listmonk #2273 and #1300: its sliding window of 14 a second, before a server that takes as many."""
    found = sent(
        engine,
        workload={"messages": 140, "recipients_per_message": 1},
        client={"preset": "smtplib", "connections": 10, "rate": {"counts": "messages", "most": 14, "window_s": 1.0}},
        server=NO_SERVICE | {"rate_limits": [_SES]},
    )
    assert ledger(found) == {"delivered": 140}
    assert 9.0 <= found.responses["makespan_s"] < 9.5  # (140 - 14) / 14 seconds, and some round trips


@pytest.mark.parametrize("kind", ["fixed", "sliding"])
@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize(
    ("most", "window_s", "counts", "at", "reply"),
    [
        (500, 3600.0, "messages", "mail", "451 4.7.1 Rate limit exceeded"),
        (400, 86_400.0, "recipients", "rcpt", "550 5.4.5 Daily sending quota exceeded"),
        (500, 3600.0, "recipients", "data", "452 4.3.1 Quota exceeded"),
        (400, 86_400.0, "messages", "dot", "554 5.2.0 Too many messages today"),
    ],
)
def test_so_many_an_hour_or_a_day_are_taken_and_the_caller_hears_of_the_others(
    driver: str, kind: str, most: int, window_s: float, counts: str, at: str, reply: str
) -> None:
    """policyd #14 and #20, nodemailer #436, deltachat #647, Papercut #199: 500 an hour, 400 a day, at four places."""
    limit = {"counts": counts, "most": most, "window_s": window_s, "kind": kind, "at": at, "reply": reply}
    found, output = _told_at_once(driver, most + 60, **limit)
    assert found == {"delivered": most, "false_ndr": 60}
    assert [row.message for row in output.recipients if row.ndr] == list(range(most, most + 60))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_sender_with_a_queue_brings_a_thousand_messages_past_500_an_hour(engine: str) -> None:
    """listmonk #1300: what is deferred goes out when the hour is over."""
    found = sent(
        engine,
        workload={"messages": 1000, "recipients_per_message": 1},
        client={"preset": "postfix"},
        server={"rate_limits": [{"counts": "messages", "most": 500, "window_s": 3600.0}]},
    )
    assert ledger(found) == {"delivered": 1000}
    assert 3600.0 <= found.responses["makespan_s"] < 2 * 3600.0


@pytest.mark.parametrize("driver", ["reference", "compiled"])
@pytest.mark.parametrize(
    ("recipients", "chunking", "expected"),
    [(250, False, {"lost": 250}), (250, True, {"lost": 250}), (100, False, {"delivered": 100})],
)
def test_exchange_5_5_says_250_and_files_the_message_away(
    driver: str, recipients: int, chunking: bool, expected: dict[str, int]
) -> None:
    """KB 246051: above "Max Recipients on Submit" nobody gets the message, and nobody is told."""
    server = {"preset": "exchange-5.5", "recipient_limit": 100, "chunking": chunking}
    found = sent(driver, workload={"recipients_per_message": recipients}, client={"chunking": chunking}, server=server)
    assert ledger(found) == expected
    assert (found.responses["transactions"], found.responses["refused_over"]) == (1, 0)


def test_on_the_wire_the_sender_believes_the_250_and_the_server_says_whom_it_lost() -> None:
    tables = {"workload": {"recipients_per_message": 250}, "server": {"preset": "exchange-5.5"}}
    found = pair(Scenario.from_dict(tables))
    assert ledger(found.delivered.output) == {"delivered": 250}
    assert (found.served.texts, found.served.accepted.total()) == (1, 0)


@pytest.mark.parametrize("driver", ["reference", "compiled"])
def test_a_sender_goes_on_at_once_behind_a_message_that_was_filed_away(driver: str) -> None:
    """It heard 250: a connection that takes one message each is spent, not refused."""
    tables = {
        "workload": {"messages": 3, "recipients_per_message": 20},
        "server": {"preset": "exchange-5.5", "recipient_limit": 10, "messages_per_connection": 1},
    }
    found = sent(driver, **tables)
    assert ledger(found) == {"lost": 60}
    assert found.responses["makespan_s"] < 5


@pytest.mark.parametrize("driver", ["reference", "compiled"])
@pytest.mark.parametrize(
    ("server", "expected"),
    [("exchange-5.5-32766", {"lost": 32767}), ("exchange-5.5-kb272672", {"delivered": 32767})],
)
def test_exchange_5_5_and_one_recipient_more_than_a_report_can_hold(
    driver: str, server: str, expected: dict[str, int]
) -> None:
    """KB 272672: 452 above 32,766 recipients, where before the message stayed in a folder."""
    client = {"preset": "windows-2000-kb315119", "batch_size": 40_000}
    found = sent(driver, workload={"recipients_per_message": 32_767}, client=client, server={"preset": server})
    assert ledger(found) == expected


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("pipelining", [True, False])
def test_one_unknown_recipient_and_nobody_gets_it(driver: str, *, pipelining: bool) -> None:
    """curl #2483, MailKit #309, msmtp #20, jakarta mail-api #20: all or nothing."""
    client = {"on_refusal": "give-up", "pipelining": pipelining, "expiry_s": 0}
    found = sent(driver, workload={"recipients_per_message": 40, "unknown": [17]}, client=client)
    told = "contradictory_ndr" if pipelining else "false_ndr"
    assert ledger(found) == {told: 39, "true_ndr": 1}
    assert sum(row.accepted for row in found.recipients) == 0
    assert found.responses["empty_text"] == 39 * pipelining
    assert found.responses["rcpt_commands"] == (40 if pipelining else 18)


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_lone_dot_behind_354_hands_everybody_an_empty_letter_and_the_caller_is_told_it_failed(driver: str) -> None:
    """MailKit #1459: the pipelined group holds DATA, which the server accepts for those it took."""
    found = sent(
        driver,
        workload={"recipients_per_message": 40, "unknown": [0]},
        client={"on_refusal": "give-up", "expiry_s": 0},
        server={"chunking": False},
    )
    counted = {name: found.responses[name] for name in ("contradictory_ndr", "empty_text", "true_ndr", "delivered")}
    assert counted == {"contradictory_ndr": 39, "empty_text": 39, "true_ndr": 1, "delivered": 0}
    assert [row.recipient for row in found.recipients if row.empty_text] == list(range(1, 40))


def _takes_lines_for_a_failure(tally, reply):  # type: ignore[no-untyped-def]
    """Take whatever follows a 354 of several lines for a failure that passes."""
    return Verdict.DEFER if reply.data_lines > 1 else by_final_reply(reply)


@pytest.mark.parametrize("lines", [1, 2])
@pytest.mark.parametrize("driver", DRIVERS)
def test_a_354_of_several_lines_is_taken_for_a_failure_and_the_message_goes_out_until_it_expires(
    driver: str, lines: int
) -> None:
    """KB 912341: who received it got it again and again, and the sender was told that it had failed."""
    register_strategy("kb912341-before", corrected, on_final=_takes_lines_for_a_failure)
    found = sent(
        driver,
        workload={"recipients_per_message": 3},
        client={"strategy": "kb912341-before", "retry_initial_s": 0.5, "retry_max_s": 0.5, "expiry_s": 1.25},
        server={"data_reply": "354-Go ahead\n354 End with a dot" if lines == 2 else "354 Go ahead"},
        network={"rtt_ms": 0},
    )
    assert ledger(found) == ({"contradictory_ndr": 3} if lines == 2 else {"delivered": 3})
    assert {row.accepted for row in found.recipients} == {4 if lines == 2 else 1}
    assert found.responses["copies_max"] == (4 if lines == 2 else 1)
