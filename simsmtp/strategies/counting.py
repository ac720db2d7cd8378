"""The counting strategies: how a sender tracks over-limit refusals.

`corrected` is what RFC 2920 section 3.1 asks for. The others are *hypotheses*. `one-stop`, `per-read`,
`send-cursor` and `budget` give false NDRs for valid recipients and are consistent with Microsoft KB 822105
("incorrectly tracks the number of recipients who receive error 552"). `send-cursor-silent` and `shifted` lose
recipients without an NDR, as was reported of other senders. `aggregate` errs only where a mailbox is unknown or
the limit is no prefix. None of them is any vendor's code. `first-pending` is no hypothesis: it is what a released
program did, read off its public source and told in our words.

Each strategy is one function ``settle(tally, rcpt, knobs) -> Verdict`` that is asked once per recipient after
the last RCPT reply of a transaction. In the closed forms, *m* is the number of over-limit refusals of a
transaction and all mailboxes are valid; :mod:`simsmtp.strategies.closed_forms` follows them through a whole
message. The line above each function is all that makes it built in; see `simsmtp.strategies.built_in`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from simsmtp.strategies.built_in import Refusals, Split, built_in
from simsmtp.strategies.reply_class import ReplyClass
from simsmtp.strategies.tally import Tally


class Verdict(IntEnum):
    """What the sender concludes for one recipient of a transaction."""

    DONE = 0  # taken as accepted: follows the final reply
    REQUEUE = 1  # to be tried again as the overflow policy says
    FAIL = 2  # NDR
    DEFER = 3  # back to the queue, by the retry schedule


# By names of their own: Python 3.11 is slow to look members up in their classes.
_DONE, _REQUEUE, _FAIL, _DEFER = Verdict.DONE, Verdict.REQUEUE, Verdict.FAIL, Verdict.DEFER
_ACCEPTED, _OVER, _FAILED = ReplyClass.ACCEPTED, ReplyClass.OVER, ReplyClass.FAILED


class Rcpt(NamedTuple):
    """One recipient of a transaction, as a strategy may see it.

    Attributes
    ----------
    position : int
        Place among the RCPT commands of the transaction, from 0.
    seen : ReplyClass
        Class of its own reply.
    previous : ReplyClass
        Class of the reply before it; for the first RCPT that of MAIL.
    over_rank : int
        Number of over-limit refusals before it in the transaction.
    decisive : ReplyClass
        Class of the reply that has the recipient's position among the replies that are no over-limit refusals;
        OVER where there are not so many.
    """

    position: int
    seen: ReplyClass
    previous: ReplyClass
    over_rank: int
    decisive: ReplyClass = ReplyClass.CLOSED


class Knobs(NamedTuple):
    """What a strategy may look at of the sender's settings, and of the connection so far.

    Attributes
    ----------
    pipelined : bool
        More than one command may be unanswered: PIPELINING is in use and the window is not stop-and-wait.
    budget : int
        Refusals tolerated per transaction.
    marked : bool
        A transaction before it on the connection met an over-limit refusal in the flight that DATA ended, and no
        flight without DATA has been read since; see `simsmtp.strategies.outcome.is_still_marked`.
    """

    pipelined: bool
    budget: int
    marked: bool = False


def by_own_reply(seen: ReplyClass) -> Verdict:
    """Return the verdict that fits a recipient's own reply."""
    if seen == _ACCEPTED:
        return _DONE
    if seen == _OVER:
        return _REQUEUE
    return _FAIL if seen == _FAILED else _DEFER


def all_requeued(met: Refusals) -> Split:
    """Return the closed form of a strategy that gets it right."""
    return Split(met.over, 0, 0)


def _all_but_one(met: Refusals) -> Split:
    lost = min(met.over, 1) if met.pipelined else 0
    return Split(met.over - lost, 0, lost)


@built_in("corrected", look=0, split=all_requeued)
def corrected(tally: Tally, rcpt: Rcpt, knobs: Knobs) -> Verdict:
    """One status per RCPT, matched by position: all m re-queued, nobody fails."""
    return by_own_reply(rcpt.seen)


@built_in("one-stop", look=1, split=lambda met: Split(min(met.over, 1), max(0, met.over - 1), 0), over_only=True)
def one_stop(tally: Tally, rcpt: Rcpt, knobs: Knobs) -> Verdict:
    """Keep a flag and the index of the first refusal; later ones fall into the generic 5yz branch: m - 1 fail."""
    if rcpt.seen == _OVER and rcpt.over_rank > 0:
        return _FAIL
    return by_own_reply(rcpt.seen)


