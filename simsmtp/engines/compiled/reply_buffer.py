"""Replies in compiled code: into the server's buffer, over the path, and what the client will have noted of them."""

from __future__ import annotations

from typing import Any

from simsmtp.engines.compiled.draws import next_down
from simsmtp.engines.compiled.reply_notes import keep_refusals, note, note_unnoted
from simsmtp.engines.compiled.server import ANSWERS
from simsmtp.engines.compiled.silence import DEAF, DOUBTFUL, fall_silent, is_missed
from simsmtp.engines.compiled.storage.accessors import lane_at, service_at, settings_of, slot_at, spoken_at
from simsmtp.engines.compiled.storage.layout import VERBS
from simsmtp.engines.compiled.toolchain.jit import compiled, inlined, rare
from simsmtp.network.losses import Lost, is_swallowed
from simsmtp.network.pipe import arrives, departs
from simsmtp.protocol.answers import Answer
from simsmtp.protocol.commands import Verb
from simsmtp.strategies.overflow import overflow_for, stops_sending
from simsmtp.strategies.patience import served_by
from simsmtp.strategies.reply_class import ReplyClass, classify


@compiled
def skip_ahead(w: Any, S: Any, L: Any) -> None:
    """Work out at once RCPTs to come whose answer is sure.

    The server is busy until the last of them is served, because none takes longer to send than to serve.
    """
    spoken = spoken_at(w, S.lane * ANSWERS + S.sure_answer)
    code, octets = spoken.code, spoken.octets
    count = min(S.sure + 0, (L.reply_buffer - S.buffered) // max(1, octets))
    service = service_at(w, S.lane * VERBS + Verb.RCPT.value)
    cost = service.ns + (L.refusal_ns if code >= 400 else 0)
    if S.free + count * cost > S.due_at:
        count = min(count, served_by(S.free, S.due_at, cost))
    if L.replies_per_read > 0:
        count = min(count, -S.rcpts % L.replies_per_read)  # for which the read that holds the last reply has room
    if count <= 0:
        return
    S.next = _answer_alike(w, S, count, S.sure_answer + 0)
    S.rcpts_left -= count
    S.up_free += count * service.sends_ns
    S.up_last = arrives(S.up_free, S.delay, S.up_last)
    S.free += count * cost
    S.sure -= count
    S.unnoted += count
    S.unflushed += count
    S.buffered += count * octets
    if L.replies_per_read > 0:
        note_unnoted(w, S)


@inlined
def _answer_alike(w: Any, S: Any, count: Any, answer: Any) -> Any:
    """Note the answer to so many recipients from the next on; return who is next then."""
    slot = S.next + 0
    if S.tail - S.head == S.count - 1:  # lists ascend: these are neighbours, and none has to be found by the one before
        for neighbour in range(slot, slot + count):
            slot_at(w, neighbour).answer = answer
        return slot_at(w, slot + count - 1).next + 0
    for _ in range(count):
        slot_at(w, slot).answer = answer
        slot = slot_at(w, slot).next + 0
    return slot


@inlined
def be_sure(w: Any, S: Any, L: Any, count: Any, answer: Any) -> None:
    """Note that so many RCPTs to come will get an answer, and what each will cost."""
    spoken = spoken_at(w, S.lane * ANSWERS + answer)
    S.sure, S.sure_answer, S.sure_octets = count, answer, spoken.octets
    S.sure_delay_ns = L.refusal_ns if spoken.code >= 400 else 0


@inlined
def hear_again(w: Any, S: Any, L: Any, slot: Any) -> None:
    """Put a reply that is sure into the server's buffer; it is noted with its like."""
    octets = S.sure_octets
    S.free += S.sure_delay_ns
    if S.buffered + octets > L.reply_buffer:
        flush(w, S)
        S.owed = Verb.RCPT.value
    slot_at(w, slot).answer = S.sure_answer
    S.sure -= 1
    S.unnoted += 1
    S.unflushed += 1
    S.buffered += octets
    if L.replies_per_read > 0:
        note_unnoted(w, S)


@inlined
def hear(w: Any, S: Any, verb: Any, slot: Any, answer: Any) -> None:
    """Put a reply into the server's buffer, and note what it will mean to the client."""
    spoken = spoken_at(w, S.lane * ANSWERS + answer)
    code, status, octets = spoken.code, spoken.status, spoken.octets
    if S.sleep_ns > 0:
        flush(w, S)
        S.free += S.sleep_ns
    if verb == Verb.RCPT and code >= 400:
        S.free += lane_at(w, S.lane).refusal_ns
    if S.buffered + octets > lane_at(w, S.lane).reply_buffer:
        flush(w, S)
    if S.stops != 0 and is_reason_to_stop(w, S, verb, slot, code, status):
        S.stop_seen = 1
    note(w, S, verb, slot, answer, code, status)
    if S.unflushed == 0:
        S.owed = verb
    S.unflushed += 1
    S.buffered += octets
    if code == 421:
        S.is_closed, S.hush = 1, DEAF


@compiled
def hear_nothing(w: Any, S: Any, verb: Any, slot: Any) -> None:
    """Note that no reply will come to a command."""
    note(w, S, verb, slot, Answer.NONE.value, 0, 0)


@compiled
def is_reason_to_stop(w: Any, S: Any, verb: Any, slot: Any, code: Any, status: Any) -> Any:
    """Tell whether a client that has read a reply writes no further RCPT."""
    G = settings_of(w)
    if verb != Verb.RCPT or classify(code, status, slot == S.head) != ReplyClass.OVER:
        return False
    return stops_sending(G.stop_on_overflow != 0, overflow_for(code, G.for_452, G.for_552))


@compiled
def stop_is_readable(w: Any, S: Any, written_at: Any) -> Any:
    """Tell whether a client that writes now has read a reason to stop."""
    if S.free <= written_at:
        flush(w, S)  # whatever is written now arrives after the server ran out of input
    return S.stop_read_at >= 0 and S.stop_read_at <= written_at


@rare
def does_not_arrive(w: Any, S: Any, verb: Any) -> Any:
    """Tell whether the server has no ear for a command; the connection may be lost by it."""
    is_text = verb == Verb.TEXT or verb == Verb.BDAT  # noqa: PLR1714
    if S.hush == DOUBTFUL and is_swallowed(S.lost, is_text):
        flush(w, S)  # what the server has to say before it notices still arrives
        fall_silent(w, S)
        S.hush, S.owed = DEAF, verb
    return S.hush == DEAF


@rare
def loses_reply(w: Any, S: Any, verb: Any, slot: Any) -> Any:
    """Lose the connection behind a text that has been served, if it is to be; tell whether it is never finished."""
    if S.lost < Lost.DOT or (verb != Verb.TEXT and verb != Verb.BDAT):  # noqa: PLR1714
        return False
    fall_silent(w, S)
    if S.unflushed == 0:
        S.owed = verb
    if S.lost == Lost.DOT:
        hear_nothing(w, S, verb, slot)
    return S.lost == Lost.DOT


@inlined
def _send_replies(w: Any, S: Any) -> Any:
    """Send what is in the server's buffer; return whether the client will read it."""
    note_unnoted(w, S)
    S.down_free = departs(S.free, S.down_free, S.buffered, lane_at(w, S.lane).bits_per_s, 1)
    S.down_last = arrives(S.down_free, next_down(w, S), S.down_last)
    S.unflushed = S.buffered = 0
    return S.down_last <= S.due_at or not is_missed(w, S)


@compiled
def flush_last(w: Any, S: Any) -> None:
    """Send what is in the server's buffer at the end of a flight."""
    if S.unflushed == 0:
        return
    _send_replies(w, S)
    S.reads += 1


@compiled
def flush(w: Any, S: Any) -> None:
    """Send what is in the server's buffer."""
    if S.unflushed == 0:
        return
    if _send_replies(w, S):
        S.due_at = S.down_last + settings_of(w).least_timeout_ns
        S.heard_rcpts, S.mail_heard = S.tried + S.flight_rcpts, S.refused_at_mail
        if S.heard_refusals != 0:
            keep_refusals(S)
        if S.stop_seen != 0 and S.stop_read_at < 0:
            S.stop_read_at = S.down_last
    S.stop_seen = 0
    S.reads += 1
