"""One connection in compiled code: the path, one flight at a time, and the waits between.

What the reference engine writes as a generator is here a record with a *phase*: where to go on when its event
comes. See `simsmtp.engines.reference.session`, whose steps these are.
"""

from __future__ import annotations

from typing import Any

from numba.extending import overload

from simsmtp.engines.compiled.draws import is_connect_lost, next_down, next_up, service_of
from simsmtp.engines.compiled.reply_buffer import (
    be_sure,
    does_not_arrive,
    flush,
    flush_last,
    hear,
    hear_again,
    hear_nothing,
    loses_reply,
    skip_ahead,
    stop_is_readable,
)
from simsmtp.engines.compiled.reply_notes import forget_refusals
from simsmtp.engines.compiled.server import answer_command, greet, leave_server, remember, repeat_answer, welcome
from simsmtp.engines.compiled.silence import DOUBTFUL, leave, leave_in_silence, look_at_the_time
from simsmtp.engines.compiled.storage.accessors import (
    has_tcp,
    lane_at,
    run_of,
    service_at,
    session_at,
    settings_of,
    slot_at,
    verb_at,
)
from simsmtp.engines.compiled.storage.heaps import plan_session_event, schedule, who_of
from simsmtp.engines.compiled.storage.layout import NONE, VERBS
from simsmtp.engines.compiled.storage.octets import octets_of
from simsmtp.engines.compiled.tcp_session import fly_by_tcp, send_banner_by_tcp
from simsmtp.engines.compiled.toolchain.jit import OPTIONS, compiled, inlined
from simsmtp.engines.compiled.workers import ask_for_worker, is_out_of_turn
from simsmtp.network.pipe import arrives, departs
from simsmtp.peers.kind import Kind
from simsmtp.policies.rate_limits import Counts, RateKind, RateLimit, RateState, reserved
from simsmtp.policies.reply_policy import new_counters
from simsmtp.protocol.commands import Verb
from simsmtp.protocol.states import State
from simsmtp.rows.totals import recipient_seconds
from simsmtp.strategies.patience import gives_up_at

BANNER, GREETED, TLS, HANDSHAKE, GREETED_AGAIN, FLIGHT, TEXT, PROBE, PAUSED, REFUSED, BEFORE, READY = range(12)
"""What a session waits for, and so where it goes on."""


@compiled
def connect(w: Any, session: Any, lane: Any) -> None:
    """Begin a session as soon as the sender's own rate allows it."""
    S, L = session_at(w, session), lane_at(w, lane)
    L.connected += 1
    S.lane, S.number, S.key = lane, L.connected, who_of(0, lane, L.connected)
    if not has_to_wait(w, session, S, Counts.CONNECTIONS.value, 1, BEFORE):
        open_connection(w, session)


@compiled
def has_to_wait(w: Any, session: Any, S: Any, counts: Any, amount: Any, phase: Any) -> Any:
    """Let a session wait as the sender's own rate wants it, to go on in `phase`; tell whether it does."""
    G, R, L = settings_of(w), run_of(w), lane_at(w, S.lane)
    if counts != G.rate_counts:
        return False
    limit = RateLimit(counts, 0, RateKind.BUCKET.value, G.rate_most, G.rate_window_ns, G.rate_gained, G.rate_cost)
    state = reserved(limit, RateState(L.rate_since_ns, L.rate_level), R.now, amount)
    L.rate_since_ns, L.rate_level = state.since_ns, state.level
    if state.since_ns <= R.now:
        return False
    if phase == READY:
        L.waited_rate += recipient_seconds(S.count, state.since_ns - R.now)
    S.phase = phase
    schedule(w, state.since_ns, who_of(Kind.WAIT.value, S.lane, S.number), session)
    return True


