"""Connections that fall silent: where in a transaction nothing comes through any more."""

from __future__ import annotations

from enum import IntEnum


class Lost(IntEnum):
    """Where a transaction loses its connection. From there on the client hears nothing."""

    NOWHERE = 0
    COMMAND = 1  # nothing of its first flight reaches the server
    TEXT = 2  # in the middle of the text, or of that of BDAT
    DOT = 3  # behind the text, which the server never finishes
    REPLY = 4  # behind the text, which the server takes: RFC 1047


def place_of_loss(command: bool, text: bool, of_dot: float, dot: float, reply: float) -> Lost:
    """Return where a transaction loses its connection.

    Parameters
    ----------
    command, text : bool
        It is lost before its first flight arrives; in its text, if it comes so far.
    of_dot : float
        Uniform draw that decides what becomes of it behind its text.
    dot, reply : float
        Probabilities that it is lost there, and the server never finishes the text, or takes it.
    """
    if command:
        return Lost.COMMAND
    if text:
        return Lost.TEXT
    if of_dot < reply:
        return Lost.REPLY
    return Lost.DOT if of_dot < dot + reply else Lost.NOWHERE


def is_swallowed(lost: int, is_text: bool) -> bool:
    """Tell whether a command of a transaction never reaches the server as a whole.

    Parameters
    ----------
    lost : int
        Where the connection is lost, a `Lost`.
    is_text : bool
        The command is the text, or brings it (BDAT).
    """
    return lost == Lost.COMMAND or (lost == Lost.TEXT and is_text)


def is_dropped_at(lost: int, is_text: bool, is_whole: bool) -> bool:
    """Tell whether a server that drops connections in place of losing them does so when something has come in.

    Parameters
    ----------
    lost, is_text
        See `is_swallowed`.
    is_whole : bool
        It is whole, a text up to its dot.
    """
    return is_swallowed(lost, is_text) or (lost == Lost.DOT and is_text and is_whole)
