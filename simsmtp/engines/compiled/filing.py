"""Where the recipients of a transaction go, in compiled code; see `simsmtp.peers.transaction` and its sender."""

from __future__ import annotations

from typing import Any

from simsmtp.engines.compiled.accounting import accept, note_delay, settle
from simsmtp.engines.compiled.jobs import defer, note_cause, requeue
from simsmtp.engines.compiled.reply_notes import (
    data_reply,
    final_reply,
    has_text_for,
    is_given_up,
    seen_at,
    tally_of,
)
from simsmtp.engines.compiled.server import ANSWERS
from simsmtp.engines.compiled.silence import take_unheard
from simsmtp.engines.compiled.storage.accessors import job_at, run_of, session_at, settings_of, slot_at
from simsmtp.engines.compiled.storage.layout import EMPTIED, NONE
from simsmtp.engines.compiled.toolchain.asking import ask, ask_on_data, ask_on_final, known
from simsmtp.engines.compiled.toolchain.jit import compiled, inlined, rare
from simsmtp.protocol.causes import cause_of
from simsmtp.protocol.commands import Verb
from simsmtp.strategies.counting import Knobs, Rcpt, Verdict
from simsmtp.strategies.flight import Step
from simsmtp.strategies.hooks import after_data, by_final_reply
from simsmtp.strategies.outcome import is_answered, is_marked_after, is_progress, is_still_marked, nothing_committed
from simsmtp.strategies.overflow import after_final_reply, becomes, for_everybody
from simsmtp.strategies.reply_class import ReplyClass


@compiled
def file_outcomes(w: Any, session: Any) -> None:
    """File every recipient of a transaction where its verdict says."""
    S, R = session_at(w, session), run_of(w)
    committed = 200 <= S.final_code < 300 and S.filed_away == 0
    S.committed = 0
    if nothing_committed(S.is_closed != 0, S.final_code):
        if S.gone_at >= 0 and 200 <= S.unheard_code < 300 and S.filed_away == 0:
            take_unheard(w, S)
        _defer_all(w, S)  # 421, or a connection gone: nothing was committed
    elif S.refused_at_mail != 0:
        _file_refused(w, S)
    elif is_given_up(w, S):
        _file_given_up(w, S, committed)
    else:
        _file_tried(w, S, committed)
    S.marked = is_marked_after(S.marked != 0, S.flight, S.tally_last_over_flight, S.script == Step.END)
    if is_answered(S.final_code, S.data_code):
        R.last_final_ns = R.now


@compiled
def _defer_all(w: Any, S: Any) -> None:
    J = job_at(w, S.job)
    defer(w, J, S.head, S.tail, S.count)
    note_cause(J, S.cause, S.count)


@rare
def _file_refused(w: Any, S: Any) -> None:
    """File the recipients of a transaction of which MAIL was refused, all alike."""
    if after_final_reply(Verdict.DONE.value, S.mail_code) == Verdict.DEFER:
        _defer_all(w, S)
        return
    slot = S.head
    for _ in range(S.count):
        following = slot_at(w, slot).next
        settle(w, slot, True)
        slot = following


@compiled
def _taken(w: Any, S: Any, tally: Any) -> Any:
    """Return what becomes of those whom the strategy takes as accepted."""
    if S.left_with != Verdict.DONE:
        return S.left_with
    G = settings_of(w)
    if G.on_data != 0 or G.on_final != 0:
        return _said(w, S, tally)
    return after_final_reply(Verdict.DONE.value, S.final_code if S.final_code != 0 else S.data_code) + 0


@rare
def _said(w: Any, S: Any, tally: Any) -> Any:
    """Return what the strategy's hooks say of those."""
    G, reply = settings_of(w), final_reply(w, S) if S.final_code != 0 else data_reply(w, S)
    has_hook = (G.on_final if S.final_code != 0 else G.on_data) != 0
    if not has_hook or reply.code == 0 or not has_text_for(w, S):
        return by_final_reply(reply) + 0
    if S.final_code != 0:
        return ask_on_final(w, tally, reply)
    return after_data(ask_on_data(w, tally, reply), reply) + 0


@rare
def _file_given_up(w: Any, S: Any, committed: Any) -> None:
    """File everybody of a transaction alike, because of its first refusal."""
    G, final = settings_of(w), _because_of_the_first(w, S)
    is_empty = S.data == Verb.DATA  # BDAT brings the text itself
    slot, fresh, now = S.head, 0, run_of(w).now
    for position in range(S.count):
        following = slot_at(w, slot).next
        if committed and position < S.tried:
            seen, _ = seen_at(w, S.lane * ANSWERS, G.needs_company != 0, slot, position == 0)
            if seen == ReplyClass.ACCEPTED and is_empty:
                slot_at(w, slot).flags = slot_at(w, slot).flags | EMPTIED
            elif seen == ReplyClass.ACCEPTED:
                fresh += accept(w, slot, now)
        if final != Verdict.DEFER:
            settle(w, slot, final == Verdict.FAIL)
        slot = following
    S.committed = fresh if S.filed_away == 0 or final == Verdict.DEFER else S.count
    if fresh > 0:
        note_delay(w, S.message, fresh, now)
    if final == Verdict.DEFER:
        _defer_all(w, S)


