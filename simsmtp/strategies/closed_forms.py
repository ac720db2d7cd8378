"""Closed forms: what each counting strategy does to one message, without simulating it.

They hold for one message of N valid recipients, one connection at a time, a limit of L recipients per transaction
answered with 552, ``new-connection`` or ``same-session`` overflow, and flights of w recipients. In a transaction of
n recipients

    k = ⌊L / w⌋ + 1                flights until the one that overflows, with stop_on_overflow
    s = min(k·w, n)                RCPT commands sent (n without stop_on_overflow)
    m = max(0, s - L)              over-limit refusals

and each strategy turns m into so many re-queued, failed and lost: its `split` in `simsmtp.strategies.counting`,
where *reads* is the number of network reads that held a refusal. The next transaction takes the re-queued ones and
what was not sent, and so on until nothing is left: `message_totals` follows that recursion. A connection costs 3
round trips (TCP, banner, EHLO), a transaction one for each flight, one more for DATA if sending stopped early, and one
for the text; stop-and-wait costs n + 3.
"""

from __future__ import annotations

from typing import NamedTuple

from simsmtp.strategies.built_in import Refusals, Split
from simsmtp.strategies.registry import BUILT_IN

UNLIMITED = 2**62


class Totals(NamedTuple):
    """What one message comes to, over all its transactions."""

    false_ndr: int
    lost: int
    transactions: int
    rcpt_commands: int
    connections: int
    round_trips: int


def sent_in_transaction(recipients: int, limit: int, window: int, stop: bool) -> int:
    """Return s, the RCPT commands sent in a transaction.

    Parameters
    ----------
    recipients : int
        n, the recipients of the transaction.
    limit : int
        L, the recipient limit.
    window : int
        w, recipients per flight; `UNLIMITED` for one flight.
    stop : bool
        The sender stops after a flight with an over-limit refusal.
    """
    if not stop or recipients <= limit:
        return recipients
    return min((limit // window + 1) * window, recipients)


def reads_with_refusal(sent: int, limit: int, window: int, replies_per_read: int) -> int:
    """Return the reads that held a refusal, for RCPT replies read `replies_per_read` at a time in each flight.

    0 for `replies_per_read` means that a flight's replies are one read (a flight whose replies fit the server's
    buffer and that was served without a gap).
    """
    reads = 0
    for start in range(limit - limit % window, sent, window):
        first = max(limit - start, 0)
        last = min(window, sent - start) - 1
        reads += last // replies_per_read - first // replies_per_read + 1 if replies_per_read else 1
    return reads


def split(strategy: str, over: int, *, pipelined: bool, budget: int, reads: int) -> Split:
    """Return what a built-in strategy makes of the refusals of one transaction.

    Parameters
    ----------
    strategy : str
        Name of a built-in strategy.
    over : int
        m.
    pipelined : bool
        False for stop-and-wait.
    budget : int
        K of the strategy ``budget``.
    reads : int
        Reads that held a refusal.

    Raises
    ------
    KeyError
        If no closed form is known for the strategy.
    """
    form = BUILT_IN[strategy].split
    if form is None:
        raise KeyError(strategy)
    return form(Refusals(over, pipelined, budget, reads))


def round_trips_in_transaction(recipients: int, sent: int, window: int) -> int:
    """Return the waits of a transaction of `recipients` of which `sent` were sent in flights of `window`."""
    if window == 1:
        return sent + 3
    return -(-sent // window) + (sent < recipients) + 1


def message_totals(
    strategy: str,
    recipients: int,
    limit: int,
    *,
    batch_size: int = UNLIMITED,
    window: int = UNLIMITED,
    stop: bool = True,
    budget: int = 3,
    replies_per_read: int = 0,
    bounce: bool = False,
    same_session: bool = False,
) -> Totals:
    """Return what one message comes to.

    Parameters
    ----------
    strategy : str
        Name of a built-in strategy.
    recipients, limit : int
        N and L.
    batch_size : int
        Most recipients in one transaction.
    window, stop : int, bool
        As for `sent_in_transaction`; a window of 1 is stop-and-wait.
    budget, replies_per_read : int
        As for `split` and `reads_with_refusal`.
    bounce : bool
        The overflow policy takes 552 as permanent: re-queued ones fail, and sending never stops.
    same_session : bool
        The connection on which an overflow happened stays in use.

    Examples
    --------
    >>> message_totals("one-stop", 250, 100)
    Totals(false_ndr=149, lost=0, transactions=2, rcpt_commands=251, connections=2, round_trips=10)
    >>> message_totals("corrected", 250, 100, window=50)
    Totals(false_ndr=0, lost=0, transactions=3, rcpt_commands=350, connections=3, round_trips=20)
    """
    false_ndr = lost = transactions = rcpt_commands = connections = round_trips = 0
    left, is_connected = recipients, False
    while left:
        size = min(left, batch_size)
        sent = sent_in_transaction(size, limit, window, stop and not bounce)
        over = max(0, sent - limit)
        reads = reads_with_refusal(sent, limit, window, replies_per_read) if over else 0
        part = split(strategy, over, pipelined=window != 1, budget=budget, reads=reads)
        requeued = 0 if bounce else part.requeued
        false_ndr += part.failed + part.requeued - requeued
        lost += part.lost
        transactions += 1
        rcpt_commands += sent
        connections += not is_connected
        round_trips += round_trips_in_transaction(size, sent, window) + 3 * (not is_connected)
        is_connected = over == 0 or same_session or bounce
        left += requeued - sent
    return Totals(false_ndr, lost, transactions, rcpt_commands, connections, round_trips)
