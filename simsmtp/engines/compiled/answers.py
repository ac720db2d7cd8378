"""Replies in compiled code: into the server's buffer, over the path, and what the client will have noted of them.

A run of RCPTs that are sure of the same answer is noted at once: see `simsmtp.policies.recipients.rcpt_repeats`.
"""

from __future__ import annotations

from typing import Any

from simsmtp.engines.compiled.draws import VERBS, next_down
from simsmtp.engines.compiled.jit import compiled, inlined
from simsmtp.engines.compiled.layout import COMPANY, NDR, SETTLED, VALID
from simsmtp.engines.compiled.memory import lane_at, service_at, settings_of, slot_at, spoken_at
from simsmtp.engines.compiled.server import ANSWERS
from simsmtp.network.pipe import arrives, departs
from simsmtp.protocol.answers import Answer
from simsmtp.protocol.commands import Verb
from simsmtp.strategies.overflow import overflow_for, stops_sending
from simsmtp.strategies.seen import Seen, classify, classify_among, is_company
from simsmtp.strategies.tally import Tally, observe


@inlined
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


@inlined
def keep_tally(S: Any, tally: Any) -> None:
    """Put a tally into a session's record."""
    S.tally_accepted, S.tally_over = tally.accepted, tally.over
    S.tally_failed, S.tally_deferred = tally.failed, tally.deferred
    S.tally_over_reads, S.tally_last_over_read = tally.over_reads, tally.last_over_read
    S.tally_over_flights, S.tally_last_over_flight = tally.over_flights, tally.last_over_flight


@compiled
def skip_ahead(w: Any, S: Any, L: Any) -> None:
    """Work out at once RCPTs to come whose answer is sure.

    The server is busy until the last of them is served, because none takes longer to send than to serve.
    """
    octets = spoken_at(w, S.lane * ANSWERS + S.sure_answer).octets
    count = min(S.sure, (L.reply_buffer - S.buffered) // max(1, octets))
    if L.replies_per_read > 0:
        count = min(count, -S.rcpts % L.replies_per_read)  # for which the read that holds the last reply has room
    if count <= 0:
        return
    slot = S.next
    for _ in range(count):
        slot_at(w, slot).answer = S.sure_answer
        slot = slot_at(w, slot).next
    S.next = slot
    S.rcpts_left -= count
    service = service_at(w, S.lane * VERBS + Verb.RCPT.value)
    S.up_free += count * service.sends_ns
    S.up_last = arrives(S.up_free, S.delay, S.up_last)
    S.free += count * service.ns
    S.sure -= count
    S.unnoted += count
    S.unflushed += count
    S.buffered += count * octets
    if L.replies_per_read > 0:
        _note_unnoted(w, S)


@inlined
def hear_again(w: Any, S: Any, L: Any, slot: Any) -> None:
    """Put a reply that is sure into the server's buffer; it is noted with its like."""
    octets = spoken_at(w, S.lane * ANSWERS + S.sure_answer).octets
    if S.buffered + octets > L.reply_buffer:
        flush(w, S)
    slot_at(w, slot).answer = S.sure_answer
    S.sure -= 1
    S.unnoted += 1
    S.unflushed += 1
    S.buffered += octets
    if L.replies_per_read > 0:
        _note_unnoted(w, S)


@compiled
def _note_unnoted(w: Any, S: Any) -> None:
    """Note the replies alike that came since the last one noted; all are read at once."""
    if S.unnoted > 0:
        spoken, read = spoken_at(w, S.lane * ANSWERS + S.sure_answer), _read_of(w, S, Verb.RCPT)
        _note_rcpts(S, S.sure_answer, classify(spoken.code, spoken.status, False), spoken.code, read, S.unnoted)
        S.unnoted = 0


@inlined
def hear(w: Any, S: Any, verb: Any, slot: Any, answer: Any) -> None:
    """Put a reply into the server's buffer, and note what it will mean to the client."""
    spoken = spoken_at(w, S.lane * ANSWERS + answer)
    code, status, octets = spoken.code, spoken.status, spoken.octets
    if S.sleep_ns > 0:
        flush(w, S)
        S.free += S.sleep_ns
    if S.buffered + octets > lane_at(w, S.lane).reply_buffer:
        flush(w, S)
    if S.stops != 0 and _is_reason_to_stop(w, S, verb, slot, code, status):
        S.stop_seen = 1
    _note(w, S, verb, slot, answer, code, status)
    S.unflushed += 1
    S.buffered += octets
    if code == 421:
        S.is_closed = 1


@compiled
def hear_nothing(w: Any, S: Any, verb: Any, slot: Any) -> None:
    """Note that no reply will come to a command."""
    _note(w, S, verb, slot, Answer.NONE.value, 0, 0)


@inlined
def _note(w: Any, S: Any, verb: Any, slot: Any, answer: Any, code: Any, status: Any) -> None:
    _note_unnoted(w, S)
    read = _read_of(w, S, verb)
    S.last_read = read
    if verb == Verb.RCPT:
        slot_at(w, slot).answer = answer
        is_first = S.tried + S.flight_rcpts == 0
        if settings_of(w).needs_company == 0:
            seen = classify(code, status, is_first)
        else:
            seen = _note_company(w, S, slot, code, status, is_first)
        _note_rcpts(S, answer, seen, code, read, 1)
    elif verb == Verb.MAIL:
        S.mail_seen = classify(code, status, True).value
        S.refused_at_mail = 1 if answer != Answer.MAIL_OK else 0
    elif verb == Verb.BDAT or verb == Verb.TEXT:  # noqa: PLR1714
        S.final_code = code
    elif verb == Verb.DATA:
        S.data_code = code


@compiled
def _note_company(w: Any, S: Any, slot: Any, code: Any, status: Any, is_first: Any) -> Any:
    """Return what a reply means among its neighbours, and keep what they were for when the recipient is filed."""
    has_company = S.has_company != 0
    seen = classify_among(code, status, is_first, True, has_company)
    kept = slot_at(w, slot).flags & (VALID | SETTLED | NDR)
    slot_at(w, slot).flags = kept + COMPANY if has_company else kept
    S.has_company = 1 if has_company or is_company(seen) else 0
    return seen


@inlined
def _note_rcpts(S: Any, answer: Any, seen: Any, code: Any, read: Any, count: Any) -> None:
    if seen == Seen.OVER and S.over_code == 0:
        S.over_code = code
    keep_tally(S, observe(tally_of(S), seen, read, S.flight, count))
    S.last_read = read
    S.flight_rcpts += count
    if answer != Answer.NONE:
        S.rcpts += count


@inlined
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
def stop_is_readable(w: Any, S: Any, written_at: Any) -> Any:
    """Tell whether a client that writes now has read a reason to stop."""
    if S.free <= written_at:
        flush(w, S)  # whatever is written now arrives after the server ran out of input
    return S.stop_read_at >= 0 and S.stop_read_at <= written_at


@compiled
def flush(w: Any, S: Any) -> None:
    """Send what is in the server's buffer."""
    if S.unflushed == 0:
        return
    _note_unnoted(w, S)
    S.down_free = departs(S.free, S.down_free, S.buffered, lane_at(w, S.lane).bits_per_s, 1)
    S.down_last = arrives(S.down_free, next_down(w, S), S.down_last)
    if S.stop_seen != 0 and S.stop_read_at < 0:
        S.stop_read_at = S.down_last
    S.stop_seen = 0
    S.reads += 1
    S.unflushed = S.buffered = 0
