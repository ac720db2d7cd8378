"""Real traffic from files: rows ``sender recipient seconds``, or the mail log of Postfix as a sender."""

from __future__ import annotations

import codecs
import gzip
import io
import itertools
import operator
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from simsmtp.errors import InputError
from simsmtp.files import open_regular
from simsmtp.model.limits import check_trace
from simsmtp.model.people.address_registry import MOST_PEOPLE, Registry
from simsmtp.model.workload_table import Workload

LONGEST_LINE = 65_536  # octets: a file that is no trace must not fill the memory
MOST_SKIPPED = 2_000_000  # lines in a row that belong to no message
MOST_MESSAGES = 5_000_000
MOST_RATIO, FREE_OCTETS = 100, 2**26  # how much more a compressed trace may hold, after the first 64 MiB

_Lines = Iterator[tuple[int, bytes]]
_ROW = '"sender recipient seconds", seconds from 0 to 9e9'
_FILE = "a readable file, plain or gzip"
_EITHER = _ROW + '; or "… postfix/qmgr[…]: QUEUEID: from=<…>, size=N, nrcpt=M (queue active)"'
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
# A classic stamp does not tell leap years: every year gets 366 days, so that order is kept in all of them.
_DAYS_BEFORE = dict(zip(_MONTHS, (0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335), strict=True))
_DAY, _YEAR = 86_400, 366 * 86_400
_STAMP = rf"(?:(?:{'|'.join(_MONTHS)}) [ \d]\d \d\d:\d\d:\d\d|(?:19|20)\d\d-\d\d-\d\dT\S+)"
_LOG_LINE = re.compile(rf"{_STAMP} \S+ \S", re.ASCII)
_QMGR_LINE = re.compile(
    rf"({_STAMP}) (\S+) \S*/n?qmgr\[\d+\]: ([0-9A-Za-z]+): "
    r"(?:from=<(.*)>, size=(\d{1,15}), nrcpt=([1-9]\d{0,8}) \(queue active\)|removed)\s*$",
    re.ASCII,
)

_TO_LINE = re.compile(rf"{_STAMP} (\S+) \S*/[\w-]+\[\d+\]: ([0-9A-Za-z]+): to=<(.*?)>, (?:orig_to|relay)=", re.ASCII)


class TraceMessage(NamedTuple):
    """One message of a trace."""

    arrival_ns: int
    """Nanoseconds since the first message of the trace."""
    recipients: int
    """At least 1."""
    size: int
    """Octets; 0 where the trace does not tell."""
    sender: str
    """As written in the trace; empty for a bounce."""
    author: int = 0
    """Number of the sender: the same address, small and capital letters alike, is the same sender."""
    persons: tuple[int, ...] = ()
    """Number of each recipient: the same address is the same person. Empty where the trace names nobody."""


class Trace(list[TraceMessage]):
    """The messages of a trace, and where the people live that it names.

    Attributes
    ----------
    domains : sequence of int
        Number of each person's domain, by the person's number; empty where no address has one.
    """

    domains: Sequence[int] = ()


def read_trace(path: str | Path, format: str = "auto") -> Trace:  # noqa: A002
    """Read a trace, plain or compressed with gzip (told by content, not by name).

    Parameters
    ----------
    path : str or Path
        The file.
    format : {"auto", "rows", "postfix-log"}
        With ``rows``, rows of the same sender and the same time are one message, one recipient each;
        blank lines and lines that begin with # are skipped. With ``postfix-log``, a queue id first seen in
        a "queue active" line of qmgr, or seen again after it was removed, is a message; other lines are
        skipped, but that recipients are named by lines of delivery agents ("to=<…>"): those of a message that no line
        names are people of their own. ``auto`` decides by the first line that looks like either.

    Returns
    -------
    Trace
        At least one message; by arrival, then in order of appearance.

    Raises
    ------
    InputError
        The file cannot be read, is a FIFO or device, is no such trace, has a malformed row or a line of more than
        64 KiB, mixes classic and ISO 8601 time stamps, or holds no message; more than five million messages or people,
        two million lines in a row without a message, or more than a hundred times its size once decompressed.
    """
    if format not in {"auto", *_READERS}:
        raise InputError("unknown trace format", key="format", given=format, allowed=["auto", *_READERS])
    try:
        file = open_regular(path)
        if file is None:
            raise InputError("is not a regular file", allowed=_FILE)
        with file:
            zipped = file.peek(2)[:2] == b"\x1f\x8b"
            return _messages(_unzipped(file) if zipped else _lines(file), format)
    except InputError as complaint:
        raise complaint.at(file=str(path)) from None
    except (OSError, EOFError, zlib.error) as problem:
        name, why = str(path), getattr(problem, "strerror", None) or str(problem)
        raise InputError(f"cannot be read: {why}", file=name, given=name, allowed=_FILE) from problem


