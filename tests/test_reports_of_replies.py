"""What people reported of servers' replies: where a limit speaks, what refusals look like, each with its outcome."""

from __future__ import annotations

from collections import Counter
from functools import partial

import drivers
import pytest
from drivers import driver
from live_pair import ledger

from simsmtp import Scenario
from simsmtp.errors import InputError
from simsmtp.protocol.commands import Verb
from simsmtp.rows.records import Output

__all__ = ["driver"]

LIBRARY = {"preset": "smtplib", "expiry_s": 0.0}


sent = partial(drivers.sent, dialogue=True)


def were_heard(found: Output, expected: dict[tuple[str, int], int]) -> bool:
    """Tell whether these are the refusals that each command got, by code; the compiled engine writes no dialogue."""
    replies = [(Verb(row.verb).name, row.code) for row in found.dialogue if row.kind == "reply"]
    return not replies or Counter(one for one in replies if one[1] >= 400) == expected


# -- where a limit speaks: reports 1, 9, 10 --------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["corrected", "aggregate", "shifted"])
def test_amazon_ses_takes_58_recipients_and_refuses_them_all_at_the_dot(driver: str, strategy: str) -> None:
    """Issues of skaut, wca and coursemology: 554 with "Recipient count exceeds 50", and nobody gets the message."""
    found = sent(
        driver,
        workload={"recipients_per_message": 58},
        client={"strategy": strategy},
        server={"preset": "amazon-ses"},
    )
    assert ledger(found) == {"false_ndr": 58}
    assert were_heard(found, {("TEXT", 554): 1})


def test_amazon_ses_takes_50_recipients(driver: str) -> None:
    found = sent(driver, workload={"recipients_per_message": 50}, server={"preset": "amazon-ses"})
    assert ledger(found) == {"delivered": 50}


def test_the_message_beyond_a_sessions_limit_is_refused_at_data_and_the_session_goes_on(driver: str) -> None:
    """Stalwart #1384: 452 4.4.5 to DATA, after the recipients were accepted."""
    found = sent(
        driver,
        workload={"messages": 12, "recipients_per_message": 1},
        client=LIBRARY,
        server={"messages_per_connection": 10, "messages_at": "data", "messages_reply": "452 4.4.5"},
    )
    assert ledger(found) == {"delivered": 10, "false_ndr": 2}
    assert were_heard(found, {("DATA", 452): 2})
    assert found.responses["connections"] == 1


@pytest.mark.parametrize("pipelining", [True, False])
def test_data_is_out_of_order_where_every_rcpt_was_refused(driver: str, pipelining: bool) -> None:
    """Haraka #538, Exim, sendmail: 503 to the DATA that a sender with PIPELINING has sent already."""
    found = sent(
        driver,
        workload={"recipients_per_message": 3, "unknown": [0, 1, 2]},
        client={"pipelining": pipelining},
        server={"data_without_recipients": "503 5.5.1"},
    )
    assert ledger(found) == {"true_ndr": 3}
    assert were_heard(found, {("RCPT", 550): 3} | ({("DATA", 503): 1} if pipelining else {}))


# -- what a refusal looks like: reports 11, 12, 20, 21 ---------------------------------------------------------


@pytest.mark.parametrize(("reply", "code"), [("502", 502), ("553 5.1.3", 553), ("454 4.7.1", 454), (501, 501)])
def test_servers_refuse_recipients_with_codes_of_all_sorts(driver: str, reply: int | str, code: int) -> None:
    """Smtp-Relay #4, blastula #275: 502, 553, 454, 501 to RCPT, which are no limit whatever the server meant."""
    client = {"expiry_s": 0.0}
    mailbox = sent(driver, workload={"recipients_per_message": 5, "unknown": [3]}, client=client,
                   server={"unknown_reply": reply})  # fmt: skip
    assert ledger(mailbox) == {"delivered": 4, "true_ndr": 1}
    limit = sent(driver, workload={"recipients_per_message": 5}, client=client,
                 server={"recipient_limit": 2, "overflow_reply": reply})  # fmt: skip
    assert ledger(limit) == {"delivered": 2, "false_ndr": 3}
    assert were_heard(mailbox, {("RCPT", code): 1})
    assert were_heard(limit, {("RCPT", code): 3})


def test_a_server_hangs_up_after_so_many_commands_of_any_kind(driver: str) -> None:
    """SMTP2Graph #32: EHLO and four messages of three commands each are 13; the fifth MAIL is answered 421."""
    found = sent(
        driver,
        workload={"messages": 10, "recipients_per_message": 1},
        client={"preset": "smtplib"},
        server={"commands_per_connection": 13},
    )
    assert ledger(found) == {"delivered": 8, "false_ndr": 2}
    assert were_heard(found, {("MAIL", 421): 2})
    assert [row.message for row in found.recipients if row.ndr] == [4, 9]


@pytest.mark.parametrize(
    "reply",
    ["452-4.5.3 Too many recipients\n452 4.5.3 Try later", "451-4.5.3 Too many\n451 Try later",
     "451-Too many\n451 4.5.3 Try later"],
)  # fmt: skip
def test_an_enhanced_code_counts_on_whichever_line_it_stands(driver: str, reply: str) -> None:
    """Gmail and others: several lines are one reply, of which each recipient gets one."""
    found = sent(
        driver,
        workload={"recipients_per_message": 5},
        client={"expiry_s": 0.0},
        server={"recipient_limit": 2, "overflow_reply": reply},
    )
    assert ledger(found) == {"delivered": 5}
    assert were_heard(found, {("RCPT", int(reply[:3])): 3 + 1})


@pytest.mark.parametrize("reply", ["552 5.2.2", "452 4.2.2"])
def test_a_full_mailbox_is_no_recipient_limit(driver: str, reply: str) -> None:
    """18 of 18 such bounces say X.2.2: with a strategy that miscounts limits, too, the other four get the message."""
    for strategy in ("corrected", "one-stop", "budget"):
        found = sent(
            driver,
            workload={"recipients_per_message": 5, "unknown": [3]},
            client={"strategy": strategy, "expiry_s": 0.0},
            server={"unknown_reply": reply},
        )
        assert ledger(found) == {"delivered": 4, "true_ndr": 1}
        assert found.responses["transactions"] == 1


# -- when a refusal comes: report 18 ---------------------------------------------------------------------------


def test_each_refusal_over_the_limit_comes_four_seconds_late() -> None:
    """Haraka #1729: five of them take 20 s more."""
    tables = {"workload": {"recipients_per_message": 15}, "client": {"overflow": "bounce"}}
    server = {"recipient_limit": 10}
    quick, slow = (
        sent("reference", **tables, server=server | {"refusal_ms": late_ms}).responses["makespan_s"]
        for late_ms in (0.0, 4000.0)
    )
    assert slow - quick == pytest.approx(20.0, abs=0.2)


def test_a_strategy_that_counts_refusals_of_rcpt_means_nothing_where_the_limit_speaks_later() -> None:
    for place in ("data", "dot", "delivery"):
        with pytest.raises(InputError, match=rf"^client.strategy: counts .* limit speaks at {place}; given"):
            Scenario.from_dict({"client": {"strategy": "one-stop"}, "server": {"limit_at": place}})
    Scenario.from_dict({"client": {"preset": "windows-2003-rtm"}, "server": {"preset": "amazon-ses"}})  # as they are
    Scenario.from_dict(
        {"client": {"strategy": "one-stop"}, "server": {"limit_at": "dot", "unknown_reply": "550 5.5.3"}}
    )
