"""One SMTP session: both peers and the path between them, one flight at a time.

A client waits for all replies to a flight before it writes the next, so a session is sequential and one SimPy
process carries it. Where the server's workers are not limited, a whole flight is worked out by arithmetic and
costs one event; where they are, every command waits for its worker.
"""

from __future__ import annotations

from collections.abc import Sequence

from simsmtp.engines.reference.clock import Steps
from simsmtp.engines.reference.reply_path import ReplyPath
from simsmtp.network.losses import Lost
from simsmtp.network.pipe import arrives, departs
from simsmtp.peers.accounting import Message
from simsmtp.peers.flight import NOBODY, Command, ReplyRecord, Stops
from simsmtp.peers.kind import Kind
from simsmtp.protocol.answers import Answer
from simsmtp.protocol.commands import Verb
from simsmtp.rows.records import End
from simsmtp.strategies.patience import gives_up_at, served_by

# By names of their own: Python 3.11 is slow to look members up in their classes.
_CONNECT, _EHLO, _RCPT = Verb.CONNECT, Verb.EHLO, Verb.RCPT
_ACCEPT, _BANNER = Kind.ACCEPT, Answer.BANNER
_NOT_CONSTANT = (-1,) * len(Verb)


class Session(ReplyPath):
    """A connection to one destination, from SYN to QUIT; for the parameters see `ReplyPath`."""

    __slots__ = ()

    def open(self) -> Steps:
        """Connect, read the banner and greet; `is_closed` tells afterwards whether the server refused."""
        now = self._clock.now
        connected_at = now + self._up.next() + self._down.next()
        accepted_at = connected_at + self._up.next()
        self._count_wait(2)  # for the TCP handshake, and for the banner
        given_up_at = gives_up_at(now, now, self._client.timeouts[_CONNECT])
        is_lost = connected_at > given_up_at or self._draws.is_connect_lost(self.number)
        if self._transcript:
            self._transcript.connect(self, now, -1 if is_lost else accepted_at)
        if is_lost:
            yield self._leave_in_silence(given_up_at)
            return
        yield self._at(accepted_at, _ACCEPT)
        banner = self._receiver.welcome()
        self._admitted = banner == _BANNER
        self._begin_flight(None, connected_at)
        self._free = accepted_at
        self._connect_path(connected_at - now)
        yield from self._serve(_CONNECT, -1, accepted_at)
        self._hear(_CONNECT, NOBODY, self._server.greet(banner))
        self.is_closed = not self._admitted  # whatever the code
        self._flush()
        yield self._replies_read()
        if not self.is_closed:
            yield from self._single(_EHLO)
        if self._client.starttls and not self.is_closed:
            yield from self._start_tls()

    def _single(self, verb: Verb) -> Steps:
        return self.exchange([Command(verb, self._client.octets[verb])])

    def _start_tls(self) -> Steps:
        yield from self._single(Verb.STARTTLS)
        if self.is_closed:
            return
        for _ in range(self.plan.path.tls_round_trips):
            self._count_wait()
            if self._transcript:
                self._transcript.handshake(self, self._clock.now)
            now = self._clock.now
            done_at = now + self._up.next() + self._down.next()
            given_up_at = gives_up_at(now, now, self._client.timeouts[Verb.STARTTLS])
            if done_at > given_up_at:
                yield self._leave_in_silence(given_up_at)
                return
            yield self._at(done_at, Kind.READ)
        yield from self._single(_EHLO)

    def begin(self, message: Message, transaction: int) -> None:
        """Say which message, and which of its transactions, the next flights belong to."""
        self.message, self._transaction = message, transaction
        self.transactions += 1
        if self._draws.loses:
            self._lost = self._draws.lost(message, transaction)

    def exchange(self, flight: Sequence[Command], *, command_ns: int = 0, stops: Stops | None = None) -> Steps:
        """Write one flight and wait for its replies; see `simsmtp.peers.driver.Session.exchange`."""
        self._count_wait()
        written_at = self._clock.now
        began_at = self._begin_flight(stops, written_at)
        bits_per_s = self.plan.path.bits_per_s
        services = _NOT_CONSTANT if self._receiver.is_contended else self._draws.constant_service
        server, message = self._server, self.message
        is_watched = bool(self._lost or self._transcript)
        in_order = self._in_order
        in_bulk = self._may_repeat and not command_ns and not stops
        draw = self._text_draw()
        delay = -1
        for verb, octets, recipients in flight:
            place, many, service = 0, len(recipients), services[verb]
            while place < many:
                recipient, only = recipients[place], recipients[place : place + 1]
                place += 1
                if stops and verb == _RCPT and self._stop_is_readable(written_at + command_ns):
                    continue
                written_at += command_ns
                delay = self._up.next() if command_ns or delay < 0 else delay
                self._up_free = departs(written_at, self._up_free, octets, bits_per_s)
                self._up_last = arrived_at = arrives(self._up_free, delay, self._up_last)
                if is_watched or self._free > self._due_at:
                    self._look_around(Command(verb, octets, only), written_at, arrived_at)
                if self._is_deaf:
                    self.heard.append(ReplyRecord(verb, only, 0, 0, self._read_of(verb)))
                    continue
                is_idle = arrived_at > self._free
                if is_idle:
                    self._idle_ns += arrived_at - self._free
                    if self._unflushed:
                        self._flush()  # its input is empty: RFC 2920 section 3.2
                if service >= 0:
                    self._free = (arrived_at if is_idle else self._free) + service
                else:
                    yield from self._serve(verb, recipient, arrived_at)
                if in_order and in_order[verb]:
                    yield self._at(self._free, Kind.DECIDE)
                if not self._lost or not self._loses_reply(verb, only):
                    self._hear(verb, only, server.answer_command(verb, message, recipient, self._free, draw))
                if in_bulk and place < many:
                    place += self._repeat(recipients, place, octets, delay)
        self.served_ns = self._free - began_at - self._idle_ns
        yield self._end_flight()

    def probe(self) -> Steps:
        """Ask with RSET, between transactions, whether the connection is still good; `is_closed` tells."""
        self.message, self.needs_reset, self._lost = None, False, Lost.NOWHERE
        yield from self._single(Verb.RSET)

    def fail(self, fault: str) -> None:
        """Give the session up: a simulated server says nothing that asks for it."""
        raise AssertionError(fault)

    def drop(self) -> None:
        """Mean to leave without QUIT: the server waits for a text."""
        self.is_over = self._drops = True

    def quit(self) -> Steps:
        """Leave; the reply to QUIT is not waited for."""
        arrived_at = self._clock.now + self._up.next()
        if self._transcript and not self.has_timed_out:
            self._transcript.close(self, self._clock.now, arrived_at, End.DROPPED if self._drops else End.QUIT)
        if not self.is_closed:
            self.is_closed = True
            self._leave(arrived_at)
        yield from ()

    def _connect_path(self, rtt_ns: int) -> None:
        """Take note that SYN and SYN-ACK took so long and the connection stands; the pipe has nothing to note."""

    def _text_draw(self) -> float:
        if self.message is None or not self._draws.refuses_texts:
            return 1.0
        return self._draws.text_refusal(self.message, self._transaction)

    def _repeat(self, recipients: Sequence[int], place: int, octets: int, delay: int) -> int:
        """Work out at once the RCPTs from `place` on that are sure to fare like the last; return how many.

        The server is busy until the last of them is served, because none takes longer to send than to serve.
        """
        path, service = self.plan.path, self._draws.constant_service[_RCPT]
        if self.message is None or departs(0, 0, octets, path.bits_per_s) > service:
            return 0
        answer = self.heard[-1].answer
        fit = (self.plan.server.reply_buffer - self._buffered_octets) // max(1, self._spoken[answer].octets)
        if by_hand := path.replies_per_read:
            fit = min(fit, -self._rcpts % by_hand)  # as many as the read that holds the last reply has room for
        cost = service + (self.plan.server.refusal_ns if self._spoken[answer].code >= 400 else 0)
        if self._free + fit * cost > self._due_at:
            fit = min(fit, served_by(self._free, self._due_at, cost))
        count = self._server.repeat(self.message, recipients[place : place + max(0, fit)], answer)
        if count:
            self._up_free = departs(self._up_free, self._up_free, octets, path.bits_per_s, count)
            self._up_last = arrives(self._up_free, delay, self._up_last)
            self._free += count * service
            self._hear(_RCPT, recipients[place : place + count], answer)
        return count

    def _serve(self, verb: Verb, recipient: int, arrived_at: int) -> Steps:
        service = self._draws.constant_service[verb]
        if service < 0:
            service = self._drawn_service(verb, recipient)
        begin = max(arrived_at, self._free)
        if self._receiver.is_contended and service > 0:
            yield from self._receiver.work(begin, service, self._at)
            self._free = self._clock.now
        else:
            self._free = begin + service

    def _drawn_service(self, verb: Verb, recipient: int) -> int:
        if self.message is not None:
            return self._draws.message_service(verb, self.message, self._transaction, recipient)
        self._greetings += 1
        return self._draws.session_service(verb, self.number, self._greetings - 1)
