"""The sending MTA: its queue, its connections to each destination, and what it does with every outcome."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from simsmtp.model.plan import Plan
from simsmtp.model.workload import arrivals, split_by_destination
from simsmtp.peers.accounting import Accounts, Message
from simsmtp.peers.driver import Clock, Route, Session, Steps, Witness
from simsmtp.peers.kind import Kind
from simsmtp.peers.lane import Lane
from simsmtp.peers.original import original
from simsmtp.peers.queue import Job
from simsmtp.peers.transaction import Transaction
from simsmtp.policies.rate_limits import Counts
from simsmtp.randomness.distributions import is_constant, sample
from simsmtp.randomness.streams import Purpose, Streams
from simsmtp.strategies.counting import Verdict
from simsmtp.strategies.outcome import begins_anew, is_progress, is_worth_connecting, may_connect, may_go_on
from simsmtp.strategies.overflow import keeps_connection
from simsmtp.strategies.retry import backoff, is_expired, keeps_queue, next_attempt
from simsmtp.strategies.sizing import learn, next_size, still_known
from simsmtp.strategies.window import UNBOUNDED

# By names of their own: Python 3.11 is slow to look members up in their classes.
_REQUEUE, _FAIL, _DEFER = Verdict.REQUEUE, Verdict.FAIL, Verdict.DEFER


class Sender:
    """The sending MTA of one run; `start` sets it to work.

    Parameters
    ----------
    plan : Plan
        What to send.
    streams : Streams
        Keyed random numbers.
    accounts : Accounts
        Where everything that happens is entered.
    clock : Clock
        Time of the run.
    routes : sequence of Route
        The ways to its destinations, in the order of the plan's.
    witness : Witness, optional
        Who writes the sender's conclusions down.
    """

    def __init__(
        self,
        plan: Plan,
        streams: Streams,
        accounts: Accounts,
        clock: Clock,
        routes: Sequence[Route],
        witness: Witness | None = None,
    ) -> None:
        self._plan, self._client = plan, plan.client
        self._streams, self._accounts, self._clock, self._witness = streams, accounts, clock, witness
        self._lanes = [Lane(*one, plan.client.rate) for one in zip(routes, accounts.destinations, strict=True)]
        self._connections = 0
        self._jobs_of: dict[int, int] = {}
        self._resends = 0
        self._to_come = 1  # arrivals as a whole, and each resend
        self._keeps_queue = keeps_queue(self._client.schedule)

    def start(self) -> None:
        """Begin: messages arrive from now on."""
        self._clock.start(self._receive())

    @property
    def is_finished(self) -> bool:
        """Whether every message has arrived and every recipient is settled."""
        return not self._to_come and not self._jobs_of

    # -- messages in ----------------------------------------------------------------------------------------

    def _receive(self) -> Steps:
        for arrival in arrivals(self._plan.workload, self._streams):
            if arrival.at_ns > self._clock.now:
                yield self._clock.at(arrival.at_ns, Kind.ARRIVAL, 0, arrival.number)
            self._accounts.check_room(arrival.number, arrival.recipients, self._plan.workload.population)
            self._enter(original(self._plan, self._streams, arrival))
            self._staff()
        self._to_come -= 1

    def _enter(self, message: Message) -> None:
        self._accounts.begin(message)
        parts = self._split(message)
        self._jobs_of[message.number] = sum(bool(part) for part in parts)
        for lane, part in zip(self._lanes, parts, strict=True):
            if part:
                lane.queue.push(Job(message, part))

    def _split(self, message: Message) -> list[list[int]]:
        if len(self._lanes) == 1:
            return [list(range(len(message)))]
        origin = message.origin_recipients
        count = max(origin, default=-1) + 1
        parts = split_by_destination(self._plan, self._streams, message.origin, count, message.people)
        place = {recipient: index for index, recipient in enumerate(origin)}
        parts = [sorted(place[recipient] for recipient in part if recipient in place) for part in parts]
        if self._accounts.keep_rows:
            of = {recipient: number for number, part in enumerate(parts) for recipient in part}
            message.destinations = [of[recipient] for recipient in range(len(message))]
        return parts

    # -- connections ----------------------------------------------------------------------------------------

    def _staff(self) -> None:
        """Begin as many connections as there is waiting work for and the limits allow."""
        for lane in self._lanes:
            while lane.queue and self._wants_connection(lane):
                lane.connections += 1
                lane.starting += 1
                self._connections += 1
                self._clock.start(self._connection(lane))

    def _wants_connection(self, lane: Lane) -> bool:
        most, most_in_all = lane.plan.connections, self._client.connections_total
        if not may_connect(lane.connections, most, self._connections, most_in_all):
            return False
        return self._is_worth_connecting(lane)

    def _is_worth_connecting(self, lane: Lane) -> bool:
        waiting = lane.queue.batches(self._size(lane), lane.starting + 1)
        return is_worth_connecting(waiting, lane.starting)

    def _has_more(self, lane: Lane) -> bool:
        """Tell whether work waits; without a queue each connection that is being begun stands for some."""
        return bool(lane.queue) and (self._keeps_queue or self._is_worth_connecting(lane))

    def _connection(self, lane: Lane) -> Steps:
        """Send from a lane's queue until it is empty, over as many sessions as that takes."""
        refusals = 0
        while True:
            lane.connected += 1
            number = lane.connected
            if lane.pace.is_set:
                yield from self._wait_for_turn(lane, number, Counts.CONNECTIONS, 1)
            self._accounts.connected(self._clock.now)
            session = lane.route.session(number)
            yield from session.open()
            lane.starting -= 1
            if session.is_closed:
                lane.account.hear(session.heard)
                refusals += 1
                if self._keeps_queue:
                    yield from self._wait_after_refusal(lane, session, refusals)
                else:
                    self._tell_caller(lane)
                    yield from self._pause(lane, session)
            else:
                refusals = 0
                yield from self._transactions(lane, session)
            yield from session.quit()
            if not self._has_more(lane):
                break
            lane.starting += 1
        lane.connections -= 1
        self._connections -= 1
        self._staff()

    def _transactions(self, lane: Lane, session: Session) -> Steps:
        """Send over a session while there is something to send and it lasts."""
        marked = False
        while self._has_more(lane) and self._may_go_on(session):
            if session.transactions and self._client.reset_before_reuse:
                yield from session.probe()
                lane.account.hear(session.heard)
                if session.is_closed or not self._has_more(lane):
                    return
            marked = yield from self._transaction(lane, session, marked=marked)
            if lane.queue:
                yield from self._pause(lane, session)

    def _pause(self, lane: Lane, session: Session) -> Steps:
        """Take the sender's own time after a transaction, or a refused connection, if there is more to send."""
        sampler, name = self._client.pause, (Purpose.PAUSE, session.number, lane.plan.number)
        draw = 0.5 if is_constant(sampler) else self._streams.stream(*name).at(session.transactions)
        if lane.queue and (pause := int(sample(sampler, draw))):
            yield self._clock.at(self._clock.now + pause, Kind.WAIT, lane.plan.number, session.number)

    def _wait_for_turn(self, lane: Lane, connection: int, counts: Counts, amount: int, waiting: int = 0) -> Steps:
        """Wait, with some recipients, as the sender's own rate wants it; a connection waits for one thing at a time."""
        due_at = lane.pace.turn(counts, amount, self._clock.now)
        if due_at > self._clock.now:
            lane.account.wait_for_rate(waiting, due_at - self._clock.now)
            yield self._clock.at(due_at, Kind.WAIT, lane.plan.number, connection)

    def _wait_after_refusal(self, lane: Lane, session: Session, refusals: int) -> Steps:
        again_at = self._clock.now + backoff(self._client.schedule, refusals)
        yield self._clock.at(again_at, Kind.WAIT, lane.plan.number, session.number)
        schedule, now = self._client.schedule, self._clock.now
        expired = [job for job in lane.queue.jobs() if is_expired(schedule, job.message.arrival_ns, now)]
        lane.queue.remove(expired)
        for job in expired:
            job.defer(job.take(job.pending))
            self._after_transaction(lane, job)

    def _tell_caller(self, lane: Lane) -> None:
        """Fail the first message that waits: its connection was refused, and there is no queue to keep it in."""
        if lane.queue:
            job, recipients = lane.queue.take(UNBOUNDED)
            job.in_flight -= 1
            job.defer(recipients)
            self._after_transaction(lane, job)

    def _may_go_on(self, session: Session) -> bool:
        client, mailmax = self._client, session.offered.mailmax
        most = client.transactions_per_connection
        return may_go_on(session.is_closed, session.is_over, session.transactions, most, client.sizing, mailmax)

    # -- transactions ---------------------------------------------------------------------------------------

    def _size(self, lane: Lane) -> int:
        if not still_known(lane.learned_at_ns, self._clock.now, self._client.forget_ns):
            lane.learned = 0
        return next_size(self._client.sizing, self._client.batch_size, lane.route.rcptmax, lane.learned)

    def _transaction(self, lane: Lane, session: Session, *, marked: bool) -> Generator[Any, None, bool]:
        """Send a transaction and file its recipients; return whether it leaves the connection marked."""
        job, recipients = lane.queue.take(self._size(lane))
        self._staff()  # what is left may be worth a further connection
        waiting = len(recipients)
        if lane.pace.is_set:
            yield from self._wait_for_turn(lane, session.number, Counts.MESSAGES, 1, waiting)
            yield from self._wait_for_turn(lane, session.number, Counts.RECIPIENTS, waiting, waiting)
        session.begin(job.message, job.message.transactions)
        job.message.transactions += 1
        self._accounts.transactions += 1
        transaction = Transaction(
            self._client, self._accounts, session, job.message, recipients, lane.account, self._clock, marked=marked
        )
        yield from transaction.run()
        if begins_anew(transaction.refused_at_mail, session.is_closed, session.committed, self._keeps_queue):
            job.requeue(recipients)  # the connection is spent, its last transaction was not: go on with a new one
        else:
            self._settle(job, session, transaction)
        self._learn(lane, transaction)
        if transaction.tally.over and not keeps_connection(transaction.overflow):
            session.is_over = True
        job.in_flight -= 1
        lane.queue.push(job)
        self._after_transaction(lane, job)
        return transaction.marked

    def _settle(self, job: Job, session: Session, transaction: Transaction) -> None:
        """File every recipient of a transaction where its verdict says."""
        message, now = job.message, self._clock.now
        again, committed, settled = list[int](), list[int](), 0
        for verdict, is_committed, recipients, cause in transaction.outcomes():
            if is_committed:
                committed += recipients
            if verdict == _REQUEUE:
                again += recipients
            elif verdict == _DEFER:
                job.defer(recipients, cause)
            else:
                settled += len(recipients)
                self._accounts.settle(message, recipients, ndr=verdict == _FAIL)
            if self._witness:
                self._witness.verdicts(session, message, recipients, verdict, now)
        at_ns = session.taken_ns if transaction.nothing_committed else now
        session.committed = settled if transaction.is_filed_away else self._accounts.accept(message, committed, at_ns)
        if transaction.answered:
            self._accounts.last_final_ns = now
        # Without progress an immediate retry would go round for ever; accepted again is no progress.
        if is_progress(session.committed, settled, self._client.trusts_itself):
            job.requeue(again)
        else:
            job.defer(again)
        if transaction.nothing_committed:
            return  # the unsent ones are deferred with the others
        if transaction.gave_up:
            session.is_over = True
            job.defer(transaction.unsent)
        else:
            job.requeue(transaction.unsent)

    def _learn(self, lane: Lane, transaction: Transaction) -> None:
        if transaction.tally.over:
            lane.learned = learn(lane.learned, transaction.tally.accepted, transaction.tally.over)
            lane.learned_at_ns = self._clock.now

    def _after_transaction(self, lane: Lane, job: Job) -> None:
        if job.pending or job.in_flight:
            return
        if job.deferred and is_expired(self._client.schedule, job.message.arrival_ns, self._clock.now):
            self._accounts.settle(job.message, sorted(job.deferred), ndr=True)
            job.deferred = []
        if job.deferred:
            self._clock.start(self._retry(lane, job))
        else:
            self._finish_job(job.message)

    def _retry(self, lane: Lane, job: Job) -> Steps:
        due_at = next_attempt(self._client.schedule, job.message.arrival_ns, self._clock.now, job.attempt)
        wait_ns = due_at - self._clock.now
        lane.account.wait_for_retry(len(job.deferred), job.rationed, job.greylisted, wait_ns)
        yield self._clock.at(due_at, Kind.RETRY, lane.plan.number, job.message.number)
        job.retry(self._clock.now)
        lane.queue.push(job)
        self._staff()

    # -- messages out ---------------------------------------------------------------------------------------

    def _finish_job(self, message: Message) -> None:
        self._jobs_of[message.number] -= 1
        if self._jobs_of[message.number]:
            return
        del self._jobs_of[message.number]
        self._accounts.close(message)
        for lane in self._lanes:
            lane.route.forget(message)
        if wanted := self._to_resend(message):
            self._to_come += 1
            self._clock.start(self._resend(message, wanted))

    def _to_resend(self, message: Message) -> list[int]:
        workload = self._plan.workload
        if workload.resend == "none" or message.generation >= workload.resends or not any(message.ndr):
            return []
        everyone = range(len(message))
        return [r for r in everyone if message.ndr[r]] if workload.resend == "failed" else list(everyone)

    def _resend(self, first: Message, recipients: list[int]) -> Steps:
        number = self._plan.workload.messages + self._resends
        self._resends += 1
        again_at = self._clock.now + self._plan.workload.resend_after_ns
        yield self._clock.at(again_at, Kind.ARRIVAL, 1, number)
        valid = None if first.valid is None else [first.valid[recipient] for recipient in recipients]
        message = Message(number, again_at, first.size, len(recipients), valid)
        message.generation = first.generation + 1
        message.resend_of = first.number
        message.origin, message.people = first.origin, first.people
        message.first_seen_ns = {
            place: first.first_seen_ns[recipient]
            for place, recipient in enumerate(recipients)
            if recipient in first.first_seen_ns
        }
        message.origin_recipients = [first.origin_recipients[recipient] for recipient in recipients]
        message.copies = self._accounts.copies.carried(first, recipients)
        self._enter(message)
        self._to_come -= 1
        self._staff()
