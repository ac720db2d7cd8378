"""From messages as they end to rows in order: each batch is sorted where it lies, then the batches are merged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from simsmtp.rows import recipient_records
from simsmtp.rows.recipient_records import Batch, Records
from simsmtp.rows.recipient_rows import RecipientRows

_LAST = np.iinfo(np.int64).max


class RowWriter:
    """What an engine hands the rows of finished messages to; memory does not grow with them.

    Parameters
    ----------
    destinations : sequence of str
        Names of the destinations, in the order of their numbers.
    """

    def __init__(self, destinations: Sequence[str]) -> None:
        self._destinations = destinations
        self._records = Records(prepare=_sorted)

    def extend(self, records: Batch) -> None:
        """Take in records (`simsmtp.rows.recipient_records.RECORD`), which are copied.

        Messages come in any order, each only once and with its recipients in ascending order; one may begin in one
        call and end in the next.
        """
        self._records.append(records)

    def finish(self) -> RecipientRows:
        """Return the rows in order of message and recipient."""
        self._records.close()
        return RecipientRows(_in_order(self._records), self._destinations)


def _sorted(records: Batch) -> Batch:
    """Return a batch in order of messages; recipients of a message are in order already."""
    messages = records["message"]
    if (messages[1:] >= messages[:-1]).all():
        return records
    return records[np.argsort(messages, kind="stable")]


def _in_order(records: Records) -> Records:
    """Return closed records whose batches are sorted as records that are sorted in all."""
    starts = records.starts[1:]
    if all(records.read(at - 1, at)["message"][0] <= records.read(at, at + 1)["message"][0] for at in starts):
        return records
    merged = Records()
    for part in _merge(records):
        merged.append(part)
    merged.close()
    return merged


def _merge(records: Records) -> Iterator[Batch]:
    """Yield the records of sorted batches in one order; a window into each batch lies in memory."""
    next_at = np.array(records.starts)
    ends = np.array([*records.starts[1:], len(records)])
    share = max(1, recipient_records.IN_MEMORY // len(ends))
    windows: list[Batch] = [records.read(0, 0)] * len(ends)
    first, last = np.empty(len(ends), np.int64), np.empty(len(ends), np.int64)

    def show(which: int, rest: Batch) -> None:
        """Look at the rest of a window, or at the next one if nothing is left."""
        if not len(rest) and next_at[which] < ends[which]:
            begin, next_at[which] = next_at[which], min(next_at[which] + share, ends[which])
            rest = records.read(begin, next_at[which])
        windows[which] = rest
        first[which] = rest["message"][0] if len(rest) else _LAST
        last[which] = rest["message"][-1] if next_at[which] < ends[which] else _LAST

    for which in range(len(ends)):
        show(which, windows[which])
    while (first < _LAST).any():
        # What lies behind a window is not known yet, but it is no less than the last of that window. Part of a message
        # may stand at the end of a batch and the rest of it in the next one, which then has to wait.
        bound, taken = int(last.argmin()), []
        known = last[bound]
        for which in np.flatnonzero(first <= known).tolist():
            side: Literal["left", "right"] = "right" if which <= bound else "left"
            upto = int(np.searchsorted(windows[which]["message"], known, side))
            taken.append(windows[which][:upto])
            show(which, windows[which][upto:])
        yield _sorted(np.concatenate(taken))
