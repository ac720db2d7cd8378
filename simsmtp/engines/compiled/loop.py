"""The event loop: takes the next event, and goes on where it says, until it has to return to Python."""

from __future__ import annotations

from typing import Any

from simsmtp.engines.compiled.accounting import close, has_room, write_rows
from simsmtp.engines.compiled.arrivals import (
    arrival_of,
    enter_original,
    note_arrivals,
    read_arrivals,
    recipients_of,
    staff,
)
from simsmtp.engines.compiled.draws import next_down, next_up
from simsmtp.engines.compiled.reply_notes import count_refusals, count_wait
from simsmtp.engines.compiled.sender import (
    end_transaction,
    give_up_expired,
    go_on,
    greeted,
    resend,
    retry,
    start_connections,
)
from simsmtp.engines.compiled.session import (
    BANNER,
    BEFORE,
    FLIGHT,
    GREETED,
    GREETED_AGAIN,
    HANDSHAKE,
    PROBE,
    READY,
    REFUSED,
    TEXT,
    TLS,
    accept_connection,
    fly,
    open_connection,
    send_banner,
    start_lone_command,
)
from simsmtp.engines.compiled.silence import leave_in_silence
from simsmtp.engines.compiled.storage.accessors import (
    event_at,
    lane_at,
    message_at,
    run_of,
    session_at,
    settings_of,
    verb_at,
)
from simsmtp.engines.compiled.storage.heaps import (
    DESTINATION_BITS,
    KIND_BITS,
    destination_of,
    drop_first,
    is_next,
    plan_session_event,
    schedule,
)
from simsmtp.engines.compiled.storage.layout import DONE, GROW, NONE, OVERFLOW, PAUSE, ROWS
from simsmtp.engines.compiled.toolchain.jit import compiled, inlined
from simsmtp.engines.compiled.transaction import begin_transaction, read_flight
from simsmtp.engines.compiled.workers import first_in_line, leave_line, leave_worker, take_worker
from simsmtp.model.ranges import LONGEST_NS
from simsmtp.peers.kind import Kind
from simsmtp.protocol.commands import Verb
from simsmtp.strategies.patience import gives_up_at

_PER_EVENT = 8
"""Events that one step may add at most; `start_connections` looks for itself."""

PER_PAUSE = 1 << 17
"""Events between two pauses: some milliseconds where they are short, a second where each is a long flight."""


@compiled
def run(w: Any) -> Any:
    """Go on with a run until it is done or has to wait for Python; return which."""
    R = run_of(w)
    until = min(settings_of(w).horizon_ns, LONGEST_NS + 1)
    while R.ending == 0:
        if not _finish_step(w):
            return GROW
        if R.finished >= 0 and not write_rows(w):
            return ROWS
        _serve_commands(w, until)
        if R.events + _PER_EVENT > w.events_room:
            return GROW
        if R.events == 0 or event_at(w, 0).at >= settings_of(w).horizon_ns:
            R.ending = 1
            break
        if R.handled - R.paused_at >= PER_PAUSE:
            R.paused_at = R.handled
            return PAUSE
        first = event_at(w, 0)
        if first.at > LONGEST_NS:
            return OVERFLOW
        if _may_queue(first.who >> KIND_BITS) and _ready_is_full(w):
            return GROW
        R.now = first.at
        R.handled += 1
        who, what = first.who, first.what
        drop_first(w)
        _handle(w, who, what)
    return _end(w)


@inlined
def _serve_commands(w: Any, until: Any) -> None:
    """Work off events as long as they are commands that reach workers or leave them: they leave nothing to do."""
    R, most = run_of(w), w.events_room - _PER_EVENT
    while R.events <= most:
        at, who, session = first_in_line(w)
        kind = who >> KIND_BITS
        if session >= 0 and is_next(w, at, who):
            leave_line(w, session, kind == Kind.SERVED)
            if at >= until:
                schedule(w, at, who, session)
                continue
        else:
            first = event_at(w, 0)
            at, who, session = first.at, first.who, first.what
            kind = who >> KIND_BITS
            if R.events == 0 or at >= until or (kind != Kind.SERVED and kind != Kind.REQUEST):  # noqa: PLR1714
                return
            drop_first(w)
        R.now = at
        R.handled += 1
        S, L = session_at(w, session), lane_at(w, destination_of(who))  # no need to wait for what S says
        if kind == Kind.SERVED:
            leave_worker(w, L)
            S.free = at
        elif not take_worker(w, session, S, L):
            continue
        if S.phase == BANNER:
            send_banner(w, session)
        else:
            fly(w, session, S)


@compiled
def _finish_step(w: Any) -> Any:
    """Do what the last event left to do; return False if an array is too small for it."""
    R = run_of(w)
    if R.handled == 0:
        R.handled = 1
        note_arrivals(w)
        R.read_due = 1
    if R.read_due != 0:
        if not read_arrivals(w, NONE, False):
            return False
        R.read_due = 0
    if R.resend_due >= 0:
        if not resend(w, R.resend_due, R.resend_number):
            return False
        R.resend_due = NONE
    if R.resume >= 0:
        session = R.resume
        R.resume = NONE
        if not _resume(w, session, session_at(w, session).phase):
            R.resume = session
            return False
    if R.staff_due != 0:
        R.staff_due = 0
        staff(w)
    return R.to_start == 0 or start_connections(w)


