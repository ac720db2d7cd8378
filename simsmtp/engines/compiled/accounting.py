"""The books in compiled code: messages come in, are filed recipient by recipient, and are closed."""

from __future__ import annotations

from typing import Any

import numpy as np

from simsmtp.engines.compiled.draws import uniform
from simsmtp.engines.compiled.storage.accessors import (
    bucket_at,
    class_at,
    extra_at,
    job_at,
    lane_at,
    message_at,
    row_at,
    run_of,
    settings_of,
    slot_at,
)
from simsmtp.engines.compiled.storage.heaps import push_job
from simsmtp.engines.compiled.storage.layout import EMPTIED, NDR, NONE, SETTLED, VALID
from simsmtp.engines.compiled.storage.people import number_of
from simsmtp.engines.compiled.storage.slot_allocator import give_block, has_block, take_block
from simsmtp.engines.compiled.toolchain.jit import compiled, inlined, rare
from simsmtp.protocol.ledger import ledger_class
from simsmtp.randomness.streams import Purpose
from simsmtp.rows.histogram import bucket_of
from simsmtp.rows.totals import MOST_COPIES


@compiled
def has_room(w: Any, recipients: Any) -> Any:
    """Tell whether a message with so many recipients can be taken in without growing an array."""
    R, lanes = run_of(w), w.lanes_room
    R.wanted = recipients
    if recipients > settings_of(w).most_recipients:
        return False  # Python says that it is too many
    for lane in range(lanes):
        if lane_at(w, lane).ready + 2 > w.ready_room:
            return False
    free_message = R.message_free >= 0 or R.messages_used < w.messages_room
    free_jobs = R.jobs_free + w.jobs_room - R.jobs_used >= lanes
    return free_message and free_jobs and has_block(w, recipients)


@compiled
def new_message(w: Any, number: Any, at_ns: Any, size: Any, recipients: Any) -> Any:
    """Take in a message; its recipients are not yet in any queue."""
    R = run_of(w)
    slot = R.message_free
    if slot >= 0:
        R.message_free = message_at(w, slot).next
    else:
        slot = R.messages_used
        R.messages_used += 1
    M = message_at(w, slot)
    M.number, M.arrival_ns, M.size, M.recipients = number, at_ns, size, recipients
    M.first = take_block(w, recipients)
    M.jobs = M.transactions = M.generation = M.holds = 0
    M.resend_of = M.next = NONE
    M.origin, M.open = number, 1
    R.recipients += recipients
    R.largest = max(R.largest, recipients)
    G = settings_of(w)
    for index in range(M.first, M.first + recipients):
        one = slot_at(w, index)
        one.accepted, one.answer, one.flags = 0, 0, VALID  # with the answer, which is not read, they are one word
    if G.keep_attempts != 0:
        for index in range(M.first, M.first + recipients):
            extra_at(w, index).attempts = 0
    if settings_of(w).keep_first_seen != 0:
        for index in range(M.first, M.first + recipients):
            extra_at(w, index).first_seen = NONE
    if G.keep_rows != 0:
        for index in range(M.first, M.first + recipients):
            extra_at(w, index).first_accepted = NONE
    if G.keep_copies != 0:
        for index in range(M.first, M.first + recipients):
            extra_at(w, index).copies = 0
    return slot


@compiled
def _destination_draw(w: Any, M: Any, slot: Any) -> Any:
    """Return the draw that decides about a recipient's destination."""
    place = origin_of(w, slot, M.first)
    if settings_of(w).meets_again == 0:
        return uniform(w, Purpose.DESTINATION.value, M.origin, 0, place)
    return uniform(w, Purpose.PERSON_DESTINATION.value, 0, 0, number_of(w, M, place))


@compiled
def origin_of(w: Any, slot: Any, first: Any) -> Any:
    """Return a recipient's number in the original message."""
    return extra_at(w, slot).origin if settings_of(w).keep_origins != 0 else slot - first