def trace_of(workload: Workload) -> tuple[tuple[TraceMessage, ...], tuple[int, ...]]:
    """Return the messages of a scenario's trace, and the domains of its people.

    Raises
    ------
    InputError
        It cannot be read, holds a message that is out of range, or names domains where others are given.
    """
    if workload.trace is None:
        return (), ()
    try:
        changed_ns = Path(workload.trace).stat().st_mtime_ns
    except (OSError, ValueError):
        changed_ns = 0  # the reader says what is wrong with it
    trace, domains = _read_once(workload.trace, workload.trace_format, changed_ns)
    if domains and workload.domains > 1:
        raise InputError(
            "the trace names the domains of its recipients",
            file=workload.trace,
            key="workload.domains",
            given=workload.domains,
            allowed="1, or more with a trace whose addresses have no domain",
        )
    trace = trace[: workload.trace_messages]
    check_trace(trace, workload.trace_recipient_factor, workload.trace_speedup, workload.trace)
    return trace, domains


@lru_cache(maxsize=4)
def _read_once(path: str, form: str, changed_ns: int) -> tuple[tuple[TraceMessage, ...], tuple[int, ...]]:
    """Read a trace once for all replications, and again when the file has changed."""
    del changed_ns
    trace = read_trace(path, form)
    return tuple(trace), tuple(trace.domains)


def _lines(file: io.BufferedReader | gzip.GzipFile) -> _Lines:
    for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), b""), start=1):
        if len(line) > LONGEST_LINE:
            raise InputError("a line is too long", line=number, given=_short(line), allowed="up to 64 KiB")
        yield number, line.removeprefix(codecs.BOM_UTF8) if number == 1 else line


def _unzipped(file: io.BufferedReader) -> _Lines:
    most = max(FREE_OCTETS, MOST_RATIO * os.fstat(file.fileno()).st_size)
    for number, line in _lines(gzip.GzipFile(fileobj=file)):
        most -= len(line)
        if most < 0:
            raise InputError("grows too much when decompressed", line=number, allowed=f"{MOST_RATIO} times its size")
        yield number, line


def _require_some(number: int, last: int) -> None:
    """Raise an `InputError` where nothing but lines without a message come, so that no file is read for hours."""
    if number - last > MOST_SKIPPED:
        raise InputError(f"{MOST_SKIPPED:,} lines in a row without a message", line=number, allowed=_EITHER)


def _require_room(number: int, messages: int) -> None:
    if messages > MOST_MESSAGES:
        raise InputError("too many messages", line=number, allowed=f"{MOST_MESSAGES:,} in a trace")


def _short(line: bytes) -> str:
    return line[:80].decode("utf-8", "replace").strip()


def _messages(lines: _Lines, trace_format: str) -> Trace:
    if trace_format == "auto":
        trace_format, lines = _recognised(lines)
    people = Registry()
    found = sorted(_READERS[trace_format](lines, people), key=operator.attrgetter("arrival_ns"))
    if not found:
        raise InputError("no messages found", given=trace_format, allowed=_EITHER)
    first = found[0].arrival_ns
    trace = Trace(message._replace(arrival_ns=message.arrival_ns - first) for message in found)
    trace.domains = people.domains_of_people
    return trace


def _recognised(lines: _Lines) -> tuple[str, _Lines]:
    head: list[tuple[int, bytes]] = []
    for numbered in itertools.islice(lines, 1000):
        head.append(numbered)
        text = numbered[1].decode("utf-8", "replace")
        if _LOG_LINE.match(text):
            return "postfix-log", itertools.chain(head, lines)
        if _row(text.split()):
            return "rows", itertools.chain(head, lines)
    number, line = next((numbered for numbered in head if numbered[1].strip()), (1, b""))
    problem = "neither rows nor a Postfix log" if line else "the trace is empty"
    raise InputError(problem, line=number, given=_short(line), allowed=_EITHER)


