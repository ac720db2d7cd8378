"""What goes to and fro in a flight: commands, and replies as the client has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from simsmtp.protocol.answers import Answer
from simsmtp.protocol.commands import Verb

NOBODY = (-1,)


class Command(NamedTuple):
    """One command of a flight, or one RCPT after the other: one of `octets` for each of the recipients."""

    verb: Verb
    octets: int
    recipients: Sequence[int] = NOBODY


class ReplyRecord(NamedTuple):
    """One reply as the client has it, or one to each RCPT for `recipients`.

    Attributes
    ----------
    verb, recipients : Verb, sequence of int
        The command it answers.
    code, status : int
        What it says; code 0 where none came.
    read : int
        The network read that brought it, counted within the connection from 0.
    answer : Answer
        Which of the server's answers it is; known only where the server is simulated, too.
    lines : int
        How many it came in.
    """

    verb: Verb
    recipients: Sequence[int]
    code: int
    status: int
    read: int
    answer: Answer = Answer.NONE
    lines: int = 1


Stops = Callable[[ReplyRecord], bool]
