"""What peers say to the octet: replies, command lines and texts as the table, the plan and the wire have them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from simsmtp import Scenario
from simsmtp.engines import run_replication
from simsmtp.model.plan import plan_of
from simsmtp.protocol.answers import Answer, spoken_answers
from simsmtp.protocol.capabilities import NOTHING_OFFERED
from simsmtp.protocol.commands import LONE_DOT_OCTETS, Verb, bdat_octets, bdat_text_octets, command_octets
from simsmtp.protocol.ledger import LEDGER_NAMES, Ledger, ledger_class
from simsmtp.protocol.replies import Reply, parse_reply, words_of
from simsmtp.protocol.states import State, in_sequence, table_markdown
from simsmtp.protocol.text import content_of, text_of
from simsmtp.protocol.wire import AddressBook, command_line
from simsmtp.strategies.reply_class import ReplyClass, classify

SPOKEN = {
    Answer.NONE: "",
    Answer.BANNER: "220 mx.example.test ESMTP",
    Answer.SESSION_REFUSED: "421 4.3.2 Too many sessions",
    Answer.EHLO_OK: "250 mx.example.test",
    Answer.STARTTLS_OK: "220 2.0.0 Ready to start TLS",
    Answer.MAIL_OK: "250 2.1.0 Ok",
    Answer.CONNECTION_EXHAUSTED: "421 4.5.3 Too many messages or recipients on this connection",
    Answer.RCPT_OK: "250 2.1.5 Ok",
    Answer.RCPT_OVER: "452 4.5.3 Too many recipients",
    Answer.RCPT_UNKNOWN: "550 5.1.1 User unknown",
    Answer.RCPT_GREYLISTED: "451 4.7.1 Greylisted, please try again later",
    Answer.DATA_OK: "354 End data with <CR><LF>.<CR><LF>",
    Answer.DATA_NO_RECIPIENTS: "554 5.5.1 No valid recipients",
    Answer.DATA_AFTER_OVERFLOW: "554 Too many recipients",
    Answer.TEXT_OK: "250 2.0.0 Ok: queued",
    Answer.TEXT_NO_RECIPIENTS: "554 5.5.1 No valid recipients",
    Answer.TEXT_REFUSED: "451 4.3.0 Message refused",
    Answer.RSET_OK: "250 2.0.0 Ok",
    Answer.BAD_SEQUENCE: "503 5.5.1 Bad sequence of commands",
    Answer.TOO_MANY_ERRORS: "421 4.7.0 Too many errors",
    Answer.BYE: "221 2.0.0 Bye",
    Answer.EHLO_TLS_OK: "250 mx.example.test",
    Answer.TRANSACTION_OVER: "552 Too many recipients",
    Answer.MESSAGES_EXHAUSTED: "421 4.5.3 Too many messages or recipients on this connection",
    Answer.COMMANDS_EXHAUSTED: "421 4.7.0 Too many commands",
    Answer.FILED_AWAY: "250 2.0.0 Ok: queued",
} | {answer: "451 4.7.1 Rate limit exceeded" for answer in Answer if answer.name.startswith("RATE_")}


def test_the_table_of_what_is_spoken() -> None:
    spoken = spoken_answers({Answer.RCPT_OVER: "452 4.5.3", Answer.TEXT_REFUSED: "451 4.3.0"})
    assert {answer: spoken[answer].wording for answer in Answer} == SPOKEN
    for answer, (code, status, octets, line, lines) in zip(Answer, spoken, strict=True):
        assert octets == (len(line) + 2 if line else 0), answer
        assert lines == bool(line), answer
        assert Reply(code, status) == (parse_reply(line) if line else Reply(0, 0)), answer


def test_a_server_may_have_words_of_its_own_for_the_limit() -> None:
    spoken = spoken_answers({Answer.RCPT_OVER: "552 No more today"})
    assert spoken[Answer.RCPT_OVER].wording == "552 No more today"


@settings(max_examples=50, deadline=None)
@given(flags=st.tuples(st.booleans(), st.booleans(), st.booleans()), limits=st.tuples(*[st.integers(0, 999_999)] * 3))
def test_octets_of_the_ehlo_reply_count_all_its_lines(flags: tuple[bool, ...], limits: tuple[int, ...]) -> None:
    offered = NOTHING_OFFERED._replace(pipelining=flags[0], chunking=flags[1], starttls=flags[2])
    offered = offered._replace(mailmax=limits[0], rcptmax=limits[1], rcptdomainmax=limits[2])
    spoken = spoken_answers(offered=offered)
    words = ["PIPELINING"] * flags[0] + ["CHUNKING"] * flags[1] + ["STARTTLS"] * flags[2]
    names = ("MAILMAX", "RCPTMAX", "RCPTDOMAINMAX")
    said = [f"{name}={most}" for name, most in zip(names, limits, strict=True) if most]
    words += [" ".join(["LIMITS", *said])] * bool(said)
    octets = sum(len(f"250-{word}\r\n") for word in ["mx.example.test", *words])
    assert spoken[Answer.EHLO_OK].octets == octets
    assert spoken[Answer.EHLO_TLS_OK].octets == octets - len("250-STARTTLS\r\n") * flags[2]


# -- commands -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", [verb for verb in Verb if verb not in (Verb.CONNECT, Verb.TEXT, Verb.BDAT)])
@pytest.mark.parametrize("address", ["a@b", "somebody@example.test"])
def test_a_command_takes_the_octets_of_its_line(verb: Verb, address: str) -> None:
    assert command_octets(verb, len(address)) == len(command_line(verb, address)) + 2


def test_octets_of_what_is_no_line_and_of_a_parameter() -> None:
    assert command_octets(Verb.CONNECT, 20) == 0
    assert command_octets(Verb.BDAT, 20) == len("BDAT 4096 LAST\r\n")
    octets = command_octets(Verb.RCPT, 3, orcpt=True)
    assert command_line(Verb.RCPT, "a@b", octets) == "RCPT TO:<a@b> ORCPT=rfc822;a@b"
    assert octets == len("RCPT TO:<a@b> ORCPT=rfc822;a@b\r\n")
    assert command_line(Verb.TEXT, octets=LONE_DOT_OCTETS) == "."
    assert command_line(Verb.TEXT, octets=5000) == "[5,000 octets of text] ."


@settings(max_examples=200, deadline=None)
@given(octets=st.one_of(st.integers(0, 10**9), st.sampled_from([10**n + d for n in range(9) for d in (-1, 0, 1)])))
def test_octets_of_a_chunk_are_those_of_its_line_and_its_text(octets: int) -> None:
    whole = bdat_octets(octets)
    assert whole == len(f"BDAT {octets} LAST\r\n") + octets
    assert bdat_text_octets(whole) == octets
    assert command_line(Verb.BDAT, octets=whole) == f"BDAT {octets} LAST"


@pytest.mark.parametrize(("missing", "groups"), [(0, 1), (1, 2)])
def test_a_chunk_goes_with_the_recipients_as_long_as_its_line_fits_the_window(missing: int, groups: int) -> None:
    """A byte window counts BDAT's line without its chunk."""
    recipients = 5
    line = {verb: command_octets(verb, 20) for verb in (Verb.MAIL, Verb.RCPT, Verb.BDAT)}
    window = line[Verb.MAIL] + recipients * line[Verb.RCPT] + line[Verb.BDAT] - missing
    scenario = Scenario(
        workload={"recipients_per_message": recipients, "address_chars": 20},
        client={"chunking": True, "window_bytes": window},
        server={"chunking": True},
    )
    found = run_replication(plan_of(scenario), engine="reference").responses
    assert found["delivered"] == recipients
    assert found["round_trips"] == 3 + groups  # connect, banner and EHLO before them


