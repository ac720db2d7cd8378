"""What waits to be sent in compiled code: arrivals read when a queue needs them, and connections for the work.

Messages that have arrived while every connection is busy stay unread until a queue needs them, so memory does
not grow with what waits. That changes no result: a message read later would have been behind in every queue.
"""

from __future__ import annotations

from typing import Any

from simsmtp.engines.compiled.accounting import has_room, new_message, origin_of, queue_message
from simsmtp.engines.compiled.draws import uniform, value_of_message, whole_of_message
from simsmtp.engines.compiled.storage.accessors import (
    extra_at,
    job_at,
    lane_at,
    message_at,
    ready_at,
    run_of,
    settings_of,
    slot_at,
    trace_at,
    unknown_at,
)
from simsmtp.engines.compiled.storage.heaps import schedule, who_of
from simsmtp.engines.compiled.storage.layout import INTERARRIVAL, RECIPIENTS, SIZE
from simsmtp.engines.compiled.storage.people import home_of, number_of, sort_by_domain
from simsmtp.engines.compiled.toolchain.jit import compiled
from simsmtp.peers.kind import Kind
from simsmtp.randomness.permutation import multiplier_of, offset_of
from simsmtp.randomness.streams import Purpose
from simsmtp.strategies.order import number_at
from simsmtp.strategies.outcome import is_worth_connecting, may_connect
from simsmtp.strategies.retry import RetrySchedule, is_expired, keeps_queue
from simsmtp.strategies.sizing import next_size, still_known, transactions_for


@compiled
def arrival_of(w: Any, number: Any, last_ns: Any) -> Any:
    """Return when a message arrives and what the clock of arrivals then says."""
    G = settings_of(w)
    at_ns = last_ns + int(value_of_message(w, INTERARRIVAL, Purpose.ARRIVAL.value, number))
    if G.traced != 0 and G.trace_arrivals != 0:
        return int(trace_at(w, number).arrival_ns / G.speedup), at_ns
    return at_ns, at_ns


@compiled
def recipients_of(w: Any, number: Any) -> Any:
    """Return how many recipients a message has."""
    G = settings_of(w)
    if G.traced != 0:
        return trace_at(w, number).recipients * G.recipient_factor
    return whole_of_message(w, RECIPIENTS, Purpose.RECIPIENT_COUNT.value, number)


@compiled
def size_of(w: Any, number: Any) -> Any:
    """Return the octets of a message's text."""
    if settings_of(w).traced != 0 and trace_at(w, number).size > 0:
        return trace_at(w, number).size
    return whole_of_message(w, SIZE, Purpose.MESSAGE_BYTES.value, number)


@compiled
def enter_original(w: Any, number: Any, at_ns: Any, recipients: Any) -> Any:
    """Take in a message as it arrives, and queue it for its destinations; return its place."""
    message = new_message(w, number, at_ns, size_of(w, number), recipients)
    M, G = message_at(w, message), settings_of(w)
    if G.population > 0:
        M.multiplier = multiplier_of(uniform(w, Purpose.PEOPLE.value, number, 0, 0), G.population)
        M.offset = offset_of(uniform(w, Purpose.PEOPLE.value, number, 0, 1), G.population)
    if G.keep_origins != 0:
        _order(w, M, recipients)
    if G.has_twins != 0:
        for slot in range(M.first, M.first + recipients):
            extra_at(w, slot).twin = home_of(w, M, origin_of(w, slot, M.first))
    if G.unknown_share > 0.0:
        for recipient in range(recipients):
            if _mailbox_draw(w, M, recipient) < G.unknown_share:
                slot_at(w, M.first + recipient).flags = 0
    if G.has_unknown != 0:
        _mark_unknown(w, M)
    queue_message(w, message)
    return message


@compiled
def _order(w: Any, M: Any, recipients: Any) -> None:
    """Note which place in the message each recipient has, in the order in which they are sent."""
    G = settings_of(w)
    for place in range(recipients):
        sorts = G.sorts_by_domain != 0 and G.meets_again == 0
        extra_at(w, M.first + place).origin = number_at(place, recipients, G.domains) if sorts else place
    if G.sorts_by_domain != 0 and G.meets_again != 0:
        sort_by_domain(w, M)


@compiled
def _mailbox_draw(w: Any, M: Any, recipient: Any) -> Any:
    """Return the draw that decides whether a mailbox of an original message is unknown."""
    if settings_of(w).meets_again == 0:
        return uniform(w, Purpose.MAILBOX.value, M.number, 0, recipient)
    person = number_of(w, M, origin_of(w, M.first + recipient, M.first))
    return uniform(w, Purpose.PERSON_MAILBOX.value, 0, 0, person)


