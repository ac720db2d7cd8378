"""The client's side of one session: octets in, octets out. No socket, no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from simsmtp.live.dialogue import Dialogue, Place
from simsmtp.live.replies import Replies, ServerReply, shown
from simsmtp.live.steps import Pause, Poll, Read, StartTls, Steps, Write
from simsmtp.protocol.capabilities import NOTHING_OFFERED, Capabilities, parse_ehlo
from simsmtp.protocol.commands import Verb
from simsmtp.protocol.wire import command_line

NOBODY = -1


class Command(NamedTuple):
    """One command: its line with CRLF, then text or chunk; the line of TEXT is empty."""

    verb: Verb
    line: bytes
    recipient: int = NOBODY
    body: Iterable[bytes] = ()
    body_octets: int = 0


class Heard(NamedTuple):
    """One reply; code 0 where none came. `read` counts network reads of the connection from 0."""

    verb: Verb
    recipient: int
    code: int
    status: int
    read: int


Stops = Callable[[Heard], bool]


class ClientSession:
    """One connection as the client has it.

    Parameters
    ----------
    number : int
        Of the connection, from 1.
    starttls : bool
        The session goes on only when encrypted.
    replies_per_read : int
        RCPT replies that count as one read, 0 for reads as the network gives them.
    command_ns : int
        The client's own time to write a command.
    dialogue : Dialogue, optional
        Where it is written down.

    Attributes
    ----------
    heard : list of Heard
        The replies to the last flight, in order of the commands.
    offered : Capabilities
        What the server's EHLO reply holds.
    is_closed : bool
        The session is of no more use.
    is_over : bool
        The sender means to send no further transaction on it.
    fault : str
        Why it ended, if that was neither QUIT nor a 421.
    has_greeted : bool
        The banner was a reply.
    lacks_tls : bool
        It ended because it could not be encrypted.
    speaks_no_smtp : bool
        It ended because the server sent what is no reply.
    needs_reset : bool
        The last transaction was left open, so RSET comes before the next.
    waits, transactions : int
        Waits for the server and transactions so far.
    committed : int
        Recipients that the last transaction committed for the first time.
    """

    def __init__(
        self,
        number: int,
        *,
        starttls: bool = False,
        replies_per_read: int = 0,
        command_ns: int = 0,
        dialogue: Dialogue | None = None,
    ) -> None:
        self.heard: list[Heard] = []
        self.offered: Capabilities = NOTHING_OFFERED
        self.is_closed = self.is_over = self.needs_reset = self.has_greeted = False
        self.lacks_tls = self.speaks_no_smtp = False
        self.fault = ""
        self.waits = 2  # for the TCP handshake and the banner
        self.transactions = self.committed = 0
        self.number, self.message = number, NOBODY
        self._starttls, self._by_hand, self._command_ns = starttls, replies_per_read, command_ns
        self._dialogue = dialogue
        self._replies = Replies()
        self._awaited: deque[Command] = deque([Command(Verb.CONNECT, b"")])
        self._lines: tuple[str, ...] = ()  # of the last reply
        self._reads = self._first_read = self._rcpts = self._answered = 0

    @property
    def place(self) -> Place:
        """Where the dialogue stands."""
        return Place(self.number, self.waits, self.message)

    def receive(self, octets: bytes) -> None:
        """Take in one read; no octets mean that the server has closed."""
        if self.is_closed:
            return
        if not octets:
            self.fail(f"the server has closed{self._unfinished()}")
            return
        self._replies.feed(octets)
        while (reply := self._replies.next_reply()) and self._hear(reply):
            pass
        if self._replies.problem:
            self.fail(f"{self._replies.problem}; received: {self._replies.received}")
            self.speaks_no_smtp = True
        self._reads += not self._by_hand

    def time_out(self) -> None:
        """Note that the server took too long."""
        self.fail(f"the server took too long{self._unfinished()}")

    def fail(self, fault: str) -> None:
        """Give the session up."""
        if not self.is_closed:
            self.fault, self.is_closed = fault, True

    def fail_tls(self, fault: str) -> None:
        """Give the session up because it cannot be encrypted."""
        self.lacks_tls |= not self.is_closed
        self.fail(fault)

    def open(self) -> Steps:
        """Read the banner and greet; `is_closed` tells afterwards whether the server refused."""
        yield from self._wait()
        if not self.is_closed and self.heard[0].code != 220:
            self.fail("the server refuses to talk")
        if not self.is_closed:
            yield from self._greet()
        if self._starttls and not self.is_closed:
            yield from self._start_tls()

    def exchange(self, flight: Sequence[Command], *, stops: Stops | None = None) -> Steps:
        """Write one flight and wait for its replies, which are in `heard` afterwards.

        Parameters
        ----------
        flight : sequence of Command
            The command group.
        stops : callable, optional
            Before each RCPT the client reads what is readable, and writes no more of them after a reply for which
            this is true. Without it, it reads only when all is written.
        """
        yield Poll()  # what is there before anything was asked answers nothing
        self.heard = []
        self.waits += 1
        self._first_read, self._rcpts = self._reads, 0
        if self.is_closed:  # so nothing is written, and no recipient tried
            self.heard = [Heard(one.verb, NOBODY, 0, 0, self._reads) for one in flight if one.verb != Verb.RCPT]
            return
        yield from self._write(flight, stops)
        yield from self._wait()

    def quit(self) -> Steps:
        """Leave; the reply to QUIT is not waited for."""
        if not self.is_closed:
            yield Write(b"QUIT\r\n")
        self.is_closed = True
        self.message = NOBODY
        if self._dialogue:
            self._dialogue.close(self.place, self.fault)

    def _write(self, flight: Sequence[Command], stops: Stops | None) -> Steps:
        buffer = bytearray()
        for command in flight:
            if self.is_closed:
                break
            if stops and command.verb == Verb.RCPT:
                yield from _written(buffer)
                yield Poll()
                if any(map(stops, self.heard)):
                    continue
            if self._command_ns:
                yield from _written(buffer)
                yield Pause(self._command_ns)
            self._note(command)
            self._awaited.append(command)
            buffer += command.line
            if command.body_octets:
                yield from _written(buffer)
                yield from (Write(piece) for piece in command.body)
        yield from _written(buffer)

    def _greet(self) -> Steps:
        yield from self.exchange([_line(Verb.EHLO)])
        if not self.is_closed and self.heard[0].code >= 400:
            yield from self.exchange([Command(Verb.EHLO, b"HELO mail.example.test\r\n")])
        elif not self.is_closed:
            self.offered = parse_ehlo(self._lines)
        if not self.is_closed and not 200 <= self.heard[0].code < 300:
            self.fail("the server refuses the greeting")

    def _start_tls(self) -> Steps:
        if not self.offered.starttls:
            self.fail_tls("the server does not offer STARTTLS")
            return
        yield from self.exchange([_line(Verb.STARTTLS)])
        yield Poll()
        if not self.is_closed and self.heard[0].code != 220:
            self.fail_tls("the server refuses STARTTLS")
        if not self.is_closed and self._replies.has_rest:
            self.fail_tls("the server sent something between STARTTLS and the handshake")
        if self.is_closed:
            return
        self.waits += 1
        if self._dialogue:
            self._dialogue.handshake(self.place)
        yield StartTls()
        if not self.is_closed:
            self.offered = NOTHING_OFFERED  # what was said in the clear counts no more (RFC 3207 section 4.2)
            yield from self._greet()

    def _wait(self) -> Steps:
        while self._awaited and not self.is_closed:
            yield Read(self._answered)
        for command in self._awaited:
            self.heard.append(Heard(command.verb, command.recipient, 0, 0, self._read_of(command.verb)))
        self._awaited.clear()
        if self._by_hand and self.heard:
            self._reads = self.heard[-1].read + 1

    def _hear(self, reply: ServerReply) -> bool:
        """Give a reply to the command it answers; return whether the session goes on."""
        if reply.code == 421:
            self.is_closed = True
        elif not self._awaited:
            self.fail(f"a reply to nothing; received: {_shown(reply)}")
        if not self._awaited:
            return False
        command = self._awaited.popleft()
        if command.verb == Verb.DATA and reply.code < 400 and reply.code != 354:
            # Whether a text may follow is anybody's guess.
            self.fail(f"a reply to DATA that is none; received: {_shown(reply)}")
        heard = Heard(command.verb, command.recipient, reply.code, reply.status, self._read_of(command.verb))
        self._rcpts += command.verb == Verb.RCPT
        self._answered += 1
        self._lines = reply.lines
        self.has_greeted = True
        self.heard.append(heard)
        if self._dialogue:
            self._dialogue.reply(
                self.place, heard.verb, heard.recipient, heard.read, heard.code, heard.status, reply.lines
            )
        return not self.is_closed

    def _read_of(self, verb: Verb) -> int:
        """Return the read that brought a reply: the network's, unless they are counted by hand."""
        if not self._by_hand:
            return self._reads
        # Replies to other commands ride along with the RCPT reply before them.
        rcpt = self._rcpts if verb == Verb.RCPT else max(0, self._rcpts - 1)
        return self._first_read + rcpt // self._by_hand

    def _unfinished(self) -> str:
        return f"; an unfinished reply was received: {self._replies.received}" if self._replies.has_rest else ""

    def _note(self, command: Command) -> None:
        if self._dialogue:
            octets = len(command.line) + command.body_octets
            self._dialogue.command(self.place, command.verb, command.recipient, octets, command.line.rstrip())


def _shown(reply: ServerReply) -> str:
    return shown(reply.lines[-1].encode("latin-1"))


def _line(verb: Verb) -> Command:
    return Command(verb, f"{command_line(verb)}\r\n".encode())


def _written(buffer: bytearray) -> Steps:
    if buffer:
        octets = bytes(buffer)
        buffer.clear()
        yield Write(octets)
