"""One flight under the ``tcp`` profile in compiled code; see `simsmtp.engines.reference.tcp_session`."""

from __future__ import annotations

from typing import Any

from simsmtp.engines.compiled.draws import next_down, next_wake, service_of
from simsmtp.engines.compiled.reply_buffer import is_reason_to_stop
from simsmtp.engines.compiled.reply_notes import note
from simsmtp.engines.compiled.server import ANSWERS, answer_command, greet, leave_server
from simsmtp.engines.compiled.storage.accessors import lane_at, session_at, slot_at, spoken_at, tcp_at
from simsmtp.engines.compiled.storage.heaps import plan_session_event
from simsmtp.engines.compiled.storage.layout import NONE
from simsmtp.engines.compiled.storage.octets import octets_of
from simsmtp.engines.compiled.tcp_wire import (
    catch_up,
    connect_wire,
    finish_writing,
    server_has_read,
    start_writing,
    wait_for_input,
    wait_for_replies,
)
from simsmtp.engines.compiled.toolchain.jit import compiled
from simsmtp.engines.compiled.workers import ask_for_worker, is_out_of_turn
from simsmtp.network.tcp import NEVER, NOW, SERVER, read, write
from simsmtp.peers.kind import Kind
from simsmtp.protocol.answers import Answer
from simsmtp.protocol.commands import Verb


@compiled
def send_banner_by_tcp(w: Any, session: Any) -> None:
    """Write the banner, which has been served."""
    S = session_at(w, session)
    t = tcp_at(w, session)
    S.in_service = 0
    connect_wire(w, S, t, S.accepted_ns)
    S.to_note_reset = S.to_note_mail = S.to_note_rcpts = S.stops = 0
    S.to_note_last, S.last_answer = Verb.CONNECT.value, NONE
    _hear(w, S, t, Verb.CONNECT.value, NONE, greet(w, S))
    S.is_closed = 1 - S.admitted  # whatever the code
    _end_flight(w, session, S, t)


@compiled
def fly_by_tcp(w: Any, session: Any, S: Any) -> None:
    """Begin a flight, or go on with it, until a command has to wait for a worker or all replies have been read."""
    L, t = lane_at(w, S.lane), tcp_at(w, session)
    if S.in_service == 0:
        _begin_flight(w, S, t)
    while True:
        if S.in_service != 0:
            verb, slot = S.verb, S.slot
        else:
            verb = _next_input(w, S, t)
            if verb < 0:
                break
            slot = _take(w, S, verb)
            service = service_of(w, S, verb, slot)
            if L.workers > 0 and service > 0:
                S.verb, S.slot, S.service_ns = verb, slot, service
                if not ask_for_worker(w, session, S, S.free):
                    return
            else:
                S.free += service
        if L.in_order != 0 and is_out_of_turn(w, session, S, verb, slot):
            return
        S.in_service = 0
        _hear(w, S, t, verb, slot, answer_command(w, session, S, verb, slot))
        if S.is_closed != 0:
            break
    _end_flight(w, session, S, t)


@compiled
def _begin_flight(w: Any, S: Any, t: Any) -> None:
    S.to_note_reset, S.to_note_mail, S.to_note_last, S.to_note_rcpts = S.reset, S.mail, S.last, 0
    S.next_to_note = S.next
    S.reset_answer = S.mail_answer = S.last_answer = NONE
    start_writing(w, S, t, S.written_at)


@compiled
def _end_flight(w: Any, session: Any, S: Any, t: Any) -> None:
    """Send what is left, and plan when the client will have read it all; what got no reply is noted then."""
    _flush(w, S, t)
    finish_writing(w, S, t)
    if S.is_closed != 0:
        leave_server(w, S, S.free)
    wait_for_replies(w, S, t)
    if S.is_closed != 0:
        _note_unanswered(w, S)
    if lane_at(w, S.lane).replies_per_read > 0:
        S.reads = S.last_read + 1
    plan_session_event(w, session, S, Kind.READ.value, t[NOW])


@compiled
def _note_unanswered(w: Any, S: Any) -> None:
    while S.rcpts_served < S.rcpts_written:
        S.rcpts_served += 1
        note(w, S, Verb.RCPT.value, S.next, Answer.NONE.value, 0, 0)
        S.next = slot_at(w, S.next).next
    if S.last >= 0:
        note(w, S, S.last, NONE, Answer.NONE.value, 0, 0)
    S.reset = S.mail = 0
    S.last = NONE


@compiled
def _next_input(w: Any, S: Any, t: Any) -> Any:
    """Return the next command once the server has read it; none if there is none left."""
    while True:
        verb = NONE
        if S.reset != 0:
            verb = Verb.RSET.value
        elif S.mail != 0:
            verb = Verb.MAIL.value
        elif S.rcpts_served < S.rcpts_written:
            verb = Verb.RCPT.value
        elif S.write_rcpts == 0:
            verb = S.last
        if verb >= 0 and server_has_read(t) >= S.octets_parsed + octets_of(w, S, verb):
            return verb
        if verb < 0 and S.write_due == NEVER:
            return NONE
        _flush(w, S, t)
        if wait_for_input(w, S, t):
            S.idle_ns += max(0, t[NOW] - S.free)
            S.free = max(S.free, t[NOW]) + next_wake(w, S)
        catch_up(w, S, t, S.free)
        read(t, SERVER, S.free, lane_at(w, S.lane).read_buffer)


@compiled
def _take(w: Any, S: Any, verb: Any) -> Any:
    """Take a command from what the server has read; return whom it names."""
    S.octets_parsed += octets_of(w, S, verb)
    slot = NONE
    if S.reset != 0:
        S.reset = 0
    elif S.mail != 0:
        S.mail = 0
    elif S.rcpts_served < S.rcpts_written:
        slot = S.next
        S.next = slot_at(w, slot).next
        S.rcpts_served += 1
    else:
        S.last = NONE
    return slot


@compiled
def _hear(w: Any, S: Any, t: Any, verb: Any, slot: Any, answer: Any) -> None:
    """Put a reply into the server's buffer; it is noted when the client has read it."""
    spoken = spoken_at(w, S.lane * ANSWERS + answer)
    if S.sleep_ns > 0:
        _flush(w, S, t)
        S.free += S.sleep_ns
    if verb == Verb.RCPT and spoken.code >= 400:
        S.free += lane_at(w, S.lane).refusal_ns
    if S.buffered + spoken.octets > lane_at(w, S.lane).reply_buffer:
        _flush(w, S, t)
    S.unflushed += 1
    S.buffered += spoken.octets
    if S.stops != 0 and S.stop_end < 0 and is_reason_to_stop(w, S, verb, slot, spoken.code, spoken.status):
        S.stop_end = S.octets_answered + S.buffered
    if verb == Verb.RCPT:
        slot_at(w, slot).answer = answer
        S.to_note_rcpts += 1
    elif S.to_note_reset != 0 and S.reset_answer < 0:
        S.reset_answer = answer
    elif S.to_note_mail != 0 and S.mail_answer < 0:
        S.mail_answer = answer
    else:
        S.last_answer = answer
    if spoken.code == 421:
        S.is_closed = 1


@compiled
def _flush(w: Any, S: Any, t: Any) -> None:
    """Send what is in the server's buffer."""
    if S.unflushed == 0:
        return
    catch_up(w, S, t, S.free)
    write(t, SERVER, S.free, S.buffered, next_down(w, S))
    S.octets_answered += S.buffered
    S.unflushed = S.buffered = 0
