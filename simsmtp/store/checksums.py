"""Checksums of what a store holds: a row counts with its place, so that neither a bit nor a row changes unseen."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence

from simsmtp.rows.responses import RESPONSES

Cell = int | float | str | None

packed: Callable[..., bytes] = struct.Struct(f"<{''.join('q' if one.whole else 'd' for one in RESPONSES)}qd").pack
"""From the responses, the replication and the duration of a row to octets; `struct.error` if one is no number."""


def checksum_of(numbers: Sequence[Cell], begun: int) -> int:
    """Return the CRC-32 of a row and its place.

    Parameters
    ----------
    numbers : sequence of int, float or None
        The responses, the replication, the duration in seconds, as SQLite returns them.
    begun : int
        `begun_with` the rest of the row.
    """
    try:
        return zlib.crc32(packed(*numbers), begun)
    except struct.error:  # a failed replication, or a nan
        return zlib.crc32(repr(tuple(numbers)).encode(), begun)


def begun_with(address: str, engine: str, error: str | None) -> int:
    """Return what the checksum of a row begins with: the address of its scenario, its engine and error."""
    return zlib.crc32(f"{address}\0{engine}\0{error}".encode())


def checksum_of_scenario(cells: Sequence[Cell]) -> int:
    """Return the CRC-32 of a row of the table of scenarios."""
    return zlib.crc32(repr(tuple(cells)).encode())
