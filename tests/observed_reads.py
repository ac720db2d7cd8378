"""Gives the simulator the reads that a real connection had, so that what TCP decided is no difference any more."""

from __future__ import annotations

from collections import defaultdict
from unittest import mock

from simsmtp import Scenario
from simsmtp.engines import run_replication
from simsmtp.engines.reference.session import Session
from simsmtp.model.plan import plan_of
from simsmtp.protocol.commands import Verb
from simsmtp.rows.records import Output


def replayed(one: Scenario, observed: Output) -> Output:
    """Return the reference engine's answer where every reply comes with the read it was observed in.

    A sender that reads between its RCPTs (``client.drain``) stops after as many of them as it was observed to.
    """
    reads: dict[int, list[int]] = defaultdict(list)
    written: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for row in observed.dialogue:
        if row.kind == "reply":
            reads[row.connection].append(row.read - 1)
        elif row.kind == "command" and row.verb == Verb.RCPT:
            written[row.connection][row.group] += 1
    heard: dict[int, int] = defaultdict(int)
    flights: dict[int, int] = defaultdict(lambda: -1)

    def read_of(session: Session, verb: Verb) -> int:
        known, place = reads[session.number], heard[session.number]
        heard[session.number] += 1
        return known[min(place, len(known) - 1)]  # behind them are only commands that got no reply

    def stop_is_readable(session: Session, written_at: int) -> bool:
        flights[session.number] += not session.heard  # MAIL goes alone, so a flight begins with RCPT
        return len(session.heard) >= list(written[session.number].values())[flights[session.number]]

    one_by_one = one.replace({"network.replies_per_read": 1})  # else the engine works out many replies at once
    with (
        mock.patch.object(Session, "_read_of", read_of),
        mock.patch.object(Session, "_stop_is_readable", stop_is_readable),
    ):
        return run_replication(plan_of(one_by_one), engine="reference", recipients=True, dialogue=True)
