"""A session under the ``tcp`` profile: what is read and written when follows from segments, not from the pipe."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from simpy.events import Event

from simsmtp.engines.reference.clock import Clock, Steps
from simsmtp.engines.reference.draws import Draws
from simsmtp.engines.reference.receiver import Receiver
from simsmtp.engines.reference.session import Session
from simsmtp.engines.reference.wire import Wire
from simsmtp.engines.reference.writer import FlightWriter, Written
from simsmtp.model.plan import ClientPlan
from simsmtp.network.tcp import CLIENT, SERVER
from simsmtp.peers.accounting import Accounts
from simsmtp.peers.flight import Command, ReplyRecord, Stops
from simsmtp.peers.kind import Kind
from simsmtp.peers.transcript import Transcript
from simsmtp.randomness.streams import Purpose


class _Flush(NamedTuple):
    """Replies that the server wrote at once: how many, and when."""

    replies: int
    at_ns: int


class TcpSession(Session):
    """A session whose octets travel in segments; for the parameters see `Session`.

    The server parses what it has read; out of input, it writes its replies, waits and reads again. The client reads
    every segment as it comes. What either does is known once the path has been stepped up to it.
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
        super().__init__(clock, accounts, client, draws, receiver, number, transcript)
        losses = draws.losses(Purpose.LOSS_UP, number), draws.losses(Purpose.LOSS_DOWN, number)
        self._wire = Wire(self._up, self._down, losses)
        self._wakes = draws.wakes(number)
        self._written = 0  # octets of all commands
        self._reply_ends: list[int] = []  # where the replies heard end in the server's octets
        self._replied = 0  # octets of all replies
        self._flushes: list[_Flush] = []
        self._stop_end = -1  # where the first reply that stops the client ends

    def exchange(self, flight: Sequence[Command], *, command_ns: int = 0, stops: Stops | None = None) -> Steps:
        """Write one flight and wait for its replies; see `Session.exchange`."""
        self._count_wait()
        began_at = self._begin_flight(stops, self._clock.now)
        self._flushes, self._reply_ends, self._stop_end = [], [], -1
        now, draw = self._clock.now, self._text_draw()
        self._wire.catch_up(now)
        writer = FlightWriter(flight, now, command_ns, self._written, self._client_writes, self._has_to_stop)
        self._wire.writer = writer
        served = 0
        while not self.is_closed and (written := self._next_input(writer, served)):
            verb, _, recipients = written.command
            yield from self._serve(verb, recipients[0], self._free)
            if self.plan.server.decides_in_order[verb]:
                yield self._at(self._free, Kind.DECIDE)
            answer = self._server.answer_command(verb, self.message, recipients[0], self._free, draw)
            self._hear(verb, recipients, answer)
            served += 1
        self._flush()
        self.served_ns = self._free - began_at - self._idle_ns
        self._wire.finish_writing()
        self._written = writer.commands[-1].end
        for written in writer.commands[served:]:
            verb, _, recipients = written.command
            self.heard.append(ReplyRecord(verb, recipients, 0, 0, self._read_of(verb)))
        if self._transcript:
            self._note_commands(writer.commands)
        yield self._replies_read()

    def _connect_path(self, rtt_ns: int) -> None:
        tcp = self.plan.path.tcp
        assert tcp is not None
        self._wire.connect(
            self._clock.now, rtt_ns, tcp.mss, tcp.window, int(tcp.restart), tcp.delayed_ack_ns, tcp.quick_acks,
            self.plan.path.bits_per_s, int(tcp.nagle_client), int(tcp.nagle_server),
        )  # fmt: skip

    # -- the client's writes --------------------------------------------------------------------------------

    def _client_writes(self, at_ns: int, octets: int) -> None:
        self._wire.write(CLIENT, at_ns, octets)

    def _has_to_stop(self) -> bool:
        return 0 <= self._stop_end <= self._wire.client_has_read()

    # -- the server's reads and writes ----------------------------------------------------------------------

    def _next_input(self, writer: FlightWriter, served: int) -> Written | None:
        """Return the next command once the server has read it; None if there is none left."""
        while served == len(writer.commands) or self._wire.server_has_read() < writer.commands[served].end:
            if served == len(writer.commands) and writer.is_done:
                return None
            self._flush()  # its input is empty: RFC 2920 section 3.2
            if self._wire.wait_for_input():
                self._idle_ns += max(0, self._wire.now - self._free)
                self._free = max(self._free, self._wire.now) + self._wakes.next()
            assert self.plan.path.tcp is not None
            self._wire.server_reads(self._free, self.plan.path.tcp.read_buffer)
        return writer.commands[served]

    def _flush(self) -> None:
        if self._unflushed == 0:
            return
        flushed = self.heard[self._flushed : self._flushed + self._unflushed]
        for heard in flushed:
            self._replied += self.plan.server.spoken[heard.answer].octets
            self._reply_ends.append(self._replied)
            if self._stops and self._stop_end < 0 and self._stops(heard):
                self._stop_end = self._replied
        self._wire.write(SERVER, self._free, self._buffered_octets)
        self._flushes.append(_Flush(self._unflushed, self._free))
        self._flushed += self._unflushed
        self._unflushed = self._buffered_octets = 0

    # -- the client's reads ---------------------------------------------------------------------------------

    def _replies_read(self) -> Event:
        if self.is_closed:
            self._leave(self._free)
        self._wire.wait_for_replies(self._replied)
        self._assign_reads()
        if self._transcript:
            self._note_replies()
        return self._at(self._wire.now, Kind.READ)

    def _assign_reads(self) -> None:
        """Say which read brought each reply, unless `replies_per_read` says it."""
        if self.plan.path.replies_per_read:
            self._reads = self.heard[-1].read + 1
            return
        upto = self._wire.arrived[CLIENT].octets
        for place, end in enumerate(self._reply_ends):
            self.heard[place] = self.heard[place]._replace(read=bisect_left(upto, end))

    def _note_commands(self, commands: Sequence[Written]) -> None:
        assert self._transcript is not None
        for command, at_ns, end in commands:
            self._transcript.command(self, command, self.message, at_ns, self._wire.arrived[SERVER].time_of(end))

    def _note_replies(self) -> None:
        assert self._transcript is not None
        place = 0
        for replies, at_ns in self._flushes:
            for heard in self.heard[place : place + replies]:
                arrived_at = self._wire.arrived[CLIENT].time_of(self._reply_ends[place])
                self._transcript.replies(self, [heard], at_ns, arrived_at)
                place += 1
