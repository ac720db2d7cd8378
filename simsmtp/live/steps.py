"""What a session asks of whoever owns its socket: one small value per wish."""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple


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


class StartTls(NamedTuple):
    """Begin the TLS handshake now (RFC 3207 section 4)."""


Step = Write | Read | Poll | Pause | StartTls
Steps = Generator[Step, None, None]
