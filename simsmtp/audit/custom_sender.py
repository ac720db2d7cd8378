"""Your own server or program as a sender: we say what to send, and judge what arrives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from simsmtp.audit.sender import CallerTold, run_to_the_end
from simsmtp.files import replace_files
from simsmtp.live.endpoint import Endpoint


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
        ``AUDIT_SENDER`` and ``AUDIT_RECIPIENTS``, the file of the addresses. The text's lines end with CRLF, as in
        SMTP. If it ends with another code than 0, it has told its caller that the message failed, and keeps nothing.
    keeps_queue : bool
        False where the command itself is what sends: who did not get the message after code 0 is lost, not queued.
    """

    name = "yours"
    version = ""

    def __init__(
        self, folder: Path, say: Callable[[str], object], command: Sequence[str] = (), *, keeps_queue: bool = True
    ) -> None:
        self._folder, self._say, self._command = folder, say, command
        self.keeps_queue = keeps_queue
        self._waited_for: set[str] = set()

    def start(self, place: Endpoint, work: Path) -> None:
        """Nothing to start."""
        del work
        self._place = place

    def submit(self, sender: str, recipients: Sequence[str], text: str) -> set[str]:
        """Say what to send, or have it sent; a command's exit code is what its caller is told."""
        self._waited_for = {who.lower() for who in recipients} if self.keeps_queue else set()
        name = f"recipients-{len(recipients)}.txt"
        (addresses,) = replace_files(self._folder, {name: "\n".join([*recipients, ""]).encode()})
        if self._command:
            known = {"AUDIT_PLACE": str(self._place), "AUDIT_SENDER": sender, "AUDIT_RECIPIENTS": str(addresses)}
            try:
                run_to_the_end(self._command, text, known)
            except CallerTold:
                self._waited_for = set()
                raise
            return set()
        self._say(
            f"Let your server relay everything for d0.test, d1.test and orig.example.test to {self._place}, more than "
            f"{len(recipients)} recipients at a time, and try again soon. Now send one message from {sender} to the "
            f"{len(recipients)} addresses in {addresses}, for example:\n"
            f"  printf 'Subject: audit\\n\\nHello.\\n' | sendmail -i -f {sender} $(cat {addresses})"
        )
        return set()

    def queued(self) -> set[str]:
        """Return everybody, or nobody once a command has failed or where none can wait."""
        return self._waited_for

    def retry(self) -> None:
        """Its owner's to do."""

    def stop(self) -> None:
        """Nothing to stop."""
