"""Writes down what goes over real connections: rows as an engine gives them, and the lines themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from simsmtp.live.encoding import Written
from simsmtp.peers.accounting import Message
from simsmtp.peers.flight import Command, ReplyRecord
from simsmtp.peers.transcript import Connection, Transcript
from simsmtp.protocol.commands import Verb
from simsmtp.rows.records import DialogueRow
from simsmtp.shown import shown
from simsmtp.strategies.counting import Verdict

_UNKNOWN = -1
"""The server's time of anything: only the server knows it."""


class Dialogue:
    """The dialogue of a run.

    Parameters
    ----------
    now : callable
        Returns nanoseconds since the run began.
    show : callable, optional
        Is given every line as it is said, with its time.
    """

    def __init__(self, now: Callable[[], int], show: Callable[[str], object] | None = None) -> None:
        self._transcript, self._now, self._show = Transcript(), now, show
        self._texts: dict[DialogueRow, str] = {}

    @property
    def rows(self) -> list[DialogueRow]:
        """What was said so far."""
        return self._transcript.rows

    def text(self, row: DialogueRow) -> str:
        """Return what a row says, as it went over the wire; of a close why, if not by QUIT."""
        return self._texts.get(row, "")

    def connect(self, session: Connection, where: str) -> None:
        """Note that the client connects."""
        self._transcript.connect(session, self._now(), _UNKNOWN)
        self._print(session, f"C: (connects to {where})")

    def command(self, session: Connection, written: Written) -> None:
        """Note a command."""
        octets = len(written.line) + written.body_octets
        command = Command(written.verb, octets, (written.recipient,))
        self._transcript.command(session, command, session.message, self._now(), _UNKNOWN)
        said = written.line.rstrip().decode("latin-1")
        is_text = written.verb == Verb.TEXT
        self._said(f"[{written.body_octets:,} octets of text] ." if is_text else said)
        self._print(session, f"C: {self.text(self.rows[-1])}")

    def reply(self, session: Connection, reply: ReplyRecord, lines: Iterable[str]) -> None:
        """Note a reply, and the lines that it came in."""
        self._transcript.replies(session, [reply], _UNKNOWN, self._now())
        told = [shown(line) for line in lines]
        self._said("\n".join(told))
        for line in told:
            self._print(session, f"S: {line}")

    def handshake(self, session: Connection) -> None:
        """Note the TLS handshake."""
        self._transcript.handshake(session, self._now())
        self._print(session, "(TLS handshake)")

    def verdicts(
        self, session: Connection, message: Message, recipients: Sequence[int], verdict: Verdict, now_ns: int
    ) -> None:
        """Note what the sender concluded for some recipients."""
        self._transcript.verdicts(session, message, recipients, verdict, now_ns)

    def close(self, session: Connection, fault: str) -> None:
        """Note that the connection ends, and why if not by QUIT."""
        self._transcript.close(session, self._now(), _UNKNOWN)
        self._said(fault)
        self._print(session, f"({fault})" if fault else "C: QUIT")

    def _said(self, text: str) -> None:
        """Keep the words of the last row."""
        self._texts[self.rows[-1]] = text

    def _print(self, session: Connection, text: str) -> None:
        if self._show:
            whose = f"{session.destination} {session.number}" if session.destination else f"{session.number}"
            self._show(f"{self._now() / 1e9:>12.6f}  {shown(whose):>3}  {shown(text)}")