def _row(fields: list[str]) -> tuple[str, int] | None:
    """Return the sender and the time in nanoseconds that name a row's message."""
    try:
        sender, _, seconds = fields[0], fields[1], float(fields[2])
    except (IndexError, ValueError):
        return None
    if len(fields) != 3 or not 0 <= seconds <= 9e9:  # just below 2**63 nanoseconds
        return None
    whole = int(seconds)
    return sender, whole * 1_000_000_000 + round((seconds - whole) * 1_000_000_000)


def _read_rows(lines: _Lines, people: Registry) -> list[TraceMessage]:
    recipients: dict[tuple[str, int], list[int]] = {}
    last = 0
    for number, line in lines:
        try:
            fields = line.decode("utf-8").split()
        except UnicodeDecodeError:
            raise InputError("not UTF-8", line=number, given=_short(line), allowed=_ROW) from None
        if not fields or fields[0].startswith("#"):
            _require_some(number, last)
            continue
        message, last = _row(fields), number
        if message is None:
            raise InputError("malformed row", line=number, given=_short(line), allowed=_ROW)
        recipients.setdefault(message, []).append(people.person(fields[1], number))
        _require_room(number, len(recipients))
    return [
        TraceMessage(at, len(persons), 0, sender, people.author(sender), tuple(persons))
        for (sender, at), persons in recipients.items()
    ]


def _read_postfix_log(lines: _Lines, people: Registry) -> list[TraceMessage]:
    clock, queued, messages = _Clock(), dict[tuple[str, str], int](), list[TraceMessage]()
    named: dict[int, dict[int, None]] = {}
    last = 0
    for number, line in lines:
        if b": to=<" in line and (match := _TO_LINE.match(line.decode("utf-8", "replace"))):
            place = queued.get((match[1], match[2]))
            if place is not None:
                named.setdefault(place, {})[people.person(match[3], number)] = None
                last = number
        if b"qmgr[" not in line or not (match := _QMGR_LINE.match(line.decode("utf-8", "replace"))):
            _require_some(number, last)
            continue
        last = number
        stamp, host, queue_id, sender, size, recipients = match.groups()
        at = clock.ns(stamp, number)
        if recipients is None:
            queued.pop((host, queue_id), None)
        elif at is not None and (host, queue_id) not in queued:
            queued[host, queue_id] = len(messages)
            messages.append(TraceMessage(at, int(recipients), int(size), sender, people.author(sender)))
            _require_room(number, len(messages))
    return _with_names(messages, named, people) if named else messages


def _with_names(
    messages: list[TraceMessage], named: dict[int, dict[int, None]], people: Registry
) -> list[TraceMessage]:
    """Return messages with their recipients, as far as they are named; the others are strangers."""
    told = []
    if sum(message.recipients for message in messages) > MOST_PEOPLE:
        return messages  # so many strangers could not be told apart
    for place, message in enumerate(messages):
        persons = [*named.get(place, ())][: message.recipients]
        persons += [people.stranger() for _ in range(message.recipients - len(persons))]
        told.append(message._replace(persons=tuple(persons)))
    return told


class _Clock:
    """Turns stamps into nanoseconds; classic ones have no year and begin a new one when they jump back."""

    def __init__(self) -> None:
        self._style = ""
        self._year = self._last = 0

    def ns(self, stamp: str, line: int) -> int | None:
        style = "classic" if stamp[0].isalpha() else "ISO 8601"
        self._style = self._style or style
        if style != self._style:
            raise InputError("the style of time stamps changes", line=line, given=stamp, allowed=self._style)
        return self._classic(stamp) * 1_000_000_000 if style == "classic" else _iso_ns(stamp)

    def _classic(self, stamp: str) -> int:
        hours, minutes, seconds = stamp[7:].split(":")
        day = _DAYS_BEFORE[stamp[:3]] + int(stamp[4:6])
        at = self._year * _YEAR + day * _DAY + int(hours) * 3600 + int(minutes) * 60 + int(seconds)
        if self._year and at > self._last + _YEAR - _DAY:
            return at - _YEAR  # a late line from before the new year
        if at < self._last - _YEAR // 2:
            self._year, at = self._year + 1, at + _YEAR
        self._last = at
        return at


def _iso_ns(stamp: str) -> int | None:
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


_READERS = {"rows": _read_rows, "postfix-log": _read_postfix_log}
