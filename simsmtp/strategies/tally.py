"""What a sender keeps while the replies of one transaction come in: the same for all counting strategies.

Each strategy looks at only a part of it; that is where they differ.
"""

from __future__ import annotations

from typing import NamedTuple

from simsmtp.strategies.reply_class import ReplyClass

# By names of their own: Python 3.11 is slow to look members up in their classes.
_ACCEPTED, _OVER, _FAILED = ReplyClass.ACCEPTED, ReplyClass.OVER, ReplyClass.FAILED


class Tally(NamedTuple):
    """Running totals over the RCPT replies of one transaction.

    Attributes
    ----------
    accepted, over, failed, deferred : int
        Number of replies of each class.
    over_reads : int
        Number of network reads that held at least one over-limit refusal.
    last_over_read : int
        The last such read, -1 before the first.
    over_flights : int
        Number of flights that held at least one over-limit refusal.
    last_over_flight : int
        The last such flight, -1 before the first.
    """

    accepted: int
    over: int
    failed: int
    deferred: int
    over_reads: int
    last_over_read: int
    over_flights: int
    last_over_flight: int


def empty_tally() -> Tally:
    """Return the tally at the start of a transaction."""
    return Tally(0, 0, 0, 0, 0, -1, 0, -1)


def observe(tally: Tally, seen: ReplyClass, read: int, flight: int, count: int = 1) -> Tally:
    """Return the tally after `count` more RCPT replies of one class, read at once.

    Parameters
    ----------
    tally : Tally
        The totals so far.
    seen : ReplyClass
        Class of the replies.
    read, flight : int
        Number of the network read they came with and of the flight their RCPTs were sent in, both counted up
        within the transaction.
    count : int
        How many they are, at least 1.
    """
    n250, n552, n5yz, n4yz, reads, last_read, flights, last_flight = tally
    if seen == _ACCEPTED:
        return Tally(n250 + count, n552, n5yz, n4yz, reads, last_read, flights, last_flight)
    if seen == _OVER:
        reads += 1 if read != last_read else 0
        flights += 1 if flight != last_flight else 0
        return Tally(n250, n552 + count, n5yz, n4yz, reads, read, flights, flight)
    if seen == _FAILED:
        return Tally(n250, n552, n5yz + count, n4yz, reads, last_read, flights, last_flight)
    return Tally(n250, n552, n5yz, n4yz + count, reads, last_read, flights, last_flight)
