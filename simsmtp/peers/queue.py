"""The sender's queue for one destination: messages with recipients to send, oldest first."""

from __future__ import annotations

import heapq

from simsmtp.peers.accounting import Message
from simsmtp.protocol.causes import Cause
from simsmtp.strategies.sizing import transactions_for


class Job:
    """The recipients of one message that go to one destination."""

    __slots__ = (
        "_next",
        "_recipients",
        "attempt",
        "deferred",
        "greylisted",
        "in_flight",
        "message",
        "queued",
        "rationed",
        "ready_ns",
        "requeued",
    )

    def __init__(self, message: Message, recipients: list[int]) -> None:
        self.message = message
        self.ready_ns = message.arrival_ns
        self.requeued: list[int] = []
        self.deferred: list[int] = []
        self.rationed = self.greylisted = 0  # of the deferred ones, those who wait because of a rate or greylisting
        self.in_flight = 0
        self.attempt = 1
        self.queued = False
        self._recipients = recipients
        self._next = 0

    @property
    def pending(self) -> int:
        """Recipients that may be sent now."""
        return len(self.requeued) + len(self._recipients) - self._next

    def take(self, most: int) -> list[int]:
        """Take the next recipients: re-queued ones in their original order, then those not yet sent."""
        taken, self.requeued = self.requeued[:most], self.requeued[most:]
        upto = self._next + most - len(taken)
        taken += self._recipients[self._next : upto]
        self._next = min(upto, len(self._recipients))
        return taken

    def requeue(self, recipients: list[int]) -> None:
        """Put recipients back to be sent at once."""
        self.requeued = sorted(self.requeued + recipients)

    def defer(self, recipients: list[int], cause: int = Cause.OTHER) -> None:
        """Put recipients aside for the next attempt, and note why they were refused."""
        self.deferred += recipients
        if cause == Cause.RATE:
            self.rationed += len(recipients)
        elif cause == Cause.GREYLIST:
            self.greylisted += len(recipients)

    def retry(self, now_ns: int) -> None:
        """Make the deferred recipients ready for a further attempt."""
        self.requeue(self.deferred)
        self.deferred = []
        self.rationed = self.greylisted = 0
        self.ready_ns = now_ns
        self.attempt += 1


class Queue:
    """Jobs with pending recipients, in the order in which they became ready."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Job]] = []

    def push(self, job: Job) -> None:
        """Add a job that has pending recipients, unless it is there already."""
        if job.pending and not job.queued:
            job.queued = True
            heapq.heappush(self._heap, (job.ready_ns, job.message.number, job))

    def __bool__(self) -> bool:
        return bool(self._heap)

    def take(self, size: int) -> tuple[Job, list[int]]:
        """Take the next transaction's recipients from the oldest job; the queue must not be empty."""
        job = self._heap[0][2]
        recipients = job.take(size)
        job.in_flight += 1
        if not job.pending:
            heapq.heappop(self._heap)
            job.queued = False
        return job, recipients

    def remove(self, jobs: list[Job]) -> None:
        """Drop jobs from the queue."""
        for job in jobs:
            job.queued = False
        self._heap = [entry for entry in self._heap if entry[2].queued]
        heapq.heapify(self._heap)

    def batches(self, size: int, enough: int) -> int:
        """Return how many transactions of `size` recipients are waiting; counting stops at `enough`."""
        waiting = 0
        for _, _, job in self._heap:
            waiting += transactions_for(job.pending, size)
            if waiting >= enough:
                break
        return waiting

    def jobs(self) -> list[Job]:
        """Return the jobs in the queue, oldest first."""
        return [job for _, _, job in sorted(self._heap, key=lambda entry: entry[:2])]
