"""Every command that RFC 5321 asks of a server, with and without arguments, in and out of order, right and wrong."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simsmtp import Scenario
from simsmtp.live.effects import Pause, Read, StartTls, Write
from simsmtp.live.mailboxes import Mailboxes
from simsmtp.live.served import Served, ServedRow
from simsmtp.live.server_session import ServerSession
from simsmtp.model.plan import plan_of

HELLO, MAIL, RCPT = "EHLO client.example.test", "MAIL FROM:<a@a.test>", "RCPT TO:<b@b.test>"
BEFORE = {"connected": [], "greeted": [HELLO], "mail": [HELLO, MAIL], "rcpt": [HELLO, MAIL, RCPT]}
MESSAGE = [HELLO, MAIL, RCPT, "DATA"]
SECOND_NS = 10**9


class Server:
    """A server session without a socket, which is told octets and keeps what it says."""

    def __init__(self, *, tls: bool = False, **server: object) -> None:
        plan = plan_of(Scenario.from_dict({"server": {"recipient_limit": 3} | server})).destinations[0].server
        plan = plan._replace(offered=plan.offered._replace(starttls=tls))
        self.rows: list[ServedRow] = []
        self.served, self.now_ns = Served(self.rows.append), 0
        mailboxes = Mailboxes(seed=0, replication=0, failure_share=0.0, clock=lambda: self.now_ns)
        self.session = ServerSession(plan, mailboxes, self.served)
        self.slept_ns = 0
        self._steps, self._said = self.session.steps(), bytearray()
        self.is_over = False
        self._run()
        self.banner = self.take()

    def hear(self, octets: bytes) -> list[str]:
        """Read octets; return the last line of each reply to them."""
        self.session.receive(octets)
        self._run()
        return self.take()

    def say(self, *lines: str) -> list[str]:
        """Hear lines, each when the one before was answered; return the replies."""
        return [reply for line in lines for reply in self.hear(f"{line}\r\n".encode("latin-1"))]

    def codes(self, *lines: str) -> list[int]:
        return [int(reply[:3]) for reply in self.say(*lines)]

    def take(self) -> list[str]:
        lines = self._said.decode("ascii").split("\r\n")
        assert lines.pop() == "", "half a line was said"
        self._said.clear()
        return [line for line in lines if line[3:4] != "-"]

    def _run(self) -> None:
        for step in self._steps:
            match step:
                case Write(octets):
                    self._said += octets
                case Pause(ns):
                    self.slept_ns += ns
                    self.now_ns += ns
                case Read() | StartTls():
                    return
        self.is_over = True


@pytest.mark.parametrize("state", BEFORE)
@pytest.mark.parametrize(
    ("line", "code"),
    [
        *(("EHLO x", 250), ("HELO x", 250), ("EHLO [127.0.0.1]", 250), ("EHLO", 501), ("HELO", 501), ("HELO ", 501)),
        *(("NOOP", 250), ("NOOP and some words", 250), ("RSET", 250), ("RSET now", 501)),
        *(("QUIT", 221), ("QUIT now", 501), ("DATA now", 501)),
        *(("VRFY somebody", 252), ("VRFY <x1@b.test>", 252), ("VRFY", 501), ("VRFY ", 501), ("vrfy Jones", 252)),
        *(("EXPN staff", 502), ("EXPN", 502), ("HELP", 502), ("help DATA", 502), ("STARTTLS", 502), ("BDAT 0", 502)),
        *(("", 500), ("HI", 500), ("MAILFROM:<a@b.test>", 500), ("TURN", 500), ("AUTH PLAIN", 500), (" NOOP", 500)),
        *(("MAIL", 501), ("MAIL FROM", 501), ("MAIL FROM:", 501), ("MAIL FROM:a@b.test", 501), ("MAIL <a@b.c>", 501)),
        *(("MAIL FROM:<a@b.test", 501), ("MAIL FROM:<a b@c.test>", 501), ("MAIL FROM:<a@b@c.test>", 501)),
        *(("MAIL FROM:<a>", 501), ("MAIL FROM:<postmaster>", 501), ("MAIL FROM:<a@b.test>SIZE=1", 501)),
        *(("MAIL FROM:<a@b.test> SIZE=1", 555), ("MAIL FROM:<a@b.test> BODY=8BITMIME", 555)),
        *(("MAIL FROM:<a@b.test> SMTPUTF8", 555), ("MAIL FROM:<> RET=HDRS", 555)),
        *(("RCPT", 501), ("RCPT TO:<>", 501), ("RCPT TO:b@b.test", 501), ("RCPT TO:<b>", 501)),
        *(("RCPT TO:<b@b.test> NOTIFY=NEVER", 555), ("RCPT TO:<\xfc@b.test>", 500), ("NOOP \x01", 500)),
        *(("NOOP " + "x" * 506, 500), ("NOOP " + "x" * 505, 250), ("VRFY " + "x" * 506, 500)),
    ],
)  # fmt: skip
def test_a_command_is_answered_the_same_at_any_time(state: str, line: str, code: int) -> None:
    server = Server()
    server.say(*BEFORE[state])
    assert server.codes(line) == [code]
    assert server.is_over == (code == 221)


@pytest.mark.parametrize(
    ("state", "line", "code"),
    [
        *(("connected", "MAIL FROM:<a@b.test>", 503), ("greeted", "MAIL FROM:<a@b.test>", 250)),
        *(("mail", "MAIL FROM:<a@b.test>", 503), ("rcpt", "MAIL FROM:<>", 503), ("greeted", "MAIL FROM:<>", 250)),
        *(("connected", RCPT, 503), ("greeted", RCPT, 503), ("mail", RCPT, 250), ("rcpt", RCPT, 250)),
        *(("connected", "DATA", 503), ("greeted", "DATA", 503), ("mail", "DATA", 354), ("rcpt", "DATA", 354)),
    ],
)
def test_the_order_of_commands_is_kept(state: str, line: str, code: int) -> None:
    server = Server(data_without_recipients="354")
    server.say(*BEFORE[state])
    assert server.codes(line) == [code]


@pytest.mark.parametrize("line", ["VRFY b@b.test", "NOOP", "HELP", "EXPN x", "RCPT TO:<>", "RCPT TO:<x1@b.test>", "HI"])
def test_a_transaction_survives_what_is_no_part_of_it(line: str) -> None:
    server = Server()
    server.say(HELLO, MAIL, line, RCPT, line, "DATA")
    assert server.say("text", ".")[0].startswith("250")
    assert server.served.accepted == {("a@a.test", "b@b.test"): 1}


@pytest.mark.parametrize(
    "path",
    [
        *("postmaster", "Postmaster", "POSTMASTER", "postmaster@b.test", "@relay.test:b@b.test", "b@[127.0.0.1]"),
        *("@one.test,@two.test:b@b.test", '"b c"@b.test', r'"b\"c"@b.test', '"b>c"@b.test', '"b@c"@b.test'),
        *("b+c@b.test", "x" * 64 + "@b.test", "b@" + "b" * 250 + ".test"),
    ],
)  # fmt: skip
def test_a_forward_path_may_have_any_form_of_rfc_5321(path: str) -> None:
    server = Server()
    server.say(HELLO, MAIL)
    assert server.codes(f"rcpt to:<{path}>") == [250]
    server.say("DATA", ".")
    assert [who for _, who in server.served.accepted] == [path.rpartition(":")[2]]


@pytest.mark.parametrize(
    "path", ["b@", "@b.test", "b", "x" * 65 + "@b.test", "b@c@d.test", "b c@d.test", '"b@c.test', "@a:"]
)
def test_what_is_no_path_is_a_syntax_error(path: str) -> None:
    server = Server()
    server.say(HELLO, MAIL)
    assert server.codes(f"RCPT TO:<{path}>") == [501]


WRONG_IN_THE_MIDDLE = [("RCPT TO:<", 501), ("HI", 500), ("HELP", 502), (MAIL, 503), ("RCPT TO:<x1@b.test>", 550)]


@pytest.mark.parametrize(("line", "code"), [*WRONG_IN_THE_MIDDLE, ("RCPT TO:<b@b.test> SIZE=1", 555)])
def test_an_error_in_the_middle_of_a_group_is_one_reply_in_its_place(line: str, code: int) -> None:
    """Whatever is wrong with one command of a pipelined group, every other one keeps its own reply."""
    server = Server()
    server.say(HELLO)
    group = [MAIL, RCPT, line, "RCPT TO:<c@b.test>", "DATA"]
    replies = server.hear("".join(f"{one}\r\n" for one in group).encode())
    assert [int(one[:3]) for one in replies] == [250, 250, code, 250, 354]
    server.say("text", ".")
    assert [who for _, who in server.served.accepted] == ["b@b.test", "c@b.test"]


@pytest.mark.parametrize(
    "octets", [b"EHLO x\n", b"EHLO x\nMAIL FROM:<a@a.test>\r\n", b"EHLO x\rMAIL", b"\n", b"NOOP\n" * 50]
)
def test_a_bare_line_end_in_a_command_is_told_at_once_and_hides_nothing(octets: bytes) -> None:
    """The CRLF it lacks may never come, and what follows might be a text's line (RFC 5321 section 2.3.8)."""
    server = Server()
    assert server.hear(octets) == ["500 5.5.2 A line ends with CR LF"]
    assert server.is_over
    assert server.served.faults == {"bare": 1}
    assert server.served.transactions == 0


