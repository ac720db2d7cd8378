"""How often people got one and the same letter: an original message together with its resends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from simsmtp.rows.totals import MOST_COPIES

if TYPE_CHECKING:
    from simsmtp.peers.accounting import Message  # whose books these are


class Copies:
    """Counts of a run. Whoever got a letter but once costs nothing: only further copies are kept, with the letter.

    Attributes
    ----------
    twice : int
        People who got a letter twice or more, counted for each letter.
    most : int
        Most copies of a letter that anybody got.
    """

    def __init__(self) -> None:
        self.twice = self.most = 0

    def note(self, message: Message, recipients: Sequence[int], fresh: int) -> None:
        """Note that recipients were just accepted, so many of them for the first time in this message."""
        if message.copies or fresh < len(recipients) or (message.people and message.people.repeats):
            self._note_each(message, recipients)
        elif not self.most and any(map(message.is_valid, recipients)):
            self.most = 1

    def _note_each(self, message: Message, recipients: Sequence[int]) -> None:
        copies = message.copies
        repeats = message.people is not None and message.people.repeats
        for recipient in filter(message.is_valid, recipients):
            person = message.person(recipient)
            before = copies.get(person, 0)
            count = min(before + 1, MOST_COPIES) if before or repeats else message.accepted[recipient]
            self.most = max(self.most, count)
            if count > 1 or repeats:
                copies[person] = count
                self.twice += count == 2 and before < 2

    @staticmethod
    def carried(message: Message, recipients: Sequence[int]) -> dict[int, int]:
        """Return the copies that a resend of a message to some of its recipients starts from."""
        copies = message.copies
        for recipient in recipients:
            if message.accepted[recipient]:
                copies.setdefault(message.person(recipient), 1)
        return copies
