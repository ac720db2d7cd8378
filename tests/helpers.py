"""What the tests share: one replication of a scenario, and views of its dialogue by connection and by flight."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise

from hypothesis import settings

from simsmtp.engines import run_replication
from simsmtp.model.plan import plan_of
from simsmtp.model.scenario import Scenario
from simsmtp.protocol.commands import Verb
from simsmtp.rows.records import DialogueRow, Output, Responses
from simsmtp.strategies.registry import BUILT_IN

Tables = Mapping[str, object]

NO_SERVICE = {f"{verb}_service_ms": 0.0 for verb in ("connect", "ehlo", "mail", "rcpt", "data", "text")}
"""Server keys under which every command is answered the moment it arrives."""

STRATEGIES = tuple(BUILT_IN)
LEDGER = (
    "delivered",
    "false_ndr",
    "contradictory_ndr",
    "duplicate",
    "lost",
    "true_ndr",
    "missed_ndr",
    "queued",
)

# Multiples of the profile that conftest.py loads.
_EXAMPLES = settings.default.max_examples
few = settings(max_examples=_EXAMPLES // 2)
some = settings(max_examples=_EXAMPLES)
many = settings(max_examples=_EXAMPLES * 2)


def replay(*, seed: int = 0, replication: int = 0, **tables: object) -> Output:
    """Run one replication on the reference engine, with recipient and dialogue rows."""
    return run_replication(
        plan_of(Scenario.from_dict(tables)),
        seed=seed,
        replication=replication,
        engine="reference",
        recipients=True,
        dialogue=True,
    )


def run(*, seed: int = 0, replication: int = 0, **tables: object) -> Responses:
    """Run one replication on the reference engine, rows off: its responses."""
    scenario = Scenario.from_dict(tables)
    return run_replication(plan_of(scenario), seed=seed, replication=replication, engine="reference").responses


def ledger(responses: Responses) -> dict[str, int | float]:
    """Return the classes of the ledger that are not empty."""
    return {name: responses[name] for name in LEDGER if responses[name]}


def ledgers_by_message(output: Output) -> dict[int, Counter[str]]:
    """Return the ledger of each message, from the recipient rows."""
    found: dict[int, Counter[str]] = defaultdict(Counter)
    for row in output.recipients:
        found[row.message][row.ledger] += 1
    return dict(found)


def by_connection(output: Output, kind: str) -> dict[tuple[str, int], list[DialogueRow]]:
    """Return the rows of one kind for each connection, in order."""
    found: dict[tuple[str, int], list[DialogueRow]] = defaultdict(list)
    for row in output.dialogue:
        if row.kind == kind:
            found[row.destination, row.connection].append(row)
    return dict(found)


def flights(output: Output) -> dict[tuple[str, int], list[list[DialogueRow]]]:
    """Return the command groups of each connection: commands that no reply was awaited between."""
    found = {}
    for connection, rows in by_connection(output, "command").items():
        groups: list[list[DialogueRow]] = [[rows[0]]]
        for before, row in pairwise(rows):
            if row.group == before.group:
                groups[-1].append(row)
            else:
                groups.append([row])
        found[connection] = groups
    return found


def transactions(output: Output, kind: str = "reply") -> list[list[DialogueRow]]:
    """Return the rows of one kind from each MAIL on, over all connections in order."""
    found: list[list[DialogueRow]] = []
    for rows in by_connection(output, kind).values():
        inside = False
        for row in rows:
            if row.verb == Verb.MAIL:
                found.append([])
                inside = True
            if inside:
                found[-1].append(row)
    return found


def rcpts(rows: Iterable[DialogueRow], *codes: int) -> list[int]:
    """Return the recipients of the RCPT rows, all or those with one of the codes."""
    return [row.recipient for row in rows if row.verb == Verb.RCPT and (not codes or row.code in codes)]
