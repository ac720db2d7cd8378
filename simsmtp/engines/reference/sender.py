"""The sending MTA: its queue, its connections to each destination, and what it does with every outcome."""

from __future__ import annotations

from simsmtp.engines.kind import Kind
from simsmtp.engines.reference.books import Books, Message
from simsmtp.engines.reference.clock import Clock
from simsmtp.engines.reference.draws import Draws
from simsmtp.engines.reference.flight import Command
from simsmtp.engines.reference.queue import Job, Queue
from simsmtp.engines.reference.receiver import Receiver
from simsmtp.engines.reference.session import Session, Steps
from simsmtp.engines.reference.tcp_session import TcpSession
from simsmtp.engines.reference.transaction import Transaction
from simsmtp.engines.reference.transcript import Transcript
from simsmtp.model.plan import DestinationPlan, Plan
from simsmtp.model.streams import Streams
from simsmtp.model.workload import Arrival, arrivals, split_by_destination, valid_mailboxes
from simsmtp.protocol.commands import Verb
from simsmtp.strategies.counting import Verdict
from simsmtp.strategies.order import number_at
from simsmtp.strategies.overflow import keeps_connection
from simsmtp.strategies.retry import backoff, is_expired, next_attempt
from simsmtp.strategies.sizing import Sizing, learn, next_size, still_known


class Lane:
    """All that the sender keeps for one destination."""

    def __init__(self, clock: Clock, streams: Streams, plan: DestinationPlan, domains: int) -> None:
        self.plan = plan
        self.receiver = Receiver(clock, plan, domains)
        self.draws = Draws(streams, plan)
        self.queue = Queue()
        self.connections = 0  # open now
        self.starting = 0  # of these, not yet at their first transaction
        self.connected = 0  # ever
        self.learned = 0
        self.learned_at_ns = 0


