"""The ``tcp`` profile: segments, windows and acknowledgements of one connection, as a small state machine.

Real pipelined SMTP needs it. A receiver whose replies to one group leave in two writes has the second one held by
Nagle's algorithm until the first is acknowledged, and the sender, waiting for replies, delays that acknowledgement: a
round trip and 40 ms are lost. What is modelled, and as which rule:

- segments of at most `MSS` octets; an initial window, slow start and congestion avoidance (RFC 5681, RFC 6928) and
  restart after idle (RFC 5681 section 4.1);
- Nagle's algorithm (RFC 896) in Minshall's variant, as in Linux: a small segment waits while another small one is
  unacknowledged;
- acknowledgements as Linux sends them: at once for more than one full segment, at once for the first segments of a
  connection ("quick"), else delayed, and delayed always while the conversation goes to and fro ("ping-pong": data
  left shortly after data came); a delayed acknowledgement that had to be sent alone ends the ping-pong;
- a lost segment is sent again when the retransmission timer runs out (RFC 6298), and holds up what follows it.

Left out: fast retransmission, loss of acknowledgements and of the handshake, the receive window, reordering.

A connection is a list of integers (an array in compiled code), so that one source serves all engines; the names of
its places are below. Nothing here knows what is random: whether a segment is lost was counted down before, see
`TO_LOSS`. Times are integer nanoseconds, octets are counted from 0 in each direction.
"""

from __future__ import annotations

from collections.abc import MutableSequence

from simsmtp.network.pipe import arrives, departs

Tcp = MutableSequence[int]
"""State of one connection: `SIZE` integers."""

CLIENT, SERVER = 0, 1
NEVER = 2**62
HEADER_OCTETS = 52
"""IPv4 and TCP headers with timestamps."""
RING = 512
"""Segments that may be under way in one direction."""
_LEAST_RTO_NS = 200_000_000

# Places of what both ends share.
NOW, MSS, INITIAL_WINDOW, RESTART, DELAYED_ACK_NS, QUICK_ACKS, RTO_NS, BITS_PER_S = range(8)
_SHARED = 8
# Places of one end, from `at(end)` on. Sending: octets written, sent and acknowledged; end of the last small segment;
# congestion window and threshold in segments; when data was last sent. Receiving: octets received in order,
# acknowledged and read; small segments since the last acknowledgement; ping-pong; quick acknowledgements left; when
# data last came; when the delayed acknowledgement is due. The path from here: when the link is free, last arrival,
# delay, ring of segments under way; data segments until one is lost; Nagle's algorithm is on; how often the oldest
# segment has been sent again.
(
    WRITTEN, SENT, ACKED, SMALL, WINDOW, THRESHOLD, GROWN, SENT_AT,
    RECEIVED, TOLD, READ, PUSHED, PING_PONG, QUICK, HEARD_AT, ACK_AT,
    LINK_FREE, LAST_ARRIVAL, DELAY, HEAD, COUNT, TO_LOSS, NAGLE, RESENT,
) = range(24)  # fmt: skip
_END = 24
_ENTRY = 3  # arrival (or minus the time of its retransmission, if it is lost), end of its octets, acknowledgement
_RINGS = _SHARED + 2 * _END
SIZE = _RINGS + 2 * RING * _ENTRY


def at(end: int) -> int:
    """Return where an end's places begin."""
    return _SHARED + end * _END


def connect(
    t: Tcp, now_ns: int, rtt_ns: int, mss: int, window: int, restart: int, delayed_ack_ns: int, quick_acks: int,
    bits_per_s: int, nagle_client: int, nagle_server: int,
) -> None:  # fmt: skip
    """Fill in the state of a connection that has just been made.

    Parameters
    ----------
    t : Tcp
        Its state, whatever it holds.
    now_ns, rtt_ns : int
        When it was made, and how long SYN and SYN-ACK took, from which the retransmission timer follows.
    mss, window : int
        Largest segment in octets, initial window in segments.
    restart : int
        1 if the window shrinks while nothing is sent.
    delayed_ack_ns, quick_acks : int
        Delay of an acknowledgement, and how many at the start are not delayed.
    bits_per_s : int
        Bandwidth of each direction; 0 is unlimited.
    nagle_client, nagle_server : int
        1 if that end uses Nagle's algorithm.
    """
    for place in range(_RINGS):
        t[place] = 0
    t[NOW], t[MSS], t[INITIAL_WINDOW], t[RESTART] = now_ns, mss, window, restart
    t[DELAYED_ACK_NS], t[QUICK_ACKS], t[BITS_PER_S] = delayed_ack_ns, quick_acks, bits_per_s
    t[RTO_NS] = rtt_ns + _LEAST_RTO_NS
    for end in range(2):
        e = at(end)
        t[e + WINDOW], t[e + THRESHOLD] = window, NEVER
        t[e + HEARD_AT], t[e + ACK_AT], t[e + TO_LOSS] = -1, NEVER, NEVER
        t[e + DELAY] = rtt_ns // 2  # until it writes, when a delay is drawn
    t[at(CLIENT) + NAGLE], t[at(SERVER) + NAGLE] = nagle_client, nagle_server


