"""The accounts of a run: what is known of each message, the ledger, and the responses made from it."""

from __future__ import annotations

import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from operator import add

import numpy as np
from numpy.typing import NDArray

from simsmtp.model.limits import check_recipients
from simsmtp.model.people.who import People
from simsmtp.peers.copies import Copies
from simsmtp.peers.destination_account import DestinationAccount
from simsmtp.protocol.ledger import LEDGER_NAMES, Ledger, ledger_class
from simsmtp.rows.external_sort import RowWriter
from simsmtp.rows.histogram import bucket_of
from simsmtp.rows.memory import check_memory
from simsmtp.rows.recipient_records import RECORD
from simsmtp.rows.records import DestinationCounts, Responses
from simsmtp.rows.totals import Totals, responses_of

_NEVER = -1
_LEDGERS = len(Ledger)
_UNCHECKED, _RESERVE, _OCTETS = 100_000, 100 * 2**20, 250
"""Recipients that come in before memory is looked at again; what has to be free then, and more for each recipient."""
_ONE_MORE = bytes([*range(1, 256), 255])
"""How often a recipient was accepted, once more: as far as an octet counts."""
_NO_YES = (False, True)
_CLASSES = np.array(
    [
        [
            [
                [
                    [ledger_class(valid, accepted, ndr, not settled, emptied) for emptied in _NO_YES]
                    for settled in _NO_YES
                ]
                for ndr in _NO_YES
            ]
            for accepted in range(3)
        ]
        for valid in _NO_YES
    ],
    np.uint8,
)
"""`ledger_class` of all there is: by mailbox, times accepted (2 for more), NDR, whether the sender has finished, and
whether an empty text was accepted."""
_MANY = 16
_AT_ONCE = 4096
"""Recipients whose rows are written at once: one column costs as much for a single message."""


