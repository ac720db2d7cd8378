"""What people reported of mail services, and of the articles about Exchange, with the outcome that they saw."""

from __future__ import annotations

from typing import Any

import drivers
import pytest
from drivers import ENGINES
from helpers import ledger

from simsmtp.rows.records import Responses


def sent(
    engine: str, client: str, server: str | dict[str, Any], messages: int, recipients: int, **more: Any
) -> Responses:
    """Return the responses of messages from a preset to a preset, or to a table of keys."""
    return drivers.sent(
        engine,
        workload={"messages": messages, "recipients_per_message": recipients},
        client={"preset": client} | more,
        server={"preset": server} if isinstance(server, str) else server,
    ).responses


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("recipients", "outcome"), [(50, "delivered"), (58, "false_ndr")])
def test_amazon_ses_says_250_to_58_recipients_and_554_at_the_dot(engine: str, recipients: int, outcome: str) -> None:
    """Skaut, wca and coursemology: "554 Transaction failed: Recipient count exceeds 50", and nobody gets it."""
    found = sent(engine, "smtplib", "amazon-ses", 1, recipients)
    assert ledger(found) == {outcome: recipients}
    assert found["rcpt_commands"] == recipients


@pytest.mark.parametrize("engine", ENGINES)
def test_a_new_account_of_amazon_ses_has_two_of_three_messages_throttled(engine: str) -> None:
    """PHPMailer #298, Amazon: 454 in the sandbox for more than one message a second; three take 0.6 s."""
    found = sent(engine, "smtplib", "amazon-ses-sandbox", 3, 1)
    assert ledger(found) == {"delivered": 1, "false_ndr": 2}
    assert found["refused_rate"] == 2


@pytest.mark.parametrize("engine", ENGINES)
def test_a_queue_gets_past_the_throttling_of_amazon_ses(engine: str) -> None:
    found = sent(engine, "postfix", "amazon-ses-sandbox", 3, 1)
    assert ledger(found) == {"delivered": 3}


@pytest.mark.parametrize("engine", ENGINES)
def test_gmail_says_452_in_several_lines_and_the_rest_goes_in_another_transaction(engine: str) -> None:
    """The enhanced code on the first line tells that it is the recipients, and not the mailbox."""
    found = sent(engine, "rfc5321", "gmail", 1, 101, batch_size=1000)
    assert ledger(found) == {"delivered": 101}
    assert (found["refused_over"], found["transactions"]) == (1, 2)


@pytest.mark.parametrize("engine", ENGINES)
def test_gmail_takes_2000_messages_a_day_and_bounces_the_next(engine: str) -> None:
    """PHPMailer #1370, projektzapisy #960: 550 5.4.5, daily user sending quota exceeded, in reply to DATA."""
    found = sent(engine, "postfix", "gmail", 2001, 1)
    assert ledger(found) == {"delivered": 2000, "false_ndr": 1}
    assert found["refused_rate"] == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_a_fourth_connection_to_exchange_online_fails_what_its_program_wanted_to_send(engine: str) -> None:
    """fastapi-mail #75, timeoff-management #308: 432 4.3.2, concurrent connections limit exceeded.

    In round trips: the first of three sends eight messages in 7 + 7 · 4, and meanwhile the fourth is refused every 2.
    """
    three = sent(engine, "smtplib", "exchange-online-submission", 40, 1, connections=3)
    four = sent(engine, "smtplib", "exchange-online-submission", 40, 1, connections=4)
    assert ledger(three) == {"delivered": 40}
    assert ledger(four) == {"delivered": 24, "false_ndr": 16}
    assert four["refused_session"] == 16


@pytest.mark.parametrize("engine", ENGINES)
def test_stalwart_takes_ten_messages_a_session_and_says_so_to_data(engine: str) -> None:
    """Stalwart #1384: 452 4.4.5 to DATA; a program that keeps its connection has all further messages refused."""
    found = sent(engine, "smtplib", "stalwart", 25, 1)
    assert ledger(found) == {"delivered": 10, "false_ndr": 15}
    assert found["connections"] == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_a_list_that_expands_to_more_than_the_limit_is_reported_member_by_member(engine: str) -> None:
    """KB 830498: a report with 5.5.3 for every member, and nobody gets it. One SMTP session is a picture of that.

    KB 842029 tells of the same for fewer recipients than the limit, and not why: there is nothing to count by.
    """
    server = {"recipient_limit": 100, "limit_at": "dot", "overflow_reply": "550 5.5.3"}
    assert ledger(sent(engine, "windows-2003-kb822105", server, 1, 100)) == {"delivered": 100}
    assert ledger(sent(engine, "windows-2003-kb822105", server, 1, 250)) == {"false_ndr": 250}
