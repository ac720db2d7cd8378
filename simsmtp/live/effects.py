"""What a session asks of whoever owns its socket: one small value per wish."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from simsmtp.live.client_session import ClientSession  # handed to whoever connects, never looked at here


class Connect(NamedTuple):
    """Connect this session, which what is read from now on belongs to; `fail` tells it that there is no connection."""

    session: ClientSession


class Close(NamedTuple):
    """Close the connection: the session is over."""


class Write(NamedTuple):
    """Write these octets."""

    octets: bytes


class Read(NamedTuple):
    """Wait for octets, or for the end of the connection.

    Attributes
    ----------
    progress : int
        Rises whenever the peer has said something whole; a peer that sends octets without it rising is slow.
    """

    progress: int


class Poll(NamedTuple):
    """Take in what is readable now, without waiting for more."""


class Pause(NamedTuple):
    """Let time pass."""

    ns: int


class Until(NamedTuple):
    """Wait until so many nanoseconds after the run began."""

    ns: int


class StartTls(NamedTuple):
    """Begin the TLS handshake now (RFC 3207 section 4)."""


Effect = Connect | Close | Write | Read | Poll | Pause | Until | StartTls
Steps = Generator[Effect, None, None]
