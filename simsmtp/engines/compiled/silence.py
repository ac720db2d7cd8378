"""Time-outs and lost connections in compiled code: a client that leaves because nothing comes any more.

See `simsmtp.engines.reference.reply_path`.
"""

from __future__ import annotations

from typing import Any

from simsmtp.engines.compiled.accounting import accept, note_delay
from simsmtp.engines.compiled.draws import next_up
from simsmtp.engines.compiled.reply_notes import forget_unheard_refusals, has_text_for, seen_at
from simsmtp.engines.compiled.server import ANSWERS, leave_server
from simsmtp.engines.compiled.storage.accessors import run_of, settings_of, slot_at, verb_at
from simsmtp.engines.compiled.storage.heaps import plan_session_event
from simsmtp.engines.compiled.storage.layout import EMPTIED, NONE
from simsmtp.engines.compiled.toolchain.jit import inlined, rare
from simsmtp.peers.kind import Kind
from simsmtp.protocol.answers import Answer
from simsmtp.protocol.commands import Verb
from simsmtp.strategies.patience import gives_up_at, heard_by
from simsmtp.strategies.reply_class import ReplyClass

DEAF, DOUBTFUL = 1, 2
"""Values of a session's `hush` beside 0: no command reaches the server any more; one may be the first of these."""


@inlined
def _gives_up_at(w: Any, S: Any, unanswered: Any) -> Any:
    """Return when the client gives up; until then `due_at` tells when it last read."""
    _remember_nothing(S)
    read_at = S.due_at - settings_of(w).least_timeout_ns
    return gives_up_at(read_at, S.up_free, verb_at(w, unanswered).timeout_ns)


@inlined
def _remember_nothing(S: Any) -> None:
    """Note that nothing of a flight was heard where that is so; what was heard is noted as it is flushed."""
    if S.reads == S.first_read:
        S.heard_rcpts, S.mail_heard, S.arrived_refusals = S.tried, 0, 0


@rare
def fall_silent(w: Any, S: Any) -> None:
    """Lose the connection: nothing that the server says from now on reaches the client."""
    _remember_nothing(S)
    S.read_at = S.due_at - settings_of(w).least_timeout_ns
    S.is_silent, S.due_at = 1, NONE


@rare
def is_missed(w: Any, S: Any) -> Any:
    """Tell whether the client has left, or the connection is lost, when a flush would reach it."""
    if S.gone_at < 0 and S.is_silent == 0:
        given_up_at = _gives_up_at(w, S, S.owed)
        if S.down_last > given_up_at:
            S.gone_at = S.due_at = given_up_at
    return S.gone_at >= 0 or S.is_silent != 0


@rare
def look_at_the_time(w: Any, S: Any, verb: Any) -> None:
    """Take no further command once the client has left, who waits for the reply to a command or to one before it."""
    if S.gone_at < 0 and S.is_silent == 0:
        unanswered = S.owed if S.unflushed > 0 else verb
        given_up_at = _gives_up_at(w, S, unanswered)
        if S.free > given_up_at:
            S.gone_at = S.due_at = given_up_at
    if S.gone_at >= 0 and S.free > S.gone_at:
        S.hush = DEAF


@rare
def leave(w: Any, session: Any, S: Any) -> None:
    """Plan that the client, which hears nothing more, gives the connection up."""
    if S.gone_at < 0:
        S.gone_at = gives_up_at(S.read_at, S.up_free, verb_at(w, S.owed).timeout_ns)
    leave_in_silence(w, session, S, S.gone_at)


@rare
def leave_in_silence(w: Any, session: Any, S: Any, at: Any) -> None:
    """Plan that the client gives the connection up, of which the server then learns."""
    forget_unheard_refusals(S)
    learned_at = at + next_up(w, S)
    leave_server(w, S, S.free if S.is_closed != 0 else max(S.free, learned_at))
    S.is_closed, S.gone_at = 1, max(at, run_of(w).now)
    plan_session_event(w, session, S, Kind.READ.value, S.gone_at)


@rare
def forget_unheard(w: Any, S: Any) -> None:
    """Put a transaction whose client has left back to what the client has heard of it."""
    S.unheard_code, S.final_code = S.final_code, 0
    if S.data_code == 354 and S.tried == S.heard_rcpts:
        return
    S.data_code, S.refused_at_mail = 0, S.mail_heard
    S.tally_accepted = S.tally_over = 0
    slot = S.head
    for position in range(S.heard_rcpts):
        seen, _ = seen_at(w, S.lane * ANSWERS, settings_of(w).needs_company != 0, slot, position == 0)
        S.tally_accepted += 1 if seen == ReplyClass.ACCEPTED else 0
        S.tally_over += 1 if seen == ReplyClass.OVER else 0
        slot = slot_at(w, slot).next


@rare
def take_unheard(w: Any, S: Any) -> None:
    """Count those whom the server took without the client's hearing of it as accepted."""
    slot, fresh, at = S.head, 0, heard_by(S.free, S.gone_at)
    is_empty = S.data == Verb.DATA and not has_text_for(w, S)
    for _ in range(S.tried):
        if slot_at(w, slot).answer == Answer.RCPT_OK and is_empty:
            slot_at(w, slot).flags = slot_at(w, slot).flags | EMPTIED
        elif slot_at(w, slot).answer == Answer.RCPT_OK:
            fresh += accept(w, slot, at)
        slot = slot_at(w, slot).next
    if fresh > 0:
        note_delay(w, S.message, fresh, at)