@compiled
def open_connection(w: Any, session: Any) -> None:
    """Set out for the server; the session goes on when it reaches it."""
    S, R = session_at(w, session), run_of(w)
    R.connected += 1
    if R.first_connect_ns < 0:
        R.first_connect_ns = R.now
    S.ups = S.downs = S.up_free = S.up_last = S.down_free = S.down_last = 0
    S.free = S.unflushed = S.buffered = S.reads = S.first_read = S.last_read = S.rcpts = 0
    S.stops = S.stop_seen = S.is_closed = S.is_over = S.needs_reset = S.admitted = 0
    S.lost = S.hush = S.is_silent = S.arrived_refusals = 0
    S.transactions = S.committed = S.greetings = S.in_service = S.sleep_ns = 0
    S.reset = S.mail = S.rcpts_left = S.sure = S.unnoted = S.pause_due = S.probed = S.marked = 0
    remember(S, new_counters())
    forget_refusals(S)
    S.stop_read_at = S.message = S.job = S.block = S.last = S.gone_at = NONE
    S.state = State.CLOSED.value
    S.phase = BANNER
    R.round_trips += 2  # the TCP handshake, then the banner
    S.rtt_ns = next_up(w, S) + next_down(w, S)
    arrival = R.now + S.rtt_ns + next_up(w, S)
    S.due_at = R.now + S.rtt_ns + settings_of(w).least_timeout_ns
    given_up_at = gives_up_at(R.now, R.now, verb_at(w, Verb.CONNECT.value).timeout_ns)
    if R.now + S.rtt_ns > given_up_at or is_connect_lost(w, S):
        leave_in_silence(w, session, S, given_up_at)
        return
    plan_session_event(w, session, S, Kind.ACCEPT.value, arrival)


@compiled
def accept_connection(w: Any, session: Any) -> None:
    """Let a connection in, or not, and serve it its banner."""
    S = session_at(w, session)
    L = lane_at(w, S.lane)
    welcome(w, S, L)
    S.free = S.accepted_ns = run_of(w).now
    S.verb, S.slot = Verb.CONNECT.value, NONE
    S.service_ns = service_of(w, S, Verb.CONNECT.value, NONE)
    if L.workers > 0 and S.service_ns > 0:
        if not ask_for_worker(w, session, S, S.free):
            return
    else:
        S.free += S.service_ns
    send_banner(w, session)


@compiled
def _send_banner_by_pipe(w: Any, session: Any) -> None:
    S = session_at(w, session)
    S.in_service = 0
    hear(w, S, Verb.CONNECT.value, NONE, greet(w, S))
    S.is_closed = 1 - S.admitted  # whatever the code
    flush(w, S)
    _wait_for_replies(w, session, S)


@compiled
def start_flight(w: Any, session: Any, S: Any, phase: Any) -> None:
    """Write the flight that the record describes and go on in `phase` when its replies are there."""
    R = run_of(w)
    R.round_trips += 1
    S.phase = phase
    S.stop_read_at, S.stop_seen = NONE, 0
    S.first_read, S.rcpts = S.reads, 0
    S.due_at = R.now + settings_of(w).least_timeout_ns
    S.written_at = S.began_at = R.now
    S.free_before, S.idle_ns = S.free, 0
    S.delay = NONE
    fly(w, session, S)


@compiled
def start_lone_command(w: Any, session: Any, S: Any, verb: Any, phase: Any) -> None:
    """Write a flight of one command."""
    S.last, S.command_ns, S.stops = verb, 0, 0
    start_flight(w, session, S, phase)


@inlined
def sends_ns(w: Any, S: Any, verb: Any) -> Any:
    """Return how long the next command keeps the link."""
    known = service_at(w, S.lane * VERBS + verb).sends_ns
    if known >= 0:
        return known
    return departs(0, 0, octets_of(w, S, verb), lane_at(w, S.lane).bits_per_s, 1)


@inlined
def _send(w: Any, S: Any, verb: Any) -> None:
    """Write a command and send it over the path."""
    if S.command_ns > 0 or S.delay < 0:
        S.written_at += S.command_ns
        S.delay = next_up(w, S)
    free = departs(S.written_at, S.up_free, 0, 0, 1) + sends_ns(w, S, verb)
    S.up_free, S.up_last = free, arrives(free, S.delay, S.up_last)