@settings(max_examples=50, deadline=None)
@given(cut=st.integers(1, 8), octets=st.sampled_from([b"NOOP\r\n", b"N\rOOP\r\n", b"N\nOOP\r\n", b"NOOP\r\r\n"]))
def test_half_of_a_line_end_is_waited_for(octets: bytes, cut: int) -> None:
    server, whole = Server(), Server()
    said = server.hear(octets[:cut])
    said += [] if server.is_over or not octets[cut:] else server.hear(octets[cut:])
    assert said == whole.hear(octets)


@pytest.mark.parametrize("end", ["\n.\n", "\n.\r\n", "\r.\r\n", "\r\n.\r", "\r\n.\n"], ids=repr)
def test_only_crlf_dot_crlf_ends_a_text(end: str) -> None:
    server = Server()
    server.say(*MESSAGE)
    assert server.hear(f"text{end}".encode()) == []
    said = server.hear(b"\r\n.\r\n")
    assert [one[:3] for one in said] == ["554"]
    assert not server.served.accepted


@pytest.mark.parametrize("text", ["x" * 5000, "..", "..\r\n..", "." + "x" * 3, "\xfc\xff\x00", "", "..text"])
def test_any_text_of_whole_lines_is_taken(text: str) -> None:
    server = Server()
    server.say(*MESSAGE)
    assert server.codes(text, ".") == [250]


