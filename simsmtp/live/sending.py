"""What a sender does next: which recipients go out, over which connection, and where each outcome is filed.

No socket and no clock: `simsmtp.live.delivery` opens connections and tells the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from simsmtp.errors import InputError
from simsmtp.live.addresses import WireAddresses
from simsmtp.live.client_session import ClientSession
from simsmtp.live.client_transaction import Addressed, ClientTransaction
from simsmtp.live.dialogue import Dialogue
from simsmtp.live.parcels import Parcel, Parcels
from simsmtp.live.steps import Steps
from simsmtp.model.plan import plan_of
from simsmtp.model.scenario import Scenario
from simsmtp.model.streams import Streams
from simsmtp.model.workload import Arrival, arrivals, valid_mailboxes
from simsmtp.strategies.counting import Verdict
from simsmtp.strategies.order import number_at
from simsmtp.strategies.outcome import begins_anew, is_worth_connecting, may_connect, may_go_on
from simsmtp.strategies.overflow import keeps_connection
from simsmtp.strategies.retry import backoff, is_expired, next_attempt
from simsmtp.strategies.sizing import learn, next_size, still_known


class Sending:
    """The sending side of a scenario, towards one server.

    Parameters
    ----------
    scenario : Scenario
        `workload` and `client` are obeyed, of `network` only `replies_per_read`; what the server offers is asked
        of the server.
    now : callable
        Returns nanoseconds since the run began.
    seed, replication : int
        Key of all random draws.
    dialogue : Dialogue, optional
        Where it is written down.

    Attributes
    ----------
    parcels : Parcels
        The queue and the ledger.
    faults : list of str
        How sessions ended that neither side ended in order.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        now: Callable[[], int],
        seed: int = 0,
        replication: int = 0,
        dialogue: Dialogue | None = None,
    ) -> None:
        _check(scenario)
        plan = plan_of(scenario)
        self.client = plan.client
        self.dialogue = dialogue
        self.parcels = Parcels()
        self.faults: list[str] = []
        self._now = now
        self._workload, self._destination = plan.workload, plan.destinations[0]
        self._streams = Streams(seed, replication)
        self._arrivals: Iterator[Arrival] = arrivals(plan.workload, self._streams)
        self._coming = next(self._arrivals, None)
        self._addresses = WireAddresses(scenario.workload.address_chars, scenario.workload.domains)
        self._rcptmax = self._learned = self._learned_at_ns = 0

    # -- time -----------------------------------------------------------------------------------------------

    @property
    def is_finished(self) -> bool:
        """Whether every recipient of every message is settled."""
        return self._coming is None and all(parcel.is_finished for parcel in self.parcels.every)

    def wake(self) -> None:
        """Take in what has become due: new messages, and retries."""
        now = self._now()
        while self._coming and self._coming.at_ns <= now:
            number, at_ns, recipients, size = self._coming
            valid = valid_mailboxes(self._workload, self._streams, number, recipients)
            self.parcels.add(Parcel(number, at_ns, size, recipients, valid))
            self._coming = next(self._arrivals, None)
        for parcel in self.parcels.every:
            if 0 <= parcel.due_ns <= now:
                parcel.retry(now)
                self.parcels.push(parcel)

    def next_due_ns(self) -> int | None:
        """Return when `wake` has something to do next, None if only connections can bring it."""
        due = [
            at for at in (self._coming.at_ns if self._coming else None, self.parcels.next_due_ns()) if at is not None
        ]
        return min(due, default=None)

    # -- connections ----------------------------------------------------------------------------------------

    def wants_connection(self, open_now: int, starting: int) -> bool:
        """Tell whether a further connection is worth it and allowed."""
        if not may_connect(open_now, self._destination.connections, open_now, self.client.connections_total):
            return False
        return bool(self.parcels) and is_worth_connecting(self.parcels.batches(self._size()), starting)

    def session(self) -> ClientSession:
        """Return the client's side of a new connection."""
        parcels = self.parcels
        parcels.connections += 1
        parcels.round_trips += 2
        if parcels.first_connect_ns < 0:
            parcels.first_connect_ns = self._now()
        return ClientSession(
            parcels.connections,
            starttls=self.client.starttls,
            replies_per_read=self._destination.path.replies_per_read,
            command_ns=self.client.command_ns,
            dialogue=self.dialogue,
        )

    def may_go_on(self, session: ClientSession) -> bool:
        """Tell whether a session takes a further transaction, of what is queued."""
        client, mailmax = self.client, session.offered.mailmax
        most, so_far = client.transactions_per_connection, session.transactions
        return bool(self.parcels) and may_go_on(
            session.is_closed, session.is_over, so_far, most, client.sizing, mailmax
        )

    def close(self, session: ClientSession) -> None:
        """Note that a session is over."""
        self.parcels.round_trips += session.waits - 2
        if session.fault:
            self.faults.append(session.fault)

    def wait_after_refusal(self, refusals: int) -> int:
        """Return how long to wait, in nanoseconds, after so many refused connections in a row."""
        return backoff(self.client.schedule, refusals)

    def expire(self) -> None:
        """Give up what is too old, after a connection was refused and the wait is over."""
        now = self._now()
        expired = [one for one in self.parcels.queued() if is_expired(self.client.schedule, one.arrival_ns, now)]
        self.parcels.drop(expired)
        for parcel in expired:
            parcel.deferred += parcel.take(parcel.pending)
            self._after_transaction(parcel)

    # -- transactions ---------------------------------------------------------------------------------------

    def transaction(self, session: ClientSession) -> Steps:
        """Send the next recipients over a session and file what became of them."""
        self._rcptmax = session.offered.rcptmax
        parcel, recipients = self.parcels.take(self._size())
        session.message = parcel.number
        session.transactions += 1
        self.parcels.transactions += 1
        addresses = [(one, self._address(parcel, one)) for one in recipients]
        mail = Addressed(parcel.number, parcel.size, self._addresses.sender(parcel.number), addresses)
        transaction = ClientTransaction(self.client, session, mail)
        yield from transaction.run()
        for recipient in recipients[: transaction.tried]:
            parcel.attempts[recipient] += 1
        self.parcels.rcpt_commands += transaction.tried
        if begins_anew(transaction.refused_at_mail, session.is_closed, session.committed):
            parcel.requeue(recipients)  # the connection is spent, its last transaction was not: go on with a new one
        else:
            self._settle(parcel, session, transaction)
        if transaction.tally.over:
            self._learned = learn(self._learned, transaction.tally.accepted, transaction.tally.over)
            self._learned_at_ns = self._now()
            session.is_over |= not keeps_connection(transaction.overflow)
        parcel.in_flight -= 1
        self.parcels.push(parcel)
        self._after_transaction(parcel)

    def _address(self, parcel: Parcel, recipient: int) -> str:
        sorts, domains = self.client.sorts_by_domain, self._workload.domains
        number = number_at(recipient, len(parcel.valid), domains) if sorts else recipient
        return self._addresses.recipient(number, exists=parcel.valid[recipient])

    def _size(self) -> int:
        if not still_known(self._learned_at_ns, self._now(), self.client.forget_ns):
            self._learned = 0
        return next_size(self.client.sizing, self.client.batch_size, self._rcptmax, self._learned)

    def _settle(self, parcel: Parcel, session: ClientSession, transaction: ClientTransaction) -> None:
        """File every recipient of a transaction where its verdict says."""
        now = self._now()
        again: list[int] = []
        fresh = 0
        for recipient, verdict, is_committed in transaction.fates():
            if is_committed:
                fresh += parcel.accepted[recipient] == 0
                parcel.accepted[recipient] += 1
                parcel.first_accepted_ns.setdefault(recipient, now)
            if verdict == Verdict.REQUEUE:
                again.append(recipient)
            elif verdict == Verdict.DEFER:
                parcel.deferred.append(recipient)
            else:
                parcel.settle(recipient, ndr=verdict == Verdict.FAIL)
            if self.dialogue:
                self.dialogue.verdict(session.place, recipient, verdict)
        session.committed = fresh
        if transaction.answered:
            self.parcels.last_final_ns = now
        # Without progress an immediate retry would go round for ever; accepted again is no progress.
        if fresh:
            parcel.requeue(again)
        else:
            parcel.deferred += again
        if transaction.gave_up and not session.is_closed:
            session.is_over = True
            parcel.deferred += transaction.unsent
        elif not session.is_closed:
            parcel.requeue(transaction.unsent)

    def _after_transaction(self, parcel: Parcel) -> None:
        if parcel.pending or parcel.in_flight or not parcel.deferred:
            return
        schedule, now = self.client.schedule, self._now()
        if is_expired(schedule, parcel.arrival_ns, now):
            for recipient in parcel.deferred:
                parcel.settle(recipient, ndr=True)
            parcel.deferred = []
        else:
            parcel.due_ns = next_attempt(schedule, parcel.arrival_ns, now, parcel.attempt)


def _check(scenario: Scenario) -> None:
    if scenario.destinations:
        raise InputError(
            "there is one server on the wire",
            key="destinations",
            allowed="a scenario with [server] and no destinations",
        )
    if scenario.workload.resend != "none":
        raise InputError(
            "nothing is resent on the wire", key="workload.resend", given=scenario.workload.resend, allowed="none"
        )
