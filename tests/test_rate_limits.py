"""Rate limits of a server and the sender's own rate, held against their definitions and textbook queues."""

from __future__ import annotations

import math
from fractions import Fraction
from statistics import fmean
from typing import Any

import pytest
from drivers import need
from helpers import NO_SERVICE, many, replay, run, some
from hypothesis import given
from hypothesis import strategies as st
from test_queueing import assert_mean

from simsmtp import Scenario
from simsmtp.engines import run_replication
from simsmtp.model.plan import plan_of
from simsmtp.peers.pace import Pace
from simsmtp.peers.rates import Rates
from simsmtp.policies.rate_limits import Counts, Place, RateKind, rate_limit
from simsmtp.protocol.answers import Answer
from simsmtp.protocol.commands import Verb

HOUR_S, DAY_S = 3600.0, 86_400.0
ASKED = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 6)), min_size=1, max_size=60)
"""How long after the last time a limit is asked again, and for how many recipients."""


class Oracle:
    """A limit by its definition: it looks at all that was ever counted."""

    def __init__(self, kind: RateKind, most: int, window_ns: int) -> None:
        self._kind, self._most, self._window_ns = kind, most, window_ns
        self._counted: list[tuple[int, int]] = []
        self._tokens, self._seen_ns = Fraction(most), 0

    def lets_pass(self, now_ns: int, amount: int) -> bool:
        if not (has_room := self._has_room(now_ns, amount)):
            return False
        self._counted.append((now_ns, amount))
        self._tokens -= amount
        return has_room

    def _has_room(self, now_ns: int, amount: int) -> bool:
        self._tokens += Fraction(self._most * (now_ns - self._seen_ns), self._window_ns)
        self._tokens, self._seen_ns = min(Fraction(self._most), self._tokens), now_ns
        if self._kind == RateKind.BUCKET:
            return self._tokens >= amount
        begin_ns = now_ns // self._window_ns * self._window_ns
        if self._kind == RateKind.SLIDING:
            begin_ns = now_ns - self._window_ns + 1  # (t - W, t] in whole nanoseconds
        return amount + sum(many for at_ns, many in self._counted if at_ns >= begin_ns) <= self._most


@many
@given(kind=st.sampled_from(RateKind), most=st.integers(1, 12), window_ns=st.integers(1, 40), asked=ASKED)
def test_a_limit_lets_pass_what_its_definition_says(
    kind: RateKind, most: int, window_ns: int, asked: list[tuple[int, int]]
) -> None:
    oracle = Oracle(kind, most, window_ns)
    rates = Rates([rate_limit(Counts.RECIPIENTS, Place.DATA, kind, most, window_ns)])
    now_ns = 0
    for later_ns, amount in asked:
        now_ns += later_ns
        answer = rates.answer(Verb.DATA, Answer.DATA_OK, amount, now_ns)
        expected = amount == 0 or oracle.lets_pass(now_ns, amount)
        assert answer == (Answer.DATA_OK if expected else Answer.RATE_0)


@some
@given(most=st.integers(1, 9), window_ns=st.integers(1, 60), until_ns=st.integers(0, 300))
def test_a_bucket_gives_a_saturated_sender_its_size_and_what_was_refilled(
    most: int, window_ns: int, until_ns: int
) -> None:
    rates = Rates([rate_limit(Counts.MESSAGES, Place.MAIL, RateKind.BUCKET, most, window_ns)])
    passed = 0
    for now_ns in range(until_ns + 1):
        while rates.answer(Verb.MAIL, Answer.MAIL_OK, 0, now_ns) == Answer.MAIL_OK and passed <= 10**4:
            passed += 1
        assert passed == most + most * now_ns // window_ns


