"""Overflow policies: what becomes of re-queued recipients, a separate axis from counting."""

from __future__ import annotations

from enum import IntEnum

from simsmtp.strategies.counting import Verdict
from simsmtp.strategies.reply_class import ReplyClass


class Overflow(IntEnum):
    """What the sender does with a recipient that was over the limit."""

    NEW_CONNECTION = 0  # close, open a new connection at once, send the rest (the article's intended behaviour)
    SAME_SESSION = 1  # a further transaction on the same connection (Exim, mox, KumoMTA)
    DEFER = 2  # back to the queue, by the retry schedule
    BOUNCE = 3  # 552 taken as permanent, as RFC 821 had it


# By names of their own: Python 3.11 is slow to look members up in their classes.
_DONE, _REQUEUE, _FAIL, _DEFER = Verdict.DONE, Verdict.REQUEUE, Verdict.FAIL, Verdict.DEFER
_OVER = ReplyClass.OVER


def overflow_for(code: int, for_452: Overflow, for_552: Overflow) -> Overflow:
    """Return the policy for the class of an over-limit reply: 4yz codes follow 452, 5yz codes 552."""
    return for_552 if code >= 500 else for_452


def disposition(verdict: Verdict, seen: ReplyClass, code: int, overflow: Overflow) -> Verdict:
    """Return what really becomes of a recipient once the overflow policy has had its say.

    Parameters
    ----------
    verdict : Verdict
        The counting strategy's conclusion.
    seen : ReplyClass
        Class of the recipient's own reply.
    code : int
        Code of its own reply.
    overflow : Overflow
        The policy for the class of that code.

    Notes
    -----
    ``bounce`` turns every re-queue into a failure after counting. A failure that rests on an over-limit 4yz is a
    deferral unless the policy says bounce.
    """
    if verdict == _REQUEUE and overflow == Overflow.BOUNCE:
        return _FAIL
    if verdict == _REQUEUE and overflow == Overflow.DEFER:
        return _DEFER
    if verdict == _FAIL and seen == _OVER and code < 500 and overflow != Overflow.BOUNCE:
        return _DEFER
    return verdict


def after_final_reply(verdict: Verdict, final_code: int) -> Verdict:
    """Return the verdict once the final reply to the text is known: who was taken as accepted follows it."""
    if verdict != _DONE or 200 <= final_code < 300:
        return verdict
    return _FAIL if final_code >= 500 else _DEFER


def for_everybody(verdict: Verdict) -> Verdict:
    """Return what becomes of all in a transaction that one refusal ended: nobody is tried again at once."""
    return Verdict.DEFER if verdict == Verdict.REQUEUE else verdict


def becomes(
    verdict: Verdict, seen: ReplyClass, code: int, over_code: int, taken: Verdict, for_452: Overflow, for_552: Overflow
) -> Verdict:
    """Return what becomes of a recipient in the end: counting, then the overflow policy or the final reply.

    Parameters
    ----------
    verdict, seen, code
        See `disposition`.
    over_code : int
        Code of the first over-limit reply of the transaction, 0 if there was none.
    taken : Verdict
        What becomes of those taken as accepted, see `after_final_reply`.
    for_452, for_552 : Overflow
        The sender's policies.
    """
    if verdict == _DONE:
        return taken
    # A strategy may give a recipient the refusal of another: then the class of that refusal decides.
    ruling = code if seen == _OVER or over_code == 0 else over_code
    return disposition(verdict, seen, code, overflow_for(ruling, for_452, for_552))


def keeps_connection(overflow: Overflow) -> bool:
    """Tell whether the connection on which an overflow happened stays in use."""
    return overflow != Overflow.NEW_CONNECTION


def stops_sending(stop_on_overflow: bool, overflow: Overflow) -> bool:
    """Tell whether no further RCPT follows a flight with an over-limit refusal; ``bounce`` never stops."""
    return stop_on_overflow and overflow != Overflow.BOUNCE
