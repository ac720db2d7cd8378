"""One connection in compiled code: the path, one flight at a time, and the waits between.

What the reference engine writes as a generator is here a record with a *phase*: where to go on when its event
comes. See `simsmtp.engines.reference.session`, whose steps these are.
"""

from __future__ import annotations

from typing import Any

from simsmtp.engines.compiled.draws import next_down, next_up, service_of
from simsmtp.engines.compiled.heaps import plan_session_event, schedule, who_of
from simsmtp.engines.compiled.jit import compiled
from simsmtp.engines.compiled.layout import NONE
from simsmtp.engines.compiled.memory import (
    lane_at,
    message_at,
    run_of,
    session_at,
    settings_of,
    slot_at,
    spoken_at,
    verb_at,
)
from simsmtp.engines.compiled.server import ANSWERS, answer_command, greet
from simsmtp.engines.compiled.workers import ask_for_worker
from simsmtp.engines.kind import Kind
from simsmtp.network.pipe import arrives, departs
from simsmtp.protocol.answers import Answer
from simsmtp.protocol.commands import LONE_DOT_OCTETS, Verb, bdat_octets
from simsmtp.protocol.states import State
from simsmtp.strategies.overflow import overflow_for, stops_sending
from simsmtp.strategies.seen import Seen, classify
from simsmtp.strategies.tally import Tally, observe

BANNER, GREETED, TLS, HANDSHAKE, GREETED_AGAIN, FLIGHT, TEXT, REFUSED = range(8)
"""What a session waits for, and so where it goes on."""


@compiled
def tally_of(S: Any) -> Any:
    """Return what came back to the RCPTs of the transaction so far."""
    return Tally(
        S.tally_accepted,
        S.tally_over,
        S.tally_failed,
        S.tally_deferred,
        S.tally_over_reads,
        S.tally_last_over_read,
        S.tally_over_flights,
        S.tally_last_over_flight,
    )


@compiled
def keep_tally(S: Any, tally: Any) -> None:
    """Put a tally into a session's record."""
    S.tally_accepted, S.tally_over = tally.accepted, tally.over
    S.tally_failed, S.tally_deferred = tally.failed, tally.deferred
    S.tally_over_reads, S.tally_last_over_read = tally.over_reads, tally.last_over_read
    S.tally_over_flights, S.tally_last_over_flight = tally.over_flights, tally.last_over_flight


@compiled
def connect(w: Any, session: Any, lane: Any) -> None:
    """Begin a session on a connection; it goes on when it reaches the server."""
    S, L, R = session_at(w, session), lane_at(w, lane), run_of(w)
    L.connected += 1
    R.connected += 1
    if R.first_connect_ns < 0:
        R.first_connect_ns = R.now
    S.lane, S.number = lane, L.connected
    S.ups = S.downs = S.up_free = S.up_last = S.down_free = S.down_last = 0
    S.free = S.unflushed = S.buffered = S.reads = S.first_read = S.last_read = S.rcpts = 0
    S.stops = S.stop_seen = S.is_closed = S.is_over = S.needs_reset = S.admitted = 0
    S.transactions = S.committed = S.greetings = S.in_service = S.sleep_ns = S.is_secure = 0
    S.reset = S.mail = S.rcpts_left = 0
    S.standing_accepted = S.standing_over = S.standing_on_connection = 0
    S.standing_transactions = S.standing_errors = 0
    S.stop_read_at = S.first_domain = S.message = S.job = S.block = S.last = NONE
    S.state = State.CLOSED.value
    S.phase = BANNER
    R.round_trips += 2  # the TCP handshake, then the banner
    arrival = R.now + next_up(w, S) + next_down(w, S) + next_up(w, S)
    plan_session_event(w, session, S, Kind.ACCEPT.value, arrival)