def test_a_tarpit_sleeps_before_the_reply_to_a_text() -> None:
    server = Server(soft_error_limit=1, error_sleep_ms=1000)
    server.say(HELLO, MAIL, RCPT, "HI", "DATA")
    before = server.slept_ns
    assert server.codes("text", ".") == [250]
    assert server.slept_ns == before + SECOND_NS


# -- greylisting ----------------------------------------------------------------------------------------------------


def greylisted(server: Server, *recipients: str) -> list[int]:
    """Return what is said to the recipients of a transaction that is left again."""
    codes = server.codes(MAIL, *(f"RCPT TO:<{one}>" for one in recipients))[1:]
    server.say("RSET")
    return codes


def test_who_waited_long_enough_is_taken_and_who_did_not_is_not() -> None:
    server = Server(greylist_s=60)
    server.say(HELLO)
    assert greylisted(server, "b@b.test") == [451]
    server.now_ns = 30 * SECOND_NS
    assert greylisted(server, "b@b.test", "c@b.test") == [451, 451]
    server.now_ns = 60 * SECOND_NS
    assert greylisted(server, "b@b.test", "c@b.test") == [250, 451]


def test_a_recipient_over_the_limit_has_not_been_seen_by_the_greylist() -> None:
    server = Server(greylist_s=60, recipient_limit=1)
    server.say(HELLO)
    greylisted(server, "b@b.test")
    server.now_ns = 60 * SECOND_NS
    assert greylisted(server, "b@b.test", "c@b.test") == [250, 552]
    server.now_ns = 130 * SECOND_NS
    assert greylisted(server, "c@b.test") == [451]