@inlined
def _next_verb(S: Any) -> Any:
    """Return the next command of a flight, none if all are written."""
    if S.reset != 0:
        S.reset = 0
        return Verb.RSET.value
    if S.mail != 0:
        S.mail = 0
        return Verb.MAIL.value
    if S.rcpts_left > 0:
        return Verb.RCPT.value
    last = S.last + 0
    S.last = NONE
    return last


@compiled
def _fly_by_pipe(w: Any, session: Any, S: Any) -> None:
    L = lane_at(w, S.lane)
    workers = L.workers
    while True:
        if S.in_service != 0:
            verb, slot = S.verb, S.slot
        else:
            verb, slot = _next_verb(S), NONE
            if verb == Verb.RCPT:
                slot = S.next
                S.next = slot_at(w, slot).next
                S.rcpts_left -= 1
                if S.stops != 0 and stop_is_readable(w, S, S.written_at + S.command_ns):
                    continue
            elif verb < 0:
                break
            _send(w, S, verb)
            if S.free > S.due_at:
                look_at_the_time(w, S, verb)
            if S.hush != 0 and does_not_arrive(w, S, verb):
                hear_nothing(w, S, verb, slot)
                continue
            at = S.free
            if S.up_last > at:
                at, S.idle_ns = S.up_last, S.idle_ns + S.up_last - at
                flush(w, S)
            service = service_of(w, S, verb, slot)
            if workers > 0 and service > 0:
                S.verb, S.slot, S.service_ns = verb, slot, service
                if not ask_for_worker(w, session, S, at):
                    return
            else:
                S.free = at + service
        if L.in_order != 0 and is_out_of_turn(w, session, S, verb, slot):
            return
        S.in_service = 0
        if S.hush == DOUBTFUL and verb != Verb.RCPT and loses_reply(w, S, verb, slot):
            continue
        if S.sure > 0:
            hear_again(w, S, L, slot)
        else:
            answer = answer_command(w, session, S, verb, slot)
            hear(w, S, verb, slot, answer)
            if verb == Verb.RCPT and L.are_alike != 0 and S.stops == 0:
                be_sure(w, S, L, repeat_answer(w, S, L, answer), answer)
        if S.sure > 0 and L.in_bulk != 0 and S.command_ns == 0:
            skip_ahead(w, S, L)
    flush_last(w, S)
    if L.replies_per_read > 0:
        S.reads = S.last_read + 1
    _wait_for_replies(w, session, S)


def send_banner(w: Any, session: Any) -> None:
    """Write the banner, which has been served."""
    raise NotImplementedError(w, session)


@overload(send_banner, jit_options=OPTIONS)
def _send_banner(w: Any, session: Any) -> Any:
    return _send_banner_by_either if has_tcp(w) else _send_banner_by_pipe.py_func


def _send_banner_by_either(w: Any, session: Any) -> None:
    if lane_at(w, session_at(w, session).lane).profile_tcp != 0:
        send_banner_by_tcp(w, session)
    else:
        _send_banner_by_pipe(w, session)


def fly(w: Any, session: Any, S: Any) -> None:
    """Go on with a flight until a command has to wait for a worker, or all is written and served."""
    raise NotImplementedError(w, session, S)


@overload(fly, jit_options=OPTIONS)
def _fly(w: Any, session: Any, S: Any) -> Any:
    return _fly_by_either if has_tcp(w) else _fly_by_pipe.py_func


def _fly_by_either(w: Any, session: Any, S: Any) -> None:
    if lane_at(w, S.lane).profile_tcp != 0:
        fly_by_tcp(w, session, S)
    else:
        _fly_by_pipe(w, session, S)


@compiled
def _wait_for_replies(w: Any, session: Any, S: Any) -> None:
    if S.is_silent != 0 or S.gone_at >= 0:
        leave(w, session, S)
        return
    if S.is_closed != 0:
        leave_server(w, S, S.free)
    plan_session_event(w, session, S, Kind.READ.value, S.down_last)


@compiled
def quit_session(w: Any, S: Any) -> None:
    """Leave without waiting for the reply to QUIT."""
    arrival = run_of(w).now + next_up(w, S)
    if S.is_closed == 0:
        S.is_closed = 1
        leave_server(w, S, arrival)
