"""A mail program as an audit sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from simsmtp.errors import InputError
from simsmtp.live.endpoint import Endpoint
from simsmtp.mailers.programs import EndedBadlyError, run

_NO_COMMAND = (126, 127)
"""What a shell ends with when it cannot run what it was told to."""


class CallerTold(InputError):  # noqa: N818 - to a caller it is an answer
    """A program told its caller that it failed, and so that nobody got the message; it keeps nothing."""


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
        """Hand over a message; return the recipients that it reports at once as failed.

        Raises
        ------
        CallerTold
            It reports that it failed as a whole.
        """

    def queued(self) -> set[str]:
        """Return the recipients that it still has, in lower case; those of its own notifications too."""

    def retry(self) -> None:
        """Ask it to try again now."""

    def stop(self) -> None:
        """End it."""


class NoQueue:
    """What senders without a queue have in common: nothing is left behind."""

    keeps_queue = False

    def start(self, place: Endpoint, work: Path) -> None:
        """Note the place; nothing has to be started."""
        del work
        self._place = place

    def queued(self) -> set[str]:
        """Return nobody."""
        return set()

    def retry(self) -> None:
        """Nothing to do."""

    def stop(self) -> None:
        """Nothing to do."""


def run_to_the_end(command: Sequence[str], text: str, environment: Mapping[str, str] | None = None) -> None:
    """Run a program that sends; its exit code is what its caller is told.

    Raises
    ------
    CallerTold
        It ended with another code than 0.
    InputError
        It cannot be run, or did not end.
    """
    try:
        run(command, text=text, environment=dict(environment or {}))
    except EndedBadlyError as error:
        if error.code in _NO_COMMAND:
            raise
        raise CallerTold(error.message, key=error.key, given=error.given) from None
