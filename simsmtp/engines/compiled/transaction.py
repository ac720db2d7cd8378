"""One transaction in compiled code: flights, replies, verdicts; see `simsmtp.peers.transaction`."""

from __future__ import annotations

from typing import Any

from simsmtp.engines.compiled.draws import lost
from simsmtp.engines.compiled.reply_notes import data_reply, has_text_for, is_given_up, keep_tally, tally_of
from simsmtp.engines.compiled.session import FLIGHT, READY, TEXT, has_to_wait, start_flight, start_lone_command
from simsmtp.engines.compiled.silence import DOUBTFUL
from simsmtp.engines.compiled.storage.accessors import (
    extra_at,
    job_at,
    lane_at,
    message_at,
    run_of,
    session_at,
    settings_of,
    slot_at,
    verb_at,
)
from simsmtp.engines.compiled.storage.layout import NONE
from simsmtp.engines.compiled.toolchain.asking import ask_on_data
from simsmtp.engines.compiled.toolchain.jit import compiled, rare
from simsmtp.policies.rate_limits import Counts
from simsmtp.protocol.causes import Cause
from simsmtp.protocol.commands import Verb
from simsmtp.strategies.counting import Verdict
from simsmtp.strategies.flight import Sizes, Step, next_flight
from simsmtp.strategies.overflow import overflow_for, stops_sending
from simsmtp.strategies.reply_class import ReplyClass
from simsmtp.strategies.tally import empty_tally
from simsmtp.strategies.window import Window, window_in_session


@compiled
def take_recipients(w: Any, session: Any, job: Any, size: Any) -> None:
    """Take the next recipients of a job, and begin with them once the sender's own rate allows it."""
    S, J = session_at(w, session), job_at(w, job)
    _take(w, S, J, size)
    S.job = job
    if has_to_wait(w, session, S, Counts.MESSAGES.value, 1, READY):
        return
    if not has_to_wait(w, session, S, Counts.RECIPIENTS.value, S.count, READY):
        begin_transaction(w, session)


@compiled
def begin_transaction(w: Any, session: Any) -> None:
    """Write the first flight of a transaction whose recipients have been taken."""
    S, G, R = session_at(w, session), settings_of(w), run_of(w)
    J, L = job_at(w, S.job), lane_at(w, S.lane)
    M = message_at(w, J.message)
    S.message, S.transaction = J.message, M.transactions
    if L.loses != 0:
        S.lost = lost(w, S, J.message)
        S.hush = DOUBTFUL if S.lost != 0 else 0
    M.transactions += 1
    S.transactions += 1
    R.transactions += 1
    pipelining = G.pipelining != 0 and L.pipelining != 0
    window = window_in_session(pipelining, G.window_recipients, G.window_octets, G.drain != 0)
    S.stop_and_wait, S.window_drain = window.stop_and_wait, window.drain
    S.window_recipients, S.window_octets = window.recipients, window.octets
    S.data = Verb.BDAT.value if G.chunking != 0 and L.chunking != 0 else Verb.DATA.value
    S.next, S.written, S.tried, S.flight = S.head, 0, 0, 0
    S.over_code = S.data_code = S.final_code = S.filed_away = S.refused_at_mail = S.flight_rcpts = 0
    S.refused_in_a_row = S.accepted_before = S.gave_up = 0
    S.cause, S.left_with = Cause.OTHER.value, Verdict.DONE.value
    S.arrived_cause = Cause.OTHER.value
    S.mail_seen, S.block = ReplyClass.CLOSED.value, NONE
    keep_tally(S, empty_tally())
    S.script = Step.RESET.value if S.needs_reset != 0 else Step.MAIL.value
    _write_next_flight(w, session, S)


