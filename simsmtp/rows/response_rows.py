"""Rows of responses in an array, as many replications give them in one call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simsmtp.errors import ConservationError
from simsmtp.protocol.ledger import LEDGER_NAMES
from simsmtp.rows.responses import RESPONSES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simsmtp.rows.records import Responses

RESPONSE_ROW = np.dtype([(one.name, np.int64 if one.whole else np.float64) for one in RESPONSES])
"""One row: a whole number or a float for each response column."""


def one_row(responses: Responses) -> NDArray[np.void]:
    """Return the responses of one replication as an array of one row."""
    return np.array([tuple(responses.values())], RESPONSE_ROW)


def responses_in(row: NDArray[np.void]) -> Responses:
    """Return the responses that a row holds, as plain numbers."""
    return dict(zip(RESPONSE_ROW.names or (), row.tolist(), strict=True))


def check_conservation(rows: NDArray[np.void]) -> None:
    """Raise a `ConservationError` if the ledger of a row does not sum to its recipients."""
    held = np.sum([rows[name] for name in LEDGER_NAMES], axis=0)
    for wrong in np.flatnonzero(held != rows["recipients"])[:1]:
        raise ConservationError(f"the ledger holds {held[wrong]} of {rows['recipients'][wrong]} recipients")
