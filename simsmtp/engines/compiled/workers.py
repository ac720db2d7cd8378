"""A destination's workers in compiled code: who is served, who waits in line, and when no event is needed to tell.

Most events of a server with workers come in the order in which they are planned: whoever asks as soon as the last
command has been served asks after those who did so at the same instant, and services of equal length end as they began.
So two lines stand beside the heap of events, one of requests that are made right now and one of services. What is
planned joins the end of its line if it comes after all others there, and else the heap; the next event is the first
of the two lines and the heap. Which event is next is the same as if all were in the heap.
"""

from __future__ import annotations

from typing import Any

from simsmtp.engines.compiled.storage.accessors import (
    fetch,
    lane_at,
    run_of,
    service_at,
    session_at,
    settings_of,
    wait_at,
)
from simsmtp.engines.compiled.storage.heaps import KIND_BITS, comes_before, is_next, plan_session_event, schedule
from simsmtp.engines.compiled.storage.layout import NEVER_NS, NONE, VERBS
from simsmtp.engines.compiled.toolchain.jit import inlined, rare
from simsmtp.peers.kind import Kind

AT_WORK, DECIDES = 1, 2
"""What a session's command that is `in_service` waits for: a worker, or the turn to be answered."""


@inlined
def ask_for_worker(w: Any, session: Any, S: Any, at: Any) -> Any:
    """Ask for a worker at a time to come; return True if it has already done its work, without an event."""
    R = run_of(w)
    S.in_service = AT_WORK
    who = (Kind.REQUEST.value << KIND_BITS) + S.key
    if _may_jump(w, at, who):
        R.now = at
        R.bypassed += 1
        return take_worker(w, session, S, lane_at(w, S.lane))
    if at == R.now and (R.asking == 0 or wait_at(w, R.last_asking).who < who):
        if R.asking == 0:
            R.first_asking = session
        else:
            wait_at(w, R.last_asking).next = session
        R.last_asking = session
        R.asking += 1
        wait_at(w, session).who = who
    else:
        schedule(w, at, who, session)
    return False


@inlined
def first_in_line(w: Any) -> Any:
    """Return when, by which key and of which session is what comes first of the lines outside the heap, if any."""
    R = run_of(w)
    at, who, session = NEVER_NS, NEVER_NS, NONE
    if R.serving != 0:
        session = R.first_serving
        at, who = wait_at(w, session).at, wait_at(w, session).who
    if R.asking != 0 and R.now < at:  # at the same time, who has been served comes first
        at, session = R.now, R.first_asking
        who = wait_at(w, session).who
    return at, who, session


@inlined
def leave_line(w: Any, session: Any, is_served: Any) -> None:
    """Take the first out of the line of those in service, or of those that ask."""
    R = run_of(w)
    following = wait_at(w, session).next
    if is_served:
        R.first_serving = following
        R.serving -= 1
    else:
        R.first_asking = following
        R.asking -= 1


@inlined
def take_worker(w: Any, session: Any, S: Any, L: Any) -> Any:
    """Take a free worker now or wait in line; return True if it has already done its work, without an event."""
    R = run_of(w)
    who = (Kind.SERVED.value << KIND_BITS) + S.key
    wait = wait_at(w, session)
    if L.busy >= L.workers:
        wait.next, wait.who, wait.service_ns = NONE, who, S.service_ns
        if L.last_waiting >= 0:
            wait_at(w, L.last_waiting).next = session
        else:
            L.first_waiting = session
        L.last_waiting = session
        return False
    L.busy += 1
    done_at = R.now + S.service_ns
    if not _may_jump(w, done_at, who):
        wait.who = who
        _begin_service(w, done_at, who, session)
        return False
    R.now = done_at
    R.bypassed += 1
    leave_worker(w, L)
    S.free = R.now
    return True


@inlined
def leave_worker(w: Any, L: Any) -> None:
    """Hand a worker to the session that has waited longest."""
    session = L.first_waiting
    if session < 0:
        L.busy -= 1
        return
    wait = wait_at(w, session)
    L.first_waiting = wait.next
    if L.first_waiting < 0:
        L.last_waiting = NONE
    fetch(session_at(w, session))
    _begin_service(w, run_of(w).now + wait.service_ns, wait.who, session)


@rare
def is_out_of_turn(w: Any, session: Any, S: Any, verb: Any, slot: Any) -> Any:
    """Tell whether a command that has been served has to wait for an event of its own.

    Its answer depends on what other sessions were answered before.
    """
    if service_at(w, S.lane * VERBS + verb).in_order == 0 or S.in_service == DECIDES:
        return False
    S.verb, S.slot, S.in_service = verb, slot, DECIDES
    plan_session_event(w, session, S, Kind.DECIDE.value, S.free)
    return True


@inlined
def _begin_service(w: Any, at: Any, who: Any, session: Any) -> None:
    """Plan the end of a service: behind those in line if it is the last of them, else in the heap."""
    R = run_of(w)
    if R.serving == 0:
        R.first_serving = session
    else:
        last = wait_at(w, R.last_serving)
        if not comes_before(last.at, last.who, at, who):
            schedule(w, at, who, session)
            return
        last.next = session
    R.last_serving = session
    R.serving += 1
    wait_at(w, session).at = at


@inlined
def _may_jump(w: Any, at: Any, who: Any) -> Any:
    """Tell whether time may go on to an event without putting it among the others."""
    R = run_of(w)
    if R.staff_due | R.to_start | R.asking != 0 or at >= settings_of(w).horizon_ns:
        return False
    if R.serving != 0:
        one = wait_at(w, R.first_serving)
        if not comes_before(at, who, one.at, one.who):
            return False
    return is_next(w, at, who)
