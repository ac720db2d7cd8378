"""What a strategy may say beyond RCPT: of the reply to DATA, and of the final reply to the text.

A strategy may bring two functions beside `settle`. Each is asked once for a transaction in which somebody was accepted
and the text is meant for them; what it says is what becomes of those whom `settle` takes as accepted.

- ``on_data(tally, reply) -> Verdict`` is asked about the reply to DATA. DONE sends the text. Anything else behind a 354
  drops the connection, so that nobody gets it. A refusal of DATA stands, whatever DONE would mean there.
- ``on_final(tally, reply) -> Verdict`` is asked about the reply to the text, or to BDAT. DONE takes it as delivered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from simsmtp.strategies.counting import Verdict
from simsmtp.strategies.overflow import after_final_reply
from simsmtp.strategies.tally import Tally


class TextReply(NamedTuple):
    """The reply to DATA, to the text, or to BDAT.

    Attributes
    ----------
    code, status : int
        See `simsmtp.protocol.replies.Reply`.
    lines : int
        How many lines it has.
    data_lines : int
        Of the reply to the text: how many the reply to DATA before it had. Elsewhere 0.
    """

    code: int
    status: int
    lines: int = 1
    data_lines: int = 0


NO_REPLY = TextReply(0, 0, 0)


Hook = Callable[[Tally, TextReply], Verdict]


class Hooks(NamedTuple):
    """What a strategy brings beside `settle`; None is what the replies say by themselves."""

    on_data: Hook | None = None
    on_final: Hook | None = None


NO_HOOKS = Hooks()


def by_final_reply(reply: TextReply) -> Verdict:
    """Return the verdict that fits a final reply, or a refusal of DATA: what is concluded without a hook."""
    return after_final_reply(Verdict.DONE, reply.code)


def after_data(verdict: Verdict, reply: TextReply) -> Verdict:
    """Return what becomes of those taken as accepted once `on_data` has said so of a refusal of DATA."""
    return by_final_reply(reply) if verdict == Verdict.DONE else verdict
