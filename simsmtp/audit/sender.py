"""A mail program as an audit sees it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from simsmtp.live.endpoint import Endpoint


class Sender(Protocol):
    """A program that sends to our server.

    Attributes
    ----------
    name, version : str
        What it is; the version may be known only after the start.
    keeps_queue : bool
        It tries again by itself.
    """

    name: str
    version: str
    keeps_queue: bool

    def start(self, place: Endpoint, work: Path) -> None:
        """Make it ready to send to a place, with its files in a folder of its own."""

    def submit(self, sender: str, recipients: Sequence[str], text: str) -> set[str]:
        """Hand over a message; return the recipients that it reports at once as failed."""

    def queued(self) -> set[str]:
        """Return the recipients that it still has, in lower case; those of its own notifications too."""

    def retry(self) -> None:
        """Ask it to try again now."""

    def stop(self) -> None:
        """End it."""
