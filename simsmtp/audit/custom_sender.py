"""Your own server as a sender: we say what to send, and judge what arrives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from simsmtp.files import replace_files
from simsmtp.live.endpoint import Endpoint
from simsmtp.mailers.programs import run


class CustomSender:
    """Whatever is relayed to us; who is in its queue we do not know, so everybody who is not settled counts as queued.

    Parameters
    ----------
    folder : Path
        Where the addresses are written.
    say : callable
        Is given what to do, as text.
    command : sequence of str
        Is run instead of asking: with the message on its standard input, and in its environment ``AUDIT_PLACE``,
        ``AUDIT_SENDER`` and ``AUDIT_RECIPIENTS``, the file of the addresses.
    """

    name = "yours"
    version = ""
    keeps_queue = True

    def __init__(self, folder: Path, say: Callable[[str], object], command: Sequence[str] = ()) -> None:
        self._folder, self._say, self._command = folder, say, command
        self._waited_for: set[str] = set()

    def start(self, place: Endpoint, work: Path) -> None:
        """Nothing to start."""
        del work
        self._place = place

    def submit(self, sender: str, recipients: Sequence[str], text: str) -> set[str]:
        """Say what to send, or have it sent."""
        self._waited_for = {who.lower() for who in recipients}
        name = f"recipients-{len(recipients)}.txt"
        (addresses,) = replace_files(self._folder, {name: "\n".join([*recipients, ""]).encode()})
        if self._command:
            known = {"AUDIT_PLACE": str(self._place), "AUDIT_SENDER": sender, "AUDIT_RECIPIENTS": str(addresses)}
            run(self._command, text=text.replace("\r\n", "\n"), environment=known)
            return set()
        self._say(
            f"Let your server relay everything for d0.test, d1.test and orig.example.test to {self._place}, more than "
            f"{len(recipients)} recipients at a time, and try again soon. Now send one message from {sender} to the "
            f"{len(recipients)} addresses in {addresses}, for example:\n"
            f"  printf 'Subject: audit\\n\\nHello.\\n' | sendmail -i -f {sender} $(cat {addresses})"
        )
        return set()

    def queued(self) -> set[str]:
        """Return everybody."""
        return self._waited_for

    def retry(self) -> None:
        """Its owner's to do."""

    def stop(self) -> None:
        """Nothing to stop."""
