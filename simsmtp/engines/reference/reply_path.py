"""What a session hears: replies in the server's buffer, on their way back, and how long the client waits for them."""

from __future__ import annotations

from collections.abc import Sequence

from simpy.events import Event

from simsmtp.engines.reference.clock import Clock
from simsmtp.engines.reference.draws import Draws
from simsmtp.engines.reference.receiver import Receiver, ServerSession
from simsmtp.model.plan import ClientPlan
from simsmtp.network.losses import Lost, is_swallowed
from simsmtp.network.pipe import arrives, departs
from simsmtp.peers.accounting import Accounts, Message
from simsmtp.peers.flight import Command, ReplyRecord, Stops
from simsmtp.peers.kind import Kind
from simsmtp.peers.transcript import Transcript
from simsmtp.protocol.answers import Answer
from simsmtp.protocol.commands import TEXTS, Verb
from simsmtp.randomness.streams import Purpose
from simsmtp.rows.records import End
from simsmtp.strategies.patience import gives_up_at, heard_by

_SESSION_BITS = 32
# By names of their own: Python 3.11 is slow to look members up in their classes.
_RCPT, _READ, _NOWHERE = Verb.RCPT, Kind.READ, Lost.NOWHERE
_DELAY_UP, _DELAY_DOWN = Purpose.DELAY_UP, Purpose.DELAY_DOWN


