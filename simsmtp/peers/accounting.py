"""The accounts of a run: what is known of each message, the ledger, and the responses made from it."""

from __future__ import annotations

import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, repeat, starmap
from operator import not_

import numpy as np
from numpy.typing import NDArray

from simsmtp.model.limits import check_recipients
from simsmtp.protocol.ledger import LEDGER_NAMES, Ledger, ledger_class
from simsmtp.rows.external_sort import RowWriter
from simsmtp.rows.histogram import bucket_of
from simsmtp.rows.memory import check_memory
from simsmtp.rows.recipient_records import RECORD
from simsmtp.rows.records import Responses
from simsmtp.rows.totals import Totals, responses_of

_NEVER = -1
_UNCHECKED, _RESERVE, _OCTETS = 100_000, 100 * 2**20, 250
"""Recipients that come in before memory is looked at again; what has to be free then, and more for each recipient."""
_ONE_MORE = bytes([*range(1, 256), 255])
"""How often a recipient was accepted, once more: as far as an octet counts."""
_MANY = 16
_AT_ONCE = 4096
"""Recipients whose rows are written at once: one column costs as much for a single message."""


class Message:
    """One message: its recipients, and what became of each so far."""

    __slots__ = (
        "accepted",
        "arrival_ns",
        "attempts",
        "destinations",
        "first_accepted_ns",
        "first_seen_ns",
        "generation",
        "ndr",
        "number",
        "origin",
        "origin_recipients",
        "resend_of",
        "settled",
        "size",
        "transactions",
        "valid",
    )

    def __init__(self, number: int, arrival_ns: int, size: int, recipients: int, valid: Sequence[bool] | None) -> None:
        self.number = number
        self.arrival_ns = arrival_ns
        self.size = size
        self.valid = valid
        self.accepted = bytearray(recipients)
        self.ndr = bytearray(recipients)
        self.settled = bytearray(recipients)
        self.attempts = array("I", bytes(4 * recipients))
        self.first_accepted_ns: dict[int, int] = {}
        self.first_seen_ns: dict[int, int] = {}
        self.destinations: Sequence[int] = ()
        self.transactions = 0
        self.generation = 0
        self.resend_of = -1
        # Draws of a resent recipient are those of the original: a mailbox does not come into being by resending.
        self.origin = number
        self.origin_recipients: Sequence[int] = range(recipients)

    def __len__(self) -> int:
        return len(self.accepted)

    def is_valid(self, recipient: int) -> bool:
        """Tell whether a recipient's mailbox exists."""
        return self.valid is None or self.valid[recipient]

    def note_attempt(self, recipients: Sequence[int]) -> None:
        """Count one more RCPT command for each of some recipients in ascending order."""
        if at_once := _at_once(recipients):
            np.frombuffer(self.attempts, np.uintc)[at_once] += 1
            return
        for recipient in recipients:
            self.attempts[recipient] += 1

    def classes(self) -> Mapping[Ledger, int]:
        """Return how many recipients are in each class as things stand."""
        columns = [self.accepted, self.ndr, self.settled, *([] if self.valid is None else [self.valid])]
        # Mostly all fare alike, and to see that takes a hundredth of the time that counting takes.
        if len(self) and all(map(_is_uniform, columns)):
            return {ledger_class(*next(self.fates())): len(self)}
        classes: Counter[Ledger] = Counter()
        for fate, recipients in Counter(self.fates()).items():
            classes[ledger_class(*fate)] += recipients
        return classes

    def fates(self) -> Iterator[tuple[bool, int, bool, bool]]:
        """Return what decides each recipient's class as things stand: the arguments of `ledger_class`."""
        valid = repeat(True, len(self)) if self.valid is None else self.valid
        return zip(valid, self.accepted, map(bool, self.ndr), map(not_, self.settled), strict=True)


