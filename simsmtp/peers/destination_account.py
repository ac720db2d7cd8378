"""What a sender met at one destination: what was refused there, and what its recipients waited for."""

from __future__ import annotations

import math
from collections.abc import Iterable

from simsmtp.peers.flight import ReplyRecord
from simsmtp.protocol.answers import Answer
from simsmtp.protocol.causes import Cause, Wait, cause_of
from simsmtp.protocol.commands import Verb
from simsmtp.rows.totals import recipient_seconds
from simsmtp.strategies.reply_class import ReplyClass, classify

# By names of their own: Python 3.11 is slow to look members up in their classes.
_ROUND_TRIPS, _SERVICE = int(Wait.ROUND_TRIPS), int(Wait.SERVICE)
_NONE = Answer.NONE
_CAUSES, _WAITS = len(Cause), len(Wait)


class DestinationAccount:
    """Counts and times of one destination.

    Attributes
    ----------
    refusals : list of int
        Refusals heard, one for each `Cause`.
    waits_s : list of float
        Seconds that recipients waited, all together, one for each `Wait`.
    """

    def __init__(self) -> None:
        self.refusals = [0] * _CAUSES
        self.waits_s = [0.0] * _WAITS

    def hear(self, replies: Iterable[ReplyRecord]) -> None:
        """Count those of some replies that refuse."""
        for reply in replies:
            if reply.code >= 400:
                self.refuse(reply)

    def refuse(self, reply: ReplyRecord) -> None:
        """Count a reply that refuses."""
        verb, recipients, code, status, _, answer, _ = reply
        is_over = answer == _NONE and verb == Verb.RCPT and classify(code, status, False) == ReplyClass.OVER
        self.refusals[cause_of(answer, is_over)] += len(recipients)

    def wait_for_flight(self, recipients: int, took_ns: int, served_ns: int | None) -> None:
        """Note that the recipients of a transaction waited for the replies to one flight.

        Parameters
        ----------
        recipients : int
            How many.
        took_ns : int
            From its first command to its last reply.
        served_ns : int or None
            How much of it the server took; None is not known: that wait is not, either.
        """
        waits_s = self.waits_s
        if served_ns is None:
            waits_s[_SERVICE], served_ns = math.nan, 0
        elif served_ns > took_ns:
            served_ns = took_ns
        waits_s[_ROUND_TRIPS] += recipient_seconds(recipients, took_ns - served_ns)
        waits_s[_SERVICE] += recipient_seconds(recipients, served_ns)

    def wait_for_retry(self, deferred: int, rationed: int, greylisted: int, wait_ns: int) -> None:
        """Note that deferred recipients wait for the next attempt; so many of them because of a rate or greylisting."""
        self._wait(Wait.RETRY, deferred - rationed - greylisted, wait_ns)
        self._wait(Wait.RATE, rationed, wait_ns)
        self._wait(Wait.GREYLIST, greylisted, wait_ns)

    def wait_for_rate(self, recipients: int, wait_ns: int) -> None:
        """Note that recipients wait because of the sender's own rate."""
        self._wait(Wait.RATE, recipients, wait_ns)

    def _wait(self, what: int, recipients: int, wait_ns: int) -> None:
        if recipients and wait_ns:
            self.waits_s[what] += recipient_seconds(recipients, wait_ns)
