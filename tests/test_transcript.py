"""Golden transcripts: what a user reads of a session, to the letter."""

from __future__ import annotations

import pytest

from simsmtp import trace
from simsmtp.model.scenario import Scenario


def written(scenario: Scenario, *, alike: int = 2, connections: int = 0) -> list[str]:
    return trace(scenario).text(recipients=alike, connections=connections).split("\n")


def dialogue(lines: list[str]) -> list[str]:
    """Keep the C: and S: lines."""
    return [text for line in lines if (text := line.strip()).startswith(("C: ", "S: "))]


PLAIN = {
    "network": {"rtt_ms": 100, "bandwidth_mbit": None},
    "server": {"recipient_limit": 2, "overflow_reply": "552 5.5.3"},
}

OVERFLOW = """\
Connection 1
    0.000000  C: (connects)
    0.200200  read 1: 1 reply
              S: 220 mx.example.test ESMTP
    0.200200  group 1: 1 command, 24 octets
              C: EHLO mail.example.test
    0.300400  read 2: 1 reply
              S: 250-mx.example.test
              S: 250 PIPELINING
    0.300400  group 2: 7 commands, 230 octets
              C: MAIL FROM:<s00000000000@example.test>
              C: RCPT TO:<u00000000000@example.test>
              … 3 more
              C: RCPT TO:<u00000000004@example.test>
              C: DATA
    0.401800  read 3: 7 replies
              S: 250 2.1.0 Ok
              S: 250 2.1.5 Ok
              S: 250 2.1.5 Ok
              S: 552 5.5.3 Too many recipients
              S: 552 5.5.3 Too many recipients
              S: 552 5.5.3 Too many recipients
              (3 over the recipient limit)
              S: 354 End data with <CR><LF>.<CR><LF>
    0.401800  group 3: 1 command, 4,096 octets
              C: [4,096 octets of text] .
    0.503800  read 4: 1 reply
              S: 250 2.0.0 Ok: queued
    0.503800  what one-stop concludes
              u00000000000@example.test to u00000000001@example.test (2): taken as accepted
              u00000000002@example.test: re-queued: tried again at once
              u00000000003@example.test to u00000000004@example.test (2): failed: NDR
    0.503800  C: QUIT
"""


def test_a_session_that_overflows_reads_like_this() -> None:
    scenario = Scenario(workload={"recipients_per_message": 5}, client={"strategy": "one-stop"}, **PLAIN)
    text = "\n".join(written(scenario))
    assert text.startswith(OVERFLOW)
    assert text.endswith("Ledger: 5 recipients\n  delivered                3\n  false_ndr                2")


def test_without_pipelining_every_command_waits() -> None:
    scenario = Scenario(workload={"recipients_per_message": 2}, client={"pipelining": False}, **PLAIN)
    assert dialogue(written(scenario)) == [
        "S: 220 mx.example.test ESMTP",
        "C: EHLO mail.example.test",
        "S: 250-mx.example.test",
        "S: 250 PIPELINING",
        "C: MAIL FROM:<s00000000000@example.test>",
        "S: 250 2.1.0 Ok",
        "C: RCPT TO:<u00000000000@example.test>",
        "S: 250 2.1.5 Ok",
        "C: RCPT TO:<u00000000001@example.test>",
        "S: 250 2.1.5 Ok",
        "C: DATA",
        "S: 354 End data with <CR><LF>.<CR><LF>",
        "C: [4,096 octets of text] .",
        "S: 250 2.0.0 Ok: queued",
    ]


def test_a_lone_dot_ends_a_text_that_nobody_receives() -> None:
    scenario = Scenario(
        workload={"recipients_per_message": 1, "unknown_share": 1.0},
        server={"data_without_recipients": "354"},
    )
    assert dialogue(written(scenario))[-4:] == [
        "S: 550 5.1.1 User unknown",
        "S: 354 End data with <CR><LF>.<CR><LF>",
        "C: .",
        "S: 554 5.5.1 No valid recipients",
    ]


