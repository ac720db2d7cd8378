"""Refusals by cause: what the sender heard, counted where it heard it."""

from __future__ import annotations

import pytest

from simsmtp import Scenario, simulate
from simsmtp.protocol.answers import Answer
from simsmtp.protocol.causes import CAUSE_NAMES, Cause, cause_of


@pytest.mark.parametrize(
    ("tables", "cause", "count"),
    [
        ({}, "over", 150 + 50),
        ({"workload": {"unknown_share": 1.0}, "server": {"recipient_limit": None}}, "unknown", 250),
        ({"server": {"greylist_s": 60.0, "recipient_limit": None}}, "greylist", 250),
        ({"server": {"messages_per_connection": 1}, "client": {"overflow": "same-session"}}, "session", 2),
        ({"server": {"data_failure_share": 1.0, "data_failure_reply": 554, "recipient_limit": None}}, "other", 1),
    ],
    ids=["over the limit", "no such mailbox", "greylisted", "too many messages in a session", "the text"],
)
@pytest.mark.parametrize("engine", ["reference", "auto"])
def test_refusals_are_counted_by_cause(tables: dict[str, object], cause: str, count: int, engine: str) -> None:
    row = simulate(Scenario.from_dict(tables), engine=engine).replications.iloc[0]
    found = {name: int(row[f"refused_{name}"]) for name in CAUSE_NAMES}
    # DATA is refused, too, where nobody was accepted, and sessions that end leave refusals over the limit behind.
    along = {"over", "other"} - {cause}
    assert {name: number for name, number in found.items() if number and name not in along} == {cause: count}


def test_a_real_servers_reason_is_known_only_for_its_limits() -> None:
    assert cause_of(Answer.NONE, True) == Cause.OVER
    assert cause_of(Answer.NONE, False) == Cause.OTHER
