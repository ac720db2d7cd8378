"""The sending MTA in compiled code: connections, queue, retries, resends; see `simsmtp.peers.sender`."""

from __future__ import annotations

from typing import Any

from simsmtp.engines.compiled.accounting import (
    close,
    drop_job,
    has_room,
    new_message,
    origin_of,
    queue_message,
    release,
)
from simsmtp.engines.compiled.arrivals import has_more, read_arrivals, schedule_of, size_of_batch
from simsmtp.engines.compiled.draws import pause_of
from simsmtp.engines.compiled.filing import file_outcomes, requeue_all
from simsmtp.engines.compiled.jobs import defer_pending, fail_deferred, retry_deferred
from simsmtp.engines.compiled.session import PAUSED, PROBE, REFUSED, connect, quit_session, start_lone_command
from simsmtp.engines.compiled.silence import forget_unheard
from simsmtp.engines.compiled.storage.accessors import (
    extra_at,
    job_at,
    lane_at,
    message_at,
    ready_at,
    run_of,
    session_at,
    settings_of,
    slot_at,
)
from simsmtp.engines.compiled.storage.heaps import keep_queued, pop_job, push_job, schedule, who_of
from simsmtp.engines.compiled.storage.layout import NDR, NONE, RESEND_ALL, VALID
from simsmtp.engines.compiled.toolchain.jit import compiled
from simsmtp.engines.compiled.transaction import overflow_of, take_recipients
from simsmtp.peers.kind import Kind
from simsmtp.protocol.commands import Verb
from simsmtp.rows.totals import recipient_seconds
from simsmtp.strategies.outcome import begins_anew, may_go_on
from simsmtp.strategies.overflow import keeps_connection
from simsmtp.strategies.retry import backoff, is_expired, keeps_queue, next_attempt
from simsmtp.strategies.sizing import learn

ANYTIME = -1


@compiled
def start_connections(w: Any) -> Any:
    """Begin the connections decided on; return False if there is no room for them."""
    R = run_of(w)
    for lane in range(w.lanes_room):
        L = lane_at(w, lane)
        while L.to_start > 0:
            session = R.session_free
            if session >= 0:
                R.session_free = session_at(w, session).free_next
            elif R.sessions_used < w.sessions_room:
                session = R.sessions_used
                R.sessions_used += 1
            else:
                return False
            if R.events + 2 > w.events_room:
                session_at(w, session).free_next = R.session_free
                R.session_free = session
                return False
            L.to_start -= 1
            R.to_start -= 1
            session_at(w, session).refusals = 0
            connect(w, session, lane)
    return True


@compiled
def greeted(w: Any, session: Any) -> Any:
    """Go on after the greeting; return False if an array is too small to go on."""
    S, R = session_at(w, session), run_of(w)
    lane_at(w, S.lane).starting -= 1
    if S.is_closed == 0:
        S.refusals = 0
        return go_on(w, session)
    S.refusals += 1
    S.phase = REFUSED
    if not keeps_queue(schedule_of(w)):
        return _tell_caller(w, session, S)
    again_at = R.now + backoff(schedule_of(w), S.refusals)
    schedule(w, again_at, who_of(Kind.WAIT.value, S.lane, S.number), session)
    return True


@compiled
def _tell_caller(w: Any, session: Any, S: Any) -> Any:
    """Fail the first message that waits, of a sender without a queue; return False if an array is too small."""
    if not read_arrivals(w, S.lane, False) or run_of(w).events + 2 > w.events_room:
        return False
    S.phase = PAUSED  # if it has to wait for room now, it goes on behind this
    if lane_at(w, S.lane).ready > 0:
        job = ready_at(w, S.lane, 0).job
        pop_job(w, S.lane)
        defer_pending(w, job)
        after_transaction(w, job)
    S.pause_due = settings_of(w).pauses
    return go_on(w, session)


@compiled
def _oldest_expired(w: Any, lane: Any) -> Any:
    """Return the place of the first expired job in a queue's order: ends may come with resends, numbered in it."""
    oldest, at, number = NONE, 0, 0
    for place in range(lane_at(w, lane).ready):
        one = ready_at(w, lane, place)
        J = job_at(w, one.job)
        if J.queued != 0 and is_expired(schedule_of(w), message_at(w, J.message).arrival_ns, run_of(w).now):
            if oldest < 0 or one.at < at or (one.at == at and one.number < number):
                oldest, at, number = place, one.at, one.number
    return oldest


