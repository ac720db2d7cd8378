"""What every engine counts, and the responses made from it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from simsmtp.errors import ConservationError
from simsmtp.protocol.ledger import LEDGER_NAMES, Ledger
from simsmtp.rows.histogram import percentiles_ns
from simsmtp.rows.records import Responses
from simsmtp.rows.responses import COLUMNS

_DELAYS = ("delay_p50_s", "delay_p95_s", "delay_p99_s")


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


def responses_of(totals: Totals, delays: Mapping[int, int]) -> Responses:
    """Return one value per response column.

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
    values: Responses = {
        "recipients": totals.recipients,
        **dict(zip(LEDGER_NAMES, totals.ledger, strict=True)),
        "false_ndr_rate": _false_ndr_rate(totals.ledger),
        "rcpt_commands": totals.rcpt_commands,
        "transactions": totals.transactions,
        "connections": totals.connections,
        "round_trips": totals.round_trips,
        **_times(totals),
        **dict(zip(_DELAYS, (ns / 1e9 for ns in percentiles_ns(delays, (0.5, 0.95, 0.99))), strict=True)),
    }
    return {column: values[column] for column in COLUMNS}


def _false_ndr_rate(ledger: Sequence[int]) -> float:
    wrong = ledger[Ledger.FALSE_NDR] + ledger[Ledger.CONTRADICTORY_NDR]
    finished = sum(ledger[: Ledger.TRUE_NDR])
    return wrong / finished if finished else 0.0


def _times(totals: Totals) -> Responses:
    finished = totals.last_final_ns >= 0
    makespan_ns = max(0, totals.last_final_ns - totals.first_connect_ns) if finished else 0
    once = totals.accepted_once
    return {
        "makespan_s": makespan_ns / 1e9,
        "delivered_per_s": once / (makespan_ns / 1e9) if makespan_ns else 0.0,
        "rcpt_per_delivered": totals.rcpt_commands / once if once else math.nan,
    }
