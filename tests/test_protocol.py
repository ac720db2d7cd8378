"""The pure pieces: replies, capabilities, command groups, states, ledger classes, histogram, retry, sizing."""

from __future__ import annotations

import itertools
import math

import pytest
from helpers import LEDGER, many, some
from hypothesis import given
from hypothesis import strategies as st

from simsmtp.errors import InputError
from simsmtp.protocol.capabilities import NOTHING_OFFERED, Capabilities, ehlo_lines, parse_ehlo
from simsmtp.protocol.commands import Verb, command_octets, ends_group
from simsmtp.protocol.ledger import LEDGER_NAMES, ledger_class
from simsmtp.protocol.replies import Reply, detail_of, enhanced, parse_reply, status_text
from simsmtp.protocol.states import State, in_sequence, next_state, table_markdown
from simsmtp.rows.histogram import bucket_of, middle_of, percentile_ns
from simsmtp.strategies.reply_class import ReplyClass, classify
from simsmtp.strategies.retry import RetrySchedule, backoff, is_expired, next_attempt
from simsmtp.strategies.sizing import Sizing, learn, next_size, still_known

# -- replies ------------------------------------------------------------------------------------------------

details = st.integers(0, 999)
classes = st.sampled_from([2, 4, 5])


@many
@given(code=st.integers(200, 559), cls=classes, subject=details, detail=details)
def test_replies_survive_writing_and_reading(code: int, cls: int, subject: int, detail: int) -> None:
    reply = Reply(code, enhanced(cls, subject, detail))
    text = f"{code} {status_text(reply.status)}"
    assert text == f"{code} {cls}.{subject}.{detail}"
    assert parse_reply(text) == parse_reply(f"{text} Too many recipients") == reply
    assert detail_of(reply.status) == detail_of(enhanced(5 if cls != 5 else 4, subject, detail))


@given(code=st.integers(200, 559))
def test_a_code_may_stand_alone(code: int) -> None:
    reply = Reply(code, 0)
    assert parse_reply(code) == parse_reply(str(code)) == parse_reply(f"{code} Hello 4.5.3") == reply
    assert status_text(0) == ""


@pytest.mark.parametrize("text", ["", "45", "4523", "152", "652", "abc", "452x", "-452", "4 52", "452-4.5.3 a\n552 b"])
def test_what_is_no_reply_is_an_input_error(text: str) -> None:
    with pytest.raises(InputError):
        parse_reply(text, key="server.overflow_reply")


def test_what_is_no_status_is_wording() -> None:
    assert parse_reply("452 4.5.3.1x") == parse_reply("452 3.5.3") == parse_reply("452 4.5") == Reply(452, 0)


def test_too_many_recipients_is_x_5_3() -> None:
    assert detail_of(parse_reply("452 4.5.3").status) == detail_of(parse_reply("550 5.5.3").status)
    assert detail_of(parse_reply("452 4.5.3").status) != detail_of(parse_reply("452 4.5.30").status)
    assert detail_of(parse_reply("452 4.5.3").status) != detail_of(parse_reply("452 4.53.0").status)


# -- classification -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "first", "later"),
    [
        ("250", ReplyClass.ACCEPTED, ReplyClass.ACCEPTED),
        ("251 2.1.5", ReplyClass.ACCEPTED, ReplyClass.ACCEPTED),
        ("452", ReplyClass.DEFERRED, ReplyClass.OVER),
        ("552", ReplyClass.FAILED, ReplyClass.OVER),
        ("452 4.5.3", ReplyClass.DEFERRED, ReplyClass.OVER),
        ("452 5.5.3", ReplyClass.DEFERRED, ReplyClass.OVER),
        ("452 4.2.2", ReplyClass.DEFERRED, ReplyClass.DEFERRED),
        ("552 5.2.2", ReplyClass.FAILED, ReplyClass.FAILED),
        ("451 4.5.3", ReplyClass.DEFERRED, ReplyClass.OVER),
        ("455 4.5.3", ReplyClass.DEFERRED, ReplyClass.OVER),
        ("550 5.5.3", ReplyClass.FAILED, ReplyClass.OVER),
        ("554 5.5.3", ReplyClass.FAILED, ReplyClass.OVER),
        ("451", ReplyClass.DEFERRED, ReplyClass.DEFERRED),
        ("451 4.7.1", ReplyClass.DEFERRED, ReplyClass.DEFERRED),
        ("455", ReplyClass.DEFERRED, ReplyClass.DEFERRED),
        ("450 4.2.1", ReplyClass.DEFERRED, ReplyClass.DEFERRED),
        ("550", ReplyClass.FAILED, ReplyClass.FAILED),
        ("550 5.1.1", ReplyClass.FAILED, ReplyClass.FAILED),
        ("553 5.1.3", ReplyClass.FAILED, ReplyClass.FAILED),
        ("554", ReplyClass.FAILED, ReplyClass.FAILED),
        ("421", ReplyClass.CLOSED, ReplyClass.CLOSED),
        ("421 4.7.0", ReplyClass.CLOSED, ReplyClass.CLOSED),
        ("421 4.5.3", ReplyClass.CLOSED, ReplyClass.CLOSED),
    ],
)
def test_classification(reply: str, first: ReplyClass, later: ReplyClass) -> None:
    code, status = parse_reply(reply)
    assert classify(code, status, True) == first
    assert classify(code, status, False) == later