@some
@given(most=st.integers(1, 9), window_ns=st.integers(1, 60), asked=ASKED)
def test_who_waits_for_a_bucket_goes_as_soon_as_there_are_tokens_first_come_first_served(
    most: int, window_ns: int, asked: list[tuple[int, int]]
) -> None:
    limit = rate_limit(Counts.RECIPIENTS, Place.CONNECT, RateKind.BUCKET, most, window_ns)
    pace = Pace(plan_of(Scenario()).client.rate._replace(counts=limit.counts, most=most, window_ns=window_ns,
                                                        gained=limit.gained, cost=limit.cost))  # fmt: skip
    tokens, at_ns, now_ns = Fraction(most), 0, 0
    for later_ns, wanted in asked:
        amount, now_ns = min(wanted, most), now_ns + later_ns
        start_ns = max(now_ns, at_ns)
        tokens = min(Fraction(most), tokens + Fraction(most * (start_ns - at_ns), window_ns))
        at_ns = start_ns + max(0, math.ceil((amount - tokens) * window_ns / most))
        tokens += Fraction(most * (at_ns - start_ns), window_ns) - amount
        assert pace.turn(Counts.RECIPIENTS, amount, now_ns) == at_ns
        assert pace.turn(Counts.MESSAGES, amount, now_ns) == now_ns


@pytest.mark.parametrize("kind", RateKind)
def test_the_largest_and_the_longest_limits_are_exact(kind: RateKind) -> None:
    most, window_ns = 1_000_000 if kind == RateKind.SLIDING else 10**9, 10**18
    rates = Rates([rate_limit(Counts.RECIPIENTS, Place.DATA, kind, most, window_ns)])
    now_ns = 2 * 10**18

    def ask(amount: int, at_ns: int) -> bool:
        return rates.answer(Verb.DATA, Answer.DATA_OK, amount, at_ns) == Answer.DATA_OK

    assert ask(most, now_ns)
    assert not ask(1, now_ns)
    assert not ask(most, now_ns + window_ns - 1)
    assert ask(most, now_ns + window_ns)


def test_all_limits_at_a_place_must_have_room_and_the_first_that_has_none_speaks() -> None:
    limits = [rate_limit(Counts.COMMANDS, Place.RCPT, RateKind.FIXED, most, 100) for most in (3, 2)]
    rates = Rates(limits)
    answers = [rates.answer(Verb.RCPT, Answer.RCPT_OK, 0, at_ns) for at_ns in (0, 1, 2, 3, 100)]
    assert answers == [Answer.RCPT_OK, Answer.RCPT_OK, Answer.RATE_1, Answer.RATE_1, Answer.RCPT_OK]


def test_what_anything_else_refuses_counts_nowhere() -> None:
    rates = Rates([rate_limit(Counts.COMMANDS, Place.RCPT, RateKind.FIXED, 1, 100)])
    assert rates.answer(Verb.RCPT, Answer.RCPT_UNKNOWN, 0, 0) == Answer.RCPT_UNKNOWN
    assert rates.answer(Verb.RCPT, Answer.RCPT_OK, 0, 0) == Answer.RCPT_OK
    assert rates.answer(Verb.RCPT, Answer.RCPT_OVER, 0, 0) == Answer.RCPT_OVER


def test_bdat_is_asked_what_data_and_the_dot_are() -> None:
    limits = [rate_limit(Counts.MESSAGES, place, RateKind.FIXED, most, 100)
              for place, most in ((Place.DOT, 3), (Place.DATA, 2), (Place.MAIL, 1))]  # fmt: skip
    rates = Rates(limits)
    assert [rates.answer(Verb.BDAT, Answer.TEXT_OK, 1, 0) for _ in range(3)] == [Answer.TEXT_OK] * 2 + [Answer.RATE_1]


# -- in the simulator -----------------------------------------------------------------------------------------


def bare(rate_limits: list[dict[str, Any]], **tables: Any) -> dict[str, Any]:
    """Return a scenario without a queue on the sender's side, in which nothing takes time but what is given."""
    return {
        "workload": {"messages": 6, "recipients_per_message": 2} | tables.get("workload", {}),
        "client": {"expiry_s": 0.0} | tables.get("client", {}),
        "network": {"rtt_ms": 0, "bandwidth_mbit": None},
        "server": NO_SERVICE | {"rate_limits": rate_limits} | tables.get("server", {}),
    }


