"""A destination's workers in compiled code: who is served, who waits in line, and when no event is needed to tell."""

from __future__ import annotations

from typing import Any

from simsmtp.engines.compiled.storage.accessors import lane_at, run_of, settings_of, wait_at
from simsmtp.engines.compiled.storage.heaps import is_next, schedule, who_of
from simsmtp.engines.compiled.storage.layout import NONE
from simsmtp.engines.compiled.toolchain.jit import inlined
from simsmtp.peers.kind import Kind


@inlined
def ask_for_worker(w: Any, session: Any, S: Any, at: Any) -> Any:
    """Ask for a worker at a time to come; return True if it has already done its work, without an event."""
    R, L = run_of(w), lane_at(w, S.lane)
    S.in_service = 1
    who = who_of(Kind.REQUEST.value, S.lane, S.number)
    if not _may_jump(w, at, who):
        schedule(w, at, who, session)
        return False
    R.now = at
    R.bypassed += 1
    return take_worker(w, session, S, L)


@inlined
def take_worker(w: Any, session: Any, S: Any, L: Any) -> Any:
    """Take a free worker now or wait in line; return True if it has already done its work, without an event."""
    R = run_of(w)
    who = who_of(Kind.SERVED.value, S.lane, S.number)
    if L.busy >= L.workers:
        wait = wait_at(w, session)
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
        schedule(w, done_at, who, session)
        return False
    R.now = done_at
    R.bypassed += 1
    leave_worker(w, L)
    S.free = R.now
    return True


@inlined
def leave_worker(w: Any, L: Any) -> None:
    """Hand a worker to the session that has waited longest."""
    L.busy -= 1
    session = L.first_waiting
    if session >= 0:
        wait = wait_at(w, session)
        L.first_waiting = wait.next
        if L.first_waiting < 0:
            L.last_waiting = NONE
        L.busy += 1
        schedule(w, run_of(w).now + wait.service_ns, wait.who, session)


@inlined
def _may_jump(w: Any, at: Any, who: Any) -> Any:
    """Tell whether time may go on to an event without putting it among the others."""
    R = run_of(w)
    if R.staff_due != 0 or R.to_start != 0 or at >= settings_of(w).horizon_ns:
        return False
    return is_next(w, at, who)
