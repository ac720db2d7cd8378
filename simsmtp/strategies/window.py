"""Windows: how much a sender leaves unanswered (RFC 2920 section 3.1)."""

from __future__ import annotations

from typing import NamedTuple

from simsmtp.protocol.commands import Verb

_RCPT = Verb.RCPT  # by a name of its own: Python 3.11 is slow to look members up in their class

UNBOUNDED = 2**62


class Window(NamedTuple):
    """What may be unanswered at once.

    Attributes
    ----------
    stop_and_wait : bool
        One command at a time: no PIPELINING, or a window of one recipient.
    recipients : int
        RCPT commands per flight.
    octets : int
        Octets of commands per flight.
    drain : bool
        MAIL alone, then no window; whatever is readable is read before each RCPT (sendmail).
    """

    stop_and_wait: bool
    recipients: int
    octets: int
    drain: bool


def window_in_session(pipelining: bool, recipients: int, octets: int, drain: bool) -> Window:
    """Return the sender's window in a session; without PIPELINING one command is outstanding.

    Parameters
    ----------
    pipelining : bool
        The server offers PIPELINING and the sender uses it.
    recipients, octets, drain : int, int, bool
        The sender's settings; one recipient per flight is stop-and-wait.
    """
    if not pipelining:
        return Window(True, 1, UNBOUNDED, False)
    return Window(recipients == 1, recipients, octets, drain)


def may_send(window: Window, commands: int, rcpts: int, octets: int, verb: Verb, size: int) -> bool:
    """Tell whether a command may join the flight that is being written.

    Parameters
    ----------
    window : Window
        The sender's window.
    commands, rcpts, octets : int
        What the flight holds so far.
    verb : Verb
        The command to be added.
    size : int
        Its octets.

    Notes
    -----
    A flight always takes its first command, however long. With a window in recipients, DATA rides with the last
    RCPT; with one in octets it rides where it fits.
    """
    if verb == _RCPT:
        return rcpts_that_fit(window, commands, rcpts, octets, size) > 0
    return commands == 0 or (not window.stop_and_wait and octets + size <= window.octets)


def rcpts_that_fit(window: Window, commands: int, rcpts: int, octets: int, size: int) -> int:
    """Return how many RCPTs in a row may join the flight; see `may_send`."""
    if window.stop_and_wait:
        return 1 if commands == 0 else 0
    if window.drain and commands > 0 and rcpts == 0:
        return 0
    room = min(window.recipients - rcpts, (window.octets - octets) // size)
    return max(room, 1 if commands == 0 else 0)