@pytest.mark.parametrize("kind", ["fixed", "sliding", "bucket"])
@pytest.mark.parametrize(
    ("counts", "at", "most", "delivered"),
    [("messages", "mail", 4, 8), ("messages", "data", 4, 8), ("messages", "dot", 4, 8), ("recipients", "rcpt", 5, 5),
     ("recipients", "data", 5, 4), ("recipients", "dot", 5, 4), ("commands", "mail", 5, 10),
     ("commands", "rcpt", 7, 7), ("commands", "data", 1, 2), ("commands", "dot", 6, 12),
     ("connections", "connect", 1, 12)],
)  # fmt: skip
@pytest.mark.parametrize("profile", ["pipe", "tcp"])
@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_a_limit_stops_at_its_place(
    engine: str, profile: str, counts: str, at: str, most: int, delivered: int, kind: str
) -> None:
    limit = {"counts": counts, "at": at, "most": most, "window_s": HOUR_S, "kind": kind}
    scenario = Scenario.from_dict(bare([limit])).replace("network.profile", profile)
    responses = run_replication(plan_of(scenario), seed=0, replication=0, engine=need(engine)).responses
    assert responses["delivered"] == delivered
    assert responses["false_ndr"] == 12 - delivered


def test_a_refused_connection_is_told_so_and_the_session_counts_nowhere() -> None:
    limit = {"counts": "connections", "most": 2, "window_s": 10.0, "kind": "sliding", "reply": "554 5.7.1 Go away"}
    output = replay(**bare([limit], client={"connections": 6, "expiry_s": DAY_S, "retry_initial_s": 1.0},
                           server={"sessions": 6}))  # fmt: skip
    banners = [row for row in output.dialogue if row.kind == "reply" and row.verb == Verb.CONNECT]
    assert [row.code for row in banners[:6]] == [220, 220, 554, 554, 554, 554]
    assert output.responses["delivered"] == 12


