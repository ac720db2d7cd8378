"""Replications in one call: each begins with arrays as they were packed, and leaves its responses in a row."""

from __future__ import annotations

import math
from typing import Any

from simsmtp.engines.compiled.loop import PER_PAUSE, run
from simsmtp.engines.compiled.storage.accessors import (
    block_of,
    bucket_at,
    class_at,
    clearing,
    copying,
    free_at,
    key_at,
    lane_at,
    response_at,
    run_of,
    settings_of,
)
from simsmtp.engines.compiled.storage.layout import DONE, NONE, PAUSE, RAISED, SLOT_CLASSES
from simsmtp.engines.compiled.toolchain.jit import compiled
from simsmtp.protocol.ledger import Ledger
from simsmtp.rows.histogram import middle_of, rank_of
from simsmtp.rows.totals import DELAY_SHARES, makespan_ns, ratio, seconds

_P50, _P95, _P99 = DELAY_SHARES
_CLASSES = len(Ledger)
_copy_run, _copy_lanes, _copy_rates = (copying(name, f"fresh_{name}") for name in ("run", "lanes", "rates"))
_clear_ledger, _clear_sessions, _clear_waits, _clear_domains, _clear_tcp = (
    clearing(name) for name in ("ledger", "sessions", "waits", "in_domain", "tcp")
)


@compiled
def run_block(w: Any) -> Any:
    """Go on with a block until it is done or has to wait for Python; return which."""
    B = block_of(w)
    while B.done < B.count:
        if B.to_renew != 0:
            _renew(w)
            B.to_renew = 0
        settings_of(w).replication = key_at(w, B.done).replication
        status = run(w)
        if status != DONE:
            return status
        if run_of(w).strategy_raised != 0:
            return RAISED
        _write_responses(w)
        B.done += 1
        B.to_renew = 1
        B.handled += run_of(w).handled
        if B.handled >= PER_PAUSE:
            B.handled = 0
            return PAUSE
    return DONE


@compiled
def _renew(w: Any) -> None:
    """Make the arrays look as they were packed, wherever the last replication wrote something that is read again.

    Events and queues are read as far as they are written; messages, jobs and slots are filled in when they are taken.
    """
    R = run_of(w)
    for bucket in range(R.lowest_bucket, R.highest_bucket + 1):
        bucket_at(w, bucket).recipients = 0
    _clear_ledger(w, _CLASSES)
    _clear_sessions(w, R.sessions_used)
    _clear_waits(w, R.sessions_used)
    _clear_domains(w, R.sessions_used * w.in_domain_room)
    _clear_tcp(w, R.sessions_used * block_of(w).tcp_words)
    for size in range(SLOT_CLASSES):
        free_at(w, size).first = NONE
    block_of(w).stamp += 1
    _copy_run(w, 1)
    _copy_lanes(w, w.lanes_room)
    _copy_rates(w, w.rates_room)


@compiled
def _write_responses(w: Any) -> None:
    """Write what a replication gave, see `simsmtp.rows.totals`."""
    R, row = run_of(w), response_at(w, block_of(w).done)
    row.recipients = R.recipients
    row.delivered = _in_class(w, Ledger.DELIVERED.value)
    row.false_ndr = _in_class(w, Ledger.FALSE_NDR.value)
    row.contradictory_ndr = _in_class(w, Ledger.CONTRADICTORY_NDR.value)
    row.duplicate = _in_class(w, Ledger.DUPLICATE.value)
    row.lost = _in_class(w, Ledger.LOST.value)
    row.true_ndr = _in_class(w, Ledger.TRUE_NDR.value)
    row.missed_ndr = _in_class(w, Ledger.MISSED_NDR.value)
    row.queued = _in_class(w, Ledger.QUEUED.value)
    finished = 0
    for entry in range(Ledger.TRUE_NDR.value):
        finished += class_at(w, entry).recipients
    row.false_ndr_rate = ratio(row.false_ndr + row.contradictory_ndr, finished, 0.0)
    row.rcpt_commands, row.transactions = R.rcpt_commands, R.transactions
    row.connections, row.round_trips = R.connected, R.round_trips
    span_s = seconds(makespan_ns(R.first_connect_ns, R.last_final_ns))
    row.makespan_s = span_s
    row.delivered_per_s = ratio(R.accepted_once, span_s, 0.0)
    row.rcpt_per_delivered = ratio(R.rcpt_commands, R.accepted_once, math.nan)
    row.person_duplicates, row.copies_max = R.person_duplicates, R.copies_max
    row.empty_text = R.empty_texts
    _write_refusals(w, row)
    _write_waits(w, row)
    if R.accepted_once == 0:
        row.delay_p50_s = row.delay_p95_s = row.delay_p99_s = math.nan
        return
    bucket, below = _bucket_of_rank(w, _P50, R.lowest_bucket, 0)
    row.delay_p50_s = seconds(middle_of(bucket))
    bucket, below = _bucket_of_rank(w, _P95, bucket, below)
    row.delay_p95_s = seconds(middle_of(bucket))
    bucket, below = _bucket_of_rank(w, _P99, bucket, below)
    row.delay_p99_s = seconds(middle_of(bucket))


@compiled
def _write_refusals(w: Any, row: Any) -> None:
    for lane in range(w.lanes_room):
        L = lane_at(w, lane)
        row.refused_over += L.refused_over
        row.refused_rate += L.refused_rate
        row.refused_unknown += L.refused_unknown
        row.refused_greylist += L.refused_greylist
        row.refused_session += L.refused_session
        row.refused_other += L.refused_other


@compiled
def _write_waits(w: Any, row: Any) -> None:
    """Write the mean waits of a recipient; an array of rows is all zeros at first."""
    for lane in range(w.lanes_room):
        L = lane_at(w, lane)
        row.wait_round_trips_s += L.waited_round_trips
        row.wait_service_s += L.waited_service
        row.wait_rate_s += L.waited_rate
        row.wait_retry_s += L.waited_retry
        row.wait_greylist_s += L.waited_greylist
    recipients = run_of(w).recipients
    row.wait_round_trips_s = ratio(row.wait_round_trips_s, recipients, 0.0)
    row.wait_service_s = ratio(row.wait_service_s, recipients, 0.0)
    row.wait_rate_s = ratio(row.wait_rate_s, recipients, 0.0)
    row.wait_retry_s = ratio(row.wait_retry_s, recipients, 0.0)
    row.wait_greylist_s = ratio(row.wait_greylist_s, recipients, 0.0)


@compiled
def _in_class(w: Any, entry: Any) -> Any:
    return class_at(w, entry).recipients


@compiled
def _bucket_of_rank(w: Any, share: Any, bucket: Any, below: Any) -> Any:
    """Return the bucket of a percentile, from one on that has so many values below it, and how many are below."""
    rank = rank_of(share, run_of(w).accepted_once)
    while below + bucket_at(w, bucket).recipients < rank:
        below += bucket_at(w, bucket).recipients
        bucket += 1
    return bucket, below