class Accounts:
    """Counts of a run, and with `keep_rows` its rows. Memory does not grow with finished messages."""

    def __init__(self, destinations: Sequence[str], *, keep_rows: bool) -> None:
        self.keep_rows = keep_rows
        self.rows = RowWriter(destinations)
        self._closed: list[Message] = []
        self._closed_recipients = 0
        self.open: dict[int, Message] = {}
        self.recipients = 0
        self._checked_at = _UNCHECKED
        self.ledger = [0] * len(Ledger)
        self.accepted_once = 0
        self.rcpt_commands = 0
        self.transactions = 0
        self.connections = 0
        self.round_trips = 0
        self.first_connect_ns = _NEVER
        self.last_final_ns = _NEVER
        self.delays: dict[int, int] = defaultdict(int)

    def check_room(self, message: int, recipients: int) -> None:
        """Raise an `InputError` or a `MemoryError` if a message that comes in would be too large."""
        if self.recipients + recipients >= self._checked_at:
            check_recipients(message, recipients)
            check_memory(_RESERVE + recipients * _OCTETS, f"message {message:,} with {recipients:,} recipients")
            self._checked_at = self.recipients + _UNCHECKED

    def begin(self, message: Message) -> None:
        """Take in a new message."""
        self.open[message.number] = message
        self.recipients += len(message)

    def connected(self, at_ns: int) -> None:
        """Note that a connection was begun."""
        self.connections += 1
        if self.first_connect_ns == _NEVER:
            self.first_connect_ns = at_ns

    def accept(self, message: Message, recipients: Sequence[int], at_ns: int) -> int:
        """Note that a final reply 2yz covered these recipients; return for how many it was the first time.

        They are in ascending order.
        """
        accepted, fresh = message.accepted, 0
        if self.keep_rows:
            for recipient in recipients:
                message.first_accepted_ns.setdefault(recipient, at_ns)
        if at_once := _at_once(recipients):
            fresh = accepted.count(0, at_once.start, at_once.stop)
            accepted[at_once] = accepted[at_once].translate(_ONE_MORE)
        else:
            for recipient in recipients:
                fresh += accepted[recipient] == 0
                accepted[recipient] = _ONE_MORE[accepted[recipient]]
        if fresh:
            self.accepted_once += fresh
            self.delays[bucket_of(at_ns - message.arrival_ns)] += fresh
        return fresh

    def settle(self, message: Message, recipients: Sequence[int], *, ndr: bool) -> None:
        """Note that the sender has finished with some recipients in ascending order, with or without an NDR."""
        if at_once := _at_once(recipients):
            message.settled[at_once] = bytes([True]) * len(recipients)
            message.ndr[at_once] = bytes([ndr]) * len(recipients)
            return
        for recipient in recipients:
            message.settled[recipient] = 1
            message.ndr[recipient] = ndr

    def close(self, message: Message) -> None:
        """Enter a message's recipients into the ledger and let go of it."""
        del self.open[message.number]
        for entry, recipients in message.classes().items():
            self.ledger[entry] += recipients
        if self.keep_rows:
            self._closed.append(message)
            self._closed_recipients += len(message)
            if self._closed_recipients >= _AT_ONCE:
                self._write_rows()

    def _write_rows(self) -> None:
        if self._closed:
            self.rows.extend(_records(self._closed))
        self._closed, self._closed_recipients = [], 0

    def standing(self) -> Counter[str]:
        """Return how many recipients are in each class as things stand, those of open messages with them."""
        counts = Counter({LEDGER_NAMES[entry]: recipients for entry, recipients in enumerate(self.ledger)})
        for message in self.open.values():
            for entry, recipients in message.classes().items():
                counts[LEDGER_NAMES[entry]] += recipients
        return +counts

    def responses(self) -> Responses:
        """Return one value per response column, after closing what is still open."""
        for message in list(self.open.values()):
            self.close(message)
        self._write_rows()
        totals = Totals(
            self.recipients,
            self.ledger,
            self.accepted_once,
            self.rcpt_commands,
            self.transactions,
            self.connections,
            self.round_trips,
            self.first_connect_ns,
            self.last_final_ns,
        )
        return responses_of(totals, self.delays)


def _is_uniform(column: Sequence[object]) -> bool:
    return column.count(column[0]) == len(column)


def _at_once(recipients: Sequence[int]) -> slice | None:
    """Return many recipients in ascending order as a slice, if it leaves nobody out; for a few a loop is as fast."""
    if len(recipients) < _MANY or recipients[-1] - recipients[0] >= len(recipients):
        return None
    return slice(recipients[0], recipients[-1] + 1)


def _records(messages: Sequence[Message]) -> NDArray[np.void]:
    """Return what is known of the recipients of messages, see `simsmtp.rows.recipient_records`."""
    lengths = np.array([len(one) for one in messages])
    records = np.empty(lengths.sum(), RECORD)
    records["message"] = np.repeat([one.number for one in messages], lengths)
    records["resend_of"] = np.repeat([one.resend_of for one in messages], lengths)
    records["arrival_s"] = np.repeat([one.arrival_ns / 1e9 for one in messages], lengths)
    records["recipient"] = np.arange(len(records)) - np.repeat(lengths.cumsum() - lengths, lengths)
    records["accepted"] = np.frombuffer(b"".join(one.accepted for one in messages), np.uint8)
    records["ndr"] = np.frombuffer(b"".join(one.ndr for one in messages), np.bool_)
    records["attempts"] = np.frombuffer(b"".join(one.attempts for one in messages), np.uintc)
    for name, column in (
        ("destination", (one.destinations or repeat(0, len(one)) for one in messages)),
        ("origin", (one.origin_recipients for one in messages)),
        ("valid", (repeat(True, len(one)) if one.valid is None else one.valid for one in messages)),
        ("ledger", (starmap(ledger_class, one.fates()) for one in messages)),
        ("delay_s", map(_delays_s, messages)),
    ):
        records[name] = np.fromiter(chain.from_iterable(column), RECORD[name], len(records))
    return records


def _delays_s(message: Message) -> Iterator[float]:
    arrival_ns, first_ns = message.arrival_ns, message.first_accepted_ns
    return ((first_ns[one] - arrival_ns) / 1e9 if one in first_ns else math.nan for one in range(len(message)))