@pytest.mark.parametrize("profile", ["pipe", "tcp"])
@pytest.mark.parametrize("workers", [None, 1])
@pytest.mark.parametrize("kind", RateKind)
def test_sessions_share_a_limit_in_order_of_time(
    kind: RateKind, workers: int | None, profile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 4 connections each goes its own pace; what they are answered is what the definition says of one sender."""
    asked: list[tuple[int, Answer]] = []
    answer = Rates.answer

    def noted(rates: Rates, verb: Verb, before: Answer, accepted: int, now_ns: int) -> Answer:
        found = answer(rates, verb, before, accepted, now_ns)
        if verb == Verb.RCPT and before == Answer.RCPT_OK:
            asked.append((now_ns, found))
        return found

    monkeypatch.setattr(Rates, "answer", noted)
    limit = {"counts": "recipients", "most": 7, "window_s": 0.05, "kind": kind.name.lower()}
    replay(
        workload={"messages": 9, "recipients_per_message": {"dist": "geometric", "mean": 20}},
        client={"connections": 4, "retry_initial_s": 1.0, "retry_factor": 1.0},
        network={"rtt_ms": {"dist": "exponential", "mean": 10.0}, "profile": profile},
        server={"rate_limits": [limit], "rcpt_service_ms": {"dist": "exponential", "mean": 3.0}, "workers": workers},
    )
    assert asked == sorted(asked, key=lambda one: one[0])
    oracle = Oracle(kind, 7, 50_000_000)
    assert [found == Answer.RCPT_OK for _, found in asked] == [oracle.lets_pass(at_ns, 1) for at_ns, _ in asked]
    assert {found for _, found in asked} == {Answer.RCPT_OK, Answer.RATE_0}


def test_a_sender_with_a_queue_delivers_all_at_the_servers_rate() -> None:
    limit = {"counts": "messages", "most": 10, "window_s": 60.0, "kind": "fixed"}
    tables = bare([limit], client={"expiry_s": DAY_S, "retry_initial_s": 60.0, "retry_factor": 1.0},
                  workload={"messages": 100, "recipients_per_message": 1})  # fmt: skip
    responses = run(**tables)
    assert responses["delivered"] == 100
    assert responses["makespan_s"] == 540.0
    assert responses["refused_rate"] == 90 + 80 + 70 + 60 + 50 + 40 + 30 + 20 + 10


@pytest.mark.parametrize("counts", ["messages", "recipients", "connections"])
def test_a_sender_that_keeps_the_servers_rate_is_never_refused(counts: str) -> None:
    """A bucket of the same size and rate is never empty for a sender that waits for its own, on a path that is even."""
    tables = bare(
        [{"counts": counts, "most": 7, "window_s": 2.0, "kind": "bucket"}],
        client={"rate": {"counts": counts, "most": 7, "window_s": 2.0}, "connections": 4,
                "transactions_per_connection": 1},
        workload={"messages": 80, "recipients_per_message": 3},
    )  # fmt: skip
    responses = run(**tables)
    assert responses["delivered"] == 240
    assert responses["refused_rate"] == 0
    needed = 240 if counts == "recipients" else 80
    least = (needed - 7) * 2.0 / 7
    assert least <= responses["makespan_s"] <= least + 2.0


def test_a_transaction_has_no_more_recipients_than_the_senders_own_rate() -> None:
    output = replay(workload={"recipients_per_message": 25}, client={"rate": {"counts": "recipients", "most": 10,
                    "window_s": 10.0}}, network={"rtt_ms": 0, "bandwidth_mbit": None}, server=NO_SERVICE)  # fmt: skip
    assert output.responses["transactions"] == 3
    assert output.responses["makespan_s"] == 15.0
    assert sorted(row.delay_s for row in output.recipients) == [0.0] * 10 + [10.0] * 10 + [15.0] * 5


def paced(load: float, messages: int) -> Scenario:
    """Return Poisson messages that wait for a bucket of one, 10 ms a token."""
    return Scenario.from_dict(
        {
            "workload": {"messages": messages, "recipients_per_message": 1,
                         "arrivals": {"dist": "poisson", "rate_per_s": load / 0.01}},
            "client": {"rate": {"counts": "messages", "most": 1, "window_s": 0.01}},
            "network": {"rtt_ms": 0, "bandwidth_mbit": None},
            "server": NO_SERVICE,
        }
    )  # fmt: skip


@pytest.mark.parametrize("load", [0.3, 0.6])
def test_m_d_1(load: float) -> None:
    """A bucket of one token is a server of a constant time: the mean wait is that of Pollaczek and Khinchine."""
    waits_ms = []
    for replication in range(12):
        rows = run_replication(plan_of(paced(load, 1500)), seed=6, replication=replication, recipients=True).recipients
        waits_ms.append(1e3 * fmean(row.delay_s for row in rows[100:]))
    assert_mean(waits_ms, load * 10.0 / (2 * (1 - load)), within=0.3)


_SCALED = [{"counts": "recipients", "most": 4, "window_s": 2.0, "kind": "bucket"},
           {"counts": "messages", "most": 5, "window_s": 3.0, "kind": "sliding", "at": "dot"},
           {"counts": "connections", "most": 2, "window_s": 1.0}]  # fmt: skip


@pytest.mark.parametrize("limit", _SCALED, ids=str)
@pytest.mark.parametrize("factor", [3, 60])
def test_scaling_all_times_scales_all_answers(limit: dict[str, Any], factor: int) -> None:
    def times_s(by: int) -> tuple[dict[str, float], list[float]]:
        output = replay(
            workload={"messages": 12, "recipients_per_message": 9},
            client={"connections": 3, "retry_initial_s": 4.0 * by, "retry_max_s": 64.0 * by, "expiry_s": DAY_S * by,
                    "rate": {"counts": "messages", "most": 2, "window_s": 1.0 * by}},
            network={"rtt_ms": 50.0 * by, "bandwidth_mbit": None},
            server={f"{name}_service_ms": 1.0 * by for name in ("connect", "ehlo", "mail", "rcpt", "data", "text")}
            | {"rate_limits": [limit | {"window_s": limit["window_s"] * by}]},
        )  # fmt: skip
        return dict(output.responses), [row.delay_s for row in output.recipients]

    (ours, delays), (theirs, longer) = times_s(1), times_s(factor)
    assert [delay * factor for delay in delays] == pytest.approx(longer, abs=1e-9)
    assert ours["makespan_s"] * factor == pytest.approx(theirs["makespan_s"], abs=1e-9)
    assert [ours[name] for name in ("delivered", "rcpt_commands", "transactions", "connections", "refused_rate")] == [
        theirs[name] for name in ("delivered", "rcpt_commands", "transactions", "connections", "refused_rate")
    ]
    assert ours["refused_rate"] > 0
