"""The refusals that a sender heard from a destination, counted by cause."""

from __future__ import annotations

from collections.abc import Iterable

from simsmtp.peers.flight import ReplyRecord
from simsmtp.protocol.causes import Cause, cause_of
from simsmtp.protocol.commands import Verb
from simsmtp.strategies.reply_class import ReplyClass, classify


class Refusals:
    """Counts of refusals.

    Attributes
    ----------
    counts : list of int
        One for each `Cause`.
    """

    def __init__(self) -> None:
        self.counts = [0] * len(Cause)

    def hear(self, replies: Iterable[ReplyRecord]) -> None:
        """Count those of some replies that refuse."""
        for verb, recipients, code, status, _, answer in replies:
            if code >= 400:
                is_over = verb == Verb.RCPT and classify(code, status, False) == ReplyClass.OVER
                self.counts[cause_of(answer, is_over)] += len(recipients)
