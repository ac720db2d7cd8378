"""The reference engine: the model as SimPy processes, written to be read.

The sender is that of `simsmtp.peers`, a process for each connection; decisions come from `simsmtp.strategies` and
`simsmtp.policies`, times from `simsmtp.network`, random numbers from keyed streams.
"""

from __future__ import annotations

from simsmtp.engines.reference.clock import Clock
from simsmtp.engines.reference.route import Route
from simsmtp.model.plan import Plan
from simsmtp.peers.accounting import Accounts
from simsmtp.peers.sender import Sender
from simsmtp.peers.transcript import Transcript
from simsmtp.randomness.streams import Streams
from simsmtp.rows.records import Output


def run(plan: Plan, *, seed: int, replication: int, recipients: bool = False, dialogue: bool = False) -> Output:
    """Run one replication; see `simsmtp.engines.run_replication`."""
    accounts = Accounts([one.name for one in plan.destinations], keep_rows=recipients)
    transcript = Transcript() if dialogue else None
    streams, clock = Streams(seed, replication), Clock()
    routes = [Route(clock, streams, accounts, plan, to, transcript) for to in plan.destinations]
    Sender(plan, streams, accounts, clock, routes, transcript).start()
    clock.run(until=plan.horizon_ns or None)
    lines = transcript.rows if transcript else []
    return Output(accounts.responses(), accounts.rows.finish(), lines, "reference", accounts.by_destination())
