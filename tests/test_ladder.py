"""The sequence diagram: who speaks when, what came in one read, what the sender concluded, and what was true."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest
from generated_scenarios import scenarios
from hypothesis import given, settings

from simsmtp import Scenario, trace
from simsmtp.dialogue.ladder import CONCLUSIONS, REPLY_KINDS, Ladder, Line, Recipient, Step
from simsmtp.dialogue.ladder_layout import TimeAxis, lanes, parting
from simsmtp.dialogue.ladder_words import COLOURS, MEANINGS, parts_of, strip_of, totals_of, truths_of
from simsmtp.errors import InputError
from simsmtp.protocol.ledger import LEDGER_NAMES

KB = {
    "workload": {"recipients_per_message": 105},
    "network": {"rtt_ms": 100, "bandwidth_mbit": None},
    "server": {"recipient_limit": 100},
}
AFFECTED = {**KB, "client": {"preset": "windows-2003-rtm"}}
FIXED = {**KB, "client": {"preset": "windows-2003-kb822105"}}


def outline(ladder: Ladder) -> list[str]:
    """Return a line for each step: the connection, when, who speaks, and what."""
    found = []
    for step in ladder.steps:
        parts = totals_of(step, ladder) if step.kind == "conclusion" else parts_of(step)
        what = " · ".join(part.text for part in parts)
        name = f"{step.kind} {step.number}" if step.number else step.kind
        found.append(f"{step.connection} {step.client_s:.3f} {name}: {what}".removesuffix(": "))
    return found


FIRST_TRANSACTION = """\
0 0.000 connect
0 0.200 read 1: 220
0 0.200 group 1: EHLO
0 0.300 read 2: EHLO 250
0 0.300 group 2: MAIL · RCPT ×105 · DATA
0 0.422 read 3: MAIL 250 · RCPT 250 ×100 · RCPT 552 ×5 · DATA 354
0 0.422 group 3: text
0 0.524 read 4: text 250
"""
AFFECTED_OUTLINE = f"""\
{FIRST_TRANSACTION}\
0 0.524 conclusion: 100 taken as accepted · 1 re-queued · 4 failed: NDR · (4 valid mailboxes)
0 0.524 close
1 0.524 connect
1 0.724 read 1: 220
1 0.724 group 1: EHLO
1 0.824 read 2: EHLO 250
1 0.824 group 2: MAIL · RCPT · DATA
1 0.925 read 3: MAIL 250 · RCPT 250 · DATA 354
1 0.925 group 3: text
1 1.027 read 4: text 250
1 1.027 conclusion: 1 taken as accepted
1 1.027 close"""
FIXED_OUTLINE = f"""\
{FIRST_TRANSACTION}\
0 0.524 conclusion: 100 taken as accepted · 5 re-queued
0 0.524 close
1 0.524 connect
1 0.724 read 1: 220
1 0.724 group 1: EHLO
1 0.824 read 2: EHLO 250
1 0.824 group 2: MAIL · RCPT ×5 · DATA
1 0.926 read 3: MAIL 250 · RCPT 250 ×5 · DATA 354
1 0.926 group 3: text
1 1.028 read 4: text 250
1 1.028 conclusion: 5 taken as accepted
1 1.028 close"""


@pytest.mark.parametrize(("tables", "expected"), [(AFFECTED, AFFECTED_OUTLINE), (FIXED, FIXED_OUTLINE)])
def test_kb_822105_looks_like_this(tables: dict[str, Any], expected: str) -> None:
    assert "\n".join(outline(trace(tables).ladder)) == expected


def test_two_senders_part_where_they_conclude() -> None:
    affected, fixed = trace(AFFECTED).ladder, trace(FIXED).ladder
    (concluded,) = {step.client_s for step in affected.steps if step.kind == "conclusion" and step.connection == 0}
    assert parting([affected, fixed]) == concluded
    assert parting([fixed, fixed]) is None
    assert parting([fixed]) is None


def test_every_recipient_is_shown_with_what_is_true_and_its_report() -> None:
    ladder = trace(AFFECTED).ladder
    assert [part.text for part in truths_of(ladder)] == ["101 delivered", "4 false NDR"]
    failed = ladder.recipients[104]
    assert failed.truth == "false_ndr"
    assert "Diagnostic-Code: smtp; 552 Too many recipients" in failed.ndr
    assert ladder.recipients[100].ndr == ""


def test_replies_that_come_apart_are_reads_of_their_own() -> None:
    ladder = trace({**AFFECTED, "network": {"replies_per_read": 8}}).ladder
    reads = [len(step.lines) for step in ladder.steps if step.kind == "read" and step.connection == 0]
    assert reads[:4] == [1, 1, 9, 8]  # the reply to MAIL rides along
    assert sum(reads) == 1 + 1 + 107 + 1


def test_an_over_limit_reply_that_the_sender_takes_for_another_is_marked_all_the_same() -> None:
    ladder = trace({"server": {"recipient_limit": 1, "overflow_reply": 450}, "client": {"expiry_s": 1.0},
                    "workload": {"recipients_per_message": 3}}).ladder  # fmt: skip
    kinds = Counter(line.kind for step in ladder.steps if step.kind == "read" for line in step.lines)
    assert kinds["over-limit"] >= 2


@settings(max_examples=10)
@given(scenarios(messages=2, drawn=False))
def test_a_ladder_holds_all_that_was_said_and_nothing_else(scenario: Scenario) -> None:
    dialogue = trace(scenario)
    ladder, said = dialogue.ladder, dialogue.responses
    lines = [(step, line) for step in ladder.steps for line in step.lines]
    assert sum(step.kind == "group" and line.verb == "RCPT" for step, line in lines) == said["rcpt_commands"]
    assert sum(step.kind == "connect" for step in ladder.steps) == said["connections"] == len(ladder.connections)
    assert Counter(one.truth for one in ladder.recipients) == {name: said[name] for name in LEDGER_NAMES if said[name]}
    for step, line in lines:
        allowed = {"group": ("command",), "read": REPLY_KINDS, "conclusion": CONCLUSIONS}[step.kind]
        assert line.kind in allowed
        assert -1 <= line.recipient < len(ladder.recipients)
    for step in ladder.steps:
        if step.kind in {"group", "read"}:
            assert step.lines
            is_lost = step.kind == "group" and math.isnan(step.server_s)
            is_level = step.server_s == step.client_s
            assert is_lost or is_level or (step.server_s > step.client_s) == (step.kind == "group")


@pytest.mark.slow
@settings(max_examples=10)
@given(scenarios(messages=2, drawn=False))
def test_the_axis_keeps_the_order_of_time_and_lanes_keep_connections_apart(scenario: Scenario) -> None:
    ladder = trace(scenario).ladder
    axis = TimeAxis([ladder])
    instants = sorted(step.client_s for step in ladder.steps)
    places = [axis.place(at) for at in instants]
    assert places == sorted(places)
    assert 0 <= places[0] <= places[-1] <= axis.length * (1 + 1e-9)
    for one in axis.stretches:
        if not one.is_cut:
            assert math.isclose(one.bottom - one.top, one.end_s - one.begin_s, abs_tol=1e-9)
    times: dict[int, list[float]] = {}
    for step in ladder.steps:
        times.setdefault(step.connection, []).append(step.client_s)
    ends: dict[int, float] = {}
    for connection, lane in sorted(enumerate(lanes(ladder)), key=lambda one: min(times[one[0]])):
        assert ends.get(lane, 0.0) <= min(times[connection])
        ends[lane] = max(times[connection])


def step(kind: str, client_s: float, server_s: float, connection: int = 0) -> Step:
    lines = (Line("250 Ok", "RCPT", -1, 250, "accepted"),) if kind == "read" else ()
    return Step(kind, connection, client_s, server_s, lines=lines)


def test_a_long_wait_is_cut_and_one_for_an_answer_is_not() -> None:
    first = [step("connect", 0, 0.1), step("group", 0.1, 0.2), step("read", 0.4, 0.3), step("close", 0.4, 0.5)]
    later = [step("connect", 300, 300.1, 1), step("group", 300.1, 300.2, 1), step("read", 900, 899, 1)]
    axis = TimeAxis([Ladder("x", ("a", "b"), (*first, *later), ())])
    assert [round(one.end_s - one.begin_s, 3) for one in axis.stretches if one.is_cut] == []
    short = TimeAxis([Ladder("x", ("a", "b"), (*first, *later[:2]), ())])
    assert [round(one.end_s - one.begin_s, 3) for one in short.stretches if one.is_cut] == [299.5]
    assert short.length < 2


def test_a_ladder_without_times_at_the_server_and_one_without_steps_have_an_axis() -> None:
    level = Ladder("x", ("a",), (step("group", 1.0, math.nan), step("read", 1.0, math.nan)), ())
    assert TimeAxis([level]).place(1.0) == 0
    assert TimeAxis([Ladder("x", (), (), ())]).length == 0


def test_every_kind_has_a_colour() -> None:
    assert {*REPLY_KINDS, *CONCLUSIONS, *MEANINGS, "command"} == set(COLOURS)
    assert set(LEDGER_NAMES) < set(MEANINGS)


def texts(figure: Any) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_the_figure_says_what_the_ladder_holds() -> None:
    figure = trace(AFFECTED).plot(trace(FIXED))
    found = texts(figure)
    assert found.count("MAIL · RCPT ×105 · DATA") == 2
    assert found.count("RCPT 552 ×5") == 2
    assert {"4 failed: NDR", "5 re-queued", "What became of 105 recipients: 101 delivered · 4 false NDR"} <= set(found)
    assert {"windows-2003-rtm (one-stop)", "windows-2003-kb822105 (corrected)"} <= set(found)
    assert "Dashed line: from here on they differ." in found


def test_a_figure_of_many_connections_says_how_many_are_left_out() -> None:
    dialogue = trace({"workload": {"recipients_per_message": 20}, "server": {"recipient_limit": 2}})
    assert any("4 more connections among them, are not drawn" in text for text in texts(dialogue.plot()))
    assert not any("not drawn" in text for text in texts(dialogue.plot(connections=20)))


def test_a_figure_of_a_long_dialogue_shows_its_beginning() -> None:
    dialogue = trace({"workload": {"recipients_per_message": 400}, "client": {"pipelining": False}})
    figure = dialogue.plot()
    assert figure.get_figheight() < 30
    assert any("are not drawn" in text for text in texts(figure))


def test_replies_that_alternate_are_counted_by_kind_and_drawn_in_order() -> None:
    ladder = trace({"workload": {"recipients_per_message": 60, "unknown_share": 0.4}}).ladder
    read = next(step for step in ladder.steps if step.kind == "read" and len(step.lines) > 9)
    names = [part.text.partition(" ×")[0] for part in parts_of(read)]
    assert names == ["MAIL 250", "RCPT 250", "RCPT 550", "DATA 354"] or names[1:3] == ["RCPT 550", "RCPT 250"]
    assert sum(part.many for part in parts_of(read)) == sum(many for _, many in strip_of(read)) == len(read.lines)
    assert len(strip_of(read)) > 5


def test_what_a_sender_gets_wrong_stands_at_its_conclusion() -> None:
    ladder = trace({"client": {"strategy": "shifted"}}).ladder
    concluded = [totals_of(step, ladder) for step in ladder.steps if step.kind == "conclusion"]
    assert [part.text for part in concluded[0]][:2] == ["101 taken as accepted", "(1 lost)"]


def test_connections_to_two_servers_stand_apart() -> None:
    ladder = trace({"destinations": [{"name": "a"}, {"name": "b"}], "workload": {"recipients_per_message": 20}}).ladder
    of = lanes(ladder)
    assert {server: {of[n] for n, one in enumerate(ladder.servers) if one == server} for server in "ab"} == {
        "a": {of[ladder.servers.index("a")]},
        "b": {of[ladder.servers.index("b")]},
    }
    assert of[ladder.servers.index("a")] != of[ladder.servers.index("b")]


def test_a_server_that_hangs_up_is_drawn_where_the_client_hears_of_it() -> None:
    ladder = trace({"server": {"hard_error_limit": 5}, "workload": {"unknown_share": 0.5}}).ladder
    closed = [step for step in ladder.steps if step.note == "the server has closed"]
    assert closed
    assert all(math.isnan(step.server_s) for step in closed)


def test_a_wait_that_is_cut_is_written_into_the_figure() -> None:
    deferring = trace({**KB, "client": {"overflow": "defer"}})
    assert any(text.startswith("5 min") and text.endswith("later") for text in texts(deferring.plot()))


def test_the_diagram_goes_into_axes_of_ones_own() -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.add_subplot()
    assert trace(AFFECTED).plot(ax=axes) is figure
    assert "4 failed: NDR" in texts(figure)
    with pytest.raises(InputError, match="one dialogue fits"):
        trace(AFFECTED).plot(trace(FIXED), ax=axes)


def test_hostile_words_are_harmless_in_a_figure() -> None:
    hostile = "250 $\\frac$ \x1b[31m\u202e"
    lines = (Line(hostile, "RCPT", 0, 250, "accepted"),)
    ladder = Ladder(hostile, (hostile,), (Step("read", 0, 0.1, 0.1, 1, 0, lines, hostile),), (Recipient(hostile, 0),))
    from simsmtp.figures.ladder_figure import ladder_figure

    found = "".join(texts(ladder_figure([ladder])))
    assert "\x1b" not in found
    assert "\u202e" not in found
