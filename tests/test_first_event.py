"""A fault planted in the compiled engine is told by the first event that it changes, and by what it does there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from helpers import replay

from simsmtp.engines import run_replication
from simsmtp.model.plan import plan_of
from simsmtp.model.scenario import Scenario
from simsmtp.protocol.commands import Verb
from simsmtp.rows.records import DialogueRow
from simsmtp.strategies.counting import Verdict

pytest.importorskip("numba", reason="the compiled engine needs numba: pip install 'simsmtp[fast]'")
from first_event import first_event

from simsmtp.engines.compiled import replication
from simsmtp.engines.compiled.packing import World
from simsmtp.engines.compiled.storage.layout import BUILT_IN

ENGINES = ("reference", "compiled")
PLAIN: dict[str, object] = {
    "workload": {"recipients_per_message": 12},
    "server": {"recipient_limit": 5, "overflow_reply": 452},
    "client": {"overflow": "defer"},
}


@contextmanager
def fault(change: Callable[[World], None]) -> Iterator[None]:
    """Let the compiled engine run with other settings than it was given."""
    made = replication.world_of

    def changed(*given: object, **named: object) -> World:
        world = made(*given, **named)
        change(world)
        return world

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replication, "world_of", changed)
        yield


def told(tables: dict[str, object], change: Callable[[World], None]) -> str:
    scenario = Scenario.from_dict(tables)
    assert first_event(scenario) == ""
    with fault(change):
        ours, theirs = (run_replication(plan_of(scenario), engine=engine).responses for engine in ENGINES)
        assert repr(ours) != repr(theirs), "the fault is one"
        return first_event(scenario)


def first_row(tables: dict[str, object], **wanted: object) -> DialogueRow:
    rows = sorted(replay(**tables).dialogue, key=lambda row: row.client_ns)
    return next(row for row in rows if wanted.items() <= row._asdict().items())


def slower_rcpt(world: World) -> None:
    world["service"]["ns"][Verb.RCPT] += 1


def higher_limit(world: World) -> None:
    world["lanes"]["limit"] += 1


def later_retry(world: World) -> None:
    world["settings"]["retry_initial_ns"] += 1


def other_strategy(world: World) -> None:
    names = [settle.__name__ for settle in BUILT_IN]
    world["settings"]["strategy"] = names.index("one_stop")


def last_message_lost(world: World) -> None:
    world["settings"]["messages"] -= 1


def test_a_command_served_a_nanosecond_longer_changes_what_follows_the_greeting() -> None:
    greeted, answered = (first_row(PLAIN, kind="reply", verb=verb).client_ns for verb in (Verb.EHLO, Verb.RCPT))
    lines = told(PLAIN, slower_rcpt).splitlines()
    assert lines[0] == f"the engines part at READ at {greeted} ns: replies reach the client of connection 1"
    assert (
        lines[1] == f"  only reference then has planned READ at {answered} ns: replies reach the client of connection 1"
    )
    assert lines[2].startswith(f"  only compiled then has planned READ at {answered + 12} ns")
    assert "in the end recipient 0 of message 0: delay_s: reference" in lines[3]


def test_a_limit_that_is_one_higher_names_the_recipient_and_its_reply() -> None:
    greeted = first_row(PLAIN, kind="reply", verb=Verb.EHLO).client_ns
    lines = told(PLAIN, higher_limit).splitlines()
    assert lines[0] == f"the engines part at READ at {greeted} ns: replies reach the client of connection 1"
    assert any("recipient 5 of message 0: attempts: reference 2, compiled 1" in line for line in lines)
    assert "C: RCPT TO:<u00000000005@example.test>" in lines[-2]
    assert "S: 452" in lines[-1]
    assert "(recipient 5 of message 0)" in lines[-1]


def test_another_conclusion_is_told_where_it_is_drawn() -> None:
    tables = PLAIN | {"client": {"overflow": "new-connection"}, "server": {"recipient_limit": 5}}
    drawn = first_row(tables, kind="verdict", note=Verdict.REQUEUE, recipient=6)  # the first refusal is seen by both
    text = told(tables, other_strategy)
    assert text.startswith(
        f"the engines part at READ at {drawn.client_ns} ns: replies reach the client of connection 1"
    )
    assert "recipient 6 of message 0: ledger: reference 'queued', compiled 'false_ndr'" in text
    assert "false_ndr: reference 0, compiled" in text


def test_a_retry_planned_later_is_told_when_it_is_planned() -> None:
    deferred = first_row(PLAIN, kind="verdict", note=Verdict.DEFER)
    text = told(PLAIN, later_retry)
    assert text.startswith(f"the engines part at READ at {deferred.client_ns} ns: replies reach the client")
    assert "only reference then has planned RETRY at" in text
    assert "deferred recipients of message 0 are due" in text


def test_among_events_of_one_instant_the_one_concerned_is_told() -> None:
    two = PLAIN | {"destinations": [{"name": "a"}, {"name": "b"}]}
    greeted = first_row(two, kind="reply", verb=Verb.EHLO, destination="b").client_ns
    assert greeted == first_row(two, kind="reply", verb=Verb.EHLO, destination="a").client_ns

    def slower_at_b(world: World) -> None:
        world["service"]["ns"][len(Verb) + Verb.RCPT] += 1

    lines = told(two, slower_at_b).splitlines()
    assert lines[0] == f"the engines part at READ at {greeted} ns: replies reach the client of connection 1 to b"
    assert lines[1].startswith(f"  at the same instant, in this order: READ at {greeted} ns")
    assert not any("planned" in line and " to a" in line for line in lines)


def test_where_workers_are_few_a_single_command_is_told() -> None:
    tables = PLAIN | {"server": {"workers": 1, "recipient_limit": 5}}
    lines = told(tables, slower_rcpt).splitlines()
    assert lines[0].startswith("the engines part at REQUEST at")
    assert lines[0].endswith("a command of connection 1 wants a worker")
    ours, theirs = ([line for line in lines if f"only {one} then has planned SERVED" in line] for one in ENGINES)
    (ours_ns,), (theirs_ns,) = ([int(line.split()[7]) for line in some] for some in (ours, theirs))
    assert theirs_ns == ours_ns + 1
    assert "C: RCPT TO:<u00000000000@example.test>" in lines[-2]


@pytest.mark.parametrize("messages", [2, 40])
def test_a_message_that_never_comes_is_told_when_the_one_before_it_came(messages: int) -> None:
    tables = PLAIN | {
        "workload": {
            "messages": messages,
            "arrivals": {"dist": "poisson", "rate_per_s": 0.5},
            "recipients_per_message": 2,
        }
    }
    came = {row.message: round(row.arrival_s * 1e9) for row in replay(**tables).recipients}
    lines = told(tables, last_message_lost).splitlines()
    assert lines[0].endswith(f"message {messages - 2} reaches the queue")
    assert lines[0].startswith(f"the engines part at ARRIVAL at {came[messages - 2]} ns")
    assert f"planned ARRIVAL at {came[messages - 1]} ns" in lines[1]


def test_what_differs_before_any_event_is_told_too() -> None:
    text = told({"workload": {"messages": 2}}, last_message_lost)
    assert text.startswith("the engines part from the start\n  only reference has RecipientRow(message=1, recipient=0")
