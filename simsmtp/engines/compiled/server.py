"""What the server knows of one session, and what it answers; the decisions are those of `simsmtp.policies`."""

from __future__ import annotations

from typing import Any

from simsmtp.engines.compiled.books import origin_of
from simsmtp.engines.compiled.draws import text_refusal
from simsmtp.engines.compiled.heaps import schedule, who_of
from simsmtp.engines.compiled.jit import compiled, inlined
from simsmtp.engines.compiled.layout import NONE, VALID
from simsmtp.engines.compiled.memory import (
    domain_at,
    extra_at,
    lane_at,
    message_at,
    run_of,
    settings_of,
    slot_at,
    spoken_at,
)
from simsmtp.peers.kind import Kind
from simsmtp.policies.recipients import after_rcpt, is_greylisted, rcpt_answer, rcpt_repeats
from simsmtp.policies.reply_policy import ReplyPolicy, Standing
from simsmtp.policies.transactions import after_answer, answer_at_once, answer_to, hangs_up, sleeps_before_reply
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
def standing_of(S: Any) -> Any:
    """Return what the server remembers of a session."""
    return Standing(
        S.standing_accepted,
        S.standing_over,
        S.standing_on_connection,
        S.standing_transactions,
        S.standing_errors,
    )


@inlined
def _remember(S: Any, standing: Any) -> None:
    S.standing_accepted, S.standing_over = standing.accepted, standing.over
    S.standing_on_connection = standing.accepted_on_connection
    S.standing_transactions, S.standing_errors = standing.transactions, standing.errors


@inlined
def answer_command(w: Any, session: Any, S: Any, verb: Any, slot: Any) -> Any:
    """Return the answer to a command that has been served."""
    L = lane_at(w, S.lane)
    policy, standing = policy_of(L), standing_of(S)
    S.sleep_ns = policy.error_sleep_ns if sleeps_before_reply(policy, standing) else 0
    answer = answer_at_once(policy, standing, S.state, verb).value
    if answer == Answer.NONE:
        if verb == Verb.RCPT:
            answer = _answer_rcpt(w, session, S, L, slot)
            S.state = next_state(S.state, verb, spoken_at(w, S.lane * ANSWERS + answer).code)
            return answer
        answer = answer_to(policy, standing, verb, L.data_failure_share, text_refusal(w, S), S.is_secure != 0).value
        if answer == Answer.STARTTLS_OK:
            S.is_secure = 1
        if answer == Answer.MAIL_OK:
            S.mails += 1
            S.first_domain = NONE
    code = spoken_at(w, S.lane * ANSWERS + answer).code
    _remember(S, after_answer(standing, answer, code))
    if answer != Answer.BAD_SEQUENCE:
        S.state = next_state(S.state, verb, code)
    return answer


@compiled
def repeat_answer(w: Any, S: Any, L: Any, answer: Any, most: Any) -> Any:
    """Answer up to `most` RCPTs to come like the last, as far as that is sure; return how many."""
    policy, standing = policy_of(L), standing_of(S)
    if S.is_closed != 0 or hangs_up(policy, standing) or sleeps_before_reply(policy, standing):
        return 0
    count = min(most, rcpt_repeats(policy, standing, 0, True, answer))
    if answer == Answer.RCPT_OK and settings_of(w).unknown_share > 0.0:
        slot = S.next
        for known in range(count):
            if (slot_at(w, slot).flags & VALID) == 0:
                count = known
                break
            slot = slot_at(w, slot).next
    if count > 0:
        _remember(S, after_rcpt(policy, standing, answer, count))
    return max(0, count)


@compiled
def greet(w: Any, S: Any) -> Any:
    """Return the banner."""
    answer = Answer.BANNER.value if S.admitted != 0 else Answer.SESSION_REFUSED.value
    S.state = next_state(State.CLOSED.value, Verb.CONNECT.value, spoken_at(w, S.lane * ANSWERS + answer).code)
    return answer


@inlined
def _answer_rcpt(w: Any, session: Any, S: Any, L: Any, slot: Any) -> Any:
    policy, standing = policy_of(L), standing_of(S)
    domain = in_domain = 0
    if L.counts_domains != 0:
        domain = origin_of(w, slot, message_at(w, S.message).first) % settings_of(w).domains
        kept = domain_at(w, session * settings_of(w).domains + domain).kept
        in_domain = kept & _COUNTS if kept >> _COUNT_BITS == S.mails else 0
    same_domain = domain == S.first_domain
    valid = (slot_at(w, slot).flags & VALID) != 0
    answer = rcpt_answer(policy, standing, in_domain, same_domain, valid, False).value
    if answer == Answer.RCPT_OK and policy.greylist_ns > 0:
        if extra_at(w, slot).first_seen < 0:
            extra_at(w, slot).first_seen = S.free
        greylisted = is_greylisted(policy, extra_at(w, slot).first_seen, S.free)
        answer = rcpt_answer(policy, standing, in_domain, same_domain, valid, greylisted).value
    _remember(S, after_rcpt(policy, standing, answer, 1))
    if L.counts_domains != 0 and answer == Answer.RCPT_OK:
        domain_at(w, session * settings_of(w).domains + domain).kept = (S.mails << _COUNT_BITS) + in_domain + 1
        if S.first_domain < 0:
            S.first_domain = domain
    return answer


@compiled
def leave_server(w: Any, S: Any, at: Any) -> None:
    """Note when the server will be rid of a session that it let in."""
    if S.admitted != 0:
        S.admitted = 0
        who = who_of(Kind.HANG_UP.value, S.lane, S.number)
        schedule(w, max(at, run_of(w).now), who, S.lane)
