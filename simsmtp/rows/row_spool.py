"""Recipient rows of some replications, kept together: they share the memory and the file of one."""

from __future__ import annotations

from collections.abc import Iterator

from simsmtp.rows.recipient_records import Records
from simsmtp.rows.recipient_rows import RecipientRows


class RowSpool:
    """First the rows of all replications are added, then it is closed, then it yields them one after the other."""

    def __init__(self) -> None:
        self._records = Records()
        self._parts: list[tuple[list[str], range]] = []

    def __iter__(self) -> Iterator[RecipientRows]:
        return (RecipientRows(self._records, *part) for part in self._parts)

    def add(self, rows: RecipientRows) -> None:
        """Take in a copy of a replication's rows."""
        begin = len(self._records)
        for chunk in rows.chunks():
            self._records.append(chunk)
        self._parts.append((rows.destinations, range(begin, len(self._records))))

    def close(self) -> None:
        """Make them readable."""
        self._records.close()
