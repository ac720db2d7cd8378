"""The ``pipe`` profile: in order, with a delay and a bandwidth in each direction; times in integer nanoseconds."""

from __future__ import annotations

_SHORT = 10**9  # octets, whose nanobits fit 64 bits


def departs(written_ns: int, link_free_ns: int, octets: int, bits_per_s: int, count: int = 1) -> int:
    """Return when the last of `count` lines of `octets` each has left.

    Parameters
    ----------
    written_ns : int
        When they were written.
    link_free_ns : int
        When the last octet before them left.
    octets : int
        How many a line has.
    bits_per_s : int
        Bandwidth; 0 is unlimited.
    count : int
        Lines of that length written at once; each takes a whole number of nanoseconds.
    """
    start = max(link_free_ns, written_ns)
    return start if bits_per_s == 0 else start + count * sending_ns(octets, bits_per_s)


def sending_ns(octets: int, bits_per_s: int) -> int:
    """Return how long octets keep a line, rounded down; where nanobits do not fit 64 bits, by a long division."""
    if octets <= _SHORT:
        return 8 * 10**9 * octets // bits_per_s
    seconds, left = divmod(8 * octets, bits_per_s)
    hundred_thousandths, left = divmod(10**5 * left, bits_per_s)
    return 10**4 * (10**5 * seconds + hundred_thousandths) + 10**4 * left // bits_per_s


def arrives(departed_ns: int, delay_ns: int, last_arrival_ns: int) -> int:
    """Return when what departed arrives: after its delay, never before what was sent earlier."""
    arrival = departed_ns + delay_ns
    return max(last_arrival_ns, arrival)
