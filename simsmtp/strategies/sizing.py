"""Sizing: how many recipients the sender puts into one transaction."""

from __future__ import annotations

from enum import IntEnum


class Sizing(IntEnum):
    """Where the size of a transaction comes from."""

    FIXED = 0
    RCPTMAX = 1  # what the server advertises (RFC 9422)
    ADAPTIVE = 2  # what refusals taught


# By names of their own: Python 3.11 is slow to look members up in their classes.
_RCPTMAX, _ADAPTIVE = Sizing.RCPTMAX, Sizing.ADAPTIVE


def next_size(sizing: Sizing, batch_size: int, rcptmax: int, learned: int) -> int:
    """Return the most recipients of the next transaction, at least 1.

    Parameters
    ----------
    sizing : Sizing
        The sender's policy.
    batch_size : int
        The sender's own cap.
    rcptmax : int
        RCPTMAX as advertised, 0 if it was not.
    learned : int
        What `learn` returned last for this destination, 0 if nothing is known.
    """
    if sizing == _RCPTMAX and rcptmax > 0:
        return min(batch_size, rcptmax)
    if sizing == _ADAPTIVE and learned > 0:
        return min(batch_size, learned)
    return batch_size


def transactions_for(recipients: int, size: int) -> int:
    """Return how many transactions of `size` recipients it takes."""
    return -(-recipients // size)


def learn(learned: int, accepted: int, over: int) -> int:
    """Return the limit an adaptive sender believes in after a transaction: what was accepted when it overflowed."""
    return max(1, accepted) if over > 0 else learned


def still_known(learned_at_ns: int, now_ns: int, forget_ns: int) -> bool:
    """Tell whether what was learned at `learned_at_ns` is still believed; `forget_ns` 0 never forgets."""
    return forget_ns == 0 or now_ns - learned_at_ns < forget_ns