def write(t: Tcp, end: int, now_ns: int, octets: int, delay_ns: int) -> None:
    """Let an end write octets; everything due until then has been stepped through.

    What it sends from now on takes `delay_ns` to the other side.
    """
    e = at(end)
    t[NOW] = now_ns
    t[e + WRITTEN] += octets
    t[e + DELAY] = delay_ns


def read(t: Tcp, end: int, now_ns: int, most: int) -> None:
    """Let an end read at most so many of the octets that have come; that may call for an acknowledgement."""
    e = at(end)
    t[NOW] = now_ns
    t[e + READ] = min(t[e + RECEIVED], t[e + READ] + most)
    if t[e + ACK_AT] == NEVER:
        return
    is_all = t[e + READ] == t[e + RECEIVED]
    was_pushed = t[e + PUSHED] == 2 or (t[e + PUSHED] == 1 and t[e + PING_PONG] == 0)
    if t[e + RECEIVED] - t[e + TOLD] > t[MSS] or (is_all and was_pushed):
        _acknowledge(t, end)


def next_at(t: Tcp) -> int:
    """Return when something happens next by itself; `NEVER` if nothing will."""
    if _may_send(t, CLIENT) or _may_send(t, SERVER):
        return t[NOW]
    due = min(t[at(CLIENT) + ACK_AT], t[at(SERVER) + ACK_AT])
    due = min(due, _head_due(t, CLIENT), _head_due(t, SERVER))
    return max(due, t[NOW])


def step(t: Tcp) -> None:
    """Do what happens next: one segment leaves, one arrives, or one timer runs out.

    At one time segments leave first, then they arrive, then timers run out; the client's go before the server's.
    """
    for end in range(2):
        if _may_send(t, end):
            _send(t, end)
            return
    due = next_at(t)
    t[NOW] = due
    for end in range(2):
        if _head_due(t, end) <= due:
            _advance_head(t, end)
            return
    for end in range(2):
        e = at(end)
        if t[e + ACK_AT] <= due:
            t[e + PING_PONG] = 0
            _acknowledge(t, end)
            return


def _may_send(t: Tcp, end: int) -> bool:
    e = at(end)
    unsent = t[e + WRITTEN] - t[e + SENT]
    if unsent == 0 or t[e + COUNT] == RING:
        return False
    under_way = t[e + SENT] - t[e + ACKED]
    if under_way > (t[e + WINDOW] - 1) * t[MSS]:
        return False
    return unsent >= t[MSS] or t[e + NAGLE] == 0 or t[e + SMALL] <= t[e + ACKED]


def _send(t: Tcp, end: int) -> None:
    e = at(end)
    if t[RESTART] == 1 and t[e + SENT] == t[e + ACKED]:
        _shrink_while_idle(t, e)
    octets = min(t[e + WRITTEN] - t[e + SENT], t[MSS])
    t[e + SENT] += octets
    t[e + SENT_AT] = t[NOW]
    if octets < t[MSS]:
        t[e + SMALL] = t[e + SENT]
    if t[e + HEARD_AT] >= 0 and t[NOW] - t[e + HEARD_AT] < t[DELAYED_ACK_NS]:
        t[e + PING_PONG] = 1
    _told(t, e)
    t[e + TO_LOSS] -= 1
    arrival = _arrival(t, e, octets)
    _push(t, end, -t[NOW] - t[RTO_NS] if t[e + TO_LOSS] < 0 else arrival)