@compiled
def _resume(w: Any, session: Any, phase: Any) -> Any:
    """Go on with a session that has waited; return False if an array is too small for it."""
    if phase == BEFORE:
        open_connection(w, session)
        return True
    if phase == READY:
        begin_transaction(w, session)
        return True
    return give_up_expired(w, session) if phase == REFUSED else go_on(w, session)


@inlined
def _may_queue(kind: Any) -> Any:
    """Tell whether an event of a kind may put jobs into a queue."""
    return kind == Kind.READ or kind == Kind.RETRY or kind == Kind.ARRIVAL or kind == Kind.WAIT  # noqa: PLR1714


@compiled
def _ready_is_full(w: Any) -> Any:
    """Tell whether a queue has no room for the jobs of one more step."""
    room = w.ready_room
    for lane in range(w.lanes_room):
        if lane_at(w, lane).ready + 2 > room:
            return True
    return False


@inlined
def _handle(w: Any, who: Any, what: Any) -> None:
    """Work off an event that is no command."""
    R, kind = run_of(w), who >> KIND_BITS
    if kind == Kind.READ:
        if not _read(w, what):
            R.resume = what
    elif kind == Kind.ACCEPT:
        accept_connection(w, what)
    elif kind == Kind.HANG_UP:
        lane_at(w, what).sessions -= 1
    elif kind == Kind.ARRIVAL:
        if (who >> DESTINATION_BITS) & 1 == 0:
            note_arrivals(w)
            R.read_due = 1
        else:
            R.resend_due, R.resend_number = what, who & ((1 << DESTINATION_BITS) - 1)
    elif kind == Kind.RETRY:
        retry(w, what)
    elif kind == Kind.DECIDE:
        fly(w, what, session_at(w, what))
    else:
        R.resume = what  # a client that was refused, or has paused, goes on


@compiled
def _read(w: Any, session: Any) -> Any:
    """Go on with a session whose replies have been read; return False if an array is too small to go on."""
    S, G = session_at(w, session), settings_of(w)
    phase = S.phase
    if S.heard_refusals != 0:
        count_refusals(w, S)
    if phase in (FLIGHT, TEXT):
        count_wait(w, S)
    if phase == FLIGHT:
        return end_transaction(w, session) if read_flight(w, session) else True
    if phase == BANNER:
        if S.is_closed != 0:
            return greeted(w, session)
        start_lone_command(w, session, S, Verb.EHLO.value, GREETED)
        return True
    if phase == GREETED:
        if G.starttls == 0 or S.is_closed != 0:
            return greeted(w, session)
        start_lone_command(w, session, S, Verb.STARTTLS.value, TLS)
        return True
    if phase in (TLS, HANDSHAKE) and S.is_closed != 0:
        return greeted(w, session)
    if phase == TLS:
        S.rounds_left = lane_at(w, S.lane).tls_round_trips
        _shake_hands(w, session)
        return True
    if phase == HANDSHAKE:
        if S.rounds_left > 0:
            _shake_hands(w, session)
        else:
            start_lone_command(w, session, S, Verb.EHLO.value, GREETED_AGAIN)
        return True
    if phase == GREETED_AGAIN:
        return greeted(w, session)
    if phase == PROBE:
        return go_on(w, session)
    S.needs_reset = 1 if S.final_code == 0 else 0
    return end_transaction(w, session)


@compiled
def _shake_hands(w: Any, session: Any) -> None:
    S, R = session_at(w, session), run_of(w)
    S.phase = HANDSHAKE
    S.rounds_left -= 1
    R.round_trips += 1
    done_at = R.now + next_up(w, S) + next_down(w, S)
    given_up_at = gives_up_at(R.now, R.now, verb_at(w, Verb.STARTTLS.value).timeout_ns)
    if done_at > given_up_at:
        S.arrived_refusals = 0
        leave_in_silence(w, session, S, given_up_at)
        return
    plan_session_event(w, session, S, Kind.READ.value, done_at)


@compiled
def _end(w: Any) -> Any:
    """Close what is still open; messages that nobody has looked at yet are taken in to be counted."""
    R = run_of(w)
    for lane in range(w.lanes_room):
        lane_at(w, lane).ready = 0
    R.jobs_used, R.job_free, R.jobs_free = 0, NONE, 0
    while True:
        if R.finished >= 0 and not write_rows(w):
            return ROWS
        while R.closing < R.messages_used:
            message = R.closing
            R.closing += 1
            if message_at(w, message).open != 0:
                close(w, message)
                if R.finished >= 0 and not write_rows(w):
                    return ROWS
        if R.entered == R.arrived:
            return DONE
        at_ns, clock = arrival_of(w, R.entered, R.entered_ns)
        recipients = recipients_of(w, R.entered)
        if not has_room(w, recipients):
            return GROW
        message = enter_original(w, R.entered, at_ns, recipients)
        R.entered, R.entered_ns = R.entered + 1, clock
        for lane in range(w.lanes_room):
            lane_at(w, lane).ready = 0
        R.jobs_used = 0
        close(w, message)
