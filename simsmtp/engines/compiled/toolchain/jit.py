"""How functions of this engine are compiled, and which decisions they may call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit
from numba.extending import register_jitable

from simsmtp.engines.compiled.toolchain.whole_program import PartCompiler, RarePartCompiler, of_plain_types
from simsmtp.network import losses, pipe, tcp
from simsmtp.policies import rate_limits, recipients, reply_policy, respond, transactions
from simsmtp.protocol import causes, commands, ledger, replies, states
from simsmtp.randomness import distributions, permutation, streams
from simsmtp.rows import histogram, totals
from simsmtp.strategies import (
    counting,
    flight,
    hooks,
    order,
    outcome,
    overflow,
    patience,
    reply_class,
    retry,
    sizing,
    tally,
    window,
)
from simsmtp.strategies.registry import BUILT_IN

OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "no_cpython_wrapper": True,  # no part is called from outside
    "no_cfunc_wrapper": True,
    "pipeline_class": PartCompiler,
}

DECISIONS: tuple[Callable[..., Any], ...] = (
    replies.detail_of,
    commands.ends_group,
    commands.bdat_octets,
    causes.cause_of,
    states.in_sequence,
    states.next_state,
    ledger.ledger_class,
    reply_policy.new_counters,
    recipients.goes_by_group,
    recipients.room_left,
    recipients.rcpt_answer,
    recipients.greylist_answer,
    transactions.mail_answer,
    transactions.data_answer,
    transactions.text_answer,
    transactions.bdat_answer,
    respond.admits,
    respond.greeting,
    respond.answer_to,
    respond.sure_repeats,
    respond.after_answer,
    respond.after_errors,
    respond.sleep_before_reply,
    respond.hangs_up,
    rate_limits.is_asked,
    rate_limits.is_let_pass,
    rate_limits.amount_of,
    rate_limits.deciding_time,
    rate_limits.has_room,
    rate_limits.after_counting,
    rate_limits.reserved,
    rate_limits.parts_at,
    rate_limits._counted_in_window,
    reply_class.classify,
    reply_class.classify_among,
    reply_class.is_company,
    tally.empty_tally,
    tally.observe,
    counting.by_own_reply,
    *(one.settle for one in BUILT_IN.values()),
    *(hook for one in BUILT_IN.values() for hook in (one.on_data, one.on_final) if hook),
    order.number_at,
    overflow.overflow_for,
    overflow.disposition,
    overflow.after_final_reply,
    overflow.for_everybody,
    overflow.becomes,
    hooks.by_final_reply,
    hooks.after_data,
    overflow.keeps_connection,
    overflow.stops_sending,
    window.window_in_session,
    window.may_send,
    window.rcpts_that_fit,
    flight.next_flight,
    outcome.may_connect,
    outcome.is_worth_connecting,
    outcome.may_go_on,
    outcome.begins_anew,
    outcome.gives_up,
    outcome.has_text,
    outcome.nothing_committed,
    outcome.is_answered,
    outcome.is_still_marked,
    outcome.is_marked_after,
    outcome.is_progress,
    sizing.next_size,
    sizing.transactions_for,
    sizing.learn,
    sizing.still_known,
    retry.keeps_queue,
    retry.backoff,
    retry.is_expired,
    retry.next_attempt,
    patience.gives_up_at,
    patience.heard_by,
    patience.served_by,
    losses.place_of_loss,
    losses.is_swallowed,
    pipe.sending_ns,
    pipe.departs,
    pipe.arrives,
    tcp.at,
    tcp.connect,
    tcp.write,
    tcp.read,
    tcp.next_at,
    tcp.step,
    tcp._may_send,
    tcp._send,
    tcp._shrink_while_idle,
    tcp._acknowledge,
    tcp._told,
    tcp._arrival,
    tcp._push,
    tcp._place,
    tcp._head_due,
    tcp._advance_head,
    tcp._send_again,
    tcp._arrive,
    tcp._grow,
    distributions.sample,
    distributions.count,
    distributions.first_above,
    distributions.interpolated,
    streams.uniform_of_word,
    permutation.divisor_of,
    permutation.multiplier_of,
    permutation.offset_of,
    permutation.moved,
    histogram.bucket_of,
    histogram.middle_of,
    histogram.rank_of,
    totals.seconds,
    totals.recipient_seconds,
    totals.ratio,
    totals.makespan_ns,
)
"""Every decision and helper that compiled code calls: the plain functions, compiled from their one source."""

_PER_RCPT = (replies, states, recipients, transactions, respond, reply_class, tally, pipe)

for _decision in DECISIONS:
    register_jitable(**OPTIONS, forceinline=_decision.__module__ in {one.__name__ for one in _PER_RCPT})(_decision)


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function of this engine when it is first called."""
    return of_plain_types(njit(**OPTIONS)(function))


def inlined(function: Callable[..., Any]) -> Any:
    """Compile into every caller: for what runs once per RCPT, where a call costs as much as its work."""
    return of_plain_types(njit(**OPTIONS, forceinline=True)(function))


def rare(function: Callable[..., Any]) -> Any:
    """Compile a function that stays a call: for what seldom runs, or only after a decision that it is needed."""
    # Numba lets a function be inlined where the first that calls it is, unless told otherwise.
    return of_plain_types(njit(**OPTIONS | {"pipeline_class": RarePartCompiler, "forceinline": False})(function))
