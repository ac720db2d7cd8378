"""The reference engine: the model as SimPy processes, written to be read.

A sender process per connection drives sessions; decisions come from `simsmtp.strategies` and
`simsmtp.policies`, times from `simsmtp.network`, random numbers from keyed streams.
"""

from __future__ import annotations

from simsmtp.engines.reference.books import Books
from simsmtp.engines.reference.sender import Sender
from simsmtp.engines.reference.transcript import Transcript
from simsmtp.model.plan import plan_of
from simsmtp.model.records import Output
from simsmtp.model.scenario import Scenario
from simsmtp.model.streams import Streams


def run(scenario: Scenario, *, seed: int, replication: int, recipients: bool = False, dialogue: bool = False) -> Output:
    """Run one replication; see `simsmtp.engines.run_replication`."""
    plan = plan_of(scenario)
    books = Books([one.name for one in plan.destinations], keep_rows=recipients)
    transcript = Transcript() if dialogue else None
    sender = Sender(plan, Streams(seed, replication), books, transcript)
    sender.clock.env.run(until=plan.horizon_ns or None)
    return Output(books.responses(), books.rows.finish(), transcript.rows if transcript else [], "reference")
