"""What a client notes of replies in compiled code: the tally, the codes, and each RCPT's answer in its slot.

A run of RCPTs that are sure of the same answer is noted at once: see `simsmtp.policies.respond.sure_repeats`.
"""

from __future__ import annotations

from typing import Any

from simsmtp.engines.compiled.server import ANSWERS
from simsmtp.engines.compiled.storage.accessors import lane_at, run_of, settings_of, slot_at, spoken_at
from simsmtp.engines.compiled.storage.layout import COMPANY, EMPTIED, NDR, SETTLED, VALID
from simsmtp.engines.compiled.toolchain.jit import compiled, inlined, rare
from simsmtp.protocol.answers import Answer
from simsmtp.protocol.causes import Cause
from simsmtp.protocol.commands import Verb
from simsmtp.rows.totals import recipient_seconds
from simsmtp.strategies.hooks import TextReply
from simsmtp.strategies.outcome import gives_up, has_text
from simsmtp.strategies.reply_class import ReplyClass, classify_among, is_company
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


@inlined
def is_given_up(w: Any, S: Any) -> Any:
    """Tell whether a refusal ended the transaction for everybody in it."""
    return gives_up(settings_of(w).all_or_nothing != 0, tally_of(S))


@inlined
def has_text_for(w: Any, S: Any) -> Any:
    """Tell whether the text is meant for anybody."""
    return has_text(settings_of(w).all_or_nothing != 0, tally_of(S))


@compiled
def data_reply(w: Any, S: Any) -> Any:
    """Return the reply to DATA as a strategy sees it; code 0 if there is none."""
    if S.data_code == 0:
        return TextReply(0, 0, 0, 0)
    spoken = spoken_at(w, S.lane * ANSWERS + S.data_answer)
    return TextReply(S.data_code, spoken.status, spoken.lines + 0, 0)


@compiled
def final_reply(w: Any, S: Any) -> Any:
    """Return the final reply as a strategy sees it."""
    spoken = spoken_at(w, S.lane * ANSWERS + S.final_answer)
    return TextReply(S.final_code, spoken.status, spoken.lines + 0, data_reply(w, S).lines)


@inlined
def seen_at(w: Any, answers: Any, needs_company: Any, slot: Any, is_first: Any) -> Any:
    """Return the class and the code of the reply to a recipient's RCPT; a destination's `answers` begin there."""
    spoken = spoken_at(w, answers + slot_at(w, slot).answer)
    code = spoken.code
    if needs_company:
        company = (slot_at(w, slot).flags & COMPANY) != 0
        return classify_among(code, spoken.status, is_first, True, company).value, code
    return (spoken.seen_first if is_first else spoken.seen) + 0, code


@compiled
def note_unnoted(w: Any, S: Any) -> None:
    """Note the replies alike that came since the last one noted; all are read at once."""
    if S.unnoted > 0:
        answer, count = S.sure_answer + 0, S.unnoted + 0  # as wide as others: what is called is compiled once
        spoken, read = spoken_at(w, S.lane * ANSWERS + answer), _read_of(w, S, Verb.RCPT)
        _note_rcpts(w, S, answer, spoken.seen + 0, spoken.code, read, count)
        S.unnoted = 0


@inlined
def note(w: Any, S: Any, verb: Any, slot: Any, answer: Any, code: Any, status: Any) -> None:
    """Note one reply; `S.reads` counts the reads before the one that brings it."""
    note_unnoted(w, S)
    read = _read_of(w, S, verb)
    S.last_read = read
    if verb == Verb.RCPT:
        slot_at(w, slot).answer = answer
        is_first = S.tried + S.flight_rcpts == 0
        if settings_of(w).needs_company == 0:
            spoken = spoken_at(w, S.lane * ANSWERS + answer)
            seen = (spoken.seen_first if is_first else spoken.seen) + 0
        else:
            seen = _note_company(w, S, slot, code, status, is_first)
        _note_rcpts(w, S, answer, seen, code, read, 1)
    elif verb == Verb.MAIL:
        S.mail_seen, S.mail_code = spoken_at(w, S.lane * ANSWERS + answer).seen_first, code
        S.refused_at_mail = 1 if answer != Answer.MAIL_OK else 0
    elif verb == Verb.BDAT or verb == Verb.TEXT:  # noqa: PLR1714
        S.final_code, S.final_answer, S.filed_away = code, answer, int(answer == Answer.FILED_AWAY)
    elif verb == Verb.DATA:
        S.data_code, S.data_answer = code, answer
    if verb != Verb.RCPT and code >= 400:
        note_refusals(w, S, answer, 1, True)