@compiled
def _because_of_the_first(w: Any, S: Any) -> Any:
    """Return what becomes of everybody because of the first refusal."""
    G, tally, answers = settings_of(w), tally_of(S), S.lane * ANSWERS
    position, slot, previous, needs_company = 0, S.head, S.mail_seen, G.needs_company != 0
    S.ahead, S.ahead_slot = 0, S.head
    decisive = _next_decisive(w, S)
    seen, code = seen_at(w, answers, needs_company, slot, True)
    while seen == ReplyClass.ACCEPTED:
        position, slot, previous = position + 1, slot_at(w, slot).next, seen
        decisive = _next_decisive(w, S)
        seen, code = seen_at(w, answers, needs_company, slot, False)
    knobs = Knobs(S.stop_and_wait == 0, G.budget, is_still_marked(S.marked != 0, S.flight))
    verdict = known(w, ask(G.settle_address, G.strategy, tally, Rcpt(position, seen, previous, 0, decisive), knobs))
    taken, S.cause = _taken(w, S, tally), cause_of(slot_at(w, slot).answer, False)
    return for_everybody(becomes(verdict, seen, code, S.over_code, taken, G.for_452, G.for_552)) + 0


@compiled
def _file_tried(w: Any, S: Any, committed: Any) -> None:
    G, J = settings_of(w), job_at(w, S.job)
    # What stays the same for all recipients is read once: the compiler cannot tell that no slot is part of it.
    tally, strategy, address = tally_of(S), G.strategy, G.settle_address
    answers, needs_company = S.lane * ANSWERS, G.needs_company != 0
    over_code, for_452, for_552 = S.over_code, G.for_452, G.for_552
    knobs = Knobs(S.stop_and_wait == 0, G.budget, is_still_marked(S.marked != 0, S.flight))
    looks_ahead = G.looks_ahead != 0 and tally.over > 0
    S.ahead, S.ahead_slot = 0, S.head
    taken = _taken(w, S, tally)
    again = again_tail = deferred = deferred_tail = said = code_before = final = NONE
    again_count = deferred_count = over_rank = fresh = 0
    previous, slot, tried, now = S.mail_seen, S.head, S.tried, run_of(w).now
    for position in range(tried):
        seen, code = seen_at(w, answers, needs_company, slot, position == 0)
        decisive = _next_decisive(w, S) if looks_ahead else seen
        rcpt = Rcpt(position, seen, previous, over_rank, decisive)
        verdict = known(w, ask(address, strategy, tally, rcpt, knobs))
        if verdict != said or code != code_before or seen != previous:  # neighbours are mostly alike
            # The enumeration's members and their numbers are the same to a decision; one type suits the compiler.
            final = becomes(verdict, seen, code, over_code, taken, for_452, for_552) + 0
        if committed and seen == ReplyClass.ACCEPTED:
            fresh += accept(w, slot, now)
        if final == Verdict.REQUEUE:
            if again_tail < 0:
                again = slot
            else:
                slot_at(w, again_tail).next = slot
            again_tail, again_count = slot, again_count + 1
        elif final == Verdict.DEFER:
            if deferred_tail < 0:
                deferred = slot
            else:
                slot_at(w, deferred_tail).next = slot
            deferred_tail, deferred_count = slot, deferred_count + 1
            note_cause(J, S.cause if seen == ReplyClass.ACCEPTED else cause_of(slot_at(w, slot).answer, False), 1)
        else:
            settle(w, slot, final == Verdict.FAIL)
        over_rank += int(seen == ReplyClass.OVER)
        said, code_before, previous, slot = verdict, code, seen, slot_at(w, slot).next
    if again_tail >= 0:
        slot_at(w, again_tail).next = NONE
    if deferred_tail >= 0:
        slot_at(w, deferred_tail).next = NONE
    if fresh > 0:
        note_delay(w, S.message, fresh, now)
    defer(w, J, deferred, deferred_tail, deferred_count)
    # Without progress an immediate retry would go round for ever; accepted again is no progress.
    settled = S.tried - again_count - deferred_count
    S.committed = fresh if S.filed_away == 0 else settled  # the sender believes a 250
    if is_progress(S.committed, settled, G.trusts_itself != 0):
        requeue(w, J, again, again_tail, again_count)
    else:
        defer(w, J, again, again_tail, again_count)
    _file_unsent(w, S, J, slot)


@inlined
def _file_unsent(w: Any, S: Any, J: Any, slot: Any) -> None:
    if S.gave_up != 0:
        S.is_over = 1
        defer(w, J, slot, S.tail, S.count - S.tried)
    elif S.count > S.tried:
        requeue(w, J, slot, S.tail, S.count - S.tried)


@rare
def _next_decisive(w: Any, S: Any) -> Any:
    """Return the class of the next reply that is no over-limit refusal."""
    while S.ahead < S.tried:
        needs_company = settings_of(w).needs_company != 0
        seen, _ = seen_at(w, S.lane * ANSWERS, needs_company, S.ahead_slot, S.ahead == 0)
        S.ahead, S.ahead_slot = S.ahead + 1, slot_at(w, S.ahead_slot).next
        if seen != ReplyClass.OVER:
            return seen
    return ReplyClass.OVER.value


@compiled
def requeue_all(w: Any, session: Any) -> None:
    """Put all recipients of a transaction back to be sent at once."""
    S = session_at(w, session)
    requeue(w, job_at(w, S.job), S.head, S.tail, S.count)