@compiled
def _take(w: Any, S: Any, J: Any, most: Any) -> None:
    """Move recipients from a job to the session: re-queued ones in their order, then those not yet sent."""
    J.in_flight += 1
    S.count, S.head, S.tail = 0, NONE, NONE
    if J.requeued_count > 0:
        S.head = S.tail = J.requeued
        S.count = 1
        while S.count < min(most, J.requeued_count):
            S.tail = slot_at(w, S.tail).next
            S.count += 1
        J.requeued = slot_at(w, S.tail).next
        J.requeued_count -= S.count
        if J.requeued_count == 0:
            J.requeued = J.requeued_tail = NONE
    more = min(most - S.count, J.unsent_count)
    if more > 0:
        if S.count > 0:
            slot_at(w, S.tail).next = J.unsent
        else:
            S.head = J.unsent
        tail = J.unsent_tail
        if more < J.unsent_count:
            tail = J.unsent
            for _ in range(more - 1):
                tail = slot_at(w, tail).next
        S.tail, S.count = tail, S.count + more
        J.unsent = slot_at(w, tail).next
        J.unsent_count -= more
    slot_at(w, S.tail).next = NONE


@compiled
def _write_next_flight(w: Any, session: Any, S: Any) -> None:
    """Take from the front of the script what may be unanswered at once, and write it."""
    G = settings_of(w)
    window = Window(S.stop_and_wait != 0, S.window_recipients, S.window_octets, S.window_drain != 0)
    of = Sizes(
        verb_at(w, Verb.RSET.value).octets,
        verb_at(w, Verb.MAIL.value).octets,
        verb_at(w, Verb.RCPT.value).octets,
        verb_at(w, S.data).octets,
    )
    flight = next_flight(window, S.script, S.count - S.written, S.data, of)
    S.reset, S.mail, S.rcpts_left = int(flight.reset), int(flight.mail), flight.rcpts
    if flight.data:
        S.last = S.data
    S.written += flight.rcpts
    S.script, S.has_company = flight.step, 0
    S.flight += 1
    S.command_ns, S.stops = G.command_ns, S.window_drain
    start_flight(w, session, S, FLIGHT)


@compiled
def read_flight(w: Any, session: Any) -> Any:
    """Read the replies to a flight and write the next; return True when the transaction is over."""
    S, G = session_at(w, session), settings_of(w)
    _count_refusals(S, G)
    _read_replies(w, S)
    if S.is_closed != 0 or S.refused_at_mail != 0 or S.gave_up != 0:
        return True
    if not is_given_up(w, S):
        if S.script < Step.END and S.tally_over > 0 and stops_sending(G.stop_on_overflow != 0, overflow_of(w, S)):
            S.script = Step.DATA.value
        if S.script < Step.DATA or (S.script == Step.DATA and S.tally_accepted > 0):
            _write_next_flight(w, session, S)
            return False
    if S.data_code == 354 and (G.on_data == 0 or not _drops(w, S)):
        start_lone_command(w, session, S, Verb.TEXT.value, TEXT)
        return False
    S.needs_reset = 1 if S.final_code == 0 else 0
    return True


@rare
def _drops(w: Any, S: Any) -> Any:
    """Ask the strategy about a 354; tell whether it drops the connection in place of the text."""
    if has_text_for(w, S):
        S.left_with = ask_on_data(w, tally_of(S), data_reply(w, S))
        S.is_over = 0 if S.left_with == Verdict.DONE else 1
    return S.left_with != Verdict.DONE


@compiled
def _count_refusals(S: Any, G: Any) -> None:
    """Count refusals in a row; who does so sends RCPTs one by one."""
    S.refused_in_a_row = 0 if S.tally_accepted > S.accepted_before else S.refused_in_a_row + S.flight_rcpts
    S.accepted_before = S.tally_accepted
    if S.refused_in_a_row >= G.most_refusals:
        S.gave_up = 1


@compiled
def _read_replies(w: Any, S: Any) -> None:
    R = run_of(w)
    if settings_of(w).keep_attempts != 0:
        slot = _slot_at(w, S, S.tried)
        for _ in range(S.flight_rcpts):
            extra_at(w, slot).attempts += 1
            slot = slot_at(w, slot).next
    S.tried += S.flight_rcpts
    R.rcpt_commands += S.flight_rcpts
    S.flight_rcpts = 0


@compiled
def _slot_at(w: Any, S: Any, position: Any) -> Any:
    slot = S.head
    for _ in range(position):
        slot = slot_at(w, slot).next
    return slot


@compiled
def overflow_of(w: Any, S: Any) -> Any:
    """Return the overflow policy for the class of the first over-limit reply."""
    G = settings_of(w)
    return overflow_for(S.over_code, G.for_452, G.for_552)
