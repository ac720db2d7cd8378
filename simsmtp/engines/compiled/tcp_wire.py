"""A connection under the ``tcp`` profile in compiled code; see `simsmtp.engines.reference.wire` and ``writer``.

The state machine is `simsmtp.network.tcp`. What a reply means to the client is noted when it has read it, so that
nothing is kept of when what came.
"""

from __future__ import annotations

from typing import Any

from simsmtp.engines.compiled.draws import next_loss, next_up
from simsmtp.engines.compiled.reply_notes import note
from simsmtp.engines.compiled.server import ANSWERS
from simsmtp.engines.compiled.storage.accessors import lane_at, slot_at, spoken_at
from simsmtp.engines.compiled.storage.layout import NONE
from simsmtp.engines.compiled.storage.octets import octets_of
from simsmtp.engines.compiled.toolchain.jit import compiled, inlined
from simsmtp.network.tcp import (
    CLIENT,
    NEVER,
    NOW,
    READ,
    RECEIVED,
    SERVER,
    TO_LOSS,
    at,
    connect,
    next_at,
    read,
    step,
    write,
)
from simsmtp.protocol.commands import Verb
from simsmtp.randomness.streams import Purpose

_CLIENT, _SERVER = at(CLIENT), at(SERVER)


@compiled
def connect_wire(w: Any, S: Any, t: Any, now: Any) -> None:
    """Begin: the connection stands."""
    L = lane_at(w, S.lane)
    connect(
        t, now, S.rtt_ns, L.mss, L.window, L.restart, L.delayed_ack_ns, L.quick_acks, L.bits_per_s,
        L.nagle_client, L.nagle_server,
    )  # fmt: skip
    S.octets_parsed = S.octets_answered = S.octets_noted = 0
    S.arrivals = S.wakes = S.losses_up = S.losses_down = 0
    S.write_due = NEVER
    _draw_losses(w, S, t)


@compiled
def start_writing(w: Any, S: Any, t: Any, now: Any) -> None:
    """Write the flight that the record describes: all at once, or the first command when it is due."""
    catch_up(w, S, t, now)
    S.write_reset, S.write_mail, S.write_rcpts, S.write_last = S.reset, S.mail, S.rcpts_left, S.last
    S.rcpts_left = S.rcpts_written = S.rcpts_served = 0
    S.stop_end = NONE
    S.write_due = now + S.command_ns
    if S.command_ns == 0:
        _write_all(w, S, t)


@compiled
def _write_all(w: Any, S: Any, t: Any) -> None:
    octets = S.write_rcpts * octets_of(w, S, Verb.RCPT.value)
    octets += octets_of(w, S, Verb.RSET.value) if S.write_reset != 0 else 0
    octets += octets_of(w, S, Verb.MAIL.value) if S.write_mail != 0 else 0
    octets += octets_of(w, S, S.write_last) if S.write_last >= 0 else 0
    S.rcpts_written = S.write_rcpts
    S.write_rcpts = 0
    _send(w, S, t, octets)
    S.write_due = NEVER


@compiled
def _write_next(w: Any, S: Any, t: Any) -> None:
    """Write the command that is due, unless it is an RCPT and a reply has been read that stops them."""
    if S.write_reset != 0:
        verb, S.write_reset = Verb.RSET.value, 0
    elif S.write_mail != 0:
        verb, S.write_mail = Verb.MAIL.value, 0
    elif S.write_rcpts > 0:
        if S.stops != 0 and S.stop_end >= 0 and S.stop_end <= t[_CLIENT + READ]:
            S.write_rcpts = 0
            if S.write_last < 0:
                S.write_due = NEVER
            return
        verb = Verb.RCPT.value
        S.write_rcpts -= 1
        S.rcpts_written += 1
    else:
        verb, S.write_last = S.write_last, NONE
    _send(w, S, t, octets_of(w, S, verb))
    is_all = S.write_mail == 0 and S.write_rcpts == 0 and S.write_last < 0
    S.write_due = NEVER if is_all else S.write_due + S.command_ns


