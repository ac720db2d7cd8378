"""Octets that a fuzzer found to reach something new, or that once were a fault: they must do no harm.

What must hold is in `fuzz_targets`; how the corpus was made, in results/fuzzing/README.md.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzz_targets import EARLY, GONE, LATE, NEXT, TARGETS
from hypothesis import example, given, settings
from hypothesis import strategies as st

from simsmtp.audit.dsn import failed_recipients

CORPUS = Path(__file__).parent / "fuzz_corpus"
INPUTS = [(path.parent.name, path) for path in sorted(CORPUS.glob("*/*"))]
SETTINGS = {
    "server": [b"plain", b"lockstep", b"chunks", b"domains", b"first", b"connection", b"strict", b"refusing",
               b"hangup", b"greylist", b"failing", b"plain early", b"chunks tls", b"lockstep early tls"],
    "client": [b"plain", b"lockstep", b"window", b"drain", b"session", b"bounce", b"defer", b"chunks", b"tls",
               b"limits", b"learning", b"counted", b"rtm", b"cursor", b"aggregate"],
}  # fmt: skip
COMMANDS = [
    *(b"EHLO x\r\n", b"HELO x\r\n", b"MAIL FROM:<a@b.test>\r\n", b"MAIL FROM:<>\r\n", b"RCPT TO:<r1@b.test>\r\n"),
    *(b"RCPT TO:<r2@c.test>\r\n", b"RCPT TO:<x3@b.test>\r\n", b"DATA\r\n", b"text\r\n.\r\n", b"..\r\n.\r\n", b".\r\n"),
    *(b"BDAT 4\r\nabcd", b"BDAT 4 LAST\r\nabcd", b"BDAT 0 LAST\r\n", b"RSET\r\n", b"NOOP\r\n", b"STARTTLS\r\n"),
    *(b"QUIT\r\n", b"VRFY x\r\n", b"text\n.\n", b"text\r\n.\n", b"text\n.\r\n", b"text\r.\r", b"x" * 600),
    *(
        b"VRFY\r\n",
        b"EXPN x\r\n",
        b"HELP\r\n",
        b"NOOP\n",
        b"NOOP\r",
        b'RCPT TO:<"a>b"@c.test>\r\n',
        b"MAIL FROM:<a>\r\n",
    ),
    *(b"MAIL FROM:<a@b.test> SIZE=9\r\n", b"BDAT x\r\n", b"\r\n", b"\x00\xff", NEXT, NEXT, NEXT, NEXT + LATE + NEXT),
]
REPLIES = [
    *(b"220 x\r\n", b"250-x\r\n250 PIPELINING\r\n", b"250-x\r\n250-STARTTLS\r\n250-CHUNKING\r\n250 PIPELINING\r\n"),
    *(b"250-x\r\n250 LIMITS RCPTMAX=2 MAILMAX=1\r\n", b"250 ok\r\n", b"250 ok\r\n" * 4, b"354 go\r\n", b"334 x\r\n"),
    *(b"452 4.5.3 many\r\n", b"552 many\r\n" * 2, b"550 5.1.1 no\r\n", b"450 no\r\n", b"421 bye\r\n", b"554 no\r\n"),
    *(
        b"25",
        b"0 ok\r\n",
        b"250-",
        b"250-x\r\n251 y\r\n",
        b"250-x\r\n" * 130,
        b"2" * 1100,
        b"999 x\r\n",
        b"250 ok\n",
        b"250 \0",
        b"\n",
        b"\r",
    ),
    *(NEXT, NEXT, NEXT, NEXT, NEXT + EARLY, NEXT + LATE + NEXT, NEXT + GONE + NEXT),
]


@pytest.mark.parametrize(("target", "path"), INPUTS, ids=lambda one: one.name if isinstance(one, Path) else one)
def test_an_input_of_the_corpus_does_no_harm(target: str, path: Path) -> None:
    TARGETS[target](path.read_bytes())


def test_every_target_has_a_corpus() -> None:
    assert {target for target, _ in INPUTS} == set(TARGETS)


@settings(max_examples=300, deadline=None)
@given(
    head=st.sampled_from(SETTINGS["server"]),
    pieces=st.lists(st.one_of(st.sampled_from(COMMANDS), st.binary(max_size=8)), max_size=40),
)
@example(b"chunks", [b"EHLO x\r\n", NEXT, b"MAIL FROM:<a@b.test>\r\n", b"BDAT 4 LAST\r\nabcd"])
def test_a_server_keeps_its_word(head: bytes, pieces: list[bytes]) -> None:
    TARGETS["server"](head + b"\n" + b"".join(pieces))


@settings(max_examples=300, deadline=None)
@given(
    head=st.sampled_from(SETTINGS["client"]),
    pieces=st.lists(st.one_of(st.sampled_from(REPLIES), st.binary(max_size=8)), max_size=40),
    greets=st.booleans(),
)
def test_a_client_believes_only_what_its_commands_were_answered(head: bytes, pieces: list[bytes], greets: bool) -> None:
    begin = b"220 x\r\n" + NEXT + b"250-x\r\n250 PIPELINING\r\n" + NEXT if greets else b""
    TARGETS["client"](head + b"\n" + begin + b"".join(pieces))


CHANGES = st.tuples(st.integers(0, 5000), st.integers(0, 40), st.binary(max_size=40))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([path for target, path in INPUTS if target == "capture"]), st.lists(CHANGES, max_size=6))
def test_a_capture_that_was_changed_is_read_or_refused(path: Path, changes: list[tuple[int, int, bytes]]) -> None:
    octets = path.read_bytes()
    for place, length, others in changes:
        begin = place % (len(octets) + 1)
        octets = octets[:begin] + others + octets[begin + length :]
    TARGETS["capture"](octets)


@pytest.mark.parametrize(
    "octets",
    [
        b"Content-Type: message/rfc822\r\n\r\n" * 5000,
        b"".join(b"Content-Type: multipart/x; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(2000)),
    ],
    ids=["messages within messages", "parts within parts"],
)
def test_a_report_without_end_reports_nobody(octets: bytes) -> None:
    assert failed_recipients(octets + b"\r\n" * 100_000) == set()