def test_no_reply_at_all_means_closed() -> None:
    assert classify(0, 0, True) == classify(0, 0, False) == ReplyClass.CLOSED


# -- capabilities -------------------------------------------------------------------------------------------

numbers = st.integers(0, 999_999)
offers = st.builds(Capabilities, st.booleans(), st.booleans(), st.booleans(), numbers, numbers, numbers)


@many
@given(offered=offers, hostname=st.sampled_from(["mx.example.test", "pipelining.example", "a"]))
def test_capabilities_survive_ehlo(offered: Capabilities, hostname: str) -> None:
    lines = ehlo_lines(offered, hostname)
    assert lines[0][4:] == hostname
    assert [line[:4] for line in lines] == ["250-"] * (len(lines) - 1) + ["250 "]
    assert parse_ehlo(lines) == offered


@some
@given(offered=offers, noise=st.lists(st.sampled_from(["SIZE 1000", "8BITMIME", "X-LIMITS RCPTMAX=3", "HELP"])))
def test_unknown_keywords_are_ignored(offered: Capabilities, noise: list[str]) -> None:
    lines = [*(f"250-{word}" for word in ("mx.example.test", *noise)), *ehlo_lines(offered, "x")[1:]]
    assert parse_ehlo(lines) == offered


def test_keywords_are_case_insensitive() -> None:
    lines = ["250-mx", "250-pipelining", "250-Chunking", "250 limits rcptmax=7 MailMax=2"]
    assert parse_ehlo(lines) == NOTHING_OFFERED._replace(pipelining=True, chunking=True, rcptmax=7, mailmax=2)


@pytest.mark.parametrize("hostname", ["PIPELINING", "CHUNKING", "STARTTLS"])
def test_the_first_line_is_a_host_name_and_no_keyword(hostname: str) -> None:
    """RFC 5321 section 4.1.1.1: the first line carries the domain, keywords follow."""
    assert parse_ehlo(ehlo_lines(NOTHING_OFFERED, hostname)) == NOTHING_OFFERED


@pytest.mark.parametrize(
    "limit", ["RCPTMAX=0", "RCPTMAX=", "RCPTMAX", "RCPTMAX=-1", "RCPTMAX=1234567", "RCPTMAX=x", "FOO=1"]
)
def test_malformed_limits_are_ignored_and_the_others_are_not(limit: str) -> None:
    offered = parse_ehlo(["250-mx", f"250 LIMITS {limit} MAILMAX=5"])
    assert (offered.rcptmax, offered.mailmax) == (0, 5)


# -- commands and groups ------------------------------------------------------------------------------------

LAST_ONLY = {Verb.EHLO, Verb.DATA, Verb.QUIT, Verb.NOOP, Verb.STARTTLS}
groupable = [verb for verb in Verb if verb != Verb.CONNECT]


@pytest.mark.parametrize("verb", groupable)
def test_command_groups_of_rfc_2920(verb: Verb) -> None:
    """EHLO, DATA, QUIT and NOOP come last in a group; MAIL, RCPT and RSET go anywhere, and the text starts one."""
    assert ends_group(verb) == (verb in LAST_ONLY)


