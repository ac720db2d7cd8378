"""What all sessions of a listening server share: which mailboxes exist, who was seen when, which texts are refused."""

from __future__ import annotations

import re
from binascii import crc32
from collections.abc import Callable
from typing import TypeVar

from simsmtp.model.loss_tables import NO_LOSSES, LossPlan
from simsmtp.network.losses import Lost, place_of_loss
from simsmtp.randomness.streams import Purpose, Streams

MOST_REMEMBERED = 1_000_000
"""Senders, and pairs of sender and recipient, that a server remembers; beyond, the oldest are forgotten."""

_Key = TypeVar("_Key")
_UNKNOWN = re.compile(r"x[0-9]+")
_LAST_DIGITS = re.compile(r"[0-9]{1,18}$", re.ASCII)
_OURS = re.compile(r"s(?:[0-9]{1,18}\+)?([0-9]{1,18})")


def domain_of(address: str) -> str:
    """Return the domain of an address, in lower case."""
    return address.rpartition("@")[2].lower()


def group_of(address: str, groups: int) -> int:
    """Return the group of an address: the digits at the end of its local part, mod `groups`; 0 without digits."""
    digits = _LAST_DIGITS.search(address.rpartition("@")[0])
    return int(digits[0]) % groups if digits else 0


def author_of(sender: str) -> str:
    """Return a sender's address without the extension behind a plus, which tells letters apart and not authors."""
    local, at, domain = sender.rpartition("@")
    return f"{local.partition('+')[0]}{at}{domain}"


def message_of(sender: str) -> int:
    """Return the number of the message that `simsmtp send` writes into a sender address; others get their own."""
    match = _OURS.fullmatch(sender.partition("@")[0])
    return int(match[1]) if match else crc32(sender.encode())


class Newest(dict[_Key, int]):
    """What is remembered of the newest keys; `setdefault` is the way in."""

    def setdefault(self, key: _Key, value: int) -> int:
        """Return what is remembered of a key, which is the value if nothing was."""
        if key not in self and len(self) >= MOST_REMEMBERED:
            del self[next(iter(self))]
        return super().setdefault(key, value)


class Mailboxes:
    """The mailboxes of a server: all exist but those named x and digits, as `simsmtp send` names unknown ones.

    Parameters
    ----------
    seed, replication : int
        Key of the draws that decide which texts are refused: the same as in an engine.
    failure_share : float
        Probability that a text is refused.
    losses : LossPlan
        Which connections the server drops, and where.
    clock : callable
        Returns nanoseconds; only differences count.

    Attributes
    ----------
    first_seen_ns : Newest
        When a pair of author and recipient was first seen, see `author_of`.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        replication: int = 0,
        failure_share: float = 0.0,
        losses: LossPlan = NO_LOSSES,
        clock: Callable[[], int],
    ) -> None:
        self._has_failures, self._losses = failure_share > 0, losses
        self._streams = Streams(seed, replication)
        self._clock = clock
        self.first_seen_ns = Newest[tuple[str, str]]()
        self._transactions = Newest[str]()

    @staticmethod
    def exists(address: str) -> bool:
        """Tell whether a mailbox exists."""
        return _UNKNOWN.fullmatch(address.partition("@")[0]) is None

    def now_ns(self) -> int:
        """Return the time."""
        return self._clock()

    def is_connect_lost(self, connection: int) -> bool:
        """Tell whether a connection, numbered from 1, is dropped before a word is said."""
        share = self._losses.connect
        return share > 0 and self._streams.uniforms(Purpose.LOST_CONNECT, connection, 1)[0] < share

    def lost(self, sender: str) -> Lost:
        """Return where the transaction that MAIL is about to begin loses its connection."""
        shares = self._losses
        if not shares.in_transactions:
            return Lost.NOWHERE
        transaction, entity = self._transactions.get(sender, 0), message_of(sender)
        command, text, behind = (
            self._streams.uniforms(Purpose.LOST_TRANSACTION, entity, 1, sub=place, start=transaction)[0]
            for place in range(3)
        )
        place = place_of_loss(command < shares.command, text < shares.text, behind, shares.dot, shares.reply)
        if place == Lost.COMMAND:  # it never begins, and the next has draws of its own
            self.draw(sender)
        return place

    def draw(self, sender: str) -> float:
        """Return the uniform draw that decides about the text of a transaction that now begins."""
        transaction = self._transactions.pop(sender, 0)
        self._transactions.setdefault(sender, transaction + 1)
        if not self._has_failures:
            return 1.0
        entity = message_of(sender)
        return self._streams.uniforms(Purpose.DATA_FAILURE, entity, 1, start=transaction)[0]
