"""What became of recipients, what was refused and what they waited for, destination by destination."""

from __future__ import annotations

from collections import Counter
from operator import add
from typing import TYPE_CHECKING

import numpy as np

from simsmtp.protocol.ledger import LEDGER_NAMES
from simsmtp.rows.histogram import bucket_of, percentiles_ns
from simsmtp.rows.totals import DELAY_SHARES, DELAYS, REFUSALS, WAITS, false_ndr_rate, ratio, seconds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pandas import DataFrame

    from simsmtp.rows.records import DestinationCounts, Output


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
    recipients = sum(seen.ledger)
    return {
        "destination": counts.destination,
        "recipients": recipients,
        **dict(zip(LEDGER_NAMES, seen.ledger, strict=True)),
        "false_ndr_rate": false_ndr_rate(seen.ledger),
        "rcpt_commands": seen.attempts,
        **dict(zip(DELAYS, map(seconds, percentiles_ns(seen.delays, DELAY_SHARES)), strict=True)),
        **dict(zip(REFUSALS, counts.refusals, strict=True)),
        **{name: ratio(one, recipients, 0.0) for name, one in zip(WAITS, counts.waits_s, strict=True)},
    }
