"""A server's own account: what it answered to every recipient, and whom it accepted. The sender has no say in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

MOST_KEPT = 1_000_000
"""Pairs of sender and recipient that are counted one by one; rows of a file are not bounded."""


class ServedRow(NamedTuple):
    """One RCPT command as the server saw it.

    Attributes
    ----------
    session, transaction : int
        Number of the session on this server, and of the transaction in it, from 1.
    sender, recipient : str
        Addresses as the client wrote them.
    position : int
        Endpoint among the RCPT commands of the transaction, from 0.
    code, status : int
        The reply, see `simsmtp.protocol.replies.Reply`.
    final_code : int
        Reply to the text, or to DATA where that was refused; 0 if it never came or the recipient was refused.
    accepted : bool
        The server took the text for this recipient.
    at_s : float
        When the transaction was entered, since the server began.
    """

    session: int
    transaction: int
    sender: str
    recipient: str
    position: int
    code: int
    status: int
    final_code: int
    accepted: bool
    at_s: float


class Served:
    """The account of one listening server.

    Parameters
    ----------
    show : callable, optional
        Is given every row.

    Attributes
    ----------
    sessions, refused_sessions : int
        Sessions begun, and those refused by the session limit.
    transactions : int
        MAIL commands accepted.
    rcpt_commands, over_limit : int
        RCPT commands answered, and recipients that got the over-limit reply, each or with their transaction.
    texts : int
        Texts accepted.
    dropped : int
        Connections dropped as `network.losses` says.
    faults : Counter
        What was wrong with what peers sent, by name.
    accepted : Counter
        How often each (sender, recipient) was accepted.
    """

    def __init__(self, show: Callable[[ServedRow], object] | None = None) -> None:
        self._show = show
        self.sessions = 0
        self.refused_sessions = 0
        self.transactions = 0
        self.rcpt_commands = 0
        self.over_limit = 0
        self.texts = 0
        self.dropped = 0
        self.faults: Counter[str] = Counter()
        self.accepted: Counter[tuple[str, str]] = Counter()
        self.is_complete = True

    def enter(self, row: ServedRow) -> None:
        """Enter one recipient of a finished transaction."""
        if self._show:
            self._show(row)
        if not row.accepted:
            return
        who = (row.sender, row.recipient)
        if who in self.accepted or len(self.accepted) < MOST_KEPT:
            self.accepted[who] += 1
        else:
            self.is_complete = False

    def summary(self) -> dict[str, object]:
        """Return the counts, fit for JSON."""
        return {
            "sessions": self.sessions,
            "refused_sessions": self.refused_sessions,
            "transactions": self.transactions,
            "rcpt_commands": self.rcpt_commands,
            "over_limit": self.over_limit,
            "texts": self.texts,
            "dropped": self.dropped,
            "accepted": self.accepted.total(),
            "accepted_once_or_more": len(self.accepted),
            "accepted_twice_or_more": sum(times > 1 for times in self.accepted.values()),
            "faults": dict(sorted(self.faults.items())),
            "is_complete": self.is_complete,
        }