@compiled
def give_up_expired(w: Any, session: Any) -> Any:
    """Fail what has grown too old while connections were refused; return False if an array is too small."""
    S, R = session_at(w, session), run_of(w)
    if not keeps_queue(schedule_of(w)):
        return _tell_caller(w, session, S)
    if not read_arrivals(w, S.lane, True):
        return False
    while True:
        place = _oldest_expired(w, S.lane)
        if place < 0:
            break
        if R.events + 2 > w.events_room:
            return False
        job = ready_at(w, S.lane, place).job
        job_at(w, job).queued = 0
        keep_queued(w, S.lane)
        defer_pending(w, job)
        after_transaction(w, job)
    S.phase = PAUSED  # if it has to wait for room now, it goes on behind this
    return go_on(w, session)


@compiled
def go_on(w: Any, session: Any) -> Any:
    """Begin the next transaction, or end the session; return False if an array is too small to go on."""
    S = session_at(w, session)
    if not read_arrivals(w, S.lane, False):
        run_of(w).resume = session
        return False
    L = lane_at(w, S.lane)
    if S.pause_due != 0:
        S.pause_due = 0
        if L.ready > 0 and _pause(w, session, S):
            return True
    if not has_more(w, S.lane) or not _may_go_on(w, S, L):
        end_session(w, session)
        return True
    if settings_of(w).reset_before_reuse != 0 and S.transactions > 0 and S.probed == 0:
        S.probed, S.needs_reset, S.message = 1, 0, NONE
        S.lost = S.hush = 0
        start_lone_command(w, session, S, Verb.RSET.value, PROBE)
        return True
    S.probed = 0
    job = ready_at(w, S.lane, 0).job
    J = job_at(w, job)
    size = size_of_batch(w, L)
    if J.unsent_count + J.requeued_count <= size:
        pop_job(w, S.lane)
    run_of(w).staff_due = 1  # what is left may be worth a further connection
    take_recipients(w, session, job, size)
    return True


@compiled
def _pause(w: Any, session: Any, S: Any) -> Any:
    """Pause between two transactions; return False if there is nothing to wait for."""
    pause = pause_of(w, S)
    if pause == 0:
        return False
    S.phase = PAUSED
    schedule(w, run_of(w).now + pause, who_of(Kind.WAIT.value, S.lane, S.number), session)
    return True


@compiled
def _may_go_on(w: Any, S: Any, L: Any) -> Any:
    G = settings_of(w)
    return may_go_on(
        S.is_closed != 0, S.is_over != 0, S.transactions, G.transactions_per_connection, G.sizing, L.mailmax
    )


@compiled
def end_session(w: Any, session: Any) -> None:
    """Leave, and connect once more if there is something left to send."""
    S, R = session_at(w, session), run_of(w)
    L = lane_at(w, S.lane)
    quit_session(w, S)
    if has_more(w, S.lane):
        L.starting += 1
        connect(w, session, S.lane)
        return
    L.connections -= 1
    R.connections -= 1
    S.free_next = R.session_free
    R.session_free = session
    R.staff_due = 1


@compiled
def end_transaction(w: Any, session: Any) -> Any:
    """Settle a transaction and go on; return False if an array is too small to go on."""
    S, R = session_at(w, session), run_of(w)
    L, job = lane_at(w, S.lane), S.job
    if S.gone_at >= 0:
        forget_unheard(w, S)
    if begins_anew(S.refused_at_mail != 0, S.is_closed != 0, S.committed, keeps_queue(schedule_of(w))):
        requeue_all(w, session)  # the connection is spent, its last transaction was not: go on with a new one
    else:
        file_outcomes(w, session)
    if S.tally_over > 0:
        L.learned = learn(L.learned, S.tally_accepted, S.tally_over)
        L.learned_at_ns = R.now
        if not keeps_connection(overflow_of(w, S)):
            S.is_over = 1
    job_at(w, job).in_flight -= 1
    push_job(w, job)
    after_transaction(w, job)
    S.pause_due = settings_of(w).pauses
    return go_on(w, session)


