"""Writes down what went over a real connection: rows as an engine gives them, and the lines themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from simsmtp.model.records import DialogueRow
from simsmtp.protocol.commands import Verb
from simsmtp.shown import shown
from simsmtp.strategies.counting import Verdict


class Place(NamedTuple):
    """Where in a run something is said: number of the connection, its waits so far, message (-1 for none)."""

    connection: int
    waits: int
    message: int


class Dialogue:
    """The dialogue of a run.

    Parameters
    ----------
    now : callable
        Returns nanoseconds since the run began.
    show : callable, optional
        Is given every line as it is said, with its time.

    Attributes
    ----------
    rows : list of DialogueRow
        As from an engine, with times of the client; what only the server knows is -1.
    """

    def __init__(self, now: Callable[[], int], show: Callable[[str], object] | None = None) -> None:
        self.rows: list[DialogueRow] = []
        self._now, self._show = now, show

    def connect(self, place: Place, where: str) -> None:
        """Note that the client connects."""
        self._add("connect", place, Verb.CONNECT)
        self._print(place, f"C: (connects to {where})")

    def command(self, place: Place, verb: Verb, recipient: int, octets: int, line: bytes) -> None:
        """Note a command."""
        self._add("command", place, verb, recipient=recipient, octets=octets)
        said = line.decode("latin-1") or "."
        self._print(place, f"C: {said}" if verb != Verb.TEXT else f"C: [{octets:,} octets of text] .")

    def reply(
        self, place: Place, verb: Verb, recipient: int, read: int, code: int, status: int, lines: Iterable[str]
    ) -> None:
        """Note a reply; `read` counts from 0."""
        self._add("reply", place, verb, read=read + 1, code=code, status=status, recipient=recipient)
        for line in lines:
            self._print(place, f"S: {line}")

    def handshake(self, place: Place) -> None:
        """Note the TLS handshake."""
        self._add("handshake", place, Verb.STARTTLS)
        self._print(place, "(TLS handshake)")

    def verdict(self, place: Place, recipient: int, verdict: Verdict) -> None:
        """Note what the sender concluded for a recipient."""
        self._add("verdict", place, Verb.RCPT, note=verdict, recipient=recipient)

    def close(self, place: Place, fault: str) -> None:
        """Note that the connection ends, and why if not by QUIT."""
        self._add("close", place, Verb.QUIT)
        self._print(place, f"({fault})" if fault else "C: QUIT")

    def _add(
        self,
        kind: str,
        place: Place,
        verb: Verb,
        *,
        read: int = 0,
        code: int = 0,
        status: int = 0,
        note: int = 0,
        recipient: int = -1,
        octets: int = 0,
    ) -> None:
        self.rows.append(
            DialogueRow(
                connection=place.connection,
                destination="",
                kind=kind,
                client_ns=self._now(),
                server_ns=-1,
                group=place.waits,
                read=read,
                verb=verb,
                code=code,
                status=status,
                note=note,
                message=place.message,
                recipient=recipient,
                octets=octets,
                origin=recipient,
            )
        )

    def _print(self, place: Place, text: str) -> None:
        if self._show:
            self._show(f"{self._now() / 1e9:>12.6f}  {place.connection:>3}  {shown(text)}")
