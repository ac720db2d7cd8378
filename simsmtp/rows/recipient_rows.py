"""The recipient rows of a run as a sequence, of which only a part needs to lie in memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from simsmtp.protocol.ledger import LEDGER_NAMES
from simsmtp.rows.recipient_records import RECORD, Batch, Records
from simsmtp.rows.records import RecipientRow

if TYPE_CHECKING:
    from pandas import DataFrame

_CHUNK = 2**16
_NAMED, _COUNTED, _DELAY = map(RecipientRow._fields.index, ("destination", "accepted", "delay_s"))


class RecipientRows(Sequence[RecipientRow]):
    """Rows in order of message and recipient; a slice is such a sequence, too, and copies nothing.

    Rows that go through `RecipientRow` cost a microsecond each; `frames` and `frame` know the same as columns.

    Parameters
    ----------
    records : Records
        Closed.
    destinations : sequence of str
        Names of the destinations, in the order of their numbers. A single one is nameless in the rows.
    span : range, optional
        Which records; by default all.

    Attributes
    ----------
    destinations : list of str
        Names as they stand in the rows.
    """

    def __init__(self, records: Records, destinations: Sequence[str], span: range | None = None) -> None:
        self._records = records
        self.destinations = list(destinations) if len(destinations) > 1 else [""]
        self._span = range(len(records)) if span is None else span

    @classmethod
    def of(cls, rows: Iterable[RecipientRow]) -> RecipientRows:
        """Return rows that are at hand, in the order in which they come."""
        names: dict[str, int] = {"": 0}
        numbers = {name: number for number, name in enumerate(LEDGER_NAMES)}
        told = [
            (*row[:3], names.setdefault(row.destination, len(names)), row.valid, numbers[row.ledger], *row[6:])
            for row in rows
        ]
        records = Records()
        records.append(np.array(told, RECORD))
        records.close()
        return cls(records, list(names))

    def __len__(self) -> int:
        return len(self._span)

    @overload
    def __getitem__(self, index: int) -> RecipientRow: ...

    @overload
    def __getitem__(self, index: slice) -> RecipientRows: ...

    def __getitem__(self, index: int | slice) -> RecipientRow | RecipientRows:
        if isinstance(index, slice):
            return RecipientRows(self._records, self.destinations, self._span[index])
        at = self._span[index]
        return next(self._rows(self._records.read(at, at + 1)))

    def __iter__(self) -> Iterator[RecipientRow]:
        for records in self.chunks():
            yield from self._rows(records)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(map(_is_same, self, other))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<RecipientRows: {len(self):,} rows>"

    def chunks(self) -> Iterator[Batch]:
        """Yield the records, some ten thousand at a time; at least one chunk, which may be empty."""
        for begin in range(0, max(1, len(self)), _CHUNK):
            yield self._read(self._span[begin : begin + _CHUNK])

    def frames(self) -> Iterator[DataFrame]:
        """Yield `frame` in parts, in memory that does not grow with the rows; at least one, which may be empty."""
        return map(self._frame, self.chunks())

    def frame(self) -> DataFrame:
        """Return a table with the fields of `RecipientRow` as columns."""
        return self._frame(self._read(self._span))

    def _read(self, span: range) -> Batch:
        if span.step == 1:
            return self._records.read(span.start, span.stop)
        return np.concatenate([self._records.read(at, at + 1) for at in span] or [np.empty(0, RECORD)])

    def _rows(self, records: Batch) -> Iterator[RecipientRow]:
        for row in records.tolist():
            destination, valid, ledger = row[_NAMED:_COUNTED]
            delay = math.nan if math.isnan(row[_DELAY]) else row[_DELAY]  # the one nan, so that equal rows are equal
            name, entry = self.destinations[destination], LEDGER_NAMES[ledger]
            yield RecipientRow._make(
                (*row[:_NAMED], name, valid, entry, *row[_COUNTED:_DELAY], delay, *row[_DELAY + 1 :])
            )

    def _frame(self, records: Batch) -> DataFrame:
        import pandas as pd

        names = {"destination": self.destinations, "ledger": list(LEDGER_NAMES)}
        columns: dict[str, Any] = {}
        for field in RecipientRow._fields:
            values = records[field]
            if field in names:
                columns[field] = pd.Series(names[field]).array.take(values)
            else:
                columns[field] = values.astype(np.int64) if values.dtype.kind in "iu" else values
        return pd.DataFrame(columns)


def _is_same(row: RecipientRow, other: RecipientRow) -> bool:
    """Compare two rows; a delay that neither has is the same delay."""
    if math.isnan(row.delay_s) and math.isnan(other.delay_s):
        row, other = row._replace(delay_s=0.0), other._replace(delay_s=0.0)
    return row == other
