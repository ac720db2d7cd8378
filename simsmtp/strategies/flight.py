"""Flights: which commands of a transaction a sender writes before it waits for replies (RFC 2920 section 3.1)."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from simsmtp.protocol.commands import Verb
from simsmtp.strategies.window import Window, may_send, rcpts_that_fit


class Step(IntEnum):
    """What of a transaction comes next."""

    RESET = 0  # RSET, where the transaction before was left open
    MAIL = 1
    RCPT = 2
    DATA = 3  # DATA, or BDAT with the text
    END = 4


# By names of their own: Python 3.11 is slow to look members up in their classes.
_RESET, _MAIL, _RCPT, _DATA, _END = Step.RESET, Step.MAIL, Step.RCPT, Step.DATA, Step.END


class Sizes(NamedTuple):
    """Octets of the commands of a transaction, CRLF included; of BDAT its line without the chunk."""

    reset: int
    mail: int
    rcpt: int
    data: int


class Flight(NamedTuple):
    """The commands of one flight, in this order, and what comes after it.

    Attributes
    ----------
    reset, mail : bool
        Whether RSET and MAIL are part of it.
    rcpts : int
        RCPT commands.
    data : bool
        Whether DATA or BDAT ends it.
    step : Step
        What the next flight begins with.
    """

    reset: bool
    mail: bool
    rcpts: int
    data: bool
    step: Step


def next_flight(window: Window, step: Step, waiting: int, data: Verb, sizes: Sizes) -> Flight:
    """Return the next flight of a transaction.

    Parameters
    ----------
    window : Window
        The sender's window.
    step : Step
        What it begins with.
    waiting : int
        Recipients for whom no flight has held RCPT yet.
    data : Verb
        DATA or BDAT.
    sizes : Sizes
        Octets of the commands.
    """
    reset = step == _RESET
    commands, octets, rcpts = 0, 0, 0
    if reset:  # a flight always takes its first command
        commands, octets, step = 1, sizes.reset, _MAIL
    mail = step == _MAIL and may_send(window, commands, 0, octets, Verb.MAIL, sizes.mail)
    if mail:
        commands, octets, step = commands + 1, octets + sizes.mail, _RCPT
    if step == _RCPT:
        rcpts = min(waiting, rcpts_that_fit(window, commands, 0, octets, sizes.rcpt))
        if rcpts == waiting:
            commands, octets, step = commands + rcpts, octets + rcpts * sizes.rcpt, _DATA
    last = step == _DATA and may_send(window, commands, rcpts, octets, data, sizes.data)
    if last:  # no conditional expression: some Pythons make two returns of it, of different types to the compiler
        step = _END
    return Flight(reset, mail, rcpts, last, step)
