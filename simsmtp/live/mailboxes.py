"""What all sessions of a listening server share: which mailboxes exist, who was seen when, which texts are refused."""

from __future__ import annotations

import re
from binascii import crc32
from collections.abc import Callable
from typing import TypeVar

from simsmtp.randomness.streams import Purpose, Streams

MOST_REMEMBERED = 1_000_000
"""Senders, and pairs of sender and recipient, that a server remembers; beyond, the oldest are forgotten."""

_Key = TypeVar("_Key")
_UNKNOWN = re.compile(r"x[0-9]+")
_OURS = re.compile(r"s([0-9]{1,18})")


def domain_of(address: str) -> str:
    """Return the domain of an address, in lower case."""
    return address.rpartition("@")[2].lower()


def message_of(sender: str) -> int:
    """Return the number of the message that `simsmtp send` writes into a sender address; others get their own."""
    match = _OURS.fullmatch(sender.partition("@")[0])
    return int(match[1]) if match else crc32(sender.encode())


class Mailboxes:
    """The mailboxes of a server: all exist but those named x and digits, as `simsmtp send` names unknown ones.

    Parameters
    ----------
    seed, replication : int
        Key of the draws that decide which texts are refused: the same as in an engine.
    failure_share : float
        Probability that a text is refused.
    clock : callable
        Returns nanoseconds; only differences count.
    """

    def __init__(
        self, *, seed: int = 0, replication: int = 0, failure_share: float = 0.0, clock: Callable[[], int]
    ) -> None:
        self.failure_share = failure_share
        self._streams = Streams(seed, replication)
        self._clock = clock
        self._first_seen: dict[tuple[str, str], int] = {}
        self._transactions: dict[str, int] = {}

    @staticmethod
    def exists(address: str) -> bool:
        """Tell whether a mailbox exists."""
        return _UNKNOWN.fullmatch(address.partition("@")[0]) is None

    def now_ns(self) -> int:
        """Return the time."""
        return self._clock()

    def first_seen(self, sender: str, recipient: str) -> int:
        """Return when this sender first asked for this recipient, which is now if it never did."""
        return _remembered(self._first_seen, (sender, recipient), self._clock())

    def draw(self, sender: str) -> float:
        """Return the uniform draw that decides about the text of a transaction that now begins."""
        transaction = self._transactions.pop(sender, 0)
        _remembered(self._transactions, sender, transaction + 1)
        if self.failure_share == 0:
            return 1.0
        entity = message_of(sender)
        return self._streams.uniforms(Purpose.DATA_FAILURE, entity, 1, start=transaction)[0]


def _remembered(known: dict[_Key, int], key: _Key, value: int) -> int:
    if key not in known and len(known) >= MOST_REMEMBERED:
        del known[next(iter(known))]
    return known.setdefault(key, value)
