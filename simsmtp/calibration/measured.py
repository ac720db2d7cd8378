"""Measured sessions: JSON lines in, repeats of the same setting together out."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from simsmtp.errors import InputError
from simsmtp.files import parse_json, read_text

MOST_LINES = 1_000_000
MOST_OCTETS = 2**28
MOST_RECIPIENTS = 1_000_000
_LARGEST = 1e15
_ALLOWED = "one JSON object a line"


class Setting(NamedTuple):
    """What was set for a session.

    Attributes
    ----------
    recipients, batch, limit : int
        Recipients of the one message, the sender's most per transaction, the receiver's most per transaction.
    size : int
        Octets of text handed to the sender.
    reuse : bool
        Whether transactions share a connection, which the sender then probes with RSET.
    pipelining : bool
        Whether the receiver offered it.
    rtt_ms : float
        Nominal round-trip time.
    receiver : str
        Program that received, if the file says; empty otherwise.
    rate_mbit, loss : float
        Rate of the line, 0 if unlimited, and the share of packets it loses, if the file says.
    """

    recipients: int
    batch: int
    limit: int
    size: int
    reuse: bool
    pipelining: bool
    rtt_ms: float
    receiver: str
    rate_mbit: float
    loss: float

    @property
    def transactions(self) -> int:
        """Transactions of the first attempt."""
        return math.ceil(self.recipients / self.batch)

    @property
    def refused(self) -> int:
        """Recipients over the limit."""
        whole, rest = divmod(self.recipients, self.batch)
        return whole * max(0, self.batch - self.limit) + max(0, rest - self.limit)

    @property
    def connections(self) -> int:
        """Connections of the first attempt."""
        return 1 if self.reuse else self.transactions


class Group(NamedTuple):
    """The repeats of one setting; what the file does not say is empty."""

    setting: Setting
    durations_s: list[float]
    octets_up: list[int]
    octets_down: list[int]
    server_segments: list[int]
    over_code: int

    @property
    def median_s(self) -> float:
        """Median duration."""
        return statistics.median(self.durations_s)


def read_measured(path: str | Path) -> list[Group]:
    """Read sessions, one JSON object a line, and put repeats together.

    Parameters
    ----------
    path : str or Path
        Needed of every line: ``N batch limit size cache pipelining rtt_ms duration_s``; used where given:
        ``bytes_up bytes_down server_segments codes receiver rate_mbit loss``. The duration runs from the first
        SYN to the last reply before QUIT's.

    Raises
    ------
    InputError
        No such file, no sessions in it, or a line that says something else.
    """
    text = read_text(path, allowed=_ALLOWED, most=MOST_OCTETS)
    lines = text.replace("\r\n", "\n").split("\n")
    if len(lines) > MOST_LINES + 1:
        raise InputError("too many lines", file=str(path), allowed=f"{MOST_LINES:,}")
    rows = [_row(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise InputError("holds no measured sessions", file=str(path), allowed=_ALLOWED)
    return group_rows(rows)


def group_rows(rows: Iterable[Mapping[str, Any]]) -> list[Group]:
    """Put rows of one setting together, in order of the settings."""
    groups: dict[Setting, Group] = {}
    for row in rows:
        setting = Setting(
            int(row["N"]), int(row["batch"]), int(row["limit"]), int(row["size"]), row["cache"] == "on",
            bool(row["pipelining"]), float(row["rtt_ms"]), str(row.get("receiver", "")),
            float(row.get("rate_mbit") or 0.0), float(row.get("loss") or 0.0),
        )  # fmt: skip
        group = groups.setdefault(setting, Group(setting, [], [], [], [], _over_code(row)))
        group.durations_s.append(float(row["duration_s"]))
        group.octets_up.extend([int(row["bytes_up"])] if "bytes_up" in row else [])
        group.octets_down.extend([int(row["bytes_down"])] if "bytes_down" in row else [])
        group.server_segments.extend([int(row["server_segments"])] if "server_segments" in row else [])
    return [groups[setting] for setting in sorted(groups)]


def _over_code(row: Mapping[str, Any]) -> int:
    codes = row.get("codes") or {}
    return 552 if "552" in codes and "452" not in codes else 452


def _row(path: str | Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = parse_json(line)
    except ValueError as error:
        raise InputError("no JSON", file=str(path), line=number, given=str(error)) from None
    if not isinstance(row, dict):
        raise InputError("no JSON object", file=str(path), line=number, given=line.strip()[:60])
    for key in ("N", "batch", "limit", "size"):
        _expect(path, number, row, key, _is_whole(row.get(key)), f"a whole number from 1 to {MOST_RECIPIENTS:,}")
    for key in ("rtt_ms", "duration_s"):
        _expect(path, number, row, key, _is_positive(row.get(key)), "a number above 0")
    _expect(path, number, row, "cache", row.get("cache") in ("on", "off"), '"on" or "off"')
    _expect(path, number, row, "pipelining", row.get("pipelining") in (True, False), "true or false")
    for key in ("bytes_up", "bytes_down", "server_segments"):
        _expect(path, number, row, key, key not in row or isinstance(row[key], int), "a whole number")
    for key in ("rate_mbit", "loss"):
        _expect(path, number, row, key, not row.get(key) or _is_positive(row[key]), "a number, 0 or more")
    _expect(path, number, row, "codes", isinstance(row.get("codes") or {}, dict), "an object")
    return row


def _expect(path: str | Path, number: int, row: Mapping[str, Any], key: str, is_good: bool, allowed: str) -> None:
    if not is_good:
        given = row.get(key, "nothing")
        raise InputError("not what is needed", file=str(path), line=number, key=key, given=given, allowed=allowed)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_RECIPIENTS


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < _LARGEST
