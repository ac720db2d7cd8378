"""The package's sender with time that jumps, and connections whose other end a test plays."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import NamedTuple

from simsmtp import Scenario
from simsmtp.live.client_session import ClientSession
from simsmtp.live.effects import Close, Connect, Effect, Poll, Read, StartTls, Steps, Until, Write
from simsmtp.live.encoding import Encoder
from simsmtp.live.route import Route
from simsmtp.model.plan import plan_of
from simsmtp.peers.accounting import Accounts, Message
from simsmtp.peers.kind import Kind
from simsmtp.peers.queue import Job
from simsmtp.peers.sender import Sender
from simsmtp.randomness.streams import Streams
from simsmtp.rows.records import RecipientRow


class Asked(NamedTuple):
    """What a session asks of whoever owns its socket."""

    session: ClientSession
    step: Effect


class _Sender(Sender):
    """Knows all jobs that it ever had."""

    def _enter(self, message: Message) -> None:
        super()._enter(message)
        jobs: list[Job] = self.__dict__.setdefault("jobs", [])
        jobs += (job for lane in self._lanes for job in lane.queue.jobs() if job.message is message)


class PlayedSender:
    """A driver of the sender: one thread of steps at a time, until it ends or waits for a later time."""

    def __init__(self, scenario: Scenario) -> None:
        plan = plan_of(scenario)
        self.now = 0
        self.accounts = Accounts([one.name for one in plan.destinations], keep_rows=True)
        self.encoder = Encoder(scenario.workload.address_chars, scenario.workload.domains)
        routes = [Route(one, plan.client, self.encoder) for one in plan.destinations]
        self.sender = _Sender(plan, Streams(0, 0), self.accounts, self, routes)
        self._threads: list[tuple[int, int, Steps, ClientSession | None]] = []
        self._started = 0
        self.sender.start()

    def at(self, when_ns: int, kind: Kind, session: int, index: int) -> Until:
        return Until(when_ns)

    def start(self, steps: Steps) -> None:
        self._push(self.now, steps, None)

    def _push(self, when_ns: int, steps: Steps, session: ClientSession | None) -> None:
        self._started += 1
        heapq.heappush(self._threads, (when_ns, self._started, steps, session))

    def asked(self) -> Iterator[Asked]:
        """Yield what sessions ask for, times aside; whoever goes on has done it."""
        while self._threads:
            when, _, steps, session = heapq.heappop(self._threads)
            self.now = max(self.now, when)
            for step in steps:
                if isinstance(step, Until):
                    self._push(step.ns, steps, session)
                    break
                session = step.session if isinstance(step, Connect) else session
                assert session is not None
                yield Asked(session, step)
                session = None if isinstance(step, Close) else session

    def play(
        self, banner: bytes, answer: Callable[[bytes], bytes], *, sessions: int = 1, early: bytearray | None = None
    ) -> list[ClientSession]:
        """Let sessions talk to a server that is a function from what was written to what is read.

        What `early` holds is there whenever a session looks for what came unasked.
        """
        unread, played = bytearray(), list[ClientSession]()
        for count, (session, step) in enumerate(self.asked()):
            assert count < 10_000, "does not end"
            if isinstance(step, Connect):
                if len(played) == sessions:
                    break
                played.append(session)
                unread[:] = banner
            elif isinstance(step, Write):
                unread += answer(step.octets)
            elif isinstance(step, Read):
                session.receive(bytes(unread))
                unread.clear()
            elif isinstance(step, Poll) and early:
                session.receive(bytes(early))
                early.clear()
            elif isinstance(step, StartTls):
                session.fail("no TLS here")
        return played

    def rows(self) -> list[RecipientRow]:
        """Return one row for each recipient; the run is over then."""
        self.accounts.responses()
        return list(self.accounts.rows.finish())

    def check_places(self) -> None:
        """Between transactions every recipient is settled, waits for its retry, or is queued: one of the three."""
        for job in self.sender.jobs:
            assert job.in_flight == 0
            settled = [number for number, is_settled in enumerate(job.message.settled) if is_settled]
            waiting = [*job.deferred, *job.requeued, *job._recipients[job._next :]]
            assert sorted(settled + waiting) == list(range(len(job.message)))
