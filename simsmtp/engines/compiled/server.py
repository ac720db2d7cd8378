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
    rate_at,
    run_of,
    settings_of,
    slot_at,
    spoken_at,
    time_at,
)
from simsmtp.engines.compiled.storage.heaps import schedule, who_of
from simsmtp.engines.compiled.storage.layout import VALID
from simsmtp.engines.compiled.storage.people import part_of, seen_first
from simsmtp.engines.compiled.toolchain.jit import compiled, inlined, rare
from simsmtp.peers.kind import Kind
from simsmtp.policies.rate_limits import (
    LONG_AGO,
    RateKind,
    RateLimit,
    RateState,
    after_counting,
    amount_of,
    deciding_time,
    has_room,
    is_asked,
    is_let_pass,
)
from simsmtp.policies.recipients import goes_by_group, greylist_answer
from simsmtp.policies.reply_policy import ReplyPolicy, SessionCounters
from simsmtp.policies.respond import admits, after_answer, answer_to, greeting, sleep_before_reply, sure_repeats
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
        L.data_limit,
        L.text_limit,
        L.delivery_limit,
        L.exhausted_at_data != 0,
        L.commands,
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
        S.count_commands,
    )


@inlined
def remember(S: Any, counters: Any) -> None:
    """Put what the server remembers into a session's record."""
    S.count_accepted, S.count_over = counters.accepted, counters.over
    S.count_accepted_on_connection = counters.accepted_on_connection
    S.count_transactions, S.count_errors = counters.transactions, counters.errors
    S.count_handshakes, S.count_commands = counters.handshakes, counters.commands


@inlined
def answer_command(w: Any, session: Any, S: Any, verb: Any, slot: Any) -> Any:
    """Return the answer to a command that has been served."""
    L = lane_at(w, S.lane)
    policy, counters = policy_of(L), counters_of(S)
    if verb == Verb.RCPT:
        return _answer_rcpt(w, session, S, L, policy, counters, slot)
    answer = answer_to(policy, counters, S.state, verb, 0, True, L.data_failure_share, text_refusal(w, S)).value
    if L.rates > 0:
        answer = rated_answer(w, L, verb, answer, counters.accepted, S.free)
    if answer == Answer.MAIL_OK:
        S.mails += 1
    return _conclude(w, S, policy, counters, verb, answer)


@inlined
def _answer_rcpt(w: Any, session: Any, S: Any, L: Any, policy: Any, counters: Any, slot: Any) -> Any:
    place, in_domain = 0, counters.accepted
    if L.counts_domains != 0:
        place = session * w.in_domain_room + _part_of(w, S, slot, goes_by_group(policy))
        kept = domain_at(w, place).kept
        in_domain = kept & _COUNTS if kept >> _COUNT_BITS == S.mails else 0
    exists = (slot_at(w, slot).flags & VALID) != 0
    answer = answer_to(policy, counters, S.state, Verb.RCPT.value, in_domain, exists, 0.0, 1.0).value
    if answer == Answer.RCPT_OK:
        if policy.greylist_ns > 0:
            answer = greylist_answer(policy, _first_seen(w, S, slot), S.free).value
        if L.rates > 0:
            answer = rated_answer(w, L, Verb.RCPT.value, answer, counters.accepted, S.free)
        if L.counts_domains != 0 and answer == Answer.RCPT_OK:
            domain_at(w, place).kept = (S.mails << _COUNT_BITS) + in_domain + 1
    return _conclude(w, S, policy, counters, Verb.RCPT.value, answer)


@inlined
def _part_of(w: Any, S: Any, slot: Any, by_group: Any) -> Any:
    G, M = settings_of(w), message_at(w, S.message)
    if G.meets_again != 0:
        return part_of(w, M, origin_of(w, slot, M.first), by_group)
    return origin_of(w, slot, M.first) % (G.groups if by_group else G.domains)


@inlined
def _first_seen(w: Any, S: Any, slot: Any) -> Any:
    if settings_of(w).meets_again != 0:
        M = message_at(w, S.message)
        return seen_first(w, M, origin_of(w, slot, M.first), S.free)
    if extra_at(w, slot).first_seen < 0:
        extra_at(w, slot).first_seen = S.free
    return extra_at(w, slot).first_seen


@inlined
def _limit_of(T: Any) -> Any:
    return RateLimit(T.counts, T.at, T.kind, T.most, T.window_ns, T.gained, T.cost)


@rare
def rated_answer(w: Any, L: Any, verb: Any, answer: Any, accepted: Any, now_ns: Any) -> Any:
    """Return the answer to a command, and count it if nothing refuses it; see `simsmtp.peers.rates`."""
    if not is_let_pass(answer):
        return answer
    for number in range(L.rates):
        T = rate_at(w, L.first_rate + number)
        limit, state = _limit_of(T), RateState(T.since_ns, T.level)
        amount = amount_of(limit, verb, accepted)
        decides, deciding_ns = deciding_time(limit, state, amount), LONG_AGO
        if decides >= 0:
            deciding_ns = time_at(w, T.first_time + decides % T.most).at
        if is_asked(T.at, verb) and not has_room(limit, state, deciding_ns, now_ns, amount):
            return Answer.RATE_0.value + number
    for number in range(L.rates):
        T = rate_at(w, L.first_rate + number)
        if is_asked(T.at, verb):
            _count(w, T, amount_of(_limit_of(T), verb, accepted), now_ns)
    return answer


@compiled
def _count(w: Any, T: Any, amount: Any, now_ns: Any) -> None:
    if T.kind == RateKind.SLIDING:
        for counted in range(T.level, T.level + amount):
            time_at(w, T.first_time + counted % T.most).at = now_ns
    state = after_counting(_limit_of(T), RateState(T.since_ns, T.level), now_ns, amount)
    T.since_ns, T.level = state.since_ns, state.level


@inlined
def _conclude(w: Any, S: Any, policy: Any, counters: Any, verb: Any, answer: Any) -> Any:
    code = spoken_at(w, S.lane * ANSWERS + answer).code
    S.sleep_ns = sleep_before_reply(policy, counters)
    remember(S, after_answer(policy, counters, answer, code, 1, verb != Verb.TEXT))
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
        code = spoken_at(w, S.lane * ANSWERS + answer).code
        remember(S, after_answer(policy, counters, answer, code, count, True))
    return count


@compiled
def greet(w: Any, S: Any) -> Any:
    """Return the banner, and hang up if it is a refusal."""
    code = spoken_at(w, S.lane * ANSWERS + S.banner).code
    S.state = next_state(State.CLOSED.value, Verb.CONNECT.value, code)
    return S.banner


@compiled
def welcome(w: Any, S: Any, L: Any) -> None:
    """Take in a session that begins now if nothing refuses it."""
    answer = greeting(admits(L.sessions, L.sessions_limit)).value
    if L.rates > 0:
        answer = rated_answer(w, L, Verb.CONNECT.value, answer, 0, run_of(w).now)
    S.banner = answer
    if answer == Answer.BANNER:
        L.sessions += 1
        S.admitted = 1


@compiled
def leave_server(w: Any, S: Any, at: Any) -> None:
    """Note when the server will be rid of a session that it let in."""
    if S.admitted != 0:
        S.admitted = 0
        who = who_of(Kind.HANG_UP.value, S.lane, S.number)
        schedule(w, max(at, run_of(w).now), who, S.lane)