@compiled
def note_refusals(w: Any, S: Any, answer: Any, count: Any, befalls_all: Any) -> None:
    """Note refusals of one cause, which count once the client has read them; some befall the whole transaction."""
    cause = spoken_at(w, S.lane * ANSWERS + answer).cause + 0
    if befalls_all:
        S.cause = cause
    S.heard_refusals += count
    if cause == Cause.OVER:
        S.refused_over += count
    elif cause == Cause.RATE:
        S.refused_rate += count
    elif cause == Cause.UNKNOWN:
        S.refused_unknown += count
    elif cause == Cause.GREYLIST:
        S.refused_greylist += count
    elif cause == Cause.SESSION:
        S.refused_session += count
    else:
        S.refused_other += count


@rare
def count_refusals(w: Any, S: Any) -> None:
    """Count what was refused in the flight that has been read."""
    L = lane_at(w, S.lane)
    L.refused_over += S.refused_over
    L.refused_rate += S.refused_rate
    L.refused_unknown += S.refused_unknown
    L.refused_greylist += S.refused_greylist
    L.refused_session += S.refused_session
    L.refused_other += S.refused_other
    S.arrived_cause = S.cause
    forget_refusals(S)


@compiled
def count_wait(w: Any, S: Any) -> None:
    """Count what the recipients of a transaction waited for the replies to one flight."""
    L, took_ns = lane_at(w, S.lane), run_of(w).now - S.began_at
    served_ns = min(S.free - S.free_before - S.idle_ns, took_ns)
    L.waited_round_trips += recipient_seconds(S.count, took_ns - served_ns)
    L.waited_service += recipient_seconds(S.count, served_ns)


@inlined
def keep_refusals(S: Any) -> None:
    """Keep what has been refused so far apart, because it will be heard whatever comes."""
    S.arrived_cause = S.cause
    S.arrived_refusals, S.arrived_over, S.arrived_rate = S.heard_refusals, S.refused_over, S.refused_rate
    S.arrived_unknown, S.arrived_greylist = S.refused_unknown, S.refused_greylist
    S.arrived_session, S.arrived_other = S.refused_session, S.refused_other


@rare
def forget_unheard_refusals(S: Any) -> None:
    """Count only what was refused in replies that arrived."""
    S.cause = S.arrived_cause
    if S.arrived_refusals == 0:
        forget_refusals(S)
        return
    S.heard_refusals, S.refused_over, S.refused_rate = S.arrived_refusals, S.arrived_over, S.arrived_rate
    S.refused_unknown, S.refused_greylist = S.arrived_unknown, S.arrived_greylist
    S.refused_session, S.refused_other = S.arrived_session, S.arrived_other


@inlined
def forget_refusals(S: Any) -> None:
    """Begin to count anew."""
    S.heard_refusals = S.refused_over = S.refused_rate = S.refused_unknown = 0
    S.refused_greylist = S.refused_session = S.refused_other = 0


@compiled
def _note_company(w: Any, S: Any, slot: Any, code: Any, status: Any, is_first: Any) -> Any:
    """Return what a reply means among its neighbours, and keep what they were for when the recipient is filed."""
    has_company = S.has_company != 0
    seen = classify_among(code, status, is_first, True, has_company)
    kept = slot_at(w, slot).flags & (VALID | SETTLED | NDR | EMPTIED)
    slot_at(w, slot).flags = kept + COMPANY if has_company else kept
    S.has_company = 1 if has_company or is_company(seen) else 0
    return seen


@inlined
def _note_rcpts(w: Any, S: Any, answer: Any, seen: Any, code: Any, read: Any, count: Any) -> None:
    if seen == ReplyClass.OVER and S.over_code == 0:
        S.over_code = code
    keep_tally(S, observe(tally_of(S), seen, read, S.flight, count))
    S.last_read = read
    S.flight_rcpts += count
    if answer != Answer.NONE:
        S.rcpts += count
        if code >= 400:
            note_refusals(w, S, answer, count, code == 421)


@inlined
def _read_of(w: Any, S: Any, verb: Any) -> Any:
    by_hand = lane_at(w, S.lane).replies_per_read
    if by_hand == 0:
        return S.reads
    rcpt = S.rcpts if verb == Verb.RCPT else max(0, S.rcpts - 1)
    return S.first_read + rcpt // by_hand