@given(address=st.text("abc@.", min_size=1, max_size=254))
def test_octets_of_commands(address: str) -> None:
    assert command_octets(Verb.MAIL, len(address)) == len(f"MAIL FROM:<{address}>\r\n")
    assert command_octets(Verb.RCPT, len(address)) == len(f"RCPT TO:<{address}>\r\n")
    for verb in (Verb.DATA, Verb.RSET, Verb.NOOP, Verb.QUIT, Verb.STARTTLS):
        assert command_octets(verb, len(address)) == len(f"{verb.name}\r\n")


# -- states -------------------------------------------------------------------------------------------------

steps = [(state, verb) for state in State for verb in Verb if in_sequence(state, verb)]


def reachable(start: State) -> set[int]:
    found, new = {int(start)}, {int(start)}
    while new:
        new = {next_state(state, verb, 250) for state, verb in steps if state in new} - found
        found |= new
    return found


@pytest.mark.parametrize("state", State)
def test_every_state_can_be_reached_and_left_for_good(state: State) -> None:
    assert state in reachable(State.CLOSED)
    assert State.CLOSED in reachable(state)


def test_no_transaction_before_ehlo() -> None:
    for verb in (Verb.MAIL, Verb.RCPT, Verb.DATA, Verb.BDAT, Verb.TEXT, Verb.STARTTLS):
        assert not in_sequence(State.CLOSED, verb)
        assert not in_sequence(State.CONNECTED, verb)


def test_a_transaction_goes_in_order() -> None:
    assert [verb for verb in Verb if in_sequence(State.TEXT, verb)] == [Verb.TEXT]
    for verb in (Verb.RCPT, Verb.DATA, Verb.BDAT):
        assert not in_sequence(State.READY, verb)
    assert not in_sequence(State.MAIL, Verb.MAIL)  # RFC 5321 section 4.1.4: no nested MAIL
    assert not in_sequence(State.RCPT, Verb.MAIL)
    assert all(not in_sequence(state, Verb.TEXT) for state in State if state != State.TEXT)
    assert all(not in_sequence(state, Verb.CONNECT) for state in State if state != State.CLOSED)


def test_reset_ends_a_transaction() -> None:
    for state in (State.READY, State.MAIL, State.RCPT):
        assert next_state(state, Verb.RSET, 250) == State.READY


@pytest.mark.parametrize(("state", "verb"), steps)
def test_421_always_closes(state: State, verb: Verb) -> None:
    assert next_state(state, verb, 421) == State.CLOSED


@pytest.mark.parametrize(("state", "verb"), steps)
@pytest.mark.parametrize("code", [451, 554])
def test_a_refusal_leaves_the_state_but_a_refused_text_is_over(state: State, verb: Verb, code: int) -> None:
    after = State.READY if verb in (Verb.TEXT, Verb.BDAT) else state
    assert next_state(state, verb, code) == after


def test_text_follows_only_a_positive_reply_to_data() -> None:
    assert next_state(State.RCPT, Verb.DATA, 354) == State.TEXT
    assert next_state(State.MAIL, Verb.DATA, 354) == State.TEXT  # though no RCPT was accepted: RFC 2920 section 3.1
    assert next_state(State.RCPT, Verb.DATA, 554) == State.RCPT


def test_the_table_can_be_read() -> None:
    lines = table_markdown().splitlines()
    assert len(lines) == 2 + len(State)
    assert all(line.count("|") == len(Verb) + 2 for line in lines)


# -- the ledger ---------------------------------------------------------------------------------------------


def test_ledger_classes() -> None:
    assert LEDGER_NAMES == LEDGER
    expected = {
        (True, 0, False): "lost",
        (True, 1, False): "delivered",
        (True, 2, False): "duplicate",
        (True, 3, False): "duplicate",
        (True, 0, True): "false_ndr",
        (True, 1, True): "contradictory_ndr",
        (True, 2, True): "contradictory_ndr",
        (False, 0, True): "true_ndr",
        (False, 0, False): "missed_ndr",
    }
    for (valid, accepted, ndr), name in expected.items():
        assert ledger_class(valid, accepted, ndr, False).name.lower() == name
    for valid, accepted, ndr in itertools.product((True, False), range(4), (True, False)):
        assert ledger_class(valid, accepted, ndr, True).name == "QUEUED"


