"""Whom a notification gives up: RFC 3464 as programs write it, and as nobody should."""

from __future__ import annotations

from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsmtp.audit.dsn import LONGEST, failed_recipients

BOUNDARY = b"boundary42"


def report(*blocks: str, kind: str = "multipart/report; report-type=delivery-status") -> bytes:
    """Return a notification with a delivery status of these blocks."""
    status = "\r\n\r\n".join(["Reporting-MTA: dns; lab.example.test", *blocks])
    lines = [
        "From: <MAILER-DAEMON@lab.example.test>",
        "To: <audit@orig.example.test>",
        "MIME-Version: 1.0",
        f'Content-Type: {kind}; boundary="{BOUNDARY.decode()}"',
        "",
        f"--{BOUNDARY.decode()}",
        "",
        "It did not work.",
        f"--{BOUNDARY.decode()}",
        "Content-Type: message/delivery-status",
        "",
        status,
        "",
        f"--{BOUNDARY.decode()}--",
        "",
    ]
    return "\r\n".join(lines).encode()


def block(address: str, action: str = "failed", kind: str = "rfc822") -> str:
    return f"Final-Recipient: {kind}; {address}\r\nAction: {action}\r\nStatus: 5.5.3"


def test_all_who_failed_are_named_whatever_the_case() -> None:
    octets = report(block("U1@d0.test"), block("u2@D1.test", "Failed", "RFC822"))
    assert failed_recipients(octets) == {"u1@d0.test", "u2@d1.test"}


def test_opensmtpd_calls_its_report_mixed() -> None:
    assert failed_recipients(report(block("u1@d0.test"), kind="multipart/mixed")) == {"u1@d0.test"}


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded", "", "failed-not"])
def test_only_a_failure_is_one(action: str) -> None:
    assert failed_recipients(report(block("u1@d0.test", action))) == set()


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\r\n\r\n",
        b"Subject: hello\r\n\r\nu1@d0.test failed\r\n",
        report("Final-Recipient: rfc822; u1@d0.test"),  # no action
        report("Action: failed"),  # nobody
        report(block("u1", kind="x400")),
        report(block("u1@d0.test"))[:-400],
        report(block("u1@d0.test")).replace(b"message/delivery-status", b"text/plain"),
        report(block("u1@d0.test")).replace(BOUNDARY + b'"', b'other"'),
        b"\xff\x00\xfe" * 1000,
        b"Content-Type: message/delivery-status\r\n\r\n\r\n\r\n",
        b"Content-Type: " + b"multipart/mixed; boundary=x; " * 500 + b"\r\n\r\n--x\r\n",
        b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + b"--a\r\nContent-Type: message/rfc822\r\n\r\n" * 200,
        b"A: b\r\n" * 20_000 + b"\r\n",
    ],
)
def test_what_reports_nobody_reports_nobody(octets: bytes) -> None:
    assert failed_recipients(octets) == set()


def test_no_more_is_read_than_a_bound() -> None:
    late = report("x: " + "y" * LONGEST, block("u1@d0.test"))
    assert failed_recipients(late) == set()


def test_what_the_standard_library_writes_is_read() -> None:
    message = EmailMessage()
    message.set_content("no")
    octets = bytes(message) + report(block("u9@d0.test"))
    assert failed_recipients(octets) == set()  # a report must be the message itself, not text in it


@given(st.binary(max_size=400), st.integers(0, 700))
def test_no_octets_make_it_fall(noise: bytes, place: int) -> None:
    octets = report(block("u1@d0.test"))
    found = failed_recipients(octets[:place] + noise + octets[place:])
    assert all(isinstance(one, str) and one == one.lower() for one in found)
