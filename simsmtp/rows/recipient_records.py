"""Records of recipients: the last few lie in memory, what is more lies in a file."""

from __future__ import annotations

import errno
import io
import tempfile
import weakref
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Batch = NDArray[np.void]

RECORD = np.dtype(
    [
        ("message", np.int64),
        ("recipient", np.int32),
        ("resend_of", np.int64),
        ("destination", np.int32),
        ("valid", np.bool_),
        ("ledger", np.uint8),
        ("accepted", np.uint16),
        ("ndr", np.bool_),
        ("attempts", np.int32),
        ("arrival_s", np.float64),
        ("delay_s", np.float64),
        ("origin", np.int32),
        ("person", np.int32),
        ("empty_text", np.bool_),
    ],
    align=True,
)
"""A `simsmtp.rows.records.RecipientRow` in 64 octets: of destination and class of the ledger it has the numbers."""

IN_MEMORY = 2**18
"""So many records may lie in memory, 16 MiB; beyond that they go into a file."""

_FIRST = 64


class Records:
    """Records one behind the other; first all are appended, then it is closed, then any part can be read.

    The file has no name. It lies in the folder for temporary files (``TMPDIR``), and is gone with the process at the
    latest, however that ends.

    Parameters
    ----------
    prepare : callable, optional
        What is done with each batch before it is written: array in, array of the same length out.

    Attributes
    ----------
    starts : list of int
        Where each batch begins, once closed.
    """

    def __init__(self, prepare: Callable[[Batch], Batch] | None = None) -> None:
        self.starts: list[int] = []
        self._prepare = prepare
        self._room = IN_MEMORY
        self._held = np.empty(0, RECORD)
        self._used = 0
        self._file: io.BufferedRandom | None = None
        self._written = 0

    def __len__(self) -> int:
        return self._written + self._used

    def append(self, records: Batch) -> None:
        """Take in a copy of some records."""
        if self._used + len(records) > self._room:
            self._write()
        end = self._used + len(records)
        if end > len(self._held):
            self._held = _longer(self._held[: self._used], max(end, min(2 * end, self._room), _FIRST))
        self._held[self._used : end] = records
        self._used = end

    def close(self) -> None:
        """Make what was appended readable."""
        if self._file is not None:
            self._write()
            self._file.flush()
            self._held = np.empty(0, RECORD)
        elif self._used:
            self.starts.append(0)
            self._held = self._batch().copy()

    def read(self, start: int, stop: int) -> Batch:
        """Return some of the records, from memory without a copy."""
        if self._file is None:
            return self._held[start:stop]
        records = np.empty(max(0, stop - start), RECORD)
        self._file.seek(start * RECORD.itemsize)
        if self._file.readinto(records.view(np.uint8).data) != records.nbytes:
            raise OSError(errno.EIO, "a temporary file was cut short", tempfile.gettempdir())
        return records

    def _batch(self) -> Batch:
        batch = self._held[: self._used]
        return self._prepare(batch) if self._prepare else batch

    def _write(self) -> None:
        if not self._used:
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="simsmtp-")  # noqa: SIM115 - it is read as long as we are there
            weakref.finalize(self, self._file.close)
        self.starts.append(self._written)
        try:
            self._file.write(self._batch().view(np.uint8).data)
        except OSError as error:  # which names no file, for this one has no name
            error.filename = tempfile.gettempdir()
            raise
        self._written += self._used
        self._used = 0


def _longer(records: Batch, length: int) -> Batch:
    longer = np.empty(length, RECORD)
    longer[: len(records)] = records
    return longer
