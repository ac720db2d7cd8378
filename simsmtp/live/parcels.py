"""A sender's queue and its ledger: messages with recipients to send, and what became of each."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Iterator

from simsmtp.model.histogram import bucket_of
from simsmtp.model.records import RecipientRow, Responses
from simsmtp.model.totals import Totals, responses_of
from simsmtp.protocol.ledger import LEDGER_NAMES, Ledger, ledger_class
from simsmtp.strategies.sizing import transactions_for

_NEVER = -1


class Parcel:
    """One message and its recipients.

    Attributes
    ----------
    attempt, due_ns : int
        Number of the attempt by the retry schedule, from 1, and when the deferred are ready for the next.
    deferred : list of int
        Recipients that wait for it.
    in_flight : int
        Transactions that carry it now.
    """

    def __init__(self, number: int, arrival_ns: int, size: int, recipients: int, valid: list[bool] | None) -> None:
        self.number, self.arrival_ns, self.size = number, arrival_ns, size
        self.valid = valid or [True] * recipients
        self.accepted = [0] * recipients
        self.attempts = [0] * recipients
        self.is_settled = [False] * recipients
        self.has_ndr = [False] * recipients
        self.first_accepted_ns: dict[int, int] = {}
        self.ready_ns = arrival_ns
        self.due_ns = _NEVER
        self.attempt = 1
        self.in_flight = 0
        self.is_queued = False
        self.deferred: list[int] = []
        self._again: list[int] = []
        self._next = 0

    @property
    def pending(self) -> int:
        """Recipients that may be sent now."""
        return len(self._again) + len(self.valid) - self._next

    @property
    def is_finished(self) -> bool:
        """Whether every recipient is settled."""
        return not self.pending and not self.in_flight and not self.deferred

    def take(self, most: int) -> list[int]:
        """Take the next recipients: re-queued ones in their original order, then those not yet sent."""
        taken, self._again = self._again[:most], self._again[most:]
        upto = min(len(self.valid), self._next + most - len(taken))
        taken += range(self._next, upto)
        self._next = upto
        return taken

    def requeue(self, recipients: Iterable[int]) -> None:
        """Put recipients back to be sent at once."""
        self._again = sorted([*self._again, *recipients])

    def retry(self, now_ns: int) -> None:
        """Make the deferred recipients ready for a further attempt."""
        self.requeue(self.deferred)
        self.deferred = []
        self.ready_ns, self.due_ns = now_ns, _NEVER
        self.attempt += 1

    def settle(self, recipient: int, *, ndr: bool) -> None:
        """Note that the sender has finished with a recipient, with or without an NDR."""
        self.is_settled[recipient], self.has_ndr[recipient] = True, ndr

    def rows(self) -> Iterator[RecipientRow]:
        """Yield one row per recipient, as things stand."""
        for recipient, valid in enumerate(self.valid):
            accepted, ndr = self.accepted[recipient], self.has_ndr[recipient]
            first = self.first_accepted_ns.get(recipient)
            yield RecipientRow(
                message=self.number,
                recipient=recipient,
                resend_of=-1,
                destination="",
                valid=valid,
                ledger=LEDGER_NAMES[ledger_class(valid, accepted, ndr, not self.is_settled[recipient])],
                accepted=accepted,
                ndr=ndr,
                attempts=self.attempts[recipient],
                arrival_s=self.arrival_ns / 1e9,
                delay_s=math.nan if first is None else (first - self.arrival_ns) / 1e9,
                origin=recipient,
            )


class Parcels:
    """All messages of a run, and its counts.

    Attributes
    ----------
    rcpt_commands, transactions, connections, round_trips : int
        See `simsmtp.model.responses`.
    first_connect_ns, last_final_ns : int
        When the first connection was begun and the last final reply came; -1 for never.
    """

    def __init__(self) -> None:
        self.every: list[Parcel] = []
        self.rcpt_commands = self.transactions = self.connections = self.round_trips = 0
        self.first_connect_ns = self.last_final_ns = _NEVER
        self._queue: list[tuple[int, int, Parcel]] = []

    def __bool__(self) -> bool:
        return bool(self._queue)

    def add(self, parcel: Parcel) -> None:
        """Take in a new message."""
        self.every.append(parcel)
        self.push(parcel)

    def push(self, parcel: Parcel) -> None:
        """Queue a message that has pending recipients, unless it is queued already."""
        if parcel.pending and not parcel.is_queued:
            parcel.is_queued = True
            heapq.heappush(self._queue, (parcel.ready_ns, parcel.number, parcel))

    def take(self, most: int) -> tuple[Parcel, list[int]]:
        """Take the next transaction's recipients from the oldest message; the queue must not be empty."""
        parcel = self._queue[0][2]
        recipients = parcel.take(most)
        parcel.in_flight += 1
        if not parcel.pending:
            heapq.heappop(self._queue)
            parcel.is_queued = False
        return parcel, recipients

    def queued(self) -> list[Parcel]:
        """Return the queued messages, oldest first."""
        return [parcel for _, _, parcel in sorted(self._queue, key=lambda entry: entry[:2])]

    def drop(self, parcels: list[Parcel]) -> None:
        """Take messages out of the queue."""
        for parcel in parcels:
            parcel.is_queued = False
        self._queue = [entry for entry in self._queue if entry[2].is_queued]
        heapq.heapify(self._queue)

    def batches(self, size: int) -> int:
        """Return how many transactions of `size` recipients are waiting."""
        return sum(transactions_for(parcel.pending, size) for _, _, parcel in self._queue)

    def next_due_ns(self) -> int | None:
        """Return when the next deferred recipients become ready."""
        return min((parcel.due_ns for parcel in self.every if parcel.due_ns != _NEVER), default=None)

    def rows(self) -> list[RecipientRow]:
        """Return one row per recipient of every message."""
        return [row for parcel in self.every for row in parcel.rows()]

    def ledger(self) -> Counter[str]:
        """Return how many recipients are in each class as things stand."""
        return Counter(row.ledger for row in self.rows())

    def responses(self) -> Responses:
        """Return one value per response column."""
        rows = self.rows()
        classes = Counter(row.ledger for row in rows)
        delays = Counter(bucket_of(round(row.delay_s * 1e9)) for row in rows if row.accepted)
        totals = Totals(
            len(rows),
            [classes[name] for name in LEDGER_NAMES[: len(Ledger)]],
            sum(delays.values()),
            self.rcpt_commands,
            self.transactions,
            self.connections,
            self.round_trips,
            self.first_connect_ns,
            self.last_final_ns,
        )
        return responses_of(totals, delays)
