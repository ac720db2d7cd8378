"""One connection under the ``tcp`` profile: steps its state machine and the client's writes in order of time."""

from __future__ import annotations

from bisect import bisect_left
from typing import Protocol

from simsmtp.engines.reference.draws import Delays, Losses
from simsmtp.network import tcp
from simsmtp.network.tcp import CLIENT, NEVER, SERVER


class Writer(Protocol):
    """Who writes a flight, at times of its own; `due_at` is `NEVER` when it has written all."""

    due_at: int

    def write(self) -> None:
        """Write what is due, and say in `due_at` when to go on."""


class Arrivals:
    """When a direction's octets came.

    Attributes
    ----------
    octets : list of int
        How many had come in all with each segment.
    """

    def __init__(self) -> None:
        self.octets: list[int] = []
        self._times_ns: list[int] = []

    def add(self, octets: int, at_ns: int) -> None:
        """Note that so many octets have come in all."""
        self.octets.append(octets)
        self._times_ns.append(at_ns)

    def time_of(self, octets: int) -> int:
        """Return when so many had come; now, as it were, if they are still under way."""
        place = bisect_left(self.octets, octets)
        return self._times_ns[min(place, len(self._times_ns) - 1)]


class Wire:
    """The segments between two peers. Time runs forward only, as far as somebody asks for it.

    Parameters
    ----------
    up, down : Delays
        Delays of each direction; a write draws one, and what leaves until the next write takes it.
    losses : tuple of Losses
        What is lost of the client's and of the server's segments.

    Attributes
    ----------
    arrived : tuple of Arrivals
        What has come to the client and to the server. The client reads every segment as it comes.
    writer : Writer or None
        Who is writing a flight.
    """

    def __init__(self, up: Delays, down: Delays, losses: tuple[Losses, Losses]) -> None:
        self.arrived = (Arrivals(), Arrivals())
        self.writer: Writer | None = None
        self._state = [0] * tcp.SIZE
        self._delays = (up, down)
        self._losses = losses

    def connect(self, now_ns: int, rtt_ns: int, *settings: int) -> None:
        """Begin; for the settings see `simsmtp.network.tcp.connect`."""
        tcp.connect(self._state, now_ns, rtt_ns, *settings)
        self._draw_losses()

    @property
    def now(self) -> int:
        """How far it has come."""
        return self._state[tcp.NOW]

    def catch_up(self, until_ns: int) -> None:
        """Step through all that happens until then, that instant included."""
        while self._due_at() <= until_ns:
            self._step()

    def write(self, end: int, at_ns: int, octets: int) -> None:
        """Let an end write, once all that happens until then has happened."""
        if end == SERVER:
            self.catch_up(at_ns)
        tcp.write(self._state, end, at_ns, octets, self._delays[end].next())

    def server_has_read(self) -> int:
        """Return how many octets the server has read."""
        return self._place(SERVER, tcp.READ)

    def wait_for_input(self) -> bool:
        """Step until there is something for the server to read; tell whether it had to wait."""
        waited = False
        while self._place(SERVER, tcp.RECEIVED) == self._place(SERVER, tcp.READ):
            waited = True
            self._step()
        return waited

    def server_reads(self, at_ns: int, most: int) -> None:
        """Let the server read."""
        self.catch_up(at_ns)
        tcp.read(self._state, SERVER, at_ns, most)

    def client_has_read(self) -> int:
        """Return how many octets the client has read."""
        return self._place(CLIENT, tcp.READ)

    def wait_for_replies(self, octets: int) -> None:
        """Step until the client has read so many octets in all."""
        while self.client_has_read() < octets:
            self._step()

    def finish_writing(self) -> None:
        """Step until the writer has written all."""
        while self.writer and self.writer.due_at < NEVER:
            self.catch_up(self.writer.due_at)

    def _due_at(self) -> int:
        return min(tcp.next_at(self._state), self.writer.due_at if self.writer else NEVER)

    def _step(self) -> None:
        """One step; at equal times the path's go before the writer's."""
        due_at = tcp.next_at(self._state)
        if self.writer and self.writer.due_at < due_at:
            self.writer.write()
            return
        assert due_at < NEVER, "somebody waits for what nobody has sent"
        tcp.step(self._state)
        self._draw_losses()
        for end, arrived in enumerate(self.arrived):
            received = self._place(end, tcp.RECEIVED)
            if received > (arrived.octets[-1] if arrived.octets else 0):
                arrived.add(received, self.now)
                if end == CLIENT:
                    tcp.read(self._state, CLIENT, self.now, NEVER)

    def _draw_losses(self) -> None:
        for end in (CLIENT, SERVER):
            place = tcp.at(end) + tcp.TO_LOSS
            if self._losses[end].is_lossy and (self._state[place] < 0 or self._state[place] == NEVER):
                self._state[place] = self._losses[end].next()

    def _place(self, end: int, place: int) -> int:
        return self._state[tcp.at(end) + place]
