"""What a server answers, whoever asks: the laws of `simsmtp.policies.respond` and of `simsmtp.peers.responder`."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from helpers import many
from hypothesis import given
from hypothesis import strategies as st

from simsmtp.model.plan import LIMIT_KINDS, ServerPlan, plan_of
from simsmtp.model.scenario import Scenario
from simsmtp.peers.responder import Responder
from simsmtp.policies.recipients import are_alike, room_left
from simsmtp.policies.reply_policy import LimitKind, SessionCounters, new_counters
from simsmtp.policies.respond import admits, after_answer, answer_to, greeting, hangs_up, sure_repeats
from simsmtp.protocol.answers import Answer
from simsmtp.protocol.commands import Verb
from simsmtp.protocol.states import State, in_sequence, next_state

KINDS = tuple(LIMIT_KINDS)
ASKED = [verb for verb in Verb if verb not in (Verb.CONNECT, Verb.RCPT)]
NAMES = dict(zip(LimitKind, KINDS, strict=True))

counts = st.none() | st.integers(1, 6)
REPLIES = ["552", "452 4.5.3", "421", "550 5.5.3"]


def possible(table: dict[str, Any]) -> dict[str, Any]:
    """Return a table without what means nothing beside a limit that does not speak at RCPT."""
    beside = {"limit_kind": "transaction", "overshoot_limit": None, "reject_data_after_overflow": False}
    return table if table["limit_at"] == "rcpt" else table | beside


tables = st.fixed_dictionaries(
    {
        "recipient_limit": counts,
        "limit_kind": st.sampled_from(KINDS),
        "limit_at": st.sampled_from(["rcpt", "rcpt", "data", "dot", "delivery"]),
        "overflow_reply": st.sampled_from(REPLIES),
        "unknown_reply": st.sampled_from(REPLIES),
        "messages_at": st.sampled_from(["mail", "data"]),
        "messages_reply": st.sampled_from(REPLIES),
        "commands_per_connection": st.none() | st.integers(1, 30),
        "commands_reply": st.sampled_from(REPLIES),
        "overshoot_limit": st.none() | st.integers(0, 4),
        "soft_error_limit": st.none() | st.integers(1, 3),
        "hard_error_limit": st.none() | st.integers(3, 12),
        "error_sleep_ms": st.sampled_from([0.0, 7.0]),
        "reject_data_after_overflow": st.booleans(),
        "data_without_recipients": st.sampled_from(["354", "554 5.5.1", 503]),
        "messages_per_connection": counts,
        "data_failure_share": st.sampled_from([0.0, 0.5]),
        "greylist_s": st.sampled_from([None, 5e-9]),
    }
).map(possible)
rcpts = st.tuples(st.just(Verb.RCPT), st.integers(0, 3), st.booleans(), st.just(0.0))
others = st.tuples(st.sampled_from(ASKED), st.just(0), st.just(True), st.sampled_from([0.2, 0.8]))
mails = st.tuples(st.sampled_from([Verb.MAIL, Verb.TEXT, Verb.RSET]), st.just(0), st.just(True), st.just(0.8))
commands = st.lists(rcpts | rcpts | rcpts | mails | others, max_size=60)


def plan(table: dict[str, Any] | None = None) -> ServerPlan:
    groups = 3 if (table or {}).get("limit_kind") in {"group", "first-group-only"} else 1
    return plan_of(Scenario.from_dict({"server": table or {}, "workload": {"groups": groups}})).destinations[0].server


def greeted(table: dict[str, Any] | None = None, domains: int = 3) -> Responder:
    responder = Responder(plan(table), domains, domains)
    responder.greet(Answer.BANNER)
    responder.answer(Verb.EHLO)
    return responder


def say(responder: Responder, command: tuple[Verb, int, bool, float], now_ns: int, seen: dict[int, int]) -> Answer:
    """Say a command to a server; recipient n is of domain n mod 3."""
    verb, who, exists, draw = command
    if verb == Verb.RCPT:
        return responder.answer_rcpt(who, who % 3, exists, now_ns, seen)
    return responder.answer(verb, draw)


# -- a whole session --------------------------------------------------------------------------------------------


@many
@given(table=tables, session=commands)
def test_state_errors_and_sleep_follow_from_the_replies(table: dict[str, Any], session: list[Any]) -> None:
    responder, seen, over, errors, asked = greeted(table), {}, 0, 0, 1
    server = plan(table)
    policy = server.policy
    for now_ns, command in enumerate(session):
        verb, state, enough = command[0], responder.state, errors >= policy.hard_errors
        is_spent = asked >= policy.commands
        assert responder.has_had_enough == (enough or is_spent)
        answer = say(responder, command, now_ns, seen)
        code = server.spoken[answer].code
        assert responder.sleep_ns == (policy.error_sleep_ns if errors >= policy.soft_errors else 0)
        over = 0 if answer == Answer.MAIL_OK else over + (answer == Answer.RCPT_OVER)
        if answer == Answer.RCPT_OVER:
            errors += over > policy.overshoot
        else:
            errors += code >= 400 and answer not in (Answer.TOO_MANY_ERRORS, Answer.CONNECTION_EXHAUSTED)
        asked += verb != Verb.TEXT
        assert (responder.counters.over, responder.counters.errors) == (over, errors)
        assert responder.counters.commands == asked
        assert responder.is_closed == (code in (221, 421) or state == State.CLOSED)
        if enough and verb != Verb.TEXT:
            assert answer == Answer.TOO_MANY_ERRORS
        elif is_spent and verb not in (Verb.TEXT, Verb.QUIT):
            assert answer == Answer.COMMANDS_EXHAUSTED
        else:
            assert (answer == Answer.BAD_SEQUENCE) == (not in_sequence(state, verb))
        if answer == Answer.BAD_SEQUENCE and not responder.is_closed:
            assert responder.state == state


@many
@given(table=tables, session=commands)
def test_nobody_is_accepted_over_a_limit_and_nobody_refused_below_it(table: dict[str, Any], session: list[Any]) -> None:
    """Told anew, from the recipients that were accepted."""
    responder, seen = greeted(table), {}
    limit = table["recipient_limit"] or 10**9
    here: list[int] = []
    on_connection = 0
    for now_ns, command in enumerate(session):
        answer = say(responder, command, now_ns, seen)
        if answer == Answer.MAIL_OK:
            here = []
        if not Answer.RCPT_OK <= answer <= Answer.RCPT_GREYLISTED:
            continue
        domain = command[1] % 3
        has_room = {
            "transaction": len(here) < limit,
            "domain": here.count(domain) < limit,
            "connection": on_connection < limit,
            "first-domain-only": len(here) < limit and domain in here[:1] + [domain] * (not here),
        }[table["limit_kind"].replace("group", "domain")]
        has_room = has_room or table["limit_at"] != "rcpt"
        assert (answer != Answer.RCPT_OVER) == has_room
        if has_room:
            assert (answer == Answer.RCPT_UNKNOWN) == (not command[2])
        if answer == Answer.RCPT_OK:
            here.append(domain)
            on_connection += 1
    assert responder.counters.accepted == len(here)
    assert responder.counters.accepted_on_connection == on_connection


@many
@given(table=tables, session=commands)
def test_the_greylist_knows_those_who_would_have_been_accepted(table: dict[str, Any], session: list[Any]) -> None:
    responder, seen, first = greeted(table), {}, {}
    for now_ns, command in enumerate(session):
        answer = say(responder, command, now_ns, seen)
        if answer in (Answer.RCPT_OK, Answer.RCPT_GREYLISTED):
            waited = now_ns - first.setdefault(command[1], now_ns)
            assert (answer == Answer.RCPT_GREYLISTED) == (table["greylist_s"] is not None and waited < 5)
    assert seen == (first if table["greylist_s"] else {})


@many
@given(table=tables, session=commands)
def test_where_there_is_one_domain_nothing_has_to_be_counted(table: dict[str, Any], session: list[Any]) -> None:
    one, many_domains = greeted(table, 1), greeted(table, 2)
    for now_ns, command in enumerate(session):
        told = say(one, (command[0], 0, *command[2:]), now_ns, {})
        assert told == say(many_domains, (command[0], 0, *command[2:]), now_ns, {})
        assert one.counters == many_domains.counters


@many
@given(table=tables, session=commands, most=st.integers(1, 9))
def test_what_is_sure_comes_true(table: dict[str, Any], session: list[Any], most: int) -> None:
    """As many RCPTs as are said to be sure get the same answer, at once; counted together they are the same."""
    server = plan(table | {"greylist_s": None})
    policy, responder = server.policy, greeted(table | {"greylist_s": None}, 1)
    assert are_alike(policy, 1)
    for command in session:
        answer = say(responder, (command[0], 0, *command[2:]), 0, {})
        if command[0] != Verb.RCPT:
            continue
        before = responder.counters
        count = min(most, sure_repeats(policy, before, responder.state, answer))
        for _ in range(count):
            assert say(responder, (Verb.RCPT, 0, True, 0.0), 0, {}) == answer
            assert responder.sleep_ns == 0
        assert responder.counters.errors == before.errors
        if count:
            code = server.spoken[answer].code
            assert after_answer(policy, before, answer, code, count) == responder.counters


# -- one command ------------------------------------------------------------------------------------------------

counters = st.builds(SessionCounters, *[st.integers(0, 8)] * 7)


@many
@given(
    table=tables,
    counters=counters,
    state=st.sampled_from(State),
    verb=st.sampled_from([verb for verb in Verb if verb != Verb.CONNECT]),
    in_domain=st.integers(0, 8),
    exists=st.booleans(),
    draw=st.sampled_from([0.2, 0.8]),
)
def test_answers_come_in_the_order_of_the_checks(
    table: dict[str, Any],
    counters: SessionCounters,
    state: State,
    verb: Verb,
    in_domain: int,
    exists: bool,
    draw: float,
) -> None:
    policy, share = plan(table).policy, table["data_failure_share"]
    answer = answer_to(policy, counters, state, verb, in_domain, exists, share, draw)
    late = table["reject_data_after_overflow"] and counters.over > 0
    whole = table["recipient_limit"] is not None and counters.accepted > table["recipient_limit"]
    beyond = table["messages_at"] == "data" and counters.transactions > policy.transactions
    nobody = counters.accepted == 0
    spent = policy.limit_kind == LimitKind.CONNECTION and counters.accepted_on_connection >= policy.limit
    rules: dict[Verb, list[tuple[bool, Answer]]] = {
        Verb.EHLO: [(counters.handshakes > 0, Answer.EHLO_TLS_OK), (True, Answer.EHLO_OK)],
        Verb.STARTTLS: [(True, Answer.STARTTLS_OK)],
        Verb.MAIL: [
            (spent, Answer.CONNECTION_EXHAUSTED),
            (
                table["messages_at"] == "mail" and counters.transactions >= policy.transactions,
                Answer.MESSAGES_EXHAUSTED,
            ),
            (True, Answer.MAIL_OK),
        ],
        Verb.RCPT: [
            (room_left(policy, counters, in_domain) <= 0, Answer.RCPT_OVER),
            (not exists, Answer.RCPT_UNKNOWN),
            (True, Answer.RCPT_OK),
        ],
        Verb.DATA: [
            (beyond, Answer.MESSAGES_EXHAUSTED),
            (late, Answer.DATA_AFTER_OVERFLOW),
            (nobody and table["data_without_recipients"] != "354", Answer.DATA_NO_RECIPIENTS),
            (whole and table["limit_at"] == "data", Answer.TRANSACTION_OVER),
            (True, Answer.DATA_OK),
        ],
        Verb.TEXT: [
            (nobody, Answer.TEXT_NO_RECIPIENTS),
            (whole and table["limit_at"] in ("data", "dot"), Answer.TRANSACTION_OVER),
            (draw < share, Answer.TEXT_REFUSED),
            (whole and table["limit_at"] == "delivery", Answer.FILED_AWAY),
            (True, Answer.TEXT_OK),
        ],
        Verb.RSET: [(True, Answer.RSET_OK)],
        Verb.NOOP: [(True, Answer.RSET_OK)],
        Verb.QUIT: [(True, Answer.BYE)],
    }
    rules[Verb.BDAT] = [*rules[Verb.DATA][:3], *rules[Verb.TEXT]]
    first = [
        (verb != Verb.TEXT and hangs_up(policy, counters), Answer.TOO_MANY_ERRORS),
        (verb not in (Verb.TEXT, Verb.QUIT) and counters.commands >= policy.commands, Answer.COMMANDS_EXHAUSTED),
        (not in_sequence(state, verb), Answer.BAD_SEQUENCE),
    ]
    assert answer == next(told for holds, told in [*first, *rules[verb]] if holds)


@many
@given(table=tables, counters=counters, answer=st.sampled_from(Answer), count=st.integers(1, 5))
def test_so_many_answers_alike_are_one_after_the_other(
    table: dict[str, Any], counters: SessionCounters, answer: Answer, count: int
) -> None:
    policy, code = plan(table).policy, plan(table).spoken[answer].code
    one_by_one = counters
    for _ in range(count):
        one_by_one = after_answer(policy, one_by_one, answer, code)
    if answer not in (Answer.MAIL_OK, Answer.STARTTLS_OK):  # nobody says these twice
        assert after_answer(policy, counters, answer, code, count) == one_by_one


@given(state=st.sampled_from(State), verb=st.sampled_from(Verb))
def test_a_command_out_of_sequence_changes_no_state(state: State, verb: Verb) -> None:
    if not in_sequence(state, verb):
        assert next_state(state, verb, 503) == state


@pytest.mark.parametrize("kind", LimitKind)
def test_a_limit_of_one_is_reached_by_one_recipient(kind: LimitKind) -> None:
    responder = greeted({"recipient_limit": 1, "limit_kind": NAMES[kind]})
    responder.answer(Verb.MAIL)
    told = Counter(responder.answer_rcpt(n, n % 3, True, 0, {}) for n in range(9))
    accepted = 3 if kind in {LimitKind.DOMAIN, LimitKind.GROUP} else 1
    assert told == {Answer.RCPT_OK: accepted, Answer.RCPT_OVER: 9 - accepted}


def test_the_text_is_taken_by_a_server_that_has_had_enough() -> None:
    """The text is no command: 354 was said already. What comes after it is answered 421."""
    responder = greeted({"hard_error_limit": 1})
    responder.answer(Verb.MAIL)
    responder.answer_rcpt(0, 0, True, 0, {})
    assert responder.answer(Verb.DATA) == Answer.DATA_OK
    responder.refuse()
    assert responder.has_had_enough
    assert responder.answer(Verb.TEXT) == Answer.TEXT_OK
    assert responder.answer(Verb.MAIL) == Answer.TOO_MANY_ERRORS
    assert responder.is_closed


def test_the_sleep_starts_with_the_reply_after_the_error() -> None:
    responder = greeted({"soft_error_limit": 1, "error_sleep_ms": 7.0})
    slept = []
    for _ in range(2):
        responder.refuse()
        slept.append(responder.sleep_ns)
    assert slept == [0, 7_000_000]


@given(sessions=st.integers(0, 5), most=st.integers(1, 5))
def test_a_session_too_many_is_told_so_and_closed(sessions: int, most: int) -> None:
    responder = Responder(plan(), 1)
    answer = responder.greet(greeting(admits(sessions, most)))
    assert answer == greeting(sessions < most)
    assert responder.is_closed == (sessions >= most) == (answer == Answer.SESSION_REFUSED)


def test_after_a_handshake_the_session_begins_anew_and_offers_no_other() -> None:
    responder = greeted()
    assert responder.answer(Verb.STARTTLS) == Answer.STARTTLS_OK
    assert responder.answer(Verb.MAIL) == Answer.BAD_SEQUENCE
    assert responder.answer(Verb.EHLO) == Answer.EHLO_TLS_OK
    assert responder.counters == new_counters()._replace(errors=1, handshakes=1, commands=4)