@compiled
def queue_message(w: Any, message: Any) -> None:
    """Make a job of the recipients for each destination, and queue it."""
    M = message_at(w, message)
    lanes, end = w.lanes_room, M.first + M.recipients
    if lanes == 1:
        for slot in range(M.first, end):
            slot_at(w, slot).next = slot + 1
        slot_at(w, end - 1).next = NONE
        _queue_part(w, message, 0, M.first, end - 1, M.recipients)
        return
    for slot in range(M.first, end):
        draw = _destination_draw(w, M, slot)
        lane = 0
        while draw >= lane_at(w, lane).upto:
            lane += 1
        extra_at(w, slot).home = lane
    for lane in range(lanes):
        head, tail, count = NONE, NONE, 0
        for slot in range(M.first, end):
            if extra_at(w, slot).home == lane:
                if tail < 0:
                    head = slot
                else:
                    slot_at(w, tail).next = slot
                tail, count = slot, count + 1
        if count > 0:
            slot_at(w, tail).next = NONE
            _queue_part(w, message, lane, head, tail, count)


@compiled
def _queue_part(w: Any, message: Any, lane: Any, head: Any, tail: Any, count: Any) -> None:
    R, M = run_of(w), message_at(w, message)
    job = R.job_free
    if job >= 0:
        R.job_free = job_at(w, job).next
        R.jobs_free -= 1
    else:
        job = R.jobs_used
        R.jobs_used += 1
    J = job_at(w, job)
    J.message, J.lane, J.ready_ns = message, lane, M.arrival_ns
    J.in_flight = J.queued = J.requeued_count = J.deferred_count = J.rationed = J.greylisted = 0
    J.attempt = 1
    J.unsent, J.unsent_tail, J.unsent_count = head, tail, count
    J.requeued = J.requeued_tail = J.deferred = J.deferred_tail = J.next = NONE
    M.jobs += 1
    push_job(w, job)


@compiled
def drop_job(w: Any, job: Any) -> None:
    """Give back a job that is finished."""
    R = run_of(w)
    job_at(w, job).next = R.job_free
    R.job_free = job
    R.jobs_free += 1


@inlined
def accept(w: Any, slot: Any, at: Any) -> Any:
    """Note that a final reply 2yz covered a recipient; return 1 if for the first time."""
    if slot_at(w, slot).accepted == 0 and settings_of(w).notes_accepts == 0:
        slot_at(w, slot).accepted = 1
        return 1
    return _accept_with_more(w, slot, at)


@rare
def _accept_with_more(w: Any, slot: Any, at: Any) -> Any:
    times = slot_at(w, slot).accepted
    if settings_of(w).keep_copies != 0:
        home = extra_at(w, extra_at(w, slot).twin if settings_of(w).has_twins != 0 else slot)
        home.copies = min(home.copies + 1, MOST_COPIES)
        note_copies(w, slot, home.copies)
    elif times > 0:
        note_copies(w, slot, min(times + 1, MOST_COPIES))
    if times < MOST_COPIES:
        slot_at(w, slot).accepted = times + 1
    if times > 0:
        return 0
    if settings_of(w).keep_rows != 0:
        extra_at(w, slot).first_accepted = at
    return 1


@compiled
def note_copies(w: Any, slot: Any, copies: Any) -> None:
    """Note that somebody now has so many copies of a letter, its resends included."""
    R = run_of(w)
    if (slot_at(w, slot).flags & VALID) != 0:
        R.person_duplicates += 1 if copies == 2 else 0
        R.copies_max = max(R.copies_max, copies)


@compiled
def note_delay(w: Any, message: Any, fresh: Any, at: Any) -> None:
    """Enter the delay of recipients accepted at a time for the first time."""
    R = run_of(w)
    R.accepted_once += fresh
    R.copies_max = max(R.copies_max, 1)
    bucket = bucket_of(at - message_at(w, message).arrival_ns)
    bucket_at(w, bucket).recipients += fresh
    R.lowest_bucket = min(R.lowest_bucket, bucket)
    R.highest_bucket = max(R.highest_bucket, bucket)