@compiled
def accept_connection(w: Any, session: Any) -> None:
    """Let a connection in, or not, and serve it its banner."""
    S = session_at(w, session)
    L = lane_at(w, S.lane)
    if L.sessions < L.sessions_limit:
        L.sessions += 1
        S.admitted = 1
    S.free = run_of(w).now
    S.verb, S.slot = Verb.CONNECT.value, NONE
    S.service_ns = service_of(w, S, S.verb, NONE)
    if L.workers > 0 and S.service_ns > 0:
        if not ask_for_worker(w, session, S, S.free):
            return
    else:
        S.free += S.service_ns
    send_banner(w, session)


@compiled
def send_banner(w: Any, session: Any) -> None:
    """Write the banner, which has been served."""
    S = session_at(w, session)
    S.in_service = 0
    _hear(w, S, Verb.CONNECT.value, NONE, greet(w, S))
    _flush(w, S)
    _wait_for_replies(w, session, S)


@compiled
def start_flight(w: Any, session: Any, S: Any, phase: Any) -> None:
    """Write the flight that the record describes and go on in `phase` when its replies are there."""
    R = run_of(w)
    R.round_trips += 1
    S.phase = phase
    S.stop_read_at, S.stop_seen = NONE, 0
    S.first_read, S.rcpts = S.reads, 0
    S.written_at = R.now
    S.delay = NONE
    fly(w, session, S)


@compiled
def start_lone_command(w: Any, session: Any, S: Any, verb: Any, phase: Any) -> None:
    """Write a flight of one command."""
    S.last, S.command_ns, S.stops = verb, 0, 0
    start_flight(w, session, S, phase)


@compiled
def octets_of(w: Any, S: Any, verb: Any) -> Any:
    """Return the octets of the next command."""
    if verb == Verb.TEXT:
        return message_at(w, S.message).size if S.tally_accepted > 0 else LONE_DOT_OCTETS
    if verb == Verb.BDAT:
        return bdat_octets(message_at(w, S.message).size)
    return verb_at(w, verb).octets


@compiled
def fly(w: Any, session: Any, S: Any) -> None:
    """Go on with a flight until a command has to wait for a worker, or all is written and served."""
    L = lane_at(w, S.lane)
    bits_per_s, workers = L.bits_per_s, L.workers
    while True:
        if S.in_service != 0:
            S.in_service = 0
            verb, slot = S.verb, S.slot
        else:
            slot = NONE
            if S.reset != 0:
                verb, S.reset = Verb.RSET.value, 0
            elif S.mail != 0:
                verb, S.mail = Verb.MAIL.value, 0
            elif S.rcpts_left > 0:
                verb, slot = Verb.RCPT.value, S.next
                S.next = slot_at(w, slot).next
                S.rcpts_left -= 1
                if S.stops != 0 and _stop_is_readable(w, S, S.written_at + S.command_ns):
                    continue
            elif S.last >= 0:
                verb, S.last = S.last, NONE
            else:
                break
            S.written_at += S.command_ns
            if S.command_ns > 0 or S.delay < 0:
                S.delay = next_up(w, S)
            S.up_free = departs(S.written_at, S.up_free, octets_of(w, S, verb), bits_per_s, 1)
            S.up_last = arrives(S.up_free, S.delay, S.up_last)
            if S.is_closed != 0:
                _hear_nothing(w, S, verb, slot)
                continue
            if S.up_last > S.free:
                _flush(w, S)
            service = service_of(w, S, verb, slot)
            if workers > 0 and service > 0:
                S.verb, S.slot, S.service_ns = verb, slot, service
                if not ask_for_worker(w, session, S, max(S.up_last, S.free)):
                    return
                S.in_service = 0
            else:
                S.free = max(S.free, S.up_last) + service
        _hear(w, S, verb, slot, answer_command(w, session, S, verb, slot))
    _flush(w, S)
    if L.replies_per_read > 0:
        S.reads = S.last_read + 1
    _wait_for_replies(w, session, S)


