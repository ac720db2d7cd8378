"""Time-outs and lost connections, as a user writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from simsmtp.errors import InputError
from simsmtp.model import ranges
from simsmtp.model.numbers import number_text
from simsmtp.model.table import Table
from simsmtp.protocol.commands import Verb
from simsmtp.randomness.distributions import ns_of_s

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_MARGIN = 1e-12
_PLACES = ("connect", "command", "text", "dot")


class Timeouts(Table):
    """How long a client waits for a reply; the defaults are those of RFC 5321 section 4.5.3.2."""

    connect: ranges.Wait = 300.0
    """For the connection, and again for the banner."""
    command: ranges.Wait = 300.0
    """For the reply to MAIL, RCPT and every other command."""
    data: ranges.Wait = 120.0
    """For the reply to DATA."""
    dot: ranges.Wait = 600.0
    """For the reply to the text, or to BDAT."""


class Loss(Table):
    """One way in which connections are lost."""

    at: Literal["connect", "command", "text", "dot"]
    """Where the line falls silent."""
    share: ranges.Share
    """Probability."""
    committed: bool | None = None
    """Whether the server takes the text whose reply is lost; only at the dot, and there it is true unless given."""


class LossPlan(NamedTuple):
    """Probabilities of losses: `connect` of a connection, the others of a transaction that comes so far.

    `dot` is that of a text that the server never finishes, `reply` that of one that it takes.
    """

    connect: float
    command: float
    text: float
    dot: float
    reply: float

    @property
    def in_transactions(self) -> bool:
        """Whether any transaction may lose its connection."""
        return self.command > 0 or self.text > 0 or self.dot > 0 or self.reply > 0


NO_LOSSES = LossPlan(0.0, 0.0, 0.0, 0.0, 0.0)
"""Nothing is lost."""


def loss_plan(losses: Sequence[Loss]) -> LossPlan:
    """Return the probability of each kind of loss."""
    connect, command, text = (_share_at(losses, place) for place in _PLACES[:3])
    dot = sum(one.share for one in losses if one.at == "dot" and one.committed is False)
    reply = sum(one.share for one in losses if one.at == "dot" and one.committed is not False)
    return LossPlan(connect, command, text, dot, reply)


def check_losses(losses: Sequence[Loss], key: str) -> None:
    """Raise an `InputError` for a loss that means nothing, or for more than all at one place."""
    for number, one in enumerate(losses):
        if one.committed is not None and one.at != "dot":
            raise InputError(
                "only a text whose reply is lost can be committed all the same",
                key=f"{key}.{number}.committed",
                given=one.committed,
                allowed='it with at = "dot"',
            )
    for place in _PLACES:
        total = _share_at(losses, place)
        if total > 1 + _MARGIN:
            raise InputError(
                f"the shares of what is lost at one place ({place}) are more than all",
                key=key,
                given=number_text(total),
                allowed="shares at one place that sum to at most 1",
            )


def check_timeouts(timeouts: Timeouts, profiles: Collection[str]) -> None:
    """Raise an `InputError` for time-outs that were chosen where a path does not look at them."""
    if "tcp" in profiles and timeouts != Timeouts():
        raise InputError(
            "are not modelled under the profile tcp",
            key="client.timeout_s",
            given=timeouts.model_dump(exclude_defaults=True),
            allowed='them with network.profile = "pipe"',
        )


def _share_at(losses: Sequence[Loss], place: str) -> float:
    return sum((one.share for one in losses if one.at == place), 0.0)


def timeouts_ns(timeouts: Timeouts) -> tuple[int, ...]:
    """Return how long the reply to each `Verb` is waited for, in nanoseconds."""
    of = {Verb.CONNECT: timeouts.connect, Verb.DATA: timeouts.data, Verb.TEXT: timeouts.dot, Verb.BDAT: timeouts.dot}
    return tuple(ns_of_s(of.get(verb, timeouts.command)) for verb in Verb)