@compiled
def settle(w: Any, slot: Any, ndr: Any) -> None:
    """Note that the sender has finished with a recipient, with or without an NDR."""
    slot_at(w, slot).flags = (slot_at(w, slot).flags & (VALID | EMPTIED)) | SETTLED | (NDR if ndr else 0)


@compiled
def close(w: Any, message: Any) -> None:
    """Enter a message's recipients into the ledger and let go of it, once its rows are taken."""
    R, M = run_of(w), message_at(w, message)
    M.open = 0
    alike, flags, accepted = 0, 0, 0
    for slot in range(M.first, M.first + M.recipients):
        one = slot_at(w, slot)
        if alike != 0 and (one.flags != flags or one.accepted != accepted):
            _enter(w, flags, accepted, alike)
            alike = 0
        flags, accepted, alike = one.flags + 0, one.accepted + 0, alike + 1
    _enter(w, flags, accepted, alike)
    if settings_of(w).keep_rows != 0:
        M.holds += 1
        M.next = NONE
        if R.finished_tail >= 0:
            message_at(w, R.finished_tail).next = message
        else:
            R.finished = message
        R.finished_tail = message
    release(w, message)


@compiled
def _enter(w: Any, flags: Any, accepted: Any, count: Any) -> None:
    """Enter neighbours to whom the same happened into the ledger."""
    valid, ndr, queued = (flags & VALID) != 0, (flags & NDR) != 0, (flags & SETTLED) == 0
    emptied = (flags & EMPTIED) != 0
    class_at(w, ledger_class(valid, accepted, ndr, queued, emptied).value).recipients += count
    if emptied and accepted == 0:
        run_of(w).empty_texts += count


@compiled
def release(w: Any, message: Any) -> None:
    """Give back a closed message that nothing holds."""
    R, M = run_of(w), message_at(w, message)
    if M.holds == 0:
        give_block(w, M.first, M.recipients)
        M.next = R.message_free
        R.message_free = message


@compiled
def write_rows(w: Any) -> Any:
    """Write the rows of finished messages; return False when there is no room for more."""
    R = run_of(w)
    while R.finished >= 0:
        message = R.finished
        M = message_at(w, message)
        while R.emitted < M.recipients:
            if R.rows == w.rows_room:
                return False
            _write_row(w, message, R.emitted)
            R.emitted += 1
        R.emitted = 0
        R.finished = M.next
        if R.finished < 0:
            R.finished_tail = NONE
        M.holds -= 1
        release(w, message)
    return True


@compiled
def _write_row(w: Any, message: Any, recipient: Any) -> None:
    R, M = run_of(w), message_at(w, message)
    slot = M.first + recipient
    flags, row = slot_at(w, slot).flags, row_at(w, R.rows)
    valid, ndr, queued = (flags & VALID) != 0, (flags & NDR) != 0, (flags & SETTLED) == 0
    row.message, row.recipient, row.resend_of = M.number, recipient, M.resend_of
    row.destination = extra_at(w, slot).home if w.lanes_room > 1 else 0
    row.valid, row.ndr, row.empty_text = valid, ndr, (flags & EMPTIED) != 0
    row.ledger = ledger_class(valid, slot_at(w, slot).accepted, ndr, queued, row.empty_text).value
    row.accepted, row.attempts = min(slot_at(w, slot).accepted, 255), extra_at(w, slot).attempts
    first = extra_at(w, slot).first_accepted
    row.arrival_s, row.delay_s = M.arrival_ns / 1e9, (first - M.arrival_ns) / 1e9 if first >= 0 else np.nan
    row.origin = origin_of(w, slot, M.first)
    row.person = number_of(w, M, row.origin) if settings_of(w).meets_again != 0 else NONE
    R.rows += 1
