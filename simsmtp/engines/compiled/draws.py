"""Random draws in compiled code, under the same keys as in the reference engine and in `simsmtp.model.workload`."""

from __future__ import annotations

from typing import Any

from simsmtp.engines.compiled.philox import block, word
from simsmtp.engines.compiled.storage.accessors import (
    extra_at,
    lane_at,
    message_at,
    sampler_record_at,
    service_at,
    settings_of,
    table_at,
)
from simsmtp.engines.compiled.storage.layout import LOSSES, PAUSE_LENGTH, PER_LANE, PER_RUN, VERBS, WAKE
from simsmtp.engines.compiled.toolchain.jit import compiled, rare
from simsmtp.network.losses import place_of_loss
from simsmtp.protocol.commands import Verb
from simsmtp.randomness.distributions import CONSTANT, Sampler, count, sample
from simsmtp.randomness.streams import Purpose, uniform_of_word


@compiled
def uniform(w: Any, purpose: Any, entity: Any, sub: Any, index: Any) -> Any:
    """Return one uniform number of a stream."""
    G = settings_of(w)
    return uniform_of_word(word(G.seed, G.replication, index, entity, purpose, sub))


@compiled
def sampler_at(w: Any, number: Any) -> Any:
    """Return a sampler by its number."""
    one = sampler_record_at(w, number)
    return Sampler(one.kind, one.a, one.b, one.c, table_at(w, one.begin, one.length))


@compiled
def value_of_message(w: Any, which: Any, purpose: Any, message: Any) -> Any:
    """Return the draw of a sampler of the workload for one message."""
    if sampler_record_at(w, which).kind == CONSTANT:
        return sampler_record_at(w, which).a
    return sample(sampler_at(w, which), uniform(w, purpose, 0, 0, message))


@compiled
def whole_of_message(w: Any, which: Any, purpose: Any, message: Any) -> Any:
    """Return the draw of a sampler of the workload for one message as a count."""
    if sampler_record_at(w, which).kind == CONSTANT:
        return count(sampler_at(w, which), 0.5)
    return count(sampler_at(w, which), uniform(w, purpose, 0, 0, message))


@compiled
def next_up(w: Any, S: Any) -> Any:
    """Return the delay of a client's next write."""
    delay = lane_at(w, S.lane).delay_ns
    return delay if delay >= 0 else _drawn_up(w, S)


@rare
def _drawn_up(w: Any, S: Any) -> Any:
    S.ups += 1
    u = uniform(w, Purpose.DELAY_UP.value, S.number, S.lane, S.ups - 1)
    return int(sample(sampler_at(w, PER_RUN + S.lane * PER_LANE), u))


@compiled
def next_down(w: Any, S: Any) -> Any:
    """Return the delay of a server's next flush."""
    delay = lane_at(w, S.lane).delay_ns
    return delay if delay >= 0 else _drawn_down(w, S)


@rare
def _drawn_down(w: Any, S: Any) -> Any:
    S.downs += 1
    u = uniform(w, Purpose.DELAY_DOWN.value, S.number, S.lane, S.downs - 1)
    return int(sample(sampler_at(w, PER_RUN + S.lane * PER_LANE), u))


@compiled
def pause_of(w: Any, S: Any) -> Any:
    """Return how long the sender pauses after the last transaction."""
    return int(sample(sampler_at(w, PAUSE_LENGTH), uniform(w, Purpose.PAUSE.value, S.number, S.lane, S.transactions)))


@compiled
def next_wake(w: Any, S: Any) -> Any:
    """Return how long it takes until a server that waited for input reads it."""
    wake = lane_at(w, S.lane).wake_ns
    if wake >= 0:
        return wake
    S.wakes += 1
    u = uniform(w, Purpose.WAKE.value, S.number, S.lane, S.wakes - 1)
    return int(sample(sampler_at(w, PER_RUN + S.lane * PER_LANE + WAKE), u))


@compiled
def next_loss(w: Any, S: Any, purpose: Any, drawn: Any) -> Any:
    """Return how many segments of a direction pass before the next lost one."""
    u = uniform(w, purpose, S.number, S.lane, drawn)
    return count(sampler_at(w, PER_RUN + S.lane * PER_LANE + LOSSES), u) - 1


