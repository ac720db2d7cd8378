"""What is no reply is told at once, with what was received; a reply too many is nobody's answer."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from played_sender import PlayedSender
from test_live_hostile import against

from simsmtp import Scenario
from simsmtp.errors import InputError
from simsmtp.live.asyncio_client import Delivery
from simsmtp.live.endpoint import Endpoint
from simsmtp.live.replies import MOST_LINES, Replies
from simsmtp.live.sender_task import How

NO_REPLY, BARE, ENDLESS = "a line that is no reply", "a reply with a bare CR, LF or NUL", "a reply line without end"
# What is told as soon as these octets are there, though no line has ended.
WRONG_AT_ONCE = {
    "LF only": (b"220 mx ESMTP\n", BARE),
    "LF only in the middle": (b"220-mx\r\n220 ESMTP\n", BARE),
    "CR only": (b"220 mx ESMTP\r2", BARE),
    "CR before CRLF": (b"220 mx\r\r", BARE),
    "NUL": (b"220 mx\0", BARE),
    "LF first": (b"\n", BARE),
    "LF behind the code": (b"220\n", BARE),
    "a prompt": (b"login: ", NO_REPLY),
    "another protocol": (b"SSH-2.0-x", NO_REPLY),
    "no code": (b"22x", NO_REPLY),
    "four digits": (b"2200", NO_REPLY),
    "a code of no class": (b"1", NO_REPLY),
    "a code of no class above": (b"6", NO_REPLY),
    "a blank first": (b" 220 mx", NO_REPLY),
    "TLS from the first octet": (b"\x16\x03\x01", NO_REPLY),
    "an endless line": (b"220 " + b"x" * 1020, ENDLESS),
    "different codes": (b"220-mx\r\n250 mx\r\n", "a reply whose lines have different codes"),
    "too many lines": (b"220-mx\r\n" * (MOST_LINES + 1), "a reply of too many lines"),
    "two digits": (b"22\r\n", NO_REPLY),
}
SOUND = {
    "nothing": b"",
    "half a code": b"22",
    "no line end": b"220 mx",
    "half a line end": b"220 mx\r",
    "half a line end behind the code": b"220\r",
    "8-bit octets": b"220 \xfc\xff",
    "a line more": b"220-mx\r\n",
    "the longest line": b"220 " + b"x" * 1018 + b"\r",
}


PIECES = [b"2", b"5", b"0", b" ", b"-", b"\r", b"\n", b"\0", b"x" * 1017, b"250 x\r\n"]


@pytest.mark.parametrize(("octets", "problem"), WRONG_AT_ONCE.values(), ids=WRONG_AT_ONCE)
def test_what_is_no_reply_is_told_at_once_with_what_was_received(octets: bytes, problem: str) -> None:
    """The server stays, and says no more: nothing else would come before the time is out."""
    begin = time.monotonic()
    with pytest.raises(InputError, match="speaks no SMTP: ") as error:
        against(octets, Scenario(), timeout_s=60.0, stays=True)
    assert time.monotonic() - begin < 30
    assert f"{problem}; received: '" in str(error.value)


@pytest.mark.parametrize("octets", SOUND.values(), ids=SOUND)
def test_what_may_still_be_a_reply_is_waited_for(octets: bytes) -> None:
    parser = Replies()
    parser.feed(octets)
    assert (parser.next_reply(), parser.problem) == (None, "")
    parser.feed(b"x\r\n" if not octets.endswith((b"\r", b"\n")) else b"\n" if octets.endswith(b"\r") else b"220 x\r\n")
    reply = parser.next_reply()
    assert bool(reply) == (octets not in (b"", b"22"))


@settings(max_examples=300, deadline=None)
@given(
    octets=st.lists(st.sampled_from(PIECES)).map(b"".join),
    cuts=st.lists(st.integers(0, 3000), max_size=6),
)
def test_how_a_reply_is_cut_changes_nothing(octets: bytes, cuts: list[int]) -> None:
    def read(pieces: list[bytes]) -> tuple[list[object], str]:
        parser, found = Replies(), []
        for piece in pieces:
            parser.feed(piece)
            while reply := parser.next_reply():
                found.append(reply)
        return found, parser.problem

    ends = sorted(min(cut, len(octets)) for cut in cuts)
    pieces = [octets[a:b] for a, b in zip([0, *ends], [*ends, len(octets)], strict=True)]
    assert read(pieces) == read([octets])


def test_a_time_out_says_what_had_come_so_far() -> None:
    with pytest.raises(InputError, match=r"took too long; an unfinished reply was received: '220-mx'"):
        against(b"220-mx\r\n", Scenario(), timeout_s=0.3, stays=True)


def test_what_is_no_reply_to_ehlo_is_told_at_once_too() -> None:
    begin = time.monotonic()
    with pytest.raises(InputError, match=r"bare CR, LF or NUL; received: '250 mx\\n'"):
        against(b"220 mx\r\n250 mx\n", Scenario(), timeout_s=60.0, stays=True)
    assert time.monotonic() - begin < 30


# -- a reply too many ---------------------------------------------------------------------------------------------


class Surplus:
    """A server that says one reply more than it was asked for, behind its answer to a command."""

    def __init__(self, behind: bytes, reply: bytes = b"250 surplus\r\n") -> None:
        self._behind, self._reply = behind, reply
        self._in_text = False
        self.heard: list[bytes] = []

    def answer(self, octets: bytes) -> bytes:
        out = b""
        for line in octets.split(b"\r\n")[:-1]:
            if self._in_text and line != b".":
                continue
            self._in_text = line == b"DATA"
            self.heard.append(line)
            word = b"DOT" if line == b"." else line[:4]
            out += {b"DATA": b"354 go\r\n", b"EHLO": b"250-x\r\n250 PIPELINING\r\n"}.get(word, b"250 ok\r\n")
            if word == self._behind:
                self._behind, out = b"", out + self._reply
        return out


@pytest.mark.parametrize("behind", [b"EHLO", b"RCPT", b"DATA"])
@pytest.mark.parametrize("arrives", ["with it", "between the flights"])
def test_a_surplus_reply_is_no_answer_to_the_next_command(behind: bytes, arrives: str) -> None:
    """Taken for the answer to the next command, it would shift every answer that follows by one."""
    player = PlayedSender(Scenario(workload={"recipients_per_message": 3}, client={"pipelining": False}))
    server, later = Surplus(behind), bytearray()

    def answer(octets: bytes) -> bytes:
        said = server.answer(octets)
        before, mark, _ = said.partition(b"250 surplus\r\n")
        if mark and arrives == "between the flights":
            later.extend(mark)
            return before
        return said

    (session,) = player.play(b"220 x\r\n", answer, early=later)
    assert session.fault == "a reply to nothing; received: '250 surplus'"
    asked = [line[:4] for line in server.heard]
    assert asked[-1] == behind, "nothing was written after it"
    assert sum(row.accepted for row in player.rows()) == 0


def test_a_surplus_reply_on_a_real_connection_is_told_at_once() -> None:
    told: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server = Surplus(b"RCPT")
        writer.write(b"220 x\r\n")
        while octets := await reader.read(10_000):
            writer.write(server.answer(octets))
        writer.close()

    async def both() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        scenario = Scenario(workload={"recipients_per_message": 3}, client={"window_recipients": 1})
        delivery = Delivery(scenario, Endpoint(*server.sockets[0].getsockname()[:2]), How(warn=told.append))
        running = asyncio.create_task(delivery.run())
        async with asyncio.timeout(10):
            while not told:
                await asyncio.sleep(0.01)
        delivery.interrupt()
        found = await running
        server.close()
        assert found.output.responses["queued"] == 3

    asyncio.run(both())
    assert told == ["connection 1: a reply to nothing; received: '250 surplus'"]
