"""The client's side of one session: octets in, octets out. No socket, no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from simsmtp.live.dialogue import Dialogue
from simsmtp.live.effects import Close, Connect, Pause, Poll, Read, StartTls, Steps, Write
from simsmtp.live.encoding import Encoder, Written, plain
from simsmtp.live.replies import Replies, ServerReply, shown
from simsmtp.peers.accounting import Message
from simsmtp.peers.flight import NOBODY, Command, ReplyRecord, Stops
from simsmtp.peers.transcript import DROPPED
from simsmtp.protocol.capabilities import NOTHING_OFFERED, Capabilities, parse_ehlo
from simsmtp.protocol.commands import TEXTS, Verb
from simsmtp.protocol.states import ends_session
from simsmtp.protocol.wire import command_line


class ClientSession:
    """One connection as the client has it: what `simsmtp.peers.driver.Session` asks for, over octets.

    Parameters
    ----------
    number : int
        Of the connection, from 1.
    destination : str
        Name of the destination; "" for the only one.
    encoder : Encoder, optional
        Writes the commands.
    starttls : bool
        The session goes on only when encrypted.
    replies_per_read : int
        RCPT replies that count as one read, 0 for reads as the network gives them.
    on_offer : callable, optional
        Is given what the server offers whenever it says it.
    dialogue : Dialogue, optional
        Where it is written down.

    Attributes
    ----------
    fault : str
        Why it ended, if that was neither QUIT nor the server's word: a 421, or a banner that refuses the connection.
    has_greeted : bool
        The banner was a reply.
    lacks_tls : bool
        It ended because it could not be encrypted.
    speaks_no_smtp : bool
        It ended because the server sent what is no reply.
    message : Message or None
        What the current transaction carries.
    waits : int
        Waits for the server so far.

    The others are those of `simsmtp.peers.driver.Session`.
    """

    def __init__(
        self,
        number: int,
        destination: str = "",
        *,
        encoder: Encoder | None = None,
        starttls: bool = False,
        replies_per_read: int = 0,
        on_offer: Callable[[Capabilities], object] | None = None,
        dialogue: Dialogue | None = None,
    ) -> None:
        self.heard: list[ReplyRecord] = []
        self.unheard: list[ReplyRecord] = []  # what the server says to nobody is not known
        self.has_timed_out, self.taken_ns = False, -1
        self.offered: Capabilities = NOTHING_OFFERED
        self.is_closed = self.is_over = self.needs_reset = self.has_greeted = False
        self.lacks_tls = self.speaks_no_smtp = False
        self.fault = ""
        self.waits = 2  # for the TCP handshake and the banner
        self.transactions = self.committed = 0
        self.served_ns: int | None = None
        self.number, self.destination = number, destination
        self.message: Message | None = None
        self._encoder = encoder or Encoder()
        self._starttls, self._by_hand, self._on_offer = starttls, replies_per_read, on_offer
        self._dialogue = dialogue
        self._replies = Replies()
        self._awaited: deque[Written] = deque([Written(Verb.CONNECT, b"")])
        self._lines: tuple[str, ...] = ()  # of the last reply
        self._reads = self._first_read = self._rcpts = self._answered = 0
        self._has_left = self._drops = False

    @property
    def awaits(self) -> Verb:
        """The first command that has no reply yet."""
        return self._awaited[0].verb if self._awaited else Verb.NOOP

    def receive(self, octets: bytes) -> None:
        """Take in one read; no octets mean that the server has closed."""
        if self.is_closed:
            return
        if not octets:
            self.fail(f"the server has closed{self._in_doubt()}{self._unfinished()}")
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
        self.has_timed_out |= not self.is_closed
        self.fail(f"the server took too long{self._in_doubt()}{self._unfinished()}")

    def fail(self, fault: str) -> None:
        """Give the session up."""
        if not self.is_closed:
            self.fault, self.is_closed = fault, True

    def fail_tls(self, fault: str) -> None:
        """Give the session up because it cannot be encrypted."""
        self.lacks_tls |= not self.is_closed
        self.fail(fault)

    def open(self) -> Steps:
        """Connect, read the banner and greet; `is_closed` tells afterwards whether the server refused."""
        yield Connect(self)
        yield from self._wait()
        if not self.is_closed and self.heard[0].code != 220:
            self.fail("the server refuses to talk")
        if not self.is_closed:
            yield from self._greet()
        if self._starttls and not self.is_closed:
            yield from self._start_tls()
        if self.is_closed:  # the sender may wait for long before it looks at this session again
            yield from self.quit()

    def begin(self, message: Message, transaction: int) -> None:
        """Say which message the next flights belong to."""
        del transaction
        self.message = message
        self.transactions += 1

    def exchange(self, flight: Sequence[Command], *, command_ns: int = 0, stops: Stops | None = None) -> Steps:
        """Write one flight and wait for its replies; see `simsmtp.peers.driver.Session.exchange`."""
        yield from self._exchange([*self._encoder.encode(flight, self.message)], command_ns, stops)

    def probe(self) -> Steps:
        """Ask with RSET, between transactions, whether the connection is still good; `is_closed` tells."""
        self.message, self.needs_reset = None, False
        yield from self._exchange([_line(Verb.RSET)])

    def drop(self) -> None:
        """Mean to leave without QUIT: the server waits for a text."""
        self.is_over = self._drops = True

    def quit(self) -> Steps:
        """Leave; the reply to QUIT is not waited for."""
        if self._has_left:
            return
        if not self.is_closed and not self._drops:
            yield Write(b"QUIT\r\n")
        self.is_closed = self._has_left = True
        self.message = None
        if self._dialogue:
            self._dialogue.close(self, self.fault or DROPPED * self._drops)
        yield Close()

    def _exchange(self, flight: Sequence[Written], command_ns: int = 0, stops: Stops | None = None) -> Steps:
        yield Poll()  # what is there before anything was asked answers nothing
        self.heard = []
        self.waits += 1
        self._first_read, self._rcpts = self._reads, 0
        if self.is_closed:  # so nothing is written, and no recipient tried
            self.heard = [ReplyRecord(one.verb, NOBODY, 0, 0, self._reads) for one in flight if one.verb != Verb.RCPT]
            return
        yield from self._write(flight, command_ns, stops)
        yield from self._wait()

    def _write(self, flight: Sequence[Written], command_ns: int, stops: Stops | None) -> Steps:
        buffer = bytearray()
        for command in flight:
            if self.is_closed:
                break
            if stops and command.verb == Verb.RCPT:
                yield from _written(buffer)
                yield Poll()
                if any(map(stops, self.heard)):
                    continue
            if command_ns:
                yield from _written(buffer)
                yield Pause(command_ns)
            if self._dialogue:
                self._dialogue.command(self, command)
            self._awaited.append(command)
            buffer += command.line
            if command.body_octets:
                yield from _written(buffer)
                yield from (Write(piece) for piece in command.body)
        yield from _written(buffer)

    def _greet(self) -> Steps:
        yield from self._exchange([_line(Verb.EHLO)])
        if not self.is_closed and self.heard[0].code >= 400:
            yield from self._exchange([plain("HELO mail.example.test", Verb.EHLO)])
        elif not self.is_closed:
            self.offered = parse_ehlo(self._lines)
            if self._on_offer:
                self._on_offer(self.offered)
        if not self.is_closed and not 200 <= self.heard[0].code < 300:
            self.fail("the server refuses the greeting")

    def _start_tls(self) -> Steps:
        if not self.offered.starttls:
            self.fail_tls("the server does not offer STARTTLS")
            return
        yield from self._exchange([_line(Verb.STARTTLS)])
        yield Poll()
        if not self.is_closed and self.heard[0].code != 220:
            self.fail_tls("the server refuses STARTTLS")
        if not self.is_closed and self._replies.has_rest:
            self.fail_tls("the server sent something between STARTTLS and the handshake")
        if self.is_closed:
            return
        self.waits += 1
        if self._dialogue:
            self._dialogue.handshake(self)
        yield StartTls()
        if not self.is_closed:
            self.offered = NOTHING_OFFERED  # what was said in the clear counts no more (RFC 3207 section 4.2)
            yield from self._greet()

    def _wait(self) -> Steps:
        while self._awaited and not self.is_closed:
            yield Read(self._answered)
        for command in self._awaited:
            self.heard.append(ReplyRecord(command.verb, (command.recipient,), 0, 0, self._read_of(command.verb)))
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
        read = self._read_of(command.verb)
        self.is_closed = self.is_closed or ends_session(command.verb, reply.code)
        who = (command.recipient,)
        heard = ReplyRecord(command.verb, who, reply.code, reply.status, read, lines=len(reply.lines))
        self._rcpts += command.verb == Verb.RCPT
        self._answered += 1
        self._lines = reply.lines
        self.has_greeted = True
        self.heard.append(heard)
        if self._dialogue:
            self._dialogue.reply(self, heard, reply.lines)
        return not self.is_closed

    def _read_of(self, verb: Verb) -> int:
        """Return the read that brought a reply: the network's, unless they are counted by hand."""
        if not self._by_hand:
            return self._reads
        # Replies to other commands ride along with the RCPT reply before them.
        rcpt = self._rcpts if verb == Verb.RCPT else max(0, self._rcpts - 1)
        return self._first_read + rcpt // self._by_hand

    def _in_doubt(self) -> str:
        """Say so where the server may have taken a text: who is in it will get it again (RFC 1047)."""
        return " after the text, which may be sent more than once" if self.awaits in TEXTS else ""

    def _unfinished(self) -> str:
        return f"; an unfinished reply was received: {self._replies.received}" if self._replies.has_rest else ""


def _shown(reply: ServerReply) -> str:
    return shown(reply.lines[-1].encode("latin-1"))


def _line(verb: Verb) -> Written:
    return plain(command_line(verb), verb)


def _written(buffer: bytearray) -> Steps:
    if buffer:
        octets = bytes(buffer)
        buffer.clear()
        yield Write(octets)
