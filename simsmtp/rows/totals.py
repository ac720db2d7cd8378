"""What every engine counts, and the responses made from it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from simsmtp.errors import ConservationError
from simsmtp.protocol.causes import CAUSE_NAMES, WAIT_NAMES, Cause, Wait
from simsmtp.protocol.ledger import LEDGER_NAMES, Ledger
from simsmtp.rows.histogram import percentiles_ns
from simsmtp.rows.records import Responses

DELAYS = ("delay_p50_s", "delay_p95_s", "delay_p99_s")
REFUSALS = tuple(f"refused_{name}" for name in CAUSE_NAMES)
"""Refusals heard by the sender, in the order of `Cause`."""
MOST_COPIES = 65_535
"""As far as copies are counted that one person gets of one letter."""
WAITS = tuple(f"wait_{name}_s" for name in WAIT_NAMES)
"""What recipients waited for, in the order of `Wait`."""
DELAY_SHARES = (0.5, 0.95, 0.99)
"""Which percentiles of the delay are responses."""


class Totals(NamedTuple):
    """Counts at the end of a run.

    Attributes
    ----------
    recipients : int
        Of all messages, resends included.
    ledger : sequence of int
        Recipients of each class, in the order of `Ledger`.
    accepted_once : int
        Recipients accepted at least once.
    rcpt_commands, transactions, connections, round_trips : int
        See `simsmtp.rows.responses`.
    first_connect_ns, last_final_ns : int
        When the first connection was begun and the last final reply came; -1 for never.
    refusals : sequence of int
        Refusals that the sender heard, by `Cause`.
    person_duplicates, copies_max : int
        See `simsmtp.rows.responses`.
    waits_s : sequence of float
        Seconds that recipients waited, all together, by `Wait`.
    empty_texts : int
        Recipients that got an empty text and never a real one.
    """

    recipients: int
    ledger: Sequence[int]
    accepted_once: int
    rcpt_commands: int
    transactions: int
    connections: int
    round_trips: int
    first_connect_ns: int
    last_final_ns: int
    refusals: Sequence[int] = (0,) * len(Cause)
    person_duplicates: int = 0
    copies_max: int = 0
    waits_s: Sequence[float] = (0.0,) * len(Wait)
    empty_texts: int = 0


def seconds(ns: float) -> float:
    """Return nanoseconds in seconds."""
    return ns / 1e9


def recipient_seconds(recipients: int, wait_ns: int) -> float:
    """Return a wait of so many recipients in seconds, as a float before it is a product: that may not fit 64 bits."""
    return recipients * (wait_ns / 1e9)


def ratio(part: float, whole: float, otherwise: float) -> float:
    """Return a part of a whole, and something else where the whole is 0."""
    return part / whole if whole != 0 else otherwise


def makespan_ns(first_connect_ns: int, last_final_ns: int) -> int:
    """Return the time from the first connect to the last final reply, 0 if there was none."""
    return max(0, last_final_ns - first_connect_ns) if last_final_ns >= 0 else 0


def responses_of(totals: Totals, delays: Mapping[int, int]) -> Responses:
    """Return one value per response column, in the order of `simsmtp.rows.responses.COLUMNS`.

    Parameters
    ----------
    totals : Totals
        What was counted.
    delays : mapping of int to int
        Recipients by bucket of the delay to their first acceptance, see `simsmtp.rows.histogram`.

    Raises
    ------
    ConservationError
        If the ledger does not sum to the number of recipients.
    """
    if sum(totals.ledger) != totals.recipients:
        raise ConservationError(f"the ledger holds {sum(totals.ledger)} of {totals.recipients} recipients")
    once, span_ns = totals.accepted_once, makespan_ns(totals.first_connect_ns, totals.last_final_ns)
    values: Responses = {
        "recipients": totals.recipients,
        **dict(zip(LEDGER_NAMES, totals.ledger, strict=True)),
        "false_ndr_rate": _false_ndr_rate(totals.ledger),
        "rcpt_commands": totals.rcpt_commands,
        "transactions": totals.transactions,
        "connections": totals.connections,
        "round_trips": totals.round_trips,
        "makespan_s": seconds(span_ns),
        "delivered_per_s": ratio(once, seconds(span_ns), 0.0),
        "rcpt_per_delivered": ratio(totals.rcpt_commands, once, math.nan),
        **dict(zip(DELAYS, map(seconds, percentiles_ns(delays, DELAY_SHARES)), strict=True)),
        **dict(zip(REFUSALS, totals.refusals, strict=True)),
        "person_duplicates": totals.person_duplicates,
        "copies_max": totals.copies_max,
        **{name: ratio(one, totals.recipients, 0.0) for name, one in zip(WAITS, totals.waits_s, strict=True)},
        "empty_text": totals.empty_texts,
    }
    return values


def _false_ndr_rate(ledger: Sequence[int]) -> float:
    wrong = ledger[Ledger.FALSE_NDR] + ledger[Ledger.CONTRADICTORY_NDR]
    finished = sum(ledger[: Ledger.TRUE_NDR])
    return ratio(wrong, finished, 0.0)
