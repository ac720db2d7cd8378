"""The ledger: every recipient ends in exactly one class."""

from __future__ import annotations

from enum import IntEnum


class Ledger(IntEnum):
    """What became of a recipient. *Accepted* means: the final reply to the text that covered it was 2yz."""

    DELIVERED = 0  # valid, accepted exactly once, no NDR
    FALSE_NDR = 1  # valid, NDR sent, never accepted
    CONTRADICTORY_NDR = 2  # valid, accepted, and NDR sent
    DUPLICATE = 3  # valid, accepted twice or more, no NDR
    LOST = 4  # valid, never accepted, no NDR, no longer queued
    TRUE_NDR = 5  # unknown mailbox, NDR sent
    MISSED_NDR = 6  # unknown mailbox, no NDR sent
    QUEUED = 7  # not finished at the horizon; wins over the rest


LEDGER_NAMES = tuple(member.name.lower() for member in Ledger)


def ledger_class(valid: bool, accepted: int, ndr: bool, queued: bool, emptied: bool = False) -> Ledger:
    """Return the class of one recipient.

    Parameters
    ----------
    valid : bool
        The mailbox exists.
    accepted : int
        How often a final reply 2yz covered it.
    ndr : bool
        An NDR was sent for it.
    queued : bool
        The sender has not finished with it.
    emptied : bool
        A final reply 2yz covered it, to an empty text: the server took it, and a mail without content is there, so that
        an NDR contradicts it; without one it is no better than lost.
    """
    if queued:
        return Ledger.QUEUED
    if not valid:
        return Ledger.TRUE_NDR if ndr else Ledger.MISSED_NDR
    if ndr:
        return Ledger.CONTRADICTORY_NDR if accepted > 0 or emptied else Ledger.FALSE_NDR
    if accepted == 0:
        return Ledger.LOST
    return Ledger.DELIVERED if accepted == 1 else Ledger.DUPLICATE
