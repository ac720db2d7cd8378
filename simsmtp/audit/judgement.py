"""What became of a cell's recipients, and what that says of the program that sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from simsmtp.protocol.ledger import LEDGER_NAMES, Ledger, ledger_class


class Verdict(StrEnum):
    """What a cell says of a sender."""

    UNAFFECTED = "unaffected"
    BOUNCED = "bounced"
    MISCOUNTED = "miscounted"
    NO_PROGRESS = "no progress"
    CUT_OFF = "cut off"
    INCONCLUSIVE = "inconclusive"


MEANINGS = {
    Verdict.UNAFFECTED: "every recipient was delivered once, or failed because its own RCPT was refused for good; or a "
    "library or a command told its caller",
    Verdict.BOUNCED: "valid recipients over the limit got an NDR: 552 or 4yz was taken as permanent",
    Verdict.MISCOUNTED: "a recipient was lost, delivered twice, or failed for a reply that was not its own",
    Verdict.NO_PROGRESS: "still queued after the server was asked again and again, though it takes some every time",
    Verdict.CUT_OFF: "still queued, because the server hung up on it (421) each time; no program tried does better",
    Verdict.INCONCLUSIVE: "still queued, and the server was not asked again in the time given",
}
AFFECTED = (Verdict.MISCOUNTED, Verdict.BOUNCED, Verdict.NO_PROGRESS)
WORST = (*AFFECTED, Verdict.CUT_OFF, Verdict.INCONCLUSIVE, Verdict.UNAFFECTED)
"""From the worst verdict to the best."""

_UNSOUND = (Ledger.LOST, Ledger.DUPLICATE, Ledger.CONTRADICTORY_NDR)


class RecipientOutcome(NamedTuple):
    """What is known of one recipient at the end of a cell.

    Attributes
    ----------
    accepted : int
        How often a final reply 2yz covered it.
    failed : bool
        An NDR named it, or the program told its caller so.
    queued : bool
        The program still has it.
    codes : tuple of int
        Replies to its RCPT commands, in order.
    """

    accepted: int
    failed: bool
    queued: bool
    codes: tuple[int, ...]

    @property
    def ledger(self) -> Ledger:
        """The class it ended in; it is valid, and what was accepted is no longer waited for."""
        return ledger_class(True, self.accepted, self.failed, self.queued and not self.accepted and not self.failed)


def counts(seen: Iterable[RecipientOutcome]) -> dict[str, int]:
    """Return the ledger."""
    found = dict.fromkeys(LEDGER_NAMES, 0)
    for one in seen:
        found[LEDGER_NAMES[one.ledger]] += 1
    return found


def judge(seen: Sequence[RecipientOutcome], *, asked_again: bool, keeps_queue: bool = True) -> Verdict:
    """Return the verdict on a cell.

    Parameters
    ----------
    seen : sequence of RecipientOutcome
        The recipients.
    asked_again : bool
        The server was asked at least a second time about somebody.
    keeps_queue : bool
        The sender tries again by itself. A library does not: what it tells its caller is no NDR.
    """
    if any(one.ledger in _UNSOUND for one in seen):
        return Verdict.MISCOUNTED
    if not keeps_queue:
        return Verdict.UNAFFECTED
    if any(one.ledger == Ledger.FALSE_NDR and not any(code >= 400 for code in one.codes) for one in seen):
        return Verdict.MISCOUNTED
    if any(one.ledger == Ledger.FALSE_NDR and not _was_refused_for_good(one) for one in seen):
        return Verdict.BOUNCED
    if any(one.ledger == Ledger.QUEUED for one in seen):
        if not asked_again:
            return Verdict.INCONCLUSIVE
        return Verdict.CUT_OFF if any(421 in one.codes for one in seen) else Verdict.NO_PROGRESS
    return Verdict.UNAFFECTED


def _was_refused_for_good(one: RecipientOutcome) -> bool:
    return any(code >= 500 and code != 552 for code in one.codes)
