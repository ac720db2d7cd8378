"""Simulated sessions written as a capture and read again: what was said, together with what, to whom, and when."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from generated_scenarios import scenario_of, scenarios
from hypothesis import given, settings
from hypothesis import strategies as st

from simsmtp import Scenario
from simsmtp.dialogue.capture import read_capture
from simsmtp.dialogue.ladder import Ladder, Step
from simsmtp.dialogue.pcap import write_pcap
from simsmtp.dialogue.smtp_lines import reply_lines, said_line
from simsmtp.engines import run_replication
from simsmtp.model.plan import Plan, plan_of
from simsmtp.protocol.answers import Answer
from simsmtp.protocol.commands import Verb
from simsmtp.protocol.wire import AddressBook
from simsmtp.rows.records import DialogueRow, Output
from simsmtp.strategies.reply_class import ReplyClass, classify

SCENARIOS: dict[str, dict[str, Any]] = {
    "one-stop": {"client": {"strategy": "one-stop"}, "workload": {"recipients_per_message": 105}},
    "452": {"server": {"recipient_limit": 7, "overflow_reply": "452 4.5.3"}},
    "same session": {"client": {"overflow": "same-session"}, "server": {"recipient_limit": 9}},
    "lockstep": {"client": {"pipelining": False}, "server": {"recipient_limit": 9}},
    "window": {"client": {"window_recipients": 4}},
    "drain": {"client": {"drain": True}, "network": {"profile": "tcp", "rtt_ms": 30}},
    "tcp": {"network": {"profile": "tcp", "rtt_ms": 80}, "workload": {"recipients_per_message": 700}},
    "chunks": {"client": {"chunking": True}, "server": {"chunking": True, "recipient_limit": 9}},
    "hang-up": {"server": {"recipient_limit": 9, "overflow_reply": 421}, "client": {"expiry_s": 1.0}},
    "unknown": {"workload": {"unknown_share": 1.0}},
    "texts refused": {"server": {"data_failure_share": 1.0}, "client": {"expiry_s": 1.0}},
    "messages": {"workload": {"messages": 5}, "server": {"recipient_limit": 9}, "client": {"connections": 3}},
}  # fmt: skip


def written(scenario: Scenario) -> tuple[Output, Plan, Ladder]:
    """Return a run, and the ladder of its capture."""
    workload, plan = scenario.workload, plan_of(scenario)
    output = run_replication(plan, recipients=True, dialogue=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.pcap"
        write_pcap(path, output, plan, AddressBook(workload.address_chars, workload.domains))
        return output, plan, read_capture(path)


def sessions(output: Output, ladder: Ladder) -> Iterator[tuple[list[DialogueRow], list[Step]]]:
    """Yield the rows of each connection, and its steps, in the order of beginning."""
    rows = sorted(output.dialogue, key=lambda row: (row.destination, row.connection))
    simulated = [list(one) for _, one in groupby(rows, key=lambda row: (row.destination, row.connection))]
    simulated.sort(key=lambda one: one[0].client_ns)
    read = [list(one) for _, one in groupby(ladder.steps, key=lambda step: step.connection)]
    yield from zip(simulated, read, strict=True)


def groups(steps: list[Step]) -> list[list[str]]:
    """Return what the client said; QUIT is no row of a dialogue."""
    found = [[line.text for line in one.lines if line.verb != "QUIT"] for one in steps if one.kind == "group"]
    return [one for one in found if one]


@pytest.mark.parametrize("name", SCENARIOS)
def test_groups_and_reads_are_those_of_the_simulation(name: str) -> None:
    defaults = {"workload": {"recipients_per_message": 30, "messages": 1}, "network": {"rtt_ms": 40.0}}
    tables = {**SCENARIOS[name], **{key: {**table, **SCENARIOS[name].get(key, {})} for key, table in defaults.items()}}
    scenario = Scenario.from_dict(tables)
    output, plan, ladder = written(scenario)
    book = AddressBook(scenario.workload.address_chars, scenario.workload.domains)
    begin_ns = output.dialogue[0].client_ns
    for rows, steps in sessions(output, ladder):
        commands = [row for row in rows if row.kind == "command"]
        assert groups(steps) == [
            [said_line(row, book) for row in one] for _, one in groupby(commands, key=lambda row: row.group)
        ]
        reads = [list(one) for _, one in groupby((r for r in rows if r.kind == "reply"), key=lambda row: row.read)]
        found = [one for one in steps if one.kind == "read"]
        assert [[line.text for line in one.lines] for one in found] == [
            ["\n".join(reply_lines(row, plan)) for row in one] for one in reads
        ]
        assert [one.client_s for one in found] == pytest.approx([(one[-1].client_ns - begin_ns) / 1e9 for one in reads])
    check(output, plan, ladder, book)


@settings(max_examples=15, deadline=None)
@given(scenarios(3), st.integers(1, 40))
def test_whatever_is_simulated_is_read_again(scenario: Scenario, recipients: int) -> None:
    tables = scenario.to_dict()
    tables["workload"] |= {"message_bytes": 600, "recipients_per_message": recipients}
    # Nothing encrypted could be read; and a group that takes time to write goes on after a 421, behind the FIN.
    tables["client"] |= {"starttls": False, "command_ms": 0.0}
    tables["client"].pop("timeout_s", None)  # what never arrived is in no capture
    for one in (tables, *tables.get("destinations", [])):
        one.get("network", {}).pop("losses", None)
    scenario = scenario_of(tables)
    output, plan, ladder = written(scenario)
    check(output, plan, ladder, AddressBook(scenario.workload.address_chars, scenario.workload.domains))


def check(output: Output, plan: Plan, ladder: Ladder, book: AddressBook) -> None:
    """Check all that does not depend on what came at the same moment."""
    over = 0
    for rows, steps in sessions(output, ladder):
        commands = [said_line(row, book) for row in rows if row.kind == "command"]
        assert [text for one in groups(steps) for text in one] == commands
        replies = [row for row in rows if row.kind == "reply"]
        lines = [line for one in steps if one.kind == "read" for line in one.lines]
        assert [(line.text, line.code) for line in lines] == [
            ("\n".join(reply_lines(row, plan)), row.code) for row in replies
        ]
        asked = [line for one in steps if one.kind == "group" for line in one.lines if line.verb == "RCPT"]
        answered = [line for line in lines if line.verb == "RCPT"]
        assert [line.recipient for line in asked][: len(answered)] == [line.recipient for line in answered]
        assert all(book_of(ladder, line.recipient) in line.text for line in asked)
        over += sum(line.kind == "over-limit" for line in answered)
        over -= over_in(replies)
    assert over == 0
    if any(row.note == Answer.FILED_AWAY for row in output.dialogue if row.kind == "reply"):
        return  # no capture tells that from a text that is taken
    accepted = Counter[str]()
    for row in output.recipients:
        accepted[book.recipient(row.number)] += row.accepted
    found = Counter[str]()
    for one in ladder.recipients:
        found[one.address] += {"": 0, "emptied": 0, "taken": 1, "taken_again": 2}[one.truth]
    assert set(+found) == set(+accepted)
    assert all(accepted[address] >= number for address, number in found.items())


def over_in(replies: list[DialogueRow]) -> int:
    """Count refusals that look like a limit: not the first of a transaction, and no end of the connection."""
    found, is_first = 0, True
    for row in replies:
        found += row.verb == Verb.RCPT and classify(row.code, row.status, is_first) == ReplyClass.OVER
        is_first = row.verb == Verb.MAIL or (is_first and row.verb != Verb.RCPT)
    return found


def book_of(ladder: Ladder, recipient: int) -> str:
    return ladder.recipients[recipient].address