@compiled
def _send(w: Any, S: Any, t: Any, octets: Any) -> None:
    write(t, CLIENT, S.write_due, octets, next_up(w, S))


@compiled
def finish_writing(w: Any, S: Any, t: Any) -> None:
    """Go on until the client has written all."""
    while S.write_due < NEVER:
        catch_up(w, S, t, S.write_due)


@compiled
def catch_up(w: Any, S: Any, t: Any, until: Any) -> None:
    """Step through all that happens until then, that instant included."""
    while min(next_at(t), S.write_due) <= until:
        _step(w, S, t)


@compiled
def wait_for_input(w: Any, S: Any, t: Any) -> Any:
    """Step until there is something for the server to read; tell whether it had to wait."""
    waited = False
    while t[_SERVER + RECEIVED] == t[_SERVER + READ]:
        waited = True
        _step(w, S, t)
    return waited


@compiled
def wait_for_replies(w: Any, S: Any, t: Any) -> None:
    """Step until the client has read all replies."""
    while t[_CLIENT + READ] < S.octets_answered:
        _step(w, S, t)


@inlined
def server_has_read(t: Any) -> Any:
    """Return how many octets the server has read."""
    return t[_SERVER + READ]


@compiled
def _step(w: Any, S: Any, t: Any) -> None:
    """One step; at equal times the path's go before the writer's."""
    if S.write_due < next_at(t):
        _write_next(w, S, t)
        return
    step(t)
    _draw_losses(w, S, t)
    if t[_CLIENT + RECEIVED] > t[_CLIENT + READ]:
        read(t, CLIENT, t[NOW], NEVER)
        if lane_at(w, S.lane).replies_per_read == 0:
            S.reads = S.arrivals
        S.arrivals += 1
        _note_arrived(w, S, t[_CLIENT + READ])


@compiled
def _draw_losses(w: Any, S: Any, t: Any) -> None:
    if lane_at(w, S.lane).is_lossy == 0:
        return
    if t[_CLIENT + TO_LOSS] < 0 or t[_CLIENT + TO_LOSS] == NEVER:
        t[_CLIENT + TO_LOSS] = next_loss(w, S, Purpose.LOSS_UP.value, S.losses_up)
        S.losses_up += 1
    if t[_SERVER + TO_LOSS] < 0 or t[_SERVER + TO_LOSS] == NEVER:
        t[_SERVER + TO_LOSS] = next_loss(w, S, Purpose.LOSS_DOWN.value, S.losses_down)
        S.losses_down += 1


@compiled
def _note_arrived(w: Any, S: Any, upto: Any) -> None:
    """Note the replies that the client has read to their ends, in order of the commands."""
    while True:
        slot = NONE
        if S.to_note_reset != 0:
            verb, answer = Verb.RSET.value, S.reset_answer
        elif S.to_note_mail != 0:
            verb, answer = Verb.MAIL.value, S.mail_answer
        elif S.to_note_rcpts > 0:
            slot = S.next_to_note
            verb, answer = Verb.RCPT.value, slot_at(w, slot).answer + 0
        elif S.to_note_last >= 0 and S.last_answer >= 0:
            verb, answer = S.to_note_last, S.last_answer
        else:
            return
        if answer < 0:
            return
        spoken = spoken_at(w, S.lane * ANSWERS + answer)
        if S.octets_noted + spoken.octets > upto:
            return
        S.octets_noted += spoken.octets
        note(w, S, verb, slot, answer, spoken.code, spoken.status)
        if verb == Verb.RCPT:
            S.next_to_note = slot_at(w, slot).next
            S.to_note_rcpts -= 1
        elif S.to_note_reset != 0:
            S.to_note_reset = 0
        elif S.to_note_mail != 0:
            S.to_note_mail = 0
        else:
            S.to_note_last = NONE