def test_chunking_sends_the_text_with_the_group() -> None:
    scenario = Scenario(workload={"recipients_per_message": 1}, client={"chunking": True}, server={"chunking": True})
    assert dialogue(written(scenario))[-6:] == [
        "C: MAIL FROM:<s00000000000@example.test>",
        "C: RCPT TO:<u00000000000@example.test>",
        "C: BDAT 4096 LAST",
        "S: 250 2.1.0 Ok",
        "S: 250 2.1.5 Ok",
        "S: 250 2.0.0 Ok: queued",
    ]


def test_rset_rides_with_the_next_mail_after_a_transaction_without_text() -> None:
    scenario = Scenario(workload={"messages": 2, "recipients_per_message": 1, "unknown_share": 1.0})
    lines = dialogue(written(scenario))
    assert lines.count("C: RSET") == 1
    assert lines[lines.index("C: RSET") + 1].startswith("C: MAIL")


def test_all_recipients_are_shown_when_asked() -> None:
    scenario = Scenario(workload={"recipients_per_message": 30})
    assert sum("RCPT TO" in line for line in written(scenario, alike=0)) == 30
    assert sum("RCPT TO" in line for line in written(scenario, alike=5)) == 5


def test_connections_beyond_the_wanted_number_are_counted() -> None:
    scenario = Scenario(workload={"recipients_per_message": 5}, server={"recipient_limit": 1})
    assert "… 3 more connections" in written(scenario, connections=2)


def test_tls_costs_its_round_trips_and_is_not_offered_twice() -> None:
    lines = written(Scenario(workload={"recipients_per_message": 1}, client={"starttls": True}))
    assert sum("TLS handshake" in line for line in lines) == 1
    assert [line.strip() for line in lines].count("S: 250 STARTTLS") == 1
    assert dialogue(lines).count("C: EHLO mail.example.test") == 2


def test_a_resent_recipient_keeps_its_address() -> None:
    scenario = Scenario(
        workload={"recipients_per_message": 5, "resend": "failed"},
        client={"strategy": "one-stop"},
        server={"recipient_limit": 3},
    )
    sent_to = [line for line in dialogue(written(scenario, alike=0)) if "RCPT" in line]
    assert sent_to[-1] == "C: RCPT TO:<u00000000004@example.test>"


def test_a_server_that_hangs_up_leaves_nothing_committed() -> None:
    scenario = Scenario(
        workload={"recipients_per_message": 3},
        client={"expiry_s": 1.0},
        server={"recipient_limit": 1, "overflow_reply": 421},
    )
    text = "\n".join(written(scenario))
    assert "  (the server has closed)\n" in text
    assert "  nothing was committed\n" in text
    assert "QUIT" not in text


LAST_ON_A_CONNECTION = {
    "per connection": {"limit_kind": "connection", "recipient_limit": 3},
    "messages per connection": {"messages_per_connection": 1},
}


@pytest.mark.parametrize("server", LAST_ON_A_CONNECTION.values(), ids=LAST_ON_A_CONNECTION)
def test_a_421_after_a_committed_transaction_takes_nothing_back(server: dict[str, object]) -> None:
    scenario = Scenario(workload={"messages": 2, "recipients_per_message": 3}, client={"connections": 1}, server=server)
    first = "\n".join(written(scenario)).partition("Connection 2")[0]
    told, _, rest = first.partition("421")
    assert "  what corrected concludes\n" in told
    assert "nothing was committed" not in told
    assert rest
    assert "taken as accepted" in told


def test_a_421_in_a_later_transaction_is_told_there() -> None:
    scenario = Scenario(
        workload={"messages": 2, "recipients_per_message": 2},
        client={"expiry_s": 1.0, "connections": 1},
        server={"recipient_limit": 1, "overflow_reply": 421},
    )
    alone = Scenario(workload={"recipients_per_message": 2, "messages": 1}, client={"expiry_s": 1.0})
    assert "nothing was committed" not in "\n".join(written(alone))
    for connection in "\n".join(written(scenario)).split("Connection ")[1:]:
        assert ("nothing was committed" in connection) == ("421" in connection)