@compiled
def _mark_unknown(w: Any, M: Any) -> None:
    """Note the mailboxes that are unknown by their place."""
    last = w.unknown_room
    for slot in range(M.first, M.first + M.recipients):
        origin = origin_of(w, slot, M.first)
        if origin < last and unknown_at(w, origin).is_unknown != 0:
            slot_at(w, slot).flags = 0


@compiled
def schedule_of(w: Any) -> Any:
    """Return the sender's retry schedule."""
    G = settings_of(w)
    return RetrySchedule(G.retry_initial_ns, G.retry_max_ns, G.retry_factor, G.expiry_ns)


@compiled
def note_arrivals(w: Any) -> None:
    """Let in all messages that arrive by now, and schedule the next arrival."""
    R, G = run_of(w), settings_of(w)
    while R.arrived < G.messages:
        at_ns, clock = arrival_of(w, R.arrived, R.arrived_ns)
        if at_ns > R.now:
            schedule(w, at_ns, who_of(Kind.ARRIVAL.value, 0, R.arrived), R.arrived)
            return
        R.arrived, R.arrived_ns = R.arrived + 1, clock


@compiled
def read_arrivals(w: Any, lane: Any, expired: Any) -> Any:
    """Take in the messages that have arrived, as far as anyone can tell the difference.

    Parameters
    ----------
    lane : int
        Destination whose queue is about to be used, -1 for none.
    expired : bool
        Its expired messages are wanted.

    Returns
    -------
    bool
        False if an array is too small to go on.
    """
    R = run_of(w)
    while R.entered < R.arrived:
        at_ns, clock = arrival_of(w, R.entered, R.entered_ns)
        if _all_are_busy(w):
            wanted = lane >= 0 and not (_is_behind(w, lane, at_ns, R.entered) and has_more(w, lane))
            if not wanted and not (expired and is_expired(schedule_of(w), at_ns, R.now)):
                return True
        recipients = recipients_of(w, R.entered)
        if not has_room(w, recipients):
            return False
        enter_original(w, R.entered, at_ns, recipients)
        R.entered, R.entered_ns = R.entered + 1, clock
        staff(w)
    return True


@compiled
def _all_are_busy(w: Any) -> Any:
    """Tell whether no connection could be begun, whatever is in the queues."""
    R = run_of(w)
    if R.connections >= settings_of(w).connections_total:
        return True
    for lane in range(w.lanes_room):
        if lane_at(w, lane).connections < lane_at(w, lane).connections_limit:
            return False
    return True


@compiled
def _is_behind(w: Any, lane: Any, at_ns: Any, number: Any) -> Any:
    """Tell whether a message would be behind the first job in a destination's queue."""
    if lane_at(w, lane).ready == 0:
        return False
    first = ready_at(w, lane, 0)
    return first.at < at_ns or (first.at == at_ns and first.number < number)


@compiled
def staff(w: Any) -> None:
    """Decide to begin as many connections as there is waiting work for and the limits allow."""
    R = run_of(w)
    for lane in range(w.lanes_room):
        L = lane_at(w, lane)
        while _wants_connection(w, lane, L):
            L.connections += 1
            L.starting += 1
            L.to_start += 1
            R.connections += 1
            R.to_start += 1


@compiled
def _wants_connection(w: Any, lane: Any, L: Any) -> Any:
    R, most_in_all = run_of(w), settings_of(w).connections_total
    if not may_connect(L.connections, L.connections_limit, R.connections, most_in_all):
        return False
    return _is_worth_connecting(w, lane, L)


@compiled
def has_more(w: Any, lane: Any) -> Any:
    """Tell whether work waits; without a queue each connection that is being begun stands for some."""
    L = lane_at(w, lane)
    return L.ready > 0 and (keeps_queue(schedule_of(w)) or _is_worth_connecting(w, lane, L))


@compiled
def _is_worth_connecting(w: Any, lane: Any, L: Any) -> Any:
    R = run_of(w)
    if is_worth_connecting(L.ready, L.starting):
        return True  # a job in the queue is worth one transaction at least
    size = size_of_batch(w, L)
    if not is_worth_connecting(L.ready * transactions_for(R.largest, size), L.starting):
        return False  # not even if all jobs were as large as the largest message
    waiting = 0
    for place in range(L.ready):
        J = job_at(w, ready_at(w, lane, place).job)
        waiting += transactions_for(J.unsent_count + J.requeued_count, size)
        if is_worth_connecting(waiting, L.starting):
            return True
    return False


@compiled
def size_of_batch(w: Any, L: Any) -> Any:
    """Return how many recipients the next transaction takes."""
    G = settings_of(w)
    if not still_known(L.learned_at_ns, run_of(w).now, G.forget_ns):
        L.learned = 0
    return next_size(G.sizing, G.batch_size, L.rcptmax, L.learned)