# -- the histogram ------------------------------------------------------------------------------------------

nanoseconds = st.one_of(st.integers(0, 5000), st.integers(0, 2**62))


@many
@given(value=nanoseconds, more=nanoseconds)
def test_a_bucket_stands_for_its_values_within_half_a_thousandth(value: int, more: int) -> None:
    assert abs(middle_of(bucket_of(value)) - value) <= 0.0005 * value
    assert bucket_of(value) <= bucket_of(value + more)
    assert bucket_of(middle_of(bucket_of(value))) == bucket_of(value)


@some
@given(values=st.lists(nanoseconds, min_size=1, max_size=300), percent=st.sampled_from([50, 95, 99]))
def test_percentiles_are_nearest_rank_within_the_bound(values: list[int], percent: int) -> None:
    counts: dict[int, int] = {}
    for value in values:
        counts[bucket_of(value)] = counts.get(bucket_of(value), 0) + 1
    exact = sorted(values)[-(-percent * len(values) // 100) - 1]
    assert abs(percentile_ns(counts, percent / 100) - exact) <= 0.0005 * exact + 1e-9


@pytest.mark.parametrize("percent", [50, 95, 99])
def test_ranks_are_exact_for_every_number_of_values(percent: int) -> None:
    """A hundredth is no binary fraction: the rank must not slip by one."""
    for total in range(1, 1024):
        counts = dict.fromkeys(range(total), 1)
        assert percentile_ns(counts, percent / 100) == -(-percent * total // 100) - 1


def test_an_empty_histogram_has_no_percentile() -> None:
    assert math.isnan(percentile_ns({}, 0.5))


# -- retry and sizing ---------------------------------------------------------------------------------------

DEFAULT = RetrySchedule(initial_ns=300, max_ns=4000, factor=2.0, expiry_ns=432_000)
schedules = st.builds(
    RetrySchedule,
    initial_ns=st.integers(1, 10**12),
    max_ns=st.integers(10**12, 10**13),
    factor=st.floats(1, 10),
    expiry_ns=st.integers(1, 10**15),
)


def test_the_default_schedule_doubles_to_its_ceiling() -> None:
    assert [backoff(DEFAULT, attempt) for attempt in range(1, 8)] == [300, 600, 1200, 2400, 4000, 4000, 4000]


@some
@given(schedule=schedules, attempt=st.integers(1, 60))
def test_waits_grow_up_to_the_ceiling(schedule: RetrySchedule, attempt: int) -> None:
    wait, following = backoff(schedule, attempt), backoff(schedule, attempt + 1)
    assert schedule.initial_ns <= wait <= following <= schedule.max_ns
    assert following <= wait * schedule.factor + 1


@some
@given(schedule=schedules, arrival=st.integers(0, 10**12), age=st.integers(0, 10**15), attempt=st.integers(1, 60))
def test_the_last_attempt_is_at_expiry(schedule: RetrySchedule, arrival: int, age: int, attempt: int) -> None:
    now = arrival + age
    assert is_expired(schedule, arrival, now) == (age >= schedule.expiry_ns)
    if not is_expired(schedule, arrival, now):
        again = next_attempt(schedule, arrival, now, attempt)
        assert again == min(now + backoff(schedule, attempt), arrival + schedule.expiry_ns)
        assert again > now


@some
@given(batch=st.integers(1, 1000), rcptmax=st.integers(0, 1000), learned=st.integers(0, 1000))
def test_sizing(batch: int, rcptmax: int, learned: int) -> None:
    assert next_size(Sizing.FIXED, batch, rcptmax, learned) == batch
    assert next_size(Sizing.RCPTMAX, batch, rcptmax, learned) == min(batch, rcptmax or batch)
    assert next_size(Sizing.ADAPTIVE, batch, rcptmax, learned) == min(batch, learned or batch)


@some
@given(learned=st.integers(0, 1000), accepted=st.integers(0, 1000), over=st.integers(0, 1000))
def test_learning(learned: int, accepted: int, over: int) -> None:
    """Only a refusal teaches, and what it teaches is at least 1."""
    assert learn(learned, accepted, over) == (max(1, accepted) if over else learned)


def test_forgetting() -> None:
    assert still_known(100, 10**18, 0)
    assert still_known(100, 149, 50)
    assert not still_known(100, 150, 50)