@built_in("per-read", look=2, split=lambda met: Split(met.reads, met.over - met.reads, 0), over_only=True)
def per_read(tally: Tally, rcpt: Rcpt, knobs: Knobs) -> Verdict:
    """Raise a counter once per network read that holds a refusal: the last *reads* re-queued, m - reads fail."""
    if rcpt.seen == _OVER and rcpt.over_rank < tally.over - tally.over_reads:
        return _FAIL
    return by_own_reply(rcpt.seen)


@built_in(
    "send-cursor",
    look=3,
    split=lambda met: Split(0, met.over, 0) if met.pipelined else all_requeued(met),
    over_only=True,
)
def send_cursor(tally: Tally, rcpt: Rcpt, knobs: Knobs) -> Verdict:
    """Let the next-to-send cursor double as the retry cursor: with pipelining it is past them all, m fail."""
    if rcpt.seen == _OVER and knobs.pipelined:
        return _FAIL
    return by_own_reply(rcpt.seen)


@built_in(
    "send-cursor-silent",
    look=4,
    split=lambda met: Split(0, 0, met.over) if met.pipelined else all_requeued(met),
    over_only=True,
)
def send_cursor_silent(tally: Tally, rcpt: Rcpt, knobs: Knobs) -> Verdict:
    """As `send_cursor`, with the refusals taken as done: with pipelining m are lost without an NDR."""
    if rcpt.seen == _OVER and knobs.pipelined:
        return _DONE
    return by_own_reply(rcpt.seen)


@built_in("aggregate", look=5, split=all_requeued)
def aggregate(tally: Tally, rcpt: Rcpt, knobs: Knobs) -> Verdict:
    """Keep only totals, mapped back by position: accepted first, then failed, then deferred, then re-queued.

    Right for valid mailboxes and a prefix limit. Elsewhere accepted recipients get NDRs or are sent twice, and
    refused ones count as delivered.
    """
    if rcpt.position < tally.accepted:
        return _DONE
    if rcpt.position < tally.accepted + tally.failed:
        return _FAIL
    return _DEFER if rcpt.position < tally.accepted + tally.failed + tally.deferred else _REQUEUE


@built_in(
    "budget",
    look=6,
    split=lambda met: Split(min(met.over, met.budget), max(0, met.over - met.budget), 0),
    over_only=True,
)
def budget(tally: Tally, rcpt: Rcpt, knobs: Knobs) -> Verdict:
    """Tolerate at most K refusals per transaction: the first K re-queued, max(0, m - K) fail."""
    if rcpt.seen == _OVER and rcpt.over_rank >= knobs.budget:
        return _FAIL
    return by_own_reply(rcpt.seen)


@built_in("shifted", look=7, split=_all_but_one)
def shifted(tally: Tally, rcpt: Rcpt, knobs: Knobs) -> Verdict:
    """Give each RCPT the reply before its own; the last one is discarded, and DATA is in step again.

    With pipelining one recipient per overflowed transaction is lost: the first refused one, which takes the
    last 250.
    """
    return by_own_reply(rcpt.previous if knobs.pipelined else rcpt.seen)


@built_in(
    "first-pending",
    look=9,
    split=all_requeued,
    split_policies=("new-connection",),
    looks_ahead=True,
    trusts_itself=True,
    over_only=True,
)
def first_pending(tally: Tally, rcpt: Rcpt, knobs: Knobs) -> Verdict:
    """Book each reply on the first recipient still pending, and let an over-limit refusal leave it so.

    As Exim before 4.95 did, bug 2693 (its public source: src/transports/smtp.c of 4.94, sync_responses and the loop
    that sends RCPT): the reply behind a 452 counts for the recipient that had the 452. So who was refused is taken as
    delivered, who was accepted is sent again, and all is right where nothing but refusals follows the first one. Those
    still pending go out again on the same connection, but for a flag: raised by a refusal that is read together with
    the reply to DATA, it is lowered only by replies read before DATA is sent, and while it stands such refusals wait
    for the next attempt.

    Simpler than the program: it commits whom it booked behind the first 452 with the final reply to its next
    transaction, and while the flag stands it ends its first flight of RCPTs even if nobody in it was refused.
    """
    if rcpt.decisive == _OVER:
        return _DEFER if knobs.marked else _REQUEUE
    return by_own_reply(rcpt.decisive)