@compiled
def after_transaction(w: Any, job: Any) -> None:
    """See what a job needs now: nothing, a retry, or its end."""
    J, R = job_at(w, job), run_of(w)
    if J.unsent_count + J.requeued_count > 0 or J.in_flight > 0:
        return
    arrival_ns, waiting = message_at(w, J.message).arrival_ns, schedule_of(w)
    if J.deferred_count > 0 and is_expired(waiting, arrival_ns, R.now):
        fail_deferred(w, job)
    if J.deferred_count > 0:
        due_at = next_attempt(waiting, arrival_ns, R.now, J.attempt)
        _count_retry(w, J, due_at - R.now)
        number = message_at(w, J.message).number
        schedule(w, due_at, who_of(Kind.RETRY.value, J.lane, number), job)
        return
    message = J.message
    drop_job(w, job)
    message_at(w, message).jobs -= 1
    if message_at(w, message).jobs == 0:
        _end_message(w, message)


@compiled
def _count_retry(w: Any, J: Any, wait_ns: Any) -> None:
    """Count what the deferred recipients of a job wait until the next attempt."""
    L = lane_at(w, J.lane)
    L.waited_retry += recipient_seconds(J.deferred_count - J.rationed - J.greylisted, wait_ns)
    L.waited_rate += recipient_seconds(J.rationed, wait_ns)
    L.waited_greylist += recipient_seconds(J.greylisted, wait_ns)


@compiled
def retry(w: Any, job: Any) -> None:
    """Queue the deferred recipients of a job again."""
    retry_deferred(w, job)
    push_job(w, job)
    run_of(w).staff_due = 1


@compiled
def _end_message(w: Any, message: Any) -> None:
    R, G, M = run_of(w), settings_of(w), message_at(w, message)
    if G.resend != 0 and M.generation < G.resends and _failed(w, M) > 0:
        M.holds += 1
        number = G.messages + R.resends
        R.resends += 1
        at_ns = R.now + G.resend_after_ns
        # A resend is told from an original, and knows its own number, by its key.
        schedule(w, at_ns, who_of(Kind.ARRIVAL.value, 1, number), message)
    close(w, message)


@compiled
def _failed(w: Any, M: Any) -> Any:
    count = 0
    for slot in range(M.first, M.first + M.recipients):
        if (slot_at(w, slot).flags & NDR) != 0:
            count += 1
    return count


@compiled
def resend(w: Any, message: Any, number: Any) -> Any:
    """Take in the resend of a message; return False if an array is too small to go on."""
    R, G, first = run_of(w), settings_of(w), message_at(w, message)
    everyone = G.resend == RESEND_ALL
    count = first.recipients if everyone else _failed(w, first)
    if not has_room(w, count):
        return False
    again = new_message(w, number, R.now, first.size, count)
    M = message_at(w, again)
    M.generation, M.resend_of, M.origin = first.generation + 1, first.number, first.origin
    M.multiplier, M.offset = first.multiplier, first.offset
    if G.has_twins != 0:
        for old in range(first.first, first.first + first.recipients):
            slot_at(w, old).next = NONE
    slot = M.first
    for old in range(first.first, first.first + first.recipients):
        if everyone or (slot_at(w, old).flags & NDR) != 0:
            slot_at(w, slot).flags = slot_at(w, old).flags & VALID
            extra_at(w, slot).origin = origin_of(w, old, first.first)
            if G.has_twins == 0:
                extra_at(w, slot).copies = extra_at(w, old).copies
            else:
                _carry_copies(w, extra_at(w, old).twin, slot)
            if settings_of(w).keep_first_seen != 0:
                extra_at(w, slot).first_seen = extra_at(w, old).first_seen
            slot += 1
    first.holds -= 1
    release(w, message)
    queue_message(w, again)
    R.staff_due = 1
    return True


@compiled
def _carry_copies(w: Any, home: Any, slot: Any) -> None:
    """Let a slot of a resend count on where the slot that counted for the same person before has stopped."""
    if slot_at(w, home).next < 0:  # the first of the resend who is that person
        slot_at(w, home).next = slot
        extra_at(w, slot).copies = extra_at(w, home).copies
    extra_at(w, slot).twin = slot_at(w, home).next
