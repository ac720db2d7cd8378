"""What the server knows of one session, and what it answers; the decisions are those of `simsmtp.policies`."""

from __future__ import annotations

from typing import Any

from simsmtp.engines.compiled.accounting import origin_of
from simsmtp.engines.compiled.draws import text_refusal
from simsmtp.engines.compiled.storage.accessors import (
    domain_at,
    extra_at,
    lane_at,
    message_at,
    run_of,
    settings_of,
    slot_at,
    spoken_at,
)
from simsmtp.engines.compiled.storage.heaps import schedule, who_of
from simsmtp.engines.compiled.storage.layout import VALID
from simsmtp.engines.compiled.toolchain.jit import compiled, inlined
from simsmtp.peers.kind import Kind
from simsmtp.policies.recipients import goes_by_group, greylist_answer
from simsmtp.policies.reply_policy import ReplyPolicy, SessionCounters
from simsmtp.policies.respond import after_answer, answer_to, greeting, sleep_before_reply, sure_repeats
from simsmtp.protocol.answers import Answer
from simsmtp.protocol.commands import Verb
from simsmtp.protocol.states import State, next_state

ANSWERS = len(Answer)
_COUNT_BITS = 32
_COUNTS = (1 << _COUNT_BITS) - 1


@inlined
def policy_of(L: Any) -> Any:
    """Return a destination's settings as decisions take them."""
    return ReplyPolicy(
        L.limit,
        L.limit_kind,
        L.overshoot,
        L.soft_errors,
        L.hard_errors,
        L.error_sleep_ns,
        L.reject_data_after_overflow != 0,
        L.data_without_recipients != 0,
        L.transactions,
        L.greylist_ns,
    )


@inlined
def counters_of(S: Any) -> Any:
    """Return what the server remembers of a session."""
    return SessionCounters(
        S.count_accepted,
        S.count_over,
        S.count_accepted_on_connection,
        S.count_transactions,
        S.count_errors,
        S.count_handshakes,
    )


@inlined
def remember(S: Any, counters: Any) -> None:
    """Put what the server remembers into a session's record."""
    S.count_accepted, S.count_over = counters.accepted, counters.over
    S.count_accepted_on_connection = counters.accepted_on_connection
    S.count_transactions, S.count_errors = counters.transactions, counters.errors
    S.count_handshakes = counters.handshakes


@inlined
def answer_command(w: Any, session: Any, S: Any, verb: Any, slot: Any) -> Any:
    """Return the answer to a command that has been served."""
    L = lane_at(w, S.lane)
    policy, counters = policy_of(L), counters_of(S)
    if verb == Verb.RCPT:
        return _answer_rcpt(w, session, S, L, policy, counters, slot)
    answer = answer_to(policy, counters, S.state, verb, 0, True, L.data_failure_share, text_refusal(w, S)).value
    if answer == Answer.MAIL_OK:
        S.mails += 1
    return _conclude(w, S, policy, counters, verb, answer)


@inlined
def _answer_rcpt(w: Any, session: Any, S: Any, L: Any, policy: Any, counters: Any, slot: Any) -> Any:
    place, in_domain = 0, counters.accepted
    if L.counts_domains != 0:
        number = origin_of(w, slot, message_at(w, S.message).first)
        parts = settings_of(w).groups if goes_by_group(policy) else settings_of(w).domains
        place = session * w.in_domain_room + number % parts
        kept = domain_at(w, place).kept
        in_domain = kept & _COUNTS if kept >> _COUNT_BITS == S.mails else 0
    exists = (slot_at(w, slot).flags & VALID) != 0
    answer = answer_to(policy, counters, S.state, Verb.RCPT.value, in_domain, exists, 0.0, 1.0).value
    if answer == Answer.RCPT_OK:
        if policy.greylist_ns > 0:
            if extra_at(w, slot).first_seen < 0:
                extra_at(w, slot).first_seen = S.free
            answer = greylist_answer(policy, extra_at(w, slot).first_seen, S.free).value
        if L.counts_domains != 0 and answer == Answer.RCPT_OK:
            domain_at(w, place).kept = (S.mails << _COUNT_BITS) + in_domain + 1
    return _conclude(w, S, policy, counters, Verb.RCPT.value, answer)


@inlined
def _conclude(w: Any, S: Any, policy: Any, counters: Any, verb: Any, answer: Any) -> Any:
    code = spoken_at(w, S.lane * ANSWERS + answer).code
    S.sleep_ns = sleep_before_reply(policy, counters)
    remember(S, after_answer(policy, counters, answer, code, 1))
    S.state = next_state(S.state, verb, code)
    return answer


@compiled
def repeat_answer(w: Any, S: Any, L: Any, answer: Any) -> Any:
    """Answer the RCPTs to come like the last, as far as that is sure; return how many."""
    policy, counters = policy_of(L), counters_of(S)
    count = min(S.rcpts_left + 0, sure_repeats(policy, counters, S.state, answer))
    if answer == Answer.RCPT_OK and settings_of(w).has_unknown != 0:
        slot = S.next
        for known in range(count):
            if (slot_at(w, slot).flags & VALID) == 0:
                count = known
                break
            slot = slot_at(w, slot).next
    if count > 0:
        remember(S, after_answer(policy, counters, answer, spoken_at(w, S.lane * ANSWERS + answer).code, count))
    return count


@compiled
def greet(w: Any, S: Any) -> Any:
    """Return the banner."""
    answer = greeting(S.admitted != 0).value
    S.state = next_state(State.CLOSED.value, Verb.CONNECT.value, spoken_at(w, S.lane * ANSWERS + answer).code)
    return answer


@compiled
def leave_server(w: Any, S: Any, at: Any) -> None:
    """Note when the server will be rid of a session that it let in."""
    if S.admitted != 0:
        S.admitted = 0
        who = who_of(Kind.HANG_UP.value, S.lane, S.number)
        schedule(w, max(at, run_of(w).now), who, S.lane)
