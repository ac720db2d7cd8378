"""What waits to be sent in compiled code: arrivals read when a queue needs them, and connections for the work.

Messages that have arrived while every connection is busy stay unread until a queue needs them, so memory does
not grow with what waits. That changes no result: a message read later would have been behind in every queue.
"""

from __future__ import annotations

from typing import Any

from simsmtp.engines.compiled.accounting import arrival_of, enter_original, has_room, recipients_of
from simsmtp.engines.compiled.storage.accessors import job_at, lane_at, ready_at, run_of, settings_of
from simsmtp.engines.compiled.storage.heaps import schedule, who_of
from simsmtp.engines.compiled.toolchain.jit import compiled
from simsmtp.peers.kind import Kind
from simsmtp.strategies.outcome import is_worth_connecting, may_connect
from simsmtp.strategies.retry import RetrySchedule, is_expired, keeps_queue
from simsmtp.strategies.sizing import next_size, still_known, transactions_for


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