class ReplyPath:
    """The part of a session that brings replies to the client.

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

    __slots__ = (
        "_accounts",
        "_admitted",
        "_buffered_octets",
        "_client",
        "_clock",
        "_down",
        "_down_free",
        "_down_last",
        "_draws",
        "_drops",
        "_due_at",
        "_events",
        "_first_read",
        "_flushed",
        "_free",
        "_gone_at",
        "_greetings",
        "_idle_ns",
        "_in_order",
        "_is_deaf",
        "_is_silent",
        "_key",
        "_lost",
        "_may_repeat",
        "_patience_ns",
        "_rcpts",
        "_read_at",
        "_reads",
        "_receiver",
        "_server",
        "_spoken",
        "_stop_read_at",
        "_stops",
        "_transaction",
        "_transcript",
        "_unflushed",
        "_up",
        "_up_free",
        "_up_last",
        "committed",
        "destination",
        "has_timed_out",
        "heard",
        "is_closed",
        "is_over",
        "message",
        "needs_reset",
        "number",
        "offered",
        "plan",
        "served_ns",
        "taken_ns",
        "transactions",
        "unheard",
        "waits",
    )

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
        self.unheard: list[ReplyRecord] = []
        self.is_closed = False
        self.is_over = self._drops = False
        self.has_timed_out, self.taken_ns = False, -1
        self._clock, self._accounts, self._client = clock, accounts, client
        self._draws, self._receiver = draws, receiver
        self.message: Message | None = None
        self._transaction = 0
        self._server, self._spoken = ServerSession(receiver), receiver.plan.server.spoken
        self._transcript = transcript
        in_order = receiver.plan.server.decides_in_order
        self._in_order = in_order if any(in_order) else ()
        service_is_known = not receiver.is_contended and draws.constant_service[_RCPT] >= 0
        self._may_repeat = service_is_known and transcript is None
        self._key = (self.plan.number << _SESSION_BITS) + number
        self._events = 0
        self._greetings = 0
        self._admitted = False
        # The path: when each direction's link is free, and when its last octet arrived.
        self._up, self._down = (
            draws.delays(_DELAY_UP, number),
            draws.delays(_DELAY_DOWN, number),
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
        # The client's patience: when it last read, and until when nobody need look whether it has left.
        self._read_at = self._due_at = 0
        self._patience_ns = client.least_timeout_ns
        self._gone_at = -1  # when the client leaves because of it
        self._lost: int = _NOWHERE
        self._is_silent = self._is_deaf = False  # no reply, or no command, gets through to the other any more

    def _begin_flight(self, stops: Stops | None, begun_at: int) -> int:
        """Make ready for a flight; return since when the server has nothing to do."""
        self.heard, self._flushed = [], 0
        self._read_at, self._due_at = begun_at, begun_at + self._patience_ns
        self._stop_read_at, self._stops = -1, stops
        self._first_read, self._rcpts, self._idle_ns = self._reads, 0, 0
        return self._free

    def _hear(self, verb: Verb, recipients: Sequence[int], answer: Answer) -> None:
        code, status, octets, _, lines = self._spoken[answer]
        count, is_rcpt = len(recipients), verb == _RCPT
        octets *= count
        server = self.plan.server
        if sleep := self._server.sleep_ns:
            self._flush()  # a server that is about to sleep sends what it has
            self._free += sleep
        if is_rcpt and code >= 400:
            self._free += server.refusal_ns * count
        if self._buffered_octets + octets > server.reply_buffer:
            self._flush()
        read = self._read_of(verb) if self.plan.path.replies_per_read else self._reads
        self.heard.append(ReplyRecord(verb, recipients, code, status, read, answer, lines))
        if is_rcpt:
            self._rcpts += count
        self._unflushed += 1
        self._buffered_octets += octets
        if code == 421:
            self.is_closed = self._is_deaf = True

    def _flush(self) -> None:
        if self._unflushed == 0:
            return
        self._down_free = departs(self._free, self._down_free, self._buffered_octets, self.plan.path.bits_per_s)
        self._down_last = arrives(self._down_free, self._down.next(), self._down_last)
        if self._down_last > self._due_at and self._is_missed():
            self._miss()
        else:
            self._read_at, self._due_at = self._down_last, self._down_last + self._patience_ns
            if self._stops or self._transcript:
                self._note_flush()
        self._reads += 1
        self._flushed += self._unflushed
        self._unflushed = self._buffered_octets = 0

    def _note_flush(self) -> None:
        # Behind the unflushed replies there may be commands that got none because the server had hung up.
        flushed = self.heard[self._flushed : self._flushed + self._unflushed]
        if self._stops and self._stop_read_at < 0 and any(map(self._stops, flushed)):
            self._stop_read_at = self._down_last
        if self._transcript:
            self._transcript.replies(self, flushed, self._free, self._down_last)

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
        rcpt = self._rcpts if verb == _RCPT else max(0, self._rcpts - 1)
        return self._first_read + rcpt // by_hand

    def _end_flight(self) -> Event:
        """Send what is left; return the event that the client has read all replies."""
        if self._unflushed:
            self._flush()
        if self.plan.path.replies_per_read:
            self._reads = self.heard[-1].read + 1
        return self._replies_read()

    def _replies_read(self) -> Event:
        """Return the event that the client has read all replies to a flight."""
        if self._is_silent or self._gone_at >= 0:
            if self._gone_at < 0:
                self._gone_at = self._gives_up_at(next(one.verb for one in self.heard if not one.code))
            return self._leave_in_silence(self._gone_at)
        if self.is_closed:
            self._leave(self._free)
        return self._at(self._down_last, _READ)

    def _leave(self, at_ns: int) -> None:
        if self._admitted:
            self._admitted = False
            self._at(max(at_ns, self._clock.now), Kind.HANG_UP).callbacks.append(lambda _: self._receiver.release())

    # -- time-outs and lost connections ---------------------------------------------------------------------

    def _gives_up_at(self, unanswered: Verb) -> int:
        return gives_up_at(self._read_at, self._up_free, self._client.timeouts[unanswered])

    def _look_at_the_time(self, verb: Verb) -> None:
        """Take no further command once the client has left, who waits for the reply to `verb` or to one before it."""
        if self._gone_at < 0 and not self._is_silent:
            given_up_at = self._gives_up_at(self.heard[self._flushed].verb if self._unflushed else verb)
            if self._free > given_up_at:
                self._gone_at = self._due_at = given_up_at
        self._is_deaf = self._is_deaf or self._free > self._gone_at >= 0

    def _look_around(self, command: Command, written_at: int, arrives_at: int) -> None:
        """See whether the server still hears a command, and write it down."""
        if self._free > self._due_at:
            self._look_at_the_time(command.verb)
        if not self._is_deaf and is_swallowed(self._lost, command.verb in TEXTS):
            self._flush()  # what the server has to say before it notices still arrives
            self._is_silent = self._is_deaf = True
        if self._transcript:
            reaches_at = -1 if self._is_silent else arrives_at
            self._transcript.command(self, command, self.message, written_at, reaches_at)

    def _loses_reply(self, verb: Verb, recipients: Sequence[int]) -> bool:
        """Lose the connection behind a text that was served, if it is to be; tell whether it is never finished."""
        if self._lost < Lost.DOT or verb not in TEXTS:
            return False
        self._is_silent, self._due_at = True, -1
        if self._lost == Lost.DOT:
            self.heard.append(ReplyRecord(verb, recipients, 0, 0, self._read_of(verb)))
        return self._lost == Lost.DOT

    def _is_missed(self) -> bool:
        """Tell whether the client has left, or the connection is lost, when a flush would reach it."""
        if self._gone_at < 0 and not self._is_silent:
            given_up_at = self._gives_up_at(self.heard[self._flushed].verb)
            if self._down_last > given_up_at:
                self._gone_at = self._due_at = given_up_at
        return self._gone_at >= 0 or self._is_silent

    def _miss(self) -> None:
        """Keep the replies of a flush that nobody hears apart from what was heard."""
        upto = self._flushed + self._unflushed
        missed = self.heard[self._flushed : upto]
        if self._transcript:
            self._transcript.replies(self, missed, self._free, -1)
        self.unheard += missed
        self.heard[self._flushed : upto] = [one._replace(code=0, status=0, answer=Answer.NONE) for one in missed]

    def _leave_in_silence(self, at_ns: int) -> Event:
        """Return the event that the client gives the connection up, of which the server then learns."""
        learned_at = at_ns + self._up.next()
        self._leave(self._free if self.is_closed else max(self._free, learned_at))
        self.is_closed = self.has_timed_out = True
        self._gone_at = max(at_ns, self._clock.now)
        self.taken_ns = heard_by(self._free, self._gone_at)
        if self._transcript:
            is_taken = any(one.answer == Answer.TEXT_OK for one in self.unheard)
            self._transcript.close(self, at_ns, learned_at, End.TIMED_OUT_TAKEN if is_taken else End.TIMED_OUT)
        return self._at(self._gone_at, Kind.READ)

    def _count_wait(self, waits: int = 1) -> None:
        self.waits += waits
        self._accounts.round_trips += waits

    def _at(self, when_ns: int, kind: Kind) -> Event:
        self._events += 1
        return self._clock.at(when_ns, kind, self._key, self._events)