def test_an_unknown_mailbox_has_not_been_seen_by_the_greylist(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(greylist_s=60)
    server.say(HELLO)
    assert greylisted(server, "x1@b.test") == [550]
    server.now_ns = 60 * SECOND_NS
    monkeypatch.setattr(Mailboxes, "exists", staticmethod(lambda address: True))
    assert greylisted(server, "x1@b.test") == [451]


def test_the_sleep_before_a_reply_comes_too_late_for_the_greylist() -> None:
    """The server decides when it has the command, and sleeps before it says so, as in the engines."""
    server = Server(greylist_s=60, soft_error_limit=1, error_sleep_ms=1000)
    server.say(HELLO)
    assert greylisted(server, "b@b.test") == [451]
    server.now_ns = 58 * SECOND_NS  # one second until MAIL is answered
    assert greylisted(server, "b@b.test") == [451]
    assert greylisted(server, "b@b.test") == [250]


def test_without_greylisting_nobody_waits() -> None:
    server = Server()
    server.say(HELLO)
    assert greylisted(server, "b@b.test", "x1@b.test") == [250, 550]


# -- what ends a session --------------------------------------------------------------------------------------------


def codes_until_over(server: Server, lines: Iterable[str]) -> list[int]:
    codes: list[int] = []
    for line in lines:
        if server.is_over:
            break
        codes += server.codes(line)
    return codes


def test_a_client_that_errs_without_end_is_left() -> None:
    codes = codes_until_over(Server(hard_error_limit=None, soft_error_limit=None), ["HI"] * 200)
    assert codes == [500] * 100 + [421]


def test_a_text_that_is_answered_421_is_entered_so() -> None:
    server = Server(chunking=True, hard_error_limit=1)
    server.say(HELLO, MAIL, RCPT, "HI")
    assert [reply[:3] for reply in server.hear(b"BDAT 3 LAST\r\nabc")] == ["421"]
    assert server.is_over
    assert [(row.code, row.final_code, row.accepted) for row in server.rows] == [(250, 421, False)]


def test_more_recipients_than_can_be_kept_end_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simsmtp.live.server_session.MOST_ACCEPTED", 2)
    codes = codes_until_over(Server(), [HELLO, MAIL, *[RCPT] * 5])
    assert codes == [250, 250, 250, 250, 250, 421]


def test_commands_behind_starttls_are_refused() -> None:
    server = Server(tls=True)
    server.say(HELLO)
    assert [one[:3] for one in server.hear(b"STARTTLS\r\nEHLO again\r\n")] == ["554"]
    assert server.is_over


def test_octets_that_come_during_the_handshake_are_refused() -> None:
    server = Server(tls=True)
    server.say(HELLO, "STARTTLS")
    assert [one[:3] for one in server.hear(b"EHLO again\r\n")] == ["554"]
    assert server.is_over


def test_a_reply_that_does_not_fit_the_buffer_goes_out_first() -> None:
    """What a client reads at once depends on it: a buffer holds whole replies."""
    plan = plan_of(Scenario(server={"recipient_limit": 3})).destinations[0].server._replace(reply_buffer=60)
    mailboxes = Mailboxes(clock=lambda: 0)
    session = ServerSession(plan, mailboxes, Served())
    pieces, writes = [f"{HELLO}\r\n".encode(), b"NOOP\r\n" * 20, b""], []
    for step in session.steps():
        if isinstance(step, Read):
            session.receive(pieces.pop(0))
        elif isinstance(step, Write):
            writes.append(step.octets)
    assert b"".join(writes).count(b"250 2.0.0 Ok") == 20
    assert all(one.endswith(b"\r\n") and len(one) <= 120 for one in writes)
    assert len(writes) > 5
