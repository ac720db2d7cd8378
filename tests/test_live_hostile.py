"""Peers that mean harm, or that nobody has tested: whatever they say, in whatever pieces."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live_pair import LOOPBACK, deliver
from played_sender import PlayedSender

from simsmtp import Scenario
from simsmtp.errors import InputError
from simsmtp.live.asyncio_client import Delivery
from simsmtp.live.asyncio_server import Listener, Terms
from simsmtp.live.effects import Read, Write
from simsmtp.live.endpoint import Endpoint, endpoint_in
from simsmtp.live.lines import COMMAND_OCTETS, REPLY_OCTETS, Lines
from simsmtp.live.mailboxes import Mailboxes
from simsmtp.live.sender_task import How
from simsmtp.live.served import Served
from simsmtp.live.server_session import ServerSession
from simsmtp.model.plan import plan_of

SMALL = Scenario(server={"recipient_limit": 3})
HELLO = b"EHLO client.example.test\r\n"
MAIL, DATA, QUIT = b"MAIL FROM:<m0@a.test>\r\n", b"DATA\r\n", b"QUIT\r\n"
WORDS = [
    *(HELLO, MAIL, b"RCPT TO:<r1@b.test>\r\n", b"RCPT TO:<r2@b.test>\r\n", DATA, b".\r\n", b"text\r\n", QUIT),
    *(b"BDAT 4 LAST\r\n", b"abcd", b"BDAT 99999999999999999999\r\n", b"RSET\r\n", b"NOOP\r\n", b"STARTTLS\r\n"),
    *(b"\n.\n", b"\r\n.\n", b"\x00\xff", b"HELO x\r\n", b"VRFY x\r\n", b"\r\n"),
]
PIECES = st.lists(st.one_of(st.binary(max_size=40), st.sampled_from(WORDS)), max_size=30)


def server_said(pieces: Iterable[bytes], *, forbids_early: bool = True) -> tuple[bytes, Served, ServerSession]:
    """Return what the server answers to octets that come in these pieces and then end."""
    served = Served()
    plan = plan_of(SMALL).destinations[0].server
    plan = plan._replace(offered=plan.offered._replace(starttls=forbids_early, chunking=True))
    mailboxes = Mailboxes(seed=0, replication=0, failure_share=0.0, clock=lambda: 0)
    session = ServerSession(plan, mailboxes, served, forbids_early=forbids_early)
    out, coming = bytearray(), iter(pieces)
    for count, step in enumerate(session.steps()):
        assert count < 10_000, "does not end"
        if isinstance(step, Write):
            out += step.octets
        elif isinstance(step, Read):
            session.receive(next((piece for piece in coming if piece), b""))
    return bytes(out), served, session


def is_dialogue(octets: bytes) -> bool:
    """Tell whether these are whole reply lines."""
    lines = octets.decode("ascii").split("\r\n")
    return lines[-1] == "" and all(line[:3].isdigit() and line[3] in " -" for line in lines[:-1])


@settings(max_examples=300, deadline=None)
@given(pieces=PIECES)
def test_a_server_answers_anything_with_whole_replies(pieces: list[bytes]) -> None:
    out, served, _ = server_said(pieces)
    assert is_dialogue(out)
    assert served.accepted.total() == 0 or served.texts > 0
    finals = sum(line[3:4] == b" " for line in out.split(b"\r\n") if line)
    lines = b"".join(pieces).count(b"\n") + len(pieces)
    assert finals <= 3 + 2 * lines  # the banner, a farewell, and at most one for a command and one for its text


@settings(max_examples=200, deadline=None)
@given(pieces=PIECES, data=st.data())
def test_how_octets_are_cut_makes_no_difference(pieces: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    cut = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    one, two = server_said([whole], forbids_early=False), server_said(cut, forbids_early=False)
    assert (one[0], one[1].summary()) == (two[0], two[1].summary())


ENDS = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\n\n.\r\n", b"\r\r\n.\r\n\n", b"\x00.\r\n"]


@pytest.mark.parametrize("end", ENDS, ids=repr)
def test_no_message_is_smuggled_in_behind_a_bare_line_end(end: bytes) -> None:
    """Only CRLF . CRLF ends a text, and a text with a bare CR or LF is refused (RFC 5321 section 2.3.8)."""
    smuggled = b"MAIL FROM:<evil@a.test>\r\nRCPT TO:<r9@b.test>\r\nDATA\r\nsmuggled\r\n.\r\n"
    pieces = [HELLO, MAIL + b"RCPT TO:<r1@b.test>\r\n" + DATA, b"text" + end + smuggled, QUIT]
    _, served, _ = server_said(pieces, forbids_early=False)
    assert all(sender != "evil@a.test" for sender, _ in served.accepted)
    assert served.texts <= 1


@pytest.mark.parametrize(
    "pieces",
    [
        [HELLO + MAIL],
        [HELLO, b"STARTTLS\r\n" + MAIL],
        [HELLO, MAIL + b"RCPT TO:<r1@b.test>\r\n" + DATA + b"text\r\n.\r\n"],
    ],
    ids=["after EHLO", "after STARTTLS", "after DATA"],
)
def test_input_before_it_is_allowed_closes_the_session(pieces: list[bytes]) -> None:
    out, served, _ = server_said(pieces)
    assert served.faults["spoke_too_early"] == 1
    assert b"\r\n554 " in out
    assert served.accepted.total() == 0


@settings(max_examples=100, deadline=None)
@given(longest=st.integers(4, 60), reads=st.lists(st.binary(min_size=1, max_size=50), max_size=60))
def test_a_line_buffer_never_holds_more_than_a_read_and_two_lines(longest: int, reads: list[bytes]) -> None:
    lines = Lines(longest)
    for octets in reads:
        lines.feed(octets)
        while (line := lines.next_line()) is not None:
            assert len(line.octets) <= longest
        assert len(lines) <= longest + 2


def test_an_endless_line_is_refused_and_not_kept() -> None:
    endless = [HELLO, *[b"x" * 4096] * 200, b"\r\n", QUIT]
    out, served, _ = server_said(endless)
    assert served.faults.total() == 1
    assert out.count(b"\r\n500 ") == 1
    assert (COMMAND_OCTETS, REPLY_OCTETS) == (512, 1024)


# -- client -------------------------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(pieces=st.lists(st.one_of(st.binary(max_size=60), st.sampled_from([
    b"220 x\r\n", b"250-x\r\n250 PIPELINING\r\n", b"250 ok\r\n", b"250 ok\r\n" * 5, b"354 go\r\n", b"452 4.5.3 no\r\n",
    b"552 no\r\n", b"421 bye\r\n", b"250", b"250-\r\n" * 50, b"999 x\r\n", b"25\r\n"])), max_size=25))  # fmt: skip
def test_a_client_survives_any_server(pieces: list[bytes]) -> None:
    coming = iter(pieces)
    player = PlayedSender(Scenario(workload={"recipients_per_message": 4}, server={"recipient_limit": 100}))
    said = bytearray()

    def answer(octets: bytes) -> bytes:
        said.extend(octets)
        return next(coming, b"")

    (session,) = player.play(next(coming, b""), answer)
    assert session.is_closed or player.sender.is_finished or session.fault
    accepted = sum(row.accepted for row in player.rows())
    assert accepted == 0 or said.count(b"\r\n.\r\n") > 0


CODES = st.lists(st.sampled_from([250, 251, 450, 452, 550, 552, 553]), min_size=12, max_size=12)


@settings(max_examples=100, deadline=None)
@given(codes=CODES, window=st.sampled_from([None, 1, 3, 5]), cut=st.integers(1, 30))
def test_every_reply_goes_to_its_own_recipient(codes: list[int], window: int | None, cut: int) -> None:
    """Accepted are exactly the recipients whose own RCPT was answered 2yz."""
    client = {"window_recipients": window, "stop_on_overflow": False}
    player = PlayedSender(Scenario(workload={"recipients_per_message": 12}, client=client))
    left: Iterator[int] = iter(codes)
    in_text = False

    def answer(octets: bytes) -> bytes:
        nonlocal in_text
        out = b""
        for line in octets.split(b"\r\n")[:-1]:
            if in_text:
                if line == b".":
                    in_text = False
                    out += b"250 ok\r\n"
            elif line.startswith(b"RCPT"):
                out += b"%d x\r\n" % next(left, 421)
            elif line == b"DATA":
                in_text = True
                out += b"354 go\r\n"
            else:
                out += b"250-x\r\n250 PIPELINING\r\n" if line.startswith(b"EHLO") else b"250 ok\r\n"
        return out

    player.play(b"220 hi\r\n", answer)
    accepted = {row.recipient for row in player.rows() if row.accepted}
    assert accepted == {place for place, code in enumerate(codes) if code < 300}


SAYS_NO_SMTP = {
    "closes at once": b"",
    "HTTP": b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n",
    "noise": bytes(range(256)) * 8,
    "an endless line": b"2" * 100_000,
    "endless continuation": b"220-x\r\n" * 50_000,
}


def against(octets: bytes, scenario: Scenario, *, timeout_s: float = 5.0, stays: bool = False) -> object:
    """Send to a server that says only this, whatever it hears."""

    async def run() -> object:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(octets)
            try:
                await writer.drain()
                while stays and await reader.read(1000):
                    pass
            except ConnectionError:
                pass
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            place = Endpoint("127.0.0.1", server.sockets[0].getsockname()[1])
            return await Delivery(scenario, place, How(timeout_s=timeout_s)).run()

    return asyncio.run(run())


@pytest.mark.parametrize("octets", SAYS_NO_SMTP.values(), ids=SAYS_NO_SMTP)
def test_a_peer_that_speaks_no_smtp_is_an_input_error(octets: bytes) -> None:
    with pytest.raises(InputError, match="speaks no SMTP"):
        against(octets, Scenario())


def test_a_silent_server_is_given_up() -> None:
    begin = time.monotonic()
    with pytest.raises(InputError, match="speaks no SMTP"):
        against(b"", Scenario(), timeout_s=0.3, stays=True)
    assert time.monotonic() - begin < 5


@pytest.mark.slow
def test_a_slow_client_is_given_up_though_it_keeps_sending() -> None:
    """An octet now and then is no progress: the whole command counts."""

    async def run() -> Served:
        async with Listener(SMALL, LOOPBACK, Terms(timeout_s=0.3)) as listener:
            _, writer = await asyncio.open_connection(*listener.place)
            try:
                for _ in range(100):
                    writer.write(b"E")
                    await writer.drain()
                    await asyncio.sleep(0.02)
                    if listener.ended:
                        break
            except ConnectionError:
                pass
            writer.close()
            async with asyncio.timeout(5):
                while not listener.ended:
                    await asyncio.sleep(0.01)
            return listener.served

    assert asyncio.run(run()).faults["timed_out"] == 1


STAGES = [b"", HELLO, MAIL, b"RCPT TO:<r1@b.test>\r\n", DATA, b"half a te", b"xt\r\n.\r\n"]


@pytest.mark.parametrize("stages", range(1, len(STAGES) + 1))
def test_a_client_that_goes_away_at_any_stage_leaves_no_session(stages: int) -> None:
    async def run() -> tuple[Served, int]:
        async with Listener(SMALL, LOOPBACK, Terms(timeout_s=5)) as listener:
            _, writer = await asyncio.open_connection(*listener.place)
            for octets in STAGES[:stages]:
                writer.write(octets)
                await writer.drain()
                await asyncio.sleep(0.01)
            writer.transport.abort()
            async with asyncio.timeout(5):
                while not listener.ended:
                    await asyncio.sleep(0.005)
            return listener.served, listener.sessions

    served, sessions = asyncio.run(run())
    assert sessions == 0
    assert served.accepted.total() == (stages == len(STAGES))


def test_nobody_there_is_an_input_error() -> None:
    with pytest.raises(InputError, match="no connection"):
        deliver(Scenario(), Endpoint("127.0.0.1", 1))


@pytest.mark.parametrize("text", ["mx.example.com:25", "192.0.2.1:25", "0.0.0.0:25", "[2001:db8::1]:25", "[::]:25"])
def test_other_machines_are_refused_unless_named_in_full(text: str) -> None:
    with pytest.raises(InputError, match=r"this machine only.*--allow-remote"):
        endpoint_in(text, key="HOST:PORT")
    host = text.rpartition(":")[0].strip("[]")
    assert endpoint_in(text, key="HOST:PORT", allow_remote=host).host == host
    with pytest.raises(InputError):
        endpoint_in(text, key="HOST:PORT", allow_remote="example.com")
