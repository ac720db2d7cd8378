"""A client and a server of the package, joined by a real socket on this machine."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from typing import NamedTuple

from simsmtp import Scenario
from simsmtp.live.asyncio_client import Delivered, Delivery
from simsmtp.live.asyncio_server import Listener, Terms
from simsmtp.live.endpoint import Endpoint
from simsmtp.live.sender_task import How
from simsmtp.live.served import Served
from simsmtp.protocol.commands import Verb
from simsmtp.rows.records import DialogueRow, Output

LOOPBACK = Endpoint("127.0.0.1", 0)


class Pair(NamedTuple):
    """What both ends have to say."""

    delivered: Delivered
    served: Served


def deliver(scenario: Scenario, place: Endpoint, **how: object) -> Delivered:
    """Send a scenario's messages to a server that listens already."""
    given = How(timeout_s=10.0, keeps_dialogue=True)._replace(**how)
    return asyncio.run(Delivery(scenario, place, given).run())


def pair(scenario: Scenario, terms: Terms | None = None, **how: object) -> Pair:
    """Send a scenario's messages to its own server."""

    async def both() -> Pair:
        async with Listener(scenario, LOOPBACK, terms or Terms(timeout_s=10.0)) as listener:
            given = How(timeout_s=10.0, keeps_dialogue=True)._replace(**how)
            delivered = await Delivery(scenario, listener.place, given).run()
            async with asyncio.timeout(10):
                while listener.sessions:
                    await asyncio.sleep(0.001)
            return Pair(delivered, listener.served)

    return asyncio.run(both())


def ledger(output: Output) -> Counter[str]:
    """Return the ledger."""
    return Counter(row.ledger for row in output.recipients)


def fates(output: Output) -> list[tuple[int, int, str, int, bool, int]]:
    """Return what became of each recipient, times aside."""
    rows = [(row.message, row.recipient, row.ledger, row.accepted, row.ndr, row.attempts) for row in output.recipients]
    return sorted(rows)


def commands(output: Output) -> dict[int, list[str]]:
    """Return the verbs that each connection said, in order."""
    return _said(output, "command", lambda row: Verb(row.verb).name)


def replies(output: Output) -> dict[int, list[tuple[str, int, int]]]:
    """Return what each connection was answered, in order: verb, code, enhanced code."""
    return _said(output, "reply", lambda row: (Verb(row.verb).name, row.code, row.status))


def verdicts(output: Output) -> dict[int, list[tuple[int, int]]]:
    """Return each connection's verdicts in order: recipient, verdict."""
    return _said(output, "verdict", lambda row: (row.recipient, row.note))


def reads(output: Output) -> list[list[int]]:
    """Return, of each flight that held RCPTs, how many of their replies each read brought."""
    flights: dict[tuple[int, int, int], Counter[int]] = defaultdict(Counter)
    for row in output.dialogue:
        if row.kind == "reply" and row.verb == Verb.RCPT:
            flights[row.connection, row.message, row.group][row.read] += 1
    return [[count for _, count in sorted(one.items())] for _, one in sorted(flights.items())]


def _said(output: Output, kind: str, told: object) -> dict[int, list[object]]:
    found: dict[int, list[object]] = defaultdict(list)
    row: DialogueRow
    for row in output.dialogue:
        if row.kind == kind and row.verb != Verb.QUIT:
            found[row.connection].append(told(row))
    return dict(found)
