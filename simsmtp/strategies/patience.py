"""Time-outs: how long a client waits for a reply before it takes the connection for lost (RFC 5321 section 4.5.3.2)."""

from __future__ import annotations


def gives_up_at(read_ns: int, written_ns: int, timeout_ns: int) -> int:
    """Return when a client that hears nothing more closes the connection.

    Parameters
    ----------
    read_ns : int
        When it last read something, or began the flight.
    written_ns : int
        When the last octet of what it has written left.
    timeout_ns : int
        How long it waits for the reply to the first command that has none.
    """
    return max(read_ns, written_ns) + timeout_ns


def served_by(free_ns: int, closed_ns: int, each_ns: int) -> int:
    """Return how many commands a server that is free at `free_ns` begins until `closed_ns`, each taking `each_ns`."""
    if free_ns > closed_ns:
        return 0
    return (closed_ns - free_ns) // max(1, each_ns) + 1


def heard_by(server_ns: int, closed_ns: int) -> int:
    """Return when a text counts as accepted whose reply nobody hears: when it was taken, at the latest at the close."""
    return min(server_ns, closed_ns)