class Sender:
    """The sending MTA of one run.

    Parameters
    ----------
    plan : Plan
        What to simulate.
    streams : Streams
        Keyed random numbers.
    books : Books
        Where everything that happens is entered.
    transcript : Transcript, optional
        Where the dialogue is written.
    """

    def __init__(self, plan: Plan, streams: Streams, books: Books, transcript: Transcript | None) -> None:
        self.clock = Clock()
        self._plan, self._client = plan, plan.client
        self._streams, self._books, self._transcript = streams, books, transcript
        domains = plan.workload.domains
        self._lanes = [Lane(self.clock, streams, one, domains) for one in plan.destinations]
        self._connections = 0
        self._jobs_of: dict[int, int] = {}
        self._resends = 0
        self._ehlo = Command(Verb.EHLO, plan.client.octets[Verb.EHLO])
        self._reset = Command(Verb.RSET, plan.client.octets[Verb.RSET])
        self._tls = Command(Verb.STARTTLS, plan.client.octets[Verb.STARTTLS])
        self.clock.env.process(self._receive())

    # -- messages in ----------------------------------------------------------------------------------------

    def _receive(self) -> Steps:
        for arrival in arrivals(self._plan.workload, self._streams):
            if arrival.at_ns > self.clock.now:
                yield self.clock.at(arrival.at_ns, Kind.ARRIVAL, 0, arrival.number)
            self._books.check_room(arrival.number, arrival.recipients)
            self._enter(self._message(arrival))
            self._staff()

    def _message(self, arrival: Arrival) -> Message:
        valid = valid_mailboxes(self._plan.workload, self._streams, arrival.number, arrival.recipients)
        message = Message(arrival.number, arrival.at_ns, arrival.size, arrival.recipients, valid)
        if self._client.sorts_by_domain:
            recipients, domains = arrival.recipients, self._plan.workload.domains
            message.origin_recipients = [number_at(place, recipients, domains) for place in range(recipients)]
        return message

    def _enter(self, message: Message) -> None:
        self._books.begin(message)
        parts = self._split(message)
        self._jobs_of[message.number] = sum(bool(part) for part in parts)
        for lane, part in zip(self._lanes, parts, strict=True):
            if part:
                lane.queue.push(Job(message, part))

    def _split(self, message: Message) -> list[list[int]]:
        origin = message.origin_recipients
        parts = split_by_destination(self._plan, self._streams, message.origin, max(origin, default=-1) + 1)
        if len(parts) == 1:
            return [list(range(len(message)))]
        place = {recipient: index for index, recipient in enumerate(origin)}
        parts = [sorted(place[recipient] for recipient in part if recipient in place) for part in parts]
        if self._books.keep_rows:
            of = {recipient: number for number, part in enumerate(parts) for recipient in part}
            message.destinations = [of[recipient] for recipient in range(len(message))]
        return parts

    # -- connections ----------------------------------------------------------------------------------------

    def _staff(self) -> None:
        """Begin as many connections as there is waiting work for and the limits allow."""
        for lane in self._lanes:
            while self._wants_connection(lane):
                lane.connections += 1
                lane.starting += 1
                self._connections += 1
                self.clock.env.process(self._connection(lane))

    def _wants_connection(self, lane: Lane) -> bool:
        if lane.connections >= lane.plan.connections or self._connections >= self._client.connections_total:
            return False
        return lane.queue.batches(self._size(lane), lane.starting + 1) > lane.starting

    def _connection(self, lane: Lane) -> Steps:
        """Send from a lane's queue until it is empty, over as many sessions as that takes."""
        refusals = 0
        while True:
            session = self._new_session(lane)
            yield from session.open(starttls=self._client.starttls, ehlo=self._ehlo, tls=self._tls)
            lane.starting -= 1
            if session.is_closed:
                refusals += 1
                yield from self._wait_after_refusal(lane, session, refusals)
            else:
                refusals = 0
                yield from self._transactions(lane, session)
            session.quit()
            if not lane.queue:
                break
            lane.starting += 1
        lane.connections -= 1
        self._connections -= 1
        self._staff()

    def _transactions(self, lane: Lane, session: Session) -> Steps:
        """Send over a session while there is something to send and it lasts."""
        while lane.queue and self._may_go_on(session):
            if session.transactions and self._client.reset_before_reuse:
                yield from session.probe(self._reset)
                if session.is_closed or not lane.queue:
                    return
            yield from self._transaction(lane, session)
            pause = lane.draws.pause(self._client.pause, session.number, session.transactions) if lane.queue else 0
            if pause:
                yield self.clock.at(self.clock.now + pause, Kind.WAIT, lane.plan.number, session.number)

    def _new_session(self, lane: Lane) -> Session:
        lane.connected += 1
        self._books.connected(self.clock.now)
        kind = TcpSession if lane.plan.path.tcp else Session
        return kind(self.clock, self._books, lane.draws, lane.receiver, lane.connected, self._transcript)

    def _wait_after_refusal(self, lane: Lane, session: Session, refusals: int) -> Steps:
        again_at = self.clock.now + backoff(self._client.schedule, refusals)
        yield self.clock.at(again_at, Kind.WAIT, lane.plan.number, session.number)
        schedule, now = self._client.schedule, self.clock.now
        expired = [job for job in lane.queue.jobs() if is_expired(schedule, job.message.arrival_ns, now)]
        lane.queue.remove(expired)
        for job in expired:
            job.deferred += job.take(job.pending)
            self._after_transaction(lane, job)

    def _may_go_on(self, session: Session) -> bool:
        most = self._client.transactions_per_connection
        if self._client.sizing == Sizing.RCPTMAX and (mailmax := session.plan.server.offered.mailmax):
            most = min(most, mailmax)
        return not session.is_closed and not session.is_over and session.transactions < most

    # -- transactions ---------------------------------------------------------------------------------------

    def _size(self, lane: Lane) -> int:
        if not still_known(lane.learned_at_ns, self.clock.now, self._client.forget_ns):
            lane.learned = 0
        rcptmax = lane.plan.server.offered.rcptmax
        return next_size(self._client.sizing, self._client.batch_size, rcptmax, lane.learned)

    def _transaction(self, lane: Lane, session: Session) -> Steps:
        job, recipients = lane.queue.take(self._size(lane))
        self._staff()  # what is left may be worth a further connection
        session.begin(job.message, job.message.transactions)
        job.message.transactions += 1
        self._books.transactions += 1
        transaction = Transaction(self._client, self._books, session, job.message, recipients)
        yield from transaction.run()
        if transaction.refused_at_mail and session.committed:
            job.requeue(recipients)  # the connection is spent, its last transaction was not: go on with a new one
        else:
            self._settle(job, session, transaction)
        self._learn(lane, transaction)
        if transaction.tally.over and not keeps_connection(transaction.overflow):
            session.is_over = True
        job.in_flight -= 1
        lane.queue.push(job)
        self._after_transaction(lane, job)

    def _settle(self, job: Job, session: Session, transaction: Transaction) -> None:
        """File every recipient of a transaction where its verdict says."""
        message, now = job.message, self.clock.now
        again: list[int] = []
        committed: list[int] = []
        for verdict, is_committed, recipients in transaction.outcomes():
            if is_committed:
                committed += recipients
            if verdict == Verdict.REQUEUE:
                again += recipients
            elif verdict == Verdict.DEFER:
                job.deferred += recipients
            else:
                self._books.settle(message, recipients, ndr=verdict == Verdict.FAIL)
            if self._transcript:
                self._transcript.verdicts(session, message, recipients, verdict, now)
        session.committed = self._books.accept(message, committed, now)
        if transaction.answered:
            self._books.last_final_ns = now
        # Without progress an immediate retry would go round for ever; accepted again is no progress.
        if session.committed:
            job.requeue(again)
        else:
            job.deferred += again
        if transaction.gave_up and not session.is_closed:
            session.is_over = True
            job.deferred += transaction.unsent
        elif not session.is_closed:
            job.requeue(transaction.unsent)

    def _learn(self, lane: Lane, transaction: Transaction) -> None:
        if transaction.tally.over:
            lane.learned = learn(lane.learned, transaction.tally.accepted, transaction.tally.over)
            lane.learned_at_ns = self.clock.now

    def _after_transaction(self, lane: Lane, job: Job) -> None:
        if job.pending or job.in_flight:
            return
        if job.deferred and is_expired(self._client.schedule, job.message.arrival_ns, self.clock.now):
            self._books.settle(job.message, job.deferred, ndr=True)
            job.deferred = []
        if job.deferred:
            self.clock.env.process(self._retry(lane, job))
        else:
            self._finish_job(job.message)

    def _retry(self, lane: Lane, job: Job) -> Steps:
        due_at = next_attempt(self._client.schedule, job.message.arrival_ns, self.clock.now, job.attempt)
        yield self.clock.at(due_at, Kind.RETRY, lane.plan.number, job.message.number)
        job.retry(self.clock.now)
        lane.queue.push(job)
        self._staff()

    # -- messages out ---------------------------------------------------------------------------------------

    def _finish_job(self, message: Message) -> None:
        self._jobs_of[message.number] -= 1
        if self._jobs_of[message.number]:
            return
        del self._jobs_of[message.number]
        self._books.close(message)
        for lane in self._lanes:
            lane.draws.forget(message)
        wanted = self._to_resend(message)
        if wanted:
            self.clock.env.process(self._resend(message, wanted))

    def _to_resend(self, message: Message) -> list[int]:
        workload = self._plan.workload
        if workload.resend == "none" or message.generation >= workload.resends or not any(message.ndr):
            return []
        everyone = range(len(message))
        return [r for r in everyone if message.ndr[r]] if workload.resend == "failed" else list(everyone)

    def _resend(self, first: Message, recipients: list[int]) -> Steps:
        number = self._plan.workload.messages + self._resends
        self._resends += 1
        again_at = self.clock.now + self._plan.workload.resend_after_ns
        yield self.clock.at(again_at, Kind.ARRIVAL, 1, number)
        valid = None if first.valid is None else [first.valid[recipient] for recipient in recipients]
        message = Message(number, again_at, first.size, len(recipients), valid)
        message.generation = first.generation + 1
        message.resend_of = first.number
        message.origin = first.origin
        message.first_seen_ns = {
            place: first.first_seen_ns[recipient]
            for place, recipient in enumerate(recipients)
            if recipient in first.first_seen_ns
        }
        message.origin_recipients = [first.origin_recipients[recipient] for recipient in recipients]
        self._enter(message)
        self._staff()