def test_addresses_have_the_length_asked_for_and_tell_recipients_apart() -> None:
    for chars, domains in ((12, 1), (20, 1), (30, 1), (20, 3)):
        book = AddressBook(chars, domains)
        known = [book.recipient(number) for number in range(30)]
        assert {len(one) for one in [*known, book.sender()]} == {chars}
        assert len(set(known)) == 30
        assert len({one.partition("@")[2] for one in known}) == domains


# -- texts --------------------------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(octets=st.integers(0, 300_000), message=st.integers(0, 10**6), chars=st.integers(8, 60))
@example(5, 0, 20)
@example(65_536 + 64, 0, 20)
@example(65_536 + 65, 0, 20)
def test_length_equals_octets(octets: int, message: int, chars: int) -> None:
    sender = AddressBook(max(chars, 8), 1).sender()
    assert sum(map(len, content_of(octets, message, sender))) == octets
    assert sum(map(len, text_of(octets, message, sender))) == (octets if octets > 4 else LONE_DOT_OCTETS)


def test_length_equals_octets_for_every_size_around_a_line_and_a_header() -> None:
    for octets in range(5, 600):
        text = b"".join(text_of(octets, 7, "s7@a.test"))
        assert len(text) == octets
        assert (b"\r\n" + text).find(b"\r\n.\r\n") == octets - 3, "it ends where it ends, and not before"
        assert text.count(b"\r") == text.count(b"\n") == text.count(b"\r\n")
        assert all(len(line) <= 998 for line in text.split(b"\r\n"))


# -- classes ------------------------------------------------------------------------------------------------------


CLASSES = {
    ReplyClass.CLOSED: (0, 421),
    ReplyClass.DEFERRED: (199, 300, 399, 400, 420, 422, 499),
    ReplyClass.ACCEPTED: (200, 250, 299),
    ReplyClass.FAILED: (500, 551, 559),
}


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize(
    ("code", "seen"),
    [(code, seen) for seen, codes in CLASSES.items() for code in codes],
)
def test_a_code_at_the_edge_of_its_class(code: int, seen: ReplyClass, first: bool) -> None:
    assert classify(code, 0, first) == seen


@pytest.mark.parametrize("code", [452, 552])
def test_only_the_first_recipient_is_never_over_the_limit(code: int) -> None:
    assert classify(code, 0, False) == ReplyClass.OVER
    assert classify(code, 0, True) == (ReplyClass.FAILED if code == 552 else ReplyClass.DEFERRED)


def test_every_ledger_class_has_a_name_and_can_be_reached() -> None:
    every = [
        (valid, accepted, ndr, queued)
        for valid in (0, 1)
        for accepted in range(3)
        for ndr in (0, 1)
        for queued in (0, 1)
    ]
    assert {ledger_class(bool(v), a, bool(n), bool(q)) for v, a, n, q in every} == set(Ledger)
    assert tuple(one.name.lower() for one in Ledger) == LEDGER_NAMES


def test_words_of_a_reply() -> None:
    assert [words_of(text) for text in ("552", "452 4.5.3 Too many", "552 5.x", "rubbish", 250)] == [
        *("", "Too many", "5.x", "", "")
    ]


def test_the_table_of_states_is_printed_by_its_module() -> None:
    done = subprocess.run([sys.executable, "-m", "simsmtp.protocol.states"], capture_output=True, text=True, check=True)
    assert done.stdout == table_markdown() + "\n"
    assert table_markdown().count("503") == sum(not in_sequence(state, verb) for state in State for verb in Verb)
