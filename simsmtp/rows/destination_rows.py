"""What became of recipients, what was refused and what they waited for, destination by destination."""

from __future__ import annotations

from collections import Counter
from operator import add
from typing import TYPE_CHECKING

import numpy as np

from simsmtp.protocol.ledger import LEDGER_NAMES
from simsmtp.rows.histogram import bucket_of
from simsmtp.rows.totals import DELAYS, REFUSALS, WAITS, Totals, responses_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pandas import DataFrame

    from simsmtp.rows.records import DestinationCounts, Output

_OWN = ("recipients", *LEDGER_NAMES, "false_ndr_rate", "rcpt_commands", *DELAYS, *REFUSALS, *WAITS)
"""The responses that one destination has by itself."""


class _Seen:
    """What the rows of recipients tell of one destination."""

    def __init__(self) -> None:
        self.ledger = [0] * len(LEDGER_NAMES)
        self.attempts = 0
        self.delays: Counter[int] = Counter()

    def add(self, rows: DataFrame) -> None:
        counts = rows["ledger"].value_counts().reindex(LEDGER_NAMES, fill_value=0)
        self.ledger = list(map(add, self.ledger, counts.tolist()))
        self.attempts += int(rows["attempts"].sum())
        delays_ns = np.rint(rows["delay_s"].dropna().to_numpy() * 1e9).astype(np.int64)
        values, times = np.unique(delays_ns, return_counts=True)
        for value, count in zip(values.tolist(), times.tolist(), strict=True):
            self.delays[bucket_of(value)] += count


def destination_table(outputs: Iterable[Output]) -> DataFrame:
    """Return one row per replication and destination.

    Parameters
    ----------
    outputs : iterable of Output
        Replications with their rows of recipients.

    Returns
    -------
    DataFrame
        ``replication``, ``destination``, and the response columns that one destination has by itself: recipients,
        ledger, RCPT commands, refusals, percentiles of delay, mean waits of its recipients.
    """
    import pandas as pd

    rows: list[dict[str, object]] = []
    for replication, output in enumerate(outputs):
        seen = {one.destination: _Seen() for one in output.destinations}
        for table in output.recipients.frames():
            for name, part in table.groupby("destination", observed=True):
                seen[str(name)].add(part)
        rows += [{"replication": replication, **_row(one, seen[one.destination])} for one in output.destinations]
    return pd.DataFrame(rows)


def _row(counts: DestinationCounts, seen: _Seen) -> dict[str, object]:
    # What one destination has no count of by itself is 0 here, and is not told.
    totals = Totals(
        recipients=sum(seen.ledger),
        ledger=seen.ledger,
        accepted_once=0,
        rcpt_commands=seen.attempts,
        transactions=0,
        connections=0,
        round_trips=0,
        first_connect_ns=-1,
        last_final_ns=-1,
        refusals=counts.refusals,
        waits_s=counts.waits_s,
    )
    responses = responses_of(totals, seen.delays)
    return {"destination": counts.destination, **{name: responses[name] for name in _OWN}}
