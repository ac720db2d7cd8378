"""One SMTP session: both peers and the path between them, one flight at a time.

A client waits for all replies to a flight before it writes the next, so a session is sequential and one SimPy
process carries it. Where the server's workers are not limited, a whole flight is worked out by arithmetic and
costs one event; where they are, every command waits for its worker.
"""

from __future__ import annotations

from collections.abc import Sequence

from simpy.events import Event

from simsmtp.engines.reference.clock import Clock, Steps
from simsmtp.engines.reference.draws import Draws
from simsmtp.engines.reference.receiver import Receiver, ServerSession
from simsmtp.model.plan import ClientPlan
from simsmtp.network.pipe import arrives, departs
from simsmtp.peers.accounting import Accounts, Message
from simsmtp.peers.flight import NOBODY, Command, ReplyRecord, Stops
from simsmtp.peers.kind import Kind
from simsmtp.peers.transcript import Transcript
from simsmtp.protocol.answers import Answer
from simsmtp.protocol.commands import Verb
from simsmtp.randomness.streams import Purpose

_SESSION_BITS = 32


class Session:
    """A connection to one destination, from SYN to QUIT.

    Parameters
    ----------
    clock, accounts : Clock, Accounts
        Time and the run's counts.
    client : ClientPlan
        The sender's settings.
    draws, receiver : Draws, Receiver
        Random draws and the server's side of the destination.
    number : int
        Number of the connection to this destination, from 1.
    transcript : Transcript, optional
        Where the dialogue is written.

    Attributes
    ----------
    message : Message or None
        What the current transaction carries.
    waits : int
        Waits for the server so far.

    The others are those of `simsmtp.peers.driver.Session`.
    """

    def __init__(
        self,
        clock: Clock,
        accounts: Accounts,
        client: ClientPlan,
        draws: Draws,
        receiver: Receiver,
        number: int,
        transcript: Transcript | None,
    ) -> None:
        self.plan = receiver.plan
        self.offered = receiver.plan.server.offered
        self.number = number
        self.destination = self.plan.name
        self.waits = 0
        self.transactions = 0
        self.committed = 0
        self.served_ns: int | None = 0
        self.needs_reset = False
        self.heard: list[ReplyRecord] = []
        self.is_closed = False
        self.is_over = False
        self._clock, self._accounts, self._client = clock, accounts, client
        self._draws, self._receiver = draws, receiver
        self.message: Message | None = None
        self._transaction = 0
        self._server, self._spoken = ServerSession(receiver), receiver.plan.server.spoken
        self._transcript = transcript
        service_is_known = not receiver.is_contended and draws.constant_service[Verb.RCPT] >= 0
        self._may_repeat = service_is_known and transcript is None
        self._key = (self.plan.number << _SESSION_BITS) + number
        self._events = 0
        self._greetings = 0
        self._admitted = False
        # The path: when each direction's link is free, and when its last octet arrived.
        self._up, self._down = (
            draws.delays(Purpose.DELAY_UP, number),
            draws.delays(Purpose.DELAY_DOWN, number),
        )
        self._up_free = self._up_last = self._down_free = self._down_last = 0
        # The server: when it is free, how many of the replies heard are flushed and not flushed yet, and the octets.
        self._free = 0
        self._idle_ns = 0  # that it waited for commands of the flight
        self._flushed = 0
        self._unflushed = 0
        self._buffered_octets = 0
        self._reads = 0
        self._first_read = 0
        self._rcpts = 0  # RCPT replies of the flight so far
        self._stops: Stops | None = None
        self._stop_read_at = -1

    def open(self) -> Steps:
        """Connect, read the banner and greet; `is_closed` tells afterwards whether the server refused."""
        now = self._clock.now
        connected_at = now + self._up.next() + self._down.next()
        accepted_at = connected_at + self._up.next()
        self._count_wait()  # for the TCP handshake
        self._count_wait()  # for the banner
        if self._transcript:
            self._transcript.connect(self, now, accepted_at)
        yield self._at(accepted_at, Kind.ACCEPT)
        banner = self._receiver.welcome()
        self._admitted = banner == Answer.BANNER
        self.heard, self._flushed = [], 0
        self._free = accepted_at
        self._connect_path(connected_at - now)
        yield from self._serve(Verb.CONNECT, -1, accepted_at)
        self._hear(Verb.CONNECT, NOBODY, self._server.greet(banner))
        self.is_closed = not self._admitted  # whatever the code
        self._flush()
        yield self._replies_read()
        if not self.is_closed:
            yield from self._single(Verb.EHLO)
        if self._client.starttls and not self.is_closed:
            yield from self._start_tls()

    def _single(self, verb: Verb) -> Steps:
        return self.exchange([Command(verb, self._client.octets[verb])])

    def _start_tls(self) -> Steps:
        yield from self._single(Verb.STARTTLS)
        for _ in range(self.plan.path.tls_round_trips):
            self._count_wait()
            if self._transcript:
                self._transcript.handshake(self, self._clock.now)
            done_at = self._clock.now + self._up.next() + self._down.next()
            yield self._at(done_at, Kind.READ)
        yield from self._single(Verb.EHLO)

    def begin(self, message: Message, transaction: int) -> None:
        """Say which message, and which of its transactions, the next flights belong to."""
        self.message, self._transaction = message, transaction
        self.transactions += 1

    def exchange(self, flight: Sequence[Command], *, command_ns: int = 0, stops: Stops | None = None) -> Steps:
        """Write one flight and wait for its replies; see `simsmtp.peers.driver.Session.exchange`."""
        began_at = self._begin_flight(stops)
        bits_per_s = self.plan.path.bits_per_s
        services = () if self._receiver.is_contended else self._draws.constant_service
        server, transcript, message = self._server, self._transcript, self.message
        in_order = self.plan.server.decides_in_order
        in_bulk = self._may_repeat and not command_ns and not stops
        draw = self._text_draw()
        written_at = self._clock.now
        delay = -1
        for verb, octets, recipients in flight:
            place = 0
            while place < len(recipients):
                recipient, only = recipients[place], recipients[place : place + 1]
                place += 1
                if stops and verb == Verb.RCPT and self._stop_is_readable(written_at + command_ns):
                    continue
                written_at += command_ns
                if command_ns or delay < 0:
                    delay = self._up.next()
                self._up_free = departs(written_at, self._up_free, octets, bits_per_s)
                self._up_last = arrived_at = arrives(self._up_free, delay, self._up_last)
                if transcript:
                    transcript.command(self, Command(verb, octets, only), message, written_at, arrived_at)
                if self.is_closed:
                    self.heard.append(ReplyRecord(verb, only, 0, 0, self._read_of(verb)))
                    continue
                is_idle = arrived_at > self._free
                if is_idle:
                    self._idle_ns += arrived_at - self._free
                    self._flush()  # its input is empty: RFC 2920 section 3.2
                if services and services[verb] >= 0:
                    self._free = (arrived_at if is_idle else self._free) + services[verb]
                else:
                    yield from self._serve(verb, recipient, arrived_at)
                if in_order[verb]:
                    yield self._at(self._free, Kind.DECIDE)
                self._hear(verb, only, server.answer_command(verb, message, recipient, self._free, draw))
                if in_bulk and place < len(recipients):
                    place += self._repeat(recipients, place, octets, delay)
        self._flush()
        if self.plan.path.replies_per_read:
            self._reads = self.heard[-1].read + 1
        self.served_ns = self._free - began_at - self._idle_ns
        yield self._replies_read()

    def probe(self) -> Steps:
        """Ask with RSET, between transactions, whether the connection is still good; `is_closed` tells."""
        self.message, self.needs_reset = None, False
        yield from self._single(Verb.RSET)

    def fail(self, fault: str) -> None:
        """Give the session up: a simulated server says nothing that asks for it."""
        raise AssertionError(fault)

    def quit(self) -> Steps:
        """Leave; the reply to QUIT is not waited for."""
        arrived_at = self._clock.now + self._up.next()
        if self._transcript:
            self._transcript.close(self, self._clock.now, arrived_at)
        if not self.is_closed:
            self.is_closed = True
            self._leave(arrived_at)
        yield from ()

    def _connect_path(self, rtt_ns: int) -> None:
        """Take note that SYN and SYN-ACK took so long and the connection stands; the pipe has nothing to note."""

    def _begin_flight(self, stops: Stops | None) -> int:
        """Make ready for a flight; return since when the server has nothing to do."""
        self.heard, self._flushed = [], 0
        self._count_wait()
        self._stop_read_at, self._stops = -1, stops
        self._first_read, self._rcpts, self._idle_ns = self._reads, 0, 0
        return self._free

    def _text_draw(self) -> float:
        return 1.0 if self.message is None else self._draws.text_refusal(self.message, self._transaction)

    def _repeat(self, recipients: Sequence[int], place: int, octets: int, delay: int) -> int:
        """Work out at once the RCPTs from `place` on that are sure to fare like the last; return how many.

        The server is busy until the last of them is served, because none takes longer to send than to serve.
        """
        path, service = self.plan.path, self._draws.constant_service[Verb.RCPT]
        if self.message is None or departs(0, 0, octets, path.bits_per_s) > service:
            return 0
        answer = self.heard[-1].answer
        fit = (self.plan.server.reply_buffer - self._buffered_octets) // max(1, self._spoken[answer].octets)
        if by_hand := path.replies_per_read:
            fit = min(fit, -self._rcpts % by_hand)  # as many as the read that holds the last reply has room for
        count = self._server.repeat(self.message, recipients[place : place + max(0, fit)], answer)
        if count:
            self._up_free = departs(self._up_free, self._up_free, octets, path.bits_per_s, count)
            self._up_last = arrives(self._up_free, delay, self._up_last)
            self._free += count * service
            self._hear(Verb.RCPT, recipients[place : place + count], answer)
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

    def _hear(self, verb: Verb, recipients: Sequence[int], answer: Answer) -> None:
        code, status, octets, _, lines = self._spoken[answer]
        octets *= len(recipients)
        server, is_rcpt = self.plan.server, verb == Verb.RCPT
        if sleep := self._server.sleep_ns:
            self._flush()  # a server that is about to sleep sends what it has
            self._free += sleep
        if is_rcpt and code >= 400:
            self._free += server.refusal_ns * len(recipients)
        if self._buffered_octets + octets > server.reply_buffer:
            self._flush()
        self.heard.append(ReplyRecord(verb, recipients, code, status, self._read_of(verb), answer, lines))
        if is_rcpt:
            self._rcpts += len(recipients)
        self._unflushed += 1
        self._buffered_octets += octets
        if code == 421:
            self.is_closed = True

    def _flush(self) -> None:
        if self._unflushed == 0:
            return
        self._down_free = departs(self._free, self._down_free, self._buffered_octets, self.plan.path.bits_per_s)
        self._down_last = arrives(self._down_free, self._down.next(), self._down_last)
        if self._stops or self._transcript:
            # Behind the unflushed replies there may be commands that got none because the server had hung up.
            flushed = self.heard[self._flushed : self._flushed + self._unflushed]
            if self._stops and self._stop_read_at < 0 and any(map(self._stops, flushed)):
                self._stop_read_at = self._down_last
            if self._transcript:
                self._transcript.replies(self, flushed, self._free, self._down_last)
        self._reads += 1
        self._flushed += self._unflushed
        self._unflushed = self._buffered_octets = 0

    def _stop_is_readable(self, written_at: int) -> bool:
        if self._free <= written_at:
            self._flush()  # whatever is written now arrives after the server ran out of input
        return 0 <= self._stop_read_at <= written_at

    def _read_of(self, verb: Verb) -> int:
        """Return the read that brings the next reply: the next flush's, unless `replies_per_read` says otherwise."""
        by_hand = self.plan.path.replies_per_read
        if not by_hand:
            return self._reads
        # Replies to other commands ride along with the RCPT reply before them.
        rcpt = self._rcpts if verb == Verb.RCPT else max(0, self._rcpts - 1)
        return self._first_read + rcpt // by_hand

    def _replies_read(self) -> Event:
        """Return the event that the client has read all replies to a flight."""
        if self.is_closed:
            self._leave(self._free)
        return self._at(self._down_last, Kind.READ)

    def _leave(self, at_ns: int) -> None:
        if self._admitted:
            self._admitted = False
            self._at(max(at_ns, self._clock.now), Kind.HANG_UP).callbacks.append(lambda _: self._receiver.release())

    def _count_wait(self) -> None:
        self.waits += 1
        self._accounts.round_trips += 1

    def _at(self, when_ns: int, kind: Kind) -> Event:
        self._events += 1
        return self._clock.at(when_ns, kind, self._key, self._events)