def _shrink_while_idle(t: Tcp, e: int) -> None:
    """RFC 5681 section 4.1, as Linux does it: half the window for every timeout that went by."""
    idle = t[NOW] - t[e + SENT_AT]
    while idle > t[RTO_NS] and t[e + WINDOW] > t[INITIAL_WINDOW]:
        t[e + WINDOW] = max(t[e + WINDOW] // 2, t[INITIAL_WINDOW])
        idle -= t[RTO_NS]


def _acknowledge(t: Tcp, end: int) -> None:
    """Send a segment without data; a full ring drops it, for the next one says the same and more."""
    e = at(end)
    _told(t, e)
    if t[e + COUNT] < RING:
        _push(t, end, _arrival(t, e, 0))


def _told(t: Tcp, e: int) -> None:
    if t[e + ACK_AT] < NEVER and t[e + QUICK] > 0:
        t[e + QUICK] -= 1
    t[e + TOLD], t[e + ACK_AT], t[e + PUSHED] = t[e + RECEIVED], NEVER, 0


def _arrival(t: Tcp, e: int, octets: int) -> int:
    t[e + LINK_FREE] = departs(t[NOW], t[e + LINK_FREE], octets + HEADER_OCTETS, t[BITS_PER_S])
    t[e + LAST_ARRIVAL] = arrives(t[e + LINK_FREE], t[e + DELAY], t[e + LAST_ARRIVAL])
    return t[e + LAST_ARRIVAL]


def _push(t: Tcp, end: int, arrival: int) -> None:
    e = at(end)
    place = _place(end, t[e + HEAD] + t[e + COUNT])
    t[place], t[place + 1], t[place + 2] = arrival, t[e + SENT], t[e + RECEIVED]
    t[e + COUNT] += 1


def _place(end: int, nth: int) -> int:
    return _RINGS + (end * RING + nth % RING) * _ENTRY


def _head_due(t: Tcp, end: int) -> int:
    """Return when the oldest segment from an end arrives, or is sent again."""
    e = at(end)
    if t[e + COUNT] == 0:
        return NEVER
    arrival = t[_place(end, t[e + HEAD])]
    return arrival if arrival >= 0 else -arrival


def _advance_head(t: Tcp, end: int) -> None:
    e = at(end)
    place = _place(end, t[e + HEAD])
    if t[place] < 0:
        _send_again(t, end, place)
        return
    upto, acknowledged = t[place + 1], t[place + 2]
    t[e + HEAD] = (t[e + HEAD] + 1) % RING
    t[e + COUNT] -= 1
    t[e + RESENT] = 0
    _arrive(t, 1 - end, upto, acknowledged)


def _send_again(t: Tcp, end: int, place: int) -> None:
    """Send a lost segment again; if that is lost too, after twice the time (RFC 6298 section 5.5)."""
    e = at(end)
    segments = (t[e + SENT] - t[e + ACKED]) // t[MSS]
    t[e + THRESHOLD], t[e + WINDOW], t[e + GROWN] = max(segments // 2, 2), 1, 0
    t[e + TO_LOSS] -= 1
    t[e + RESENT] += 1
    arrival = _arrival(t, e, min(t[place + 1] - t[e + ACKED], t[MSS]))
    t[place] = -t[NOW] - (t[RTO_NS] << min(t[e + RESENT], 6)) if t[e + TO_LOSS] < 0 else arrival


def _arrive(t: Tcp, end: int, upto: int, acknowledged: int) -> None:
    """Take in a segment: its acknowledgement first, then its data, then what it lets leave, then our own answer."""
    e = at(end)
    if acknowledged > t[e + ACKED]:
        _grow(t, e, acknowledged)
    octets = upto - t[e + RECEIVED]
    if octets <= 0:
        return
    if t[e + HEARD_AT] < 0 or t[NOW] - t[e + HEARD_AT] > t[RTO_NS]:
        t[e + QUICK] = t[QUICK_ACKS]
    t[e + HEARD_AT], t[e + RECEIVED] = t[NOW], upto
    if octets < t[MSS]:
        t[e + PUSHED] = min(t[e + PUSHED] + 1, 2)
    is_quick = t[e + QUICK] > 0 and t[e + PING_PONG] == 0
    if t[e + ACK_AT] == NEVER:
        t[e + ACK_AT] = t[NOW] + t[DELAYED_ACK_NS]
    if (t[e + RECEIVED] - t[e + TOLD] > t[MSS] or is_quick) and not _may_send(t, end):
        _acknowledge(t, end)


def _grow(t: Tcp, e: int, acknowledged: int) -> None:
    """Slow start by octets acknowledged, then a segment a window (RFC 5681 section 3.1); only if it was used."""
    under_way = t[e + SENT] - t[e + ACKED]
    segments = -(-(acknowledged - t[e + ACKED]) // t[MSS])
    t[e + ACKED] = acknowledged
    if 2 * under_way < t[e + WINDOW] * t[MSS]:
        return
    if t[e + WINDOW] < t[e + THRESHOLD]:
        t[e + WINDOW] = min(t[e + WINDOW] + segments, t[e + THRESHOLD])
        return
    t[e + GROWN] += segments
    if t[e + GROWN] >= t[e + WINDOW]:
        t[e + GROWN] -= t[e + WINDOW]
        t[e + WINDOW] += 1