@compiled
def purpose_of(verb: Any) -> Any:
    """Return what a service time of a command is drawn for."""
    if verb == Verb.CONNECT:
        return Purpose.CONNECT_SERVICE.value
    if verb == Verb.RCPT:
        return Purpose.RCPT_SERVICE.value
    if verb == Verb.EHLO or verb == Verb.STARTTLS:  # noqa: PLR1714 - a membership test compiles to more
        return Purpose.EHLO_SERVICE.value
    if verb == Verb.MAIL or verb == Verb.RSET:  # noqa: PLR1714
        return Purpose.MAIL_SERVICE.value
    return Purpose.DATA_SERVICE.value if verb == Verb.DATA else Purpose.TEXT_SERVICE.value


@compiled
def rcpt_uniform(w: Any, S: Any, entity: Any, sub: Any, index: Any) -> Any:
    """Return the draw for the service of an RCPT; neighbours share a block, which is kept."""
    G = settings_of(w)
    # Which message and attempt a kept block belongs to is told by the transaction: it starts without one.
    key = ((index // 4) << 20) + (sub & 0xFFFFF)
    if S.block != key:
        S.block = key
        S.word_0, S.word_1, S.word_2, S.word_3 = block(
            G.seed, G.replication, index // 4, entity, Purpose.RCPT_SERVICE.value, sub
        )
    lane = index % 4
    if lane == 0:
        return uniform_of_word(S.word_0)
    if lane == 1:
        return uniform_of_word(S.word_1)
    return uniform_of_word(S.word_2 if lane == 2 else S.word_3)


@compiled
def service_of(w: Any, S: Any, verb: Any, slot: Any) -> Any:
    """Return the service time of a command in nanoseconds."""
    constant = service_at(w, S.lane * VERBS + verb).ns
    return constant if constant >= 0 else _drawn_service_of(w, S, verb, slot)


@rare
def _drawn_service_of(w: Any, S: Any, verb: Any, slot: Any) -> Any:
    sampler = sampler_at(w, PER_RUN + S.lane * PER_LANE + 1 + verb)
    if S.message < 0:
        S.greetings += 1
        purpose = Purpose.EHLO_SERVICE.value if verb == Verb.RSET else purpose_of(verb)
        return int(sample(sampler, uniform(w, purpose, S.number, S.lane, S.greetings - 1)))
    message = message_at(w, S.message)
    if verb == Verb.RCPT:
        u = rcpt_uniform(w, S, message.number, extra_at(w, slot).attempts, slot - message.first)
    else:
        u = uniform(w, purpose_of(verb), message.number, 0, S.transaction)
    return int(sample(sampler, u))


@compiled
def is_connect_lost(w: Any, S: Any) -> Any:
    """Tell whether nobody answers a connect."""
    share = lane_at(w, S.lane).lost_connect
    return share > 0.0 and uniform(w, Purpose.LOST_CONNECT.value, S.number, S.lane, 0) < share


@compiled
def lost(w: Any, S: Any, message: Any) -> Any:
    """Return where the next transaction loses its connection."""
    L, M = lane_at(w, S.lane), message_at(w, message)
    command = uniform(w, Purpose.LOST_TRANSACTION.value, M.number, 0, M.transactions) < L.lost_command
    text = uniform(w, Purpose.LOST_TRANSACTION.value, M.number, 1, M.transactions) < L.lost_text
    behind = uniform(w, Purpose.LOST_TRANSACTION.value, M.number, 2, M.transactions)
    return place_of_loss(command, text, behind, L.lost_dot, L.lost_reply).value


@compiled
def text_refusal(w: Any, S: Any) -> Any:
    """Return the draw that decides whether the text of the transaction is refused."""
    if S.message < 0 or lane_at(w, S.lane).data_failure_share == 0:
        return 1.0
    return uniform(w, Purpose.DATA_FAILURE.value, message_at(w, S.message).number, 0, S.transaction)