@compiled
def _hear(w: Any, S: Any, verb: Any, slot: Any, answer: Any) -> None:
    """Put a reply into the server's buffer, and note what it will mean to the client."""
    spoken = spoken_at(w, S.lane * ANSWERS + answer)
    code, status, octets = spoken.code, spoken.status, spoken.octets
    if S.sleep_ns > 0:
        _flush(w, S)
        S.free += S.sleep_ns
    if S.buffered + octets > lane_at(w, S.lane).reply_buffer:
        _flush(w, S)
    if S.stops != 0 and _is_reason_to_stop(w, S, verb, slot, code, status):
        S.stop_seen = 1
    _note(w, S, verb, slot, answer, code, status)
    S.unflushed += 1
    S.buffered += octets
    if code == 421:
        S.is_closed = 1


@compiled
def _hear_nothing(w: Any, S: Any, verb: Any, slot: Any) -> None:
    _note(w, S, verb, slot, Answer.NONE.value, 0, 0)


@compiled
def _note(w: Any, S: Any, verb: Any, slot: Any, answer: Any, code: Any, status: Any) -> None:
    read = _read_of(w, S, verb)
    S.last_read = read
    if verb == Verb.RCPT:
        seen = classify(code, status, S.tried + S.flight_rcpts == 0)
        if seen == Seen.OVER and S.over_code == 0:
            S.over_code = code
        keep_tally(S, observe(tally_of(S), seen, read, S.flight, 1))
        slot_at(w, slot).answer = answer
        S.flight_rcpts += 1
        if answer != Answer.NONE:
            S.rcpts += 1
    elif verb == Verb.MAIL:
        S.mail_seen = classify(code, status, True).value
        S.refused_at_mail = 1 if answer != Answer.MAIL_OK else 0
    elif verb == Verb.BDAT or verb == Verb.TEXT:  # noqa: PLR1714
        S.final_code = code
    elif verb == Verb.DATA:
        S.data_code = code


@compiled
def _read_of(w: Any, S: Any, verb: Any) -> Any:
    by_hand = lane_at(w, S.lane).replies_per_read
    if by_hand == 0:
        return S.reads
    rcpt = S.rcpts if verb == Verb.RCPT else max(0, S.rcpts - 1)
    return S.first_read + rcpt // by_hand


@compiled
def _is_reason_to_stop(w: Any, S: Any, verb: Any, slot: Any, code: Any, status: Any) -> Any:
    G = settings_of(w)
    if verb != Verb.RCPT or classify(code, status, slot == S.head) != Seen.OVER:
        return False
    return stops_sending(G.stop_on_overflow != 0, overflow_for(code, G.for_452, G.for_552))


@compiled
def _stop_is_readable(w: Any, S: Any, written_at: Any) -> Any:
    if S.free <= written_at:
        _flush(w, S)  # whatever is written now arrives after the server ran out of input
    return S.stop_read_at >= 0 and S.stop_read_at <= written_at


@compiled
def _flush(w: Any, S: Any) -> None:
    if S.unflushed == 0:
        return
    S.down_free = departs(S.free, S.down_free, S.buffered, lane_at(w, S.lane).bits_per_s, 1)
    S.down_last = arrives(S.down_free, next_down(w, S), S.down_last)
    if S.stop_seen != 0 and S.stop_read_at < 0:
        S.stop_read_at = S.down_last
    S.stop_seen = 0
    S.reads += 1
    S.unflushed = S.buffered = 0


@compiled
def _wait_for_replies(w: Any, session: Any, S: Any) -> None:
    if S.is_closed != 0:
        leave_server(w, S, S.free)
    plan_session_event(w, session, S, Kind.READ.value, S.down_last)


@compiled
def leave_server(w: Any, S: Any, at: Any) -> None:
    """Note when the server will be rid of a session that it let in."""
    if S.admitted != 0:
        S.admitted = 0
        who = who_of(Kind.HANG_UP.value, S.lane, S.number)
        schedule(w, max(at, run_of(w).now), who, 0, S.lane)


@compiled
def quit_session(w: Any, S: Any) -> None:
    """Leave without waiting for the reply to QUIT."""
    arrival = run_of(w).now + next_up(w, S)
    if S.is_closed == 0:
        S.is_closed = 1
        leave_server(w, S, arrival)
