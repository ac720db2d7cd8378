"""What a driver gives the sender: time, ways to its destinations, and sessions with them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, Protocol

from simsmtp.model.plan import DestinationPlan
from simsmtp.peers.accounting import Message
from simsmtp.peers.flight import Command, ReplyRecord, Stops
from simsmtp.peers.kind import Kind
from simsmtp.protocol.capabilities import Capabilities
from simsmtp.strategies.counting import Verdict

Steps = Generator[Any, None, None]
"""What the sender does, step by step: it yields what has to happen before it goes on, which only the driver reads."""


class Clock(Protocol):
    """Time, and things that go on at once."""

    @property
    def now(self) -> int:
        """Nanoseconds since the start."""
        ...

    def at(self, when_ns: int, kind: Kind, session: int, index: int) -> Any:
        """Return what to yield until `when_ns`; `kind`, `session` and `index` order what happens at one instant."""
        ...

    def start(self, steps: Steps) -> object:
        """Begin to go through steps, beside whatever else goes on."""
        ...


class Session(Protocol):
    """A connection as the sender uses it.

    Attributes
    ----------
    number : int
        Number of the connection to its destination, from 1.
    heard : list of ReplyRecord
        The replies to the last flight, in order of the commands; skipped commands have none.
    unheard : list of ReplyRecord
        Replies that were given and never arrived, because the connection was lost or the client had left; known only
        where the server is simulated, too.
    has_timed_out : bool
        The client left because nothing came any more.
    taken_ns : int
        When the text was taken whose reply is among `unheard`; at the latest when the client left.
    is_closed : bool
        One of the two has hung up.
    is_over : bool
        The sender means to send no further transaction on it.
    needs_reset : bool
        The last transaction was left open, so RSET comes before the next.
    transactions : int
        Transactions so far.
    committed : int
        Recipients that the last transaction committed for the first time.
    served_ns : int or None
        How long the server was at the last flight: service, sleeps, waits for a worker. None where nobody can tell.
    """

    number: int
    heard: list[ReplyRecord]
    unheard: list[ReplyRecord]
    has_timed_out: bool
    taken_ns: int
    is_closed: bool
    is_over: bool
    needs_reset: bool
    transactions: int
    committed: int
    served_ns: int | None

    @property
    def offered(self) -> Capabilities:
        """What the server's EHLO reply holds."""
        ...

    def open(self) -> Steps:
        """Connect, read the banner and greet; `is_closed` tells afterwards whether the server refused."""
        ...

    def begin(self, message: Message, transaction: int) -> None:
        """Say which message, and which of its transactions, the next flights belong to."""
        ...

    def exchange(self, flight: Sequence[Command], *, command_ns: int = 0, stops: Stops | None = None) -> Steps:
        """Write one flight and wait for its replies, which are in `heard` afterwards.

        Parameters
        ----------
        flight : sequence of Command
            The command group.
        command_ns : int
            The client's own time to write one command.
        stops : callable, optional
            Before each RCPT the client reads what is readable, and writes no more of them after a reply for which
            this is true. Without it, it reads only when all is written.
        """
        ...

    def probe(self) -> Steps:
        """Ask with RSET, between transactions, whether the connection is still good; `is_closed` tells."""
        ...

    def fail(self, fault: str) -> None:
        """Give the session up because of what the server said."""
        ...

    def drop(self) -> None:
        """Mean to leave without QUIT: the server waits for a text."""
        ...

    def quit(self) -> Steps:
        """Leave; the reply to QUIT is not waited for."""
        ...


class Route(Protocol):
    """The way to one destination."""

    plan: DestinationPlan

    @property
    def rcptmax(self) -> int:
        """RCPTMAX as the server advertises it (RFC 9422), 0 if it does not or is not known yet."""
        ...

    def session(self, number: int) -> Session:
        """Return a new session, not yet open."""
        ...

    def forget(self, message: Message) -> None:
        """Let go of what is kept for a message that is finished."""
        ...


class Witness(Protocol):
    """Whoever writes down what the sender concluded."""

    def verdicts(
        self, session: Any, message: Message, recipients: Sequence[int], verdict: Verdict, now_ns: int
    ) -> None:
        """Note what the sender concluded for some recipients of a transaction."""
        ...
