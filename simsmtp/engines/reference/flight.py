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


class Heard(NamedTuple):
    """One reply as the client has it, or one to each RCPT for `recipients`.

    `read` counts network reads of the connection from 0.
    """

    verb: Verb
    recipients: Sequence[int]
    answer: Answer
    code: int
    status: int
    read: int


Stops = Callable[[Heard], bool]
