"""Two heaps in arrays: what happens next, and each destination's jobs in the order in which they became ready."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from simsmtp.engines.compiled.storage.accessors import event_at, job_at, lane_at, message_at, ready_at, run_of
from simsmtp.engines.compiled.toolchain.jit import compiled, inlined

KIND_BITS = 56
DESTINATION_BITS = 32


@inlined
def who_of(kind: Any, destination: Any, number: Any) -> Any:
    """Return the second part of an event's key: its kind, then the session it belongs to.

    Of an event that belongs to none, the destination stands for the first of what tells it from others.
    """
    return (kind << KIND_BITS) + (destination << DESTINATION_BITS) + number


@inlined
def destination_of(who: Any) -> Any:
    """Return the destination of a session's event."""
    return (who >> DESTINATION_BITS) & ((1 << (KIND_BITS - DESTINATION_BITS)) - 1)


@intrinsic
def _is_less(typing_context: Any, at: Any, who: Any, other_at: Any, other_who: Any) -> Any:
    """Compare two keys as one number of 128 bits each: whichever is less, no branch is taken."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        wide = ir.IntType(128)
        first, second, third, fourth = (builder.zext(value, wide) for value in values)
        ours, theirs = (
            builder.or_(builder.shl(high, wide(64)), low) for high, low in ((first, second), (third, fourth))
        )
        return builder.zext(builder.icmp_unsigned("<", ours, theirs), ir.IntType(64))

    return types.int64(types.int64, types.int64, types.int64, types.int64), generate


@inlined
def _before(at: Any, who: Any, other: Any) -> Any:
    """Return 1 if a key is before that of an event, else 0."""
    return _is_less(at, who, other.at, other.who)


@inlined
def schedule(w: Any, at: Any, who: Any, what: Any) -> None:
    """Add an event."""
    R = run_of(w)
    place = R.events
    R.events += 1
    while place > 0:
        above = (place - 1) // 2
        parent = event_at(w, above)
        if _before(at, who, parent) == 0:
            break
        _copy_event(parent, event_at(w, place))
        place = above
    put = event_at(w, place)
    put.at, put.who, put.what = at, who, what


@inlined
def plan_session_event(w: Any, session: Any, S: Any, kind: Any, at: Any) -> None:
    """Schedule an event of a session."""
    schedule(w, at, (kind << KIND_BITS) + S.key, session)


@inlined
def is_next(w: Any, at: Any, who: Any) -> Any:
    """Tell whether an event with this key would come before all others in the heap."""
    if run_of(w).events == 0:
        return True
    first = event_at(w, 0)
    return comes_before(at, who, first.at, first.who)


@inlined
def comes_before(at: Any, who: Any, other_at: Any, other_who: Any) -> Any:
    """Tell whether a key is before another."""
    return at < other_at or (at == other_at and who < other_who)


@inlined
def drop_first(w: Any) -> None:
    """Remove the first event."""
    R = run_of(w)
    R.events -= 1
    last = event_at(w, R.events)
    at, who, what = last.at, last.who, last.what
    place, size = 0, R.events
    while True:
        below = 2 * place + 1
        if below >= size:
            break
        # A lone child has the moved event itself as its neighbour: nobody needs to ask whether there are two.
        other = event_at(w, below + 1)
        below += _before(other.at, other.who, event_at(w, below))
        child = event_at(w, below)
        if _is_less(child.at, child.who, at, who) == 0:
            break
        _copy_event(child, event_at(w, place))
        place = below
    put = event_at(w, place)
    put.at, put.who, put.what = at, who, what


@inlined
def _copy_event(source: Any, target: Any) -> None:
    target.at, target.who, target.what = source.at, source.who, source.what


@compiled
def push_job(w: Any, job: Any) -> None:
    """Add a job to its destination's queue if it has recipients to send and is not there already."""
    J = job_at(w, job)
    if J.queued != 0 or J.unsent_count + J.requeued_count == 0:
        return
    J.queued = 1
    L, lane = lane_at(w, J.lane), J.lane
    at, number = J.ready_ns, message_at(w, J.message).number
    place = L.ready
    L.ready += 1
    while place > 0:
        above = (place - 1) // 2
        parent = ready_at(w, lane, above)
        if parent.at < at or (parent.at == at and parent.number <= number):
            break
        _copy_ready(parent, ready_at(w, lane, place))
        place = above
    put = ready_at(w, lane, place)
    put.at, put.number, put.job = at, number, job


@compiled
def pop_job(w: Any, lane: Any) -> None:
    """Remove the oldest job of a destination from its queue."""
    L = lane_at(w, lane)
    job_at(w, ready_at(w, lane, 0).job).queued = 0
    L.ready -= 1
    _sink(w, lane, 0, L.ready, L.ready)


@compiled
def _sink(w: Any, lane: Any, place: Any, size: Any, source: Any) -> None:
    """Move the entry at `source` down from `place` to where it belongs among the first `size`."""
    moved = ready_at(w, lane, source)
    at, number, job = moved.at, moved.number, moved.job
    while True:
        below = 2 * place + 1
        if below >= size:
            break
        child = ready_at(w, lane, below)
        if below + 1 < size:
            other = ready_at(w, lane, below + 1)
            if other.at < child.at or (other.at == child.at and other.number < child.number):
                below, child = below + 1, other
        if at < child.at or (at == child.at and number <= child.number):
            break
        _copy_ready(child, ready_at(w, lane, place))
        place = below
    put = ready_at(w, lane, place)
    put.at, put.number, put.job = at, number, job


@compiled
def keep_queued(w: Any, lane: Any) -> None:
    """Drop from a destination's queue the jobs that are no longer marked as queued."""
    L = lane_at(w, lane)
    kept = 0
    for place in range(L.ready):
        if job_at(w, ready_at(w, lane, place).job).queued != 0:
            _copy_ready(ready_at(w, lane, place), ready_at(w, lane, kept))
            kept += 1
    L.ready = kept
    for place in range(kept // 2 - 1, -1, -1):
        _sink(w, lane, place, kept, place)


@compiled
def _copy_ready(source: Any, target: Any) -> None:
    target.at, target.number, target.job = source.at, source.number, source.job
