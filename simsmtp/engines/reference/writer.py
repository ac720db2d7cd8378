"""The client's side of a flight under the ``tcp`` profile: which command it writes when."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from simsmtp.network.tcp import NEVER
from simsmtp.peers.flight import Command
from simsmtp.protocol.commands import Verb


class Written(NamedTuple):
    """One command: what it is, when it was written, and where it ends in the client's octets."""

    command: Command
    at_ns: int
    end: int


class FlightWriter:
    """Writes a flight: all at once, or each command after the client's own time for it.

    Parameters
    ----------
    flight : sequence of Command
        The command group.
    now_ns, command_ns : int
        When it begins, and the client's own time for a command.
    begin : int
        Octets that the client has written before.
    send : callable
        Is given the time and the octets of every write.
    has_to_stop : callable
        Whether a reply has been read after which no further RCPT is written; asked before each RCPT.

    Attributes
    ----------
    commands : list of Written
        What has been written so far.
    due_at : int
        When to go on; `NEVER` once all is written.
    """

    def __init__(
        self,
        flight: Sequence[Command],
        now_ns: int,
        command_ns: int,
        begin: int,
        send: Callable[[int, int], None],
        has_to_stop: Callable[[], bool],
    ) -> None:
        self.commands: list[Written] = []
        self.due_at = now_ns + command_ns
        self._left = _single(flight)
        self._command_ns, self._end = command_ns, begin
        self._send, self._has_to_stop = send, has_to_stop
        self._next: Command | None = next(self._left)
        if not command_ns:
            self._write_all()

    @property
    def is_done(self) -> bool:
        """All has been written."""
        return self.due_at == NEVER

    def write(self) -> None:
        """Write the command that is due."""
        command = self._next
        assert command is not None
        if command.verb == Verb.RCPT and self._has_to_stop():
            self._skip()
        else:
            self._note(command)
            self._send(self.due_at, command.octets)
            self._go_on()

    def _write_all(self) -> None:
        begin = self._end
        for command in (self._next, *self._left):
            assert command is not None
            self._note(command)
        self._send(self.due_at, self._end - begin)
        self.due_at = NEVER

    def _skip(self) -> None:
        while self._next and self._next.verb == Verb.RCPT:
            self._next = next(self._left, None)
        if self._next is None:
            self.due_at = NEVER

    def _go_on(self) -> None:
        self._next = next(self._left, None)
        self.due_at = NEVER if self._next is None else self.due_at + self._command_ns

    def _note(self, command: Command) -> None:
        self._end += command.octets
        self.commands.append(Written(command, self.due_at, self._end))


def _single(flight: Sequence[Command]) -> Iterator[Command]:
    for verb, octets, recipients in flight:
        for place in range(len(recipients)):
            yield Command(verb, octets, recipients[place : place + 1])