class Message:
    """One message: its recipients, and what became of each so far."""

    __slots__ = (
        "accepted",
        "arrival_ns",
        "attempts",
        "copies",
        "destinations",
        "emptied",
        "first_accepted_ns",
        "first_seen_ns",
        "generation",
        "ndr",
        "number",
        "origin",
        "origin_recipients",
        "people",
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
        self.emptied: bytearray | None = None  # made when the first gets an empty text
        self.attempts = array("I", bytes(4 * recipients))
        self.first_accepted_ns: dict[int, int] = {}
        self.first_seen_ns: dict[int, int] = {}
        self.destinations: Sequence[int] = ()
        self.transactions = 0
        self.generation = 0
        self.resend_of = -1
        self.people: People | None = None  # who its recipients are; None where everybody is new
        self.copies: dict[int, int] = {}  # of the letter, by `person`; who got but one here may be left out
        # Draws of a resent recipient are those of the original: a mailbox does not come into being by resending.
        self.origin = number
        self.origin_recipients: Sequence[int] = range(recipients)

    def __len__(self) -> int:
        return len(self.accepted)

    def is_valid(self, recipient: int) -> bool:
        """Tell whether a recipient's mailbox exists."""
        return self.valid is None or self.valid[recipient]

    def person(self, recipient: int) -> int:
        """Return the number of the person that a recipient is; where everybody is new, of its place in the original."""
        place = self.origin_recipients[recipient]
        return place if self.people is None else self.people.person(place)

    def note_attempt(self, recipients: Sequence[int]) -> None:
        """Count one more RCPT command for each of some recipients in ascending order."""
        if at_once := _at_once(recipients):
            np.frombuffer(self.attempts, np.uintc)[at_once] += 1
            return
        for recipient in recipients:
            self.attempts[recipient] += 1

    def note_empty(self, recipients: Sequence[int]) -> None:
        """Note that a final reply 2yz covered an empty text to some recipients."""
        if self.emptied is None:
            self.emptied = bytearray(len(self))
        for recipient in recipients:
            self.emptied[recipient] = True

    @property
    def empty_texts(self) -> int:
        """Recipients that got an empty text and never a real one."""
        return 0 if self.emptied is None else sum(e and not a for e, a in zip(self.emptied, self.accepted, strict=True))

    def classes(self) -> NDArray[np.uint8]:
        """Return the class of each recipient as things stand, a `Ledger`."""
        valid = 1 if self.valid is None else np.array(self.valid, np.uint8)
        accepted, ndr, settled = (np.frombuffer(one, np.uint8) for one in (self.accepted, self.ndr, self.settled))
        emptied = 0 if self.emptied is None else np.frombuffer(self.emptied, np.uint8)
        classes: NDArray[np.uint8] = _CLASSES[valid, np.minimum(accepted, 2), ndr, settled, emptied]
        return classes

    def counted(self) -> list[int]:
        """Return how many recipients are in each class as things stand, in the order of `Ledger`."""
        columns: list[Sequence[int]] = [self.accepted, self.ndr, self.settled]
        if self.valid is not None:
            columns.append(self.valid)
        if self.emptied is not None:
            columns.append(self.emptied)
        if len(self) and all(map(_is_uniform, columns)):  # mostly all fare alike
            counts = [0] * _LEDGERS
            emptied = self.emptied[0] if self.emptied else 0
            fate = int(self.is_valid(0)), min(self.accepted[0], 2), self.ndr[0], self.settled[0], emptied
            counts[_CLASSES[fate]] = len(self)
            return counts
        counted: list[int] = np.bincount(self.classes(), minlength=_LEDGERS).tolist()
        return counted


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
        self.ledger = [0] * _LEDGERS
        self.accepted_once = self.empty_texts = 0
        self.rcpt_commands = 0
        self.transactions = 0
        self.connections = 0
        self.round_trips = 0
        self.first_connect_ns = _NEVER
        self.last_final_ns = _NEVER
        self.delays: dict[int, int] = defaultdict(int)
        self.copies = Copies()
        self.names = tuple(destinations)
        self.destinations = [DestinationAccount() for _ in destinations]

    def check_room(self, message: int, recipients: int, population: int = 0) -> None:
        """Raise an `InputError` or a `MemoryError` if a message that comes in would be too large."""
        if 0 < population < recipients:
            check_recipients(message, recipients, population)
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
        self.copies.note(message, recipients, fresh)
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
        self.ledger = list(map(add, self.ledger, message.counted()))
        if message.emptied:
            self.empty_texts += message.empty_texts
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
        counts = map(sum, zip(self.ledger, *(message.counted() for message in self.open.values()), strict=True))
        return +Counter(dict(zip(LEDGER_NAMES, counts, strict=True)))

    def by_destination(self) -> list[DestinationCounts]:
        """Return what was met at each destination."""
        named = zip(self.names, self.destinations, strict=True)
        return [DestinationCounts(name, tuple(of.refusals), tuple(of.waits_s)) for name, of in named]

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
            list(map(sum, zip(*(of.refusals for of in self.destinations), strict=True))),
            self.copies.twice,
            self.copies.most,
            list(map(sum, zip(*(of.waits_s for of in self.destinations), strict=True))),
            self.empty_texts,
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
    records["ledger"] = np.concatenate([one.classes() for one in messages])
    records["attempts"] = np.frombuffer(b"".join(one.attempts for one in messages), np.uintc)
    for name, column in (
        ("person", (map(one.person, range(len(one))) if one.people else repeat(-1, len(one)) for one in messages)),
        ("destination", (one.destinations or repeat(0, len(one)) for one in messages)),
        ("origin", (one.origin_recipients for one in messages)),
        ("valid", (repeat(True, len(one)) if one.valid is None else one.valid for one in messages)),
        ("delay_s", map(_delays_s, messages)),
        ("empty_text", (one.emptied or repeat(False, len(one)) for one in messages)),
    ):
        records[name] = np.fromiter(chain.from_iterable(column), RECORD[name], len(records))
    return records


def _delays_s(message: Message) -> Iterator[float]:
    arrival_ns, first_ns = message.arrival_ns, message.first_accepted_ns
    return ((first_ns[one] - arrival_ns) / 1e9 if one in first_ns else math.nan for one in range(len(message)))
