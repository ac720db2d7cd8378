"""What came back to the RCPTs of a transaction: runs of replies alike, and what was concluded of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from simsmtp.strategies.alike import Alike
from simsmtp.strategies.counting import Rcpt, Verdict
from simsmtp.strategies.reply_class import ReplyClass
from simsmtp.strategies.window import UNBOUNDED

_OVER = ReplyClass.OVER  # by a name of its own: Python 3.11 is slow to look members up in their class


class Outcome(NamedTuple):
    """What the sender concluded for some recipients, whether the server really took them, and why not."""

    verdict: Verdict
    committed: bool
    recipients: list[int]
    cause: int


class Run(NamedTuple):
    """RCPTs in a row whose replies are alike."""

    seen: ReplyClass
    code: int
    cause: int
    recipients: list[int]


def alikes(runs: Sequence[Run], mail_seen: ReplyClass, *, looks_ahead: bool) -> Iterator[list[Alike]]:
    """Divide the recipients of each run by what is decisive for them, where that is looked at.

    Parameters
    ----------
    runs : sequence of Run
        Of the transaction, in order.
    mail_seen : ReplyClass
        What MAIL was answered.
    looks_ahead : bool
        See `simsmtp.strategies.built_in.BuiltIn`.
    """
    position, previous, over_rank = 0, mail_seen, 0
    decisive, left, further = _OVER, UNBOUNDED, _decisive(runs)
    if looks_ahead:
        decisive, left = next(further)
    for seen, _, _, recipients in runs:
        found, end = [], position + len(recipients)
        while position < end:
            if not left:
                decisive, left = next(further)
            many = min(left, end - position)
            found.append(Alike(Rcpt(position, seen, previous, over_rank, decisive), many))
            position, left, previous = position + many, left - many, seen
            over_rank += many if seen == _OVER else 0
        yield found


def _decisive(runs: Sequence[Run]) -> Iterator[tuple[ReplyClass, int]]:
    """Yield the classes of the replies that are no over-limit refusals, each with how many are alike.

    Behind the last of them is `_OVER`.
    """
    yield from ((seen, len(recipients)) for seen, _, _, recipients in runs if seen != _OVER)
    yield _OVER, UNBOUNDED
