"""The state machine of the profile tcp: what it promises always, and what theory says it must take."""

from __future__ import annotations

import pytest
from helpers import many
from hypothesis import given
from hypothesis import strategies as st

from simsmtp.network import tcp
from simsmtp.network.tcp import CLIENT, NEVER, NOW, SERVER, SIZE

ONE_WAY = 50_000_000
RTT = 2 * ONE_WAY
MSS = 1448
MS = 1_000_000


class Connection:
    """A connection whose ends read whatever comes, at once."""

    def __init__(self, *, window: int = 10, restart: int = 1, ack_ns: int = 40 * MS, nagle: int = 1) -> None:
        self.state = [0] * SIZE
        tcp.connect(self.state, 0, RTT, MSS, window, restart, ack_ns, 16, 0, nagle, nagle)
        self.arrivals: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])

    def end(self, end: int, place: int) -> int:
        """Return what one end knows."""
        return self.state[tcp.at(end) + place]

    def lose(self, end: int, after: int) -> None:
        """Lose the data segment after so many."""
        self.state[tcp.at(end) + tcp.TO_LOSS] = after

    def write(self, end: int, octets: int, *, at_ns: int | None = None) -> None:
        """Let an end write, now or later."""
        if at_ns is not None:
            self.run(until_ns=at_ns)
        now = self.state[NOW] if at_ns is None else at_ns
        tcp.write(self.state, end, now, octets, ONE_WAY)

    def run(self, until_ns: int = NEVER - 1) -> None:
        """Step through all that happens until then."""
        while (due := tcp.next_at(self.state)) <= until_ns:
            assert due >= self.state[NOW], "time runs forward"
            tcp.step(self.state)
            for end in (CLIENT, SERVER):
                self._check(end)
                received = self.end(end, tcp.RECEIVED)
                if received > self.end(end, tcp.READ):
                    tcp.read(self.state, end, self.state[NOW], NEVER)
                    self.arrivals[end].append((self.state[NOW], received))
                if self.end(end, tcp.TO_LOSS) < 0:
                    self.lose(end, NEVER)

    def _check(self, end: int) -> None:
        sent, acked, written = (self.end(end, place) for place in (tcp.SENT, tcp.ACKED, tcp.WRITTEN))
        assert acked <= self.end(1 - end, tcp.RECEIVED) <= sent <= written


@many
@given(
    writes=st.lists(
        st.tuples(st.sampled_from((CLIENT, SERVER)), st.integers(1, 40_000), st.integers(0, 400 * MS)), max_size=12
    ),
    losses=st.lists(st.tuples(st.sampled_from((CLIENT, SERVER)), st.integers(0, 20)), max_size=2),
    window=st.integers(1, 10),
    restart=st.integers(0, 1),
    nagle=st.integers(0, 1),
    ack_ns=st.sampled_from((0, 40 * MS, 200 * MS)),
)
def test_every_octet_arrives_once_and_in_order(writes, losses, window, restart, nagle, ack_ns) -> None:  # type: ignore[no-untyped-def]
    one = Connection(window=window, restart=restart, ack_ns=ack_ns, nagle=nagle)
    for end, after in losses:
        one.lose(end, after)
    clock = 0
    for end, octets, pause in writes:
        clock += pause
        one.write(end, octets, at_ns=clock)
    one.run()
    for end in (CLIENT, SERVER):
        written = sum(octets for writer, octets, _ in writes if writer == end)
        assert one.end(1 - end, tcp.READ) == one.end(end, tcp.ACKED) == written
        upto = [octets for _, octets in one.arrivals[1 - end]]
        assert upto == sorted(upto)


@pytest.mark.parametrize("rounds", range(5))
def test_slow_start_takes_a_round_trip_for_every_doubling(rounds: int) -> None:
    """RFC 5681 section 3.1 from RFC 6928's ten segments: 10 + 20 + 40 + … segments in one flight each."""
    segments = 10 * (2 ** (rounds + 1) - 1)
    exactly, one_more = Connection(), Connection()
    exactly.write(CLIENT, segments * MSS)
    exactly.run()
    assert exactly.arrivals[SERVER][-1][0] == ONE_WAY + rounds * RTT
    one_more.write(CLIENT, segments * MSS + 1)
    one_more.run()
    assert one_more.arrivals[SERVER][-1][0] == ONE_WAY + (rounds + 1) * RTT


@pytest.mark.parametrize(("restart", "rounds"), [(1, 2), (0, 0)])
def test_the_window_shrinks_while_nothing_is_sent(restart: int, rounds: int) -> None:
    """RFC 5681 section 4.1: after an idle time a transfer begins as on a new connection."""
    one = Connection(restart=restart)
    one.write(CLIENT, 150 * MSS)
    one.run()
    idle_until = one.state[NOW] + 20 * (RTT + 200 * MS)
    one.write(CLIENT, 70 * MSS, at_ns=idle_until)
    one.run()
    assert one.arrivals[SERVER][-1][0] == idle_until + ONE_WAY + rounds * RTT


def _pieces(one: Connection) -> list[int]:
    """Let a server greet, be answered, and reply in two pieces 5 ms apart; return when they come."""
    one.write(SERVER, 26)
    one.write(CLIENT, 100, at_ns=ONE_WAY)
    for octets, pause in ((392, 0), (359, 5 * MS)):
        one.write(SERVER, octets, at_ns=2 * ONE_WAY + pause)
    one.run()
    return [at for at, _ in one.arrivals[CLIENT]][-2:]


def test_a_second_small_write_waits_for_the_delayed_acknowledgement_of_the_first() -> None:
    """Nagle's algorithm (RFC 896) meets the delayed acknowledgement: a round trip and 40 ms between two pieces."""
    one = Connection()
    first, second = _pieces(one)
    assert second - first == RTT + 40 * MS


@pytest.mark.parametrize(("nagle", "ack_ns", "gap_ns"), [(0, 40 * MS, 5 * MS), (1, 0, RTT)])
def test_without_either_the_stall_is_gone(nagle: int, ack_ns: int, gap_ns: int) -> None:
    one = Connection(nagle=nagle, ack_ns=ack_ns)
    first, second = _pieces(one)
    assert second - first == gap_ns


def test_a_full_segment_never_waits() -> None:
    one = Connection()
    one.write(CLIENT, 100)
    one.run(until_ns=ONE_WAY)
    for octets, pause in ((MSS, 0), (MSS, 5 * MS), (988, 6 * MS)):
        one.write(SERVER, octets, at_ns=ONE_WAY + pause)
    one.run()
    assert [at - 2 * ONE_WAY for at, _ in one.arrivals[CLIENT]] == [0, 5 * MS, 6 * MS]


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_lost_segment_comes_after_the_retransmission_timer_which_doubles(times: int) -> None:
    """RFC 6298 sections 2 and 5.5: a round trip and 200 ms, then twice as long each time."""
    one = Connection()
    one.lose(CLIENT, 0)
    one.write(CLIENT, 100)
    tcp.step(one.state)
    rto = RTT + 200 * MS
    for _ in range(times - 1):
        one.lose(CLIENT, 0)
        tcp.step(one.state)
    one.lose(CLIENT, NEVER)
    one.run()
    assert one.arrivals[SERVER] == [(rto * (2**times - 1) + ONE_WAY, 100)]
