"""Jobs in compiled code: the recipients of a message that are to be sent, and those put aside.

See `simsmtp.peers.queue`.
"""

from __future__ import annotations

from typing import Any

from simsmtp.engines.compiled.accounting import settle
from simsmtp.engines.compiled.storage.accessors import job_at, run_of, slot_at
from simsmtp.engines.compiled.storage.layout import NONE
from simsmtp.engines.compiled.storage.slot_allocator import merged
from simsmtp.engines.compiled.toolchain.jit import compiled, inlined
from simsmtp.protocol.causes import Cause


@compiled
def requeue(w: Any, J: Any, head: Any, tail: Any, count: Any) -> None:
    """Put a list of recipients back to be sent at once."""
    if count > 0:
        J.requeued, J.requeued_tail = merged(w, J.requeued, J.requeued_tail, head, tail)
        J.requeued_count += count


@compiled
def defer(w: Any, J: Any, head: Any, tail: Any, count: Any) -> None:
    """Put a list of recipients aside for the next attempt."""
    if count > 0:
        J.deferred, J.deferred_tail = merged(w, J.deferred, J.deferred_tail, head, tail)
        J.deferred_count += count


@inlined
def note_cause(J: Any, cause: Any, count: Any) -> None:
    """Note why so many of a job's recipients were deferred."""
    if cause == Cause.RATE:
        J.rationed += count
    elif cause == Cause.GREYLIST:
        J.greylisted += count


@compiled
def retry_deferred(w: Any, job: Any) -> None:
    """Make the deferred recipients of a job ready for a further attempt."""
    J = job_at(w, job)
    requeue(w, J, J.deferred, J.deferred_tail, J.deferred_count)
    J.deferred = J.deferred_tail = NONE
    J.deferred_count = J.rationed = J.greylisted = 0
    J.ready_ns = run_of(w).now
    J.attempt += 1


@compiled
def defer_pending(w: Any, job: Any) -> None:
    """Move all that a job has to send to what it has deferred."""
    J = job_at(w, job)
    defer(w, J, J.requeued, J.requeued_tail, J.requeued_count)
    J.requeued = J.requeued_tail = NONE
    J.requeued_count = 0
    if J.unsent_count > 0:
        defer(w, J, J.unsent, J.unsent_tail, J.unsent_count)
        J.unsent_count = 0


@compiled
def fail_deferred(w: Any, job: Any) -> None:
    """Give up what a job has deferred, with NDRs."""
    J = job_at(w, job)
    slot = J.deferred
    while slot >= 0:
        settle(w, slot, True)
        slot = slot_at(w, slot).next
    J.deferred = J.deferred_tail = NONE
    J.deferred_count = 0
