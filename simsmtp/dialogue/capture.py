"""A capture of somebody's own sessions, read as a ladder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from simsmtp.dialogue.capture_file import FORMATS, CaptureFile
from simsmtp.dialogue.captured_recipients import fates_of
from simsmtp.dialogue.captured_session import Session, is_foreign, session_of, steps_of
from simsmtp.dialogue.ladder import Ladder, Step
from simsmtp.dialogue.tcp_segments import LINK_TYPES, is_known, segment_of
from simsmtp.dialogue.tcp_streams import Connection, Connections
from simsmtp.errors import InputError
from simsmtp.files import reading

_CLEARLY = 4  # times as long as the other gap of the handshake
_TLS_HANDSHAKE = b"\x16\x03"
_MOST_PORTS = 8


def read_capture(path: Path, *, port: int | None = None) -> Ladder:
    """Read the SMTP sessions of a packet capture.

    Times are seconds since the first packet of the first session: that of a step is when its first segment (of a read,
    the last) was captured. Where the TCP handshake tells near which end that was, the time at the other end is an
    estimate, half a round trip away; elsewhere both are the time of the capture. What a sender concludes is not seen.

    Parameters
    ----------
    path : Path
        A pcap or pcapng file.
    port : int, optional
        The server's port. By default every connection is looked at in which a server greets or a client speaks as in
        SMTP.

    Returns
    -------
    Ladder
        `Recipient.truth` is ``delivered`` or ``duplicate`` where the text was accepted for it, and ``""`` elsewhere.

    Raises
    ------
    InputError
        If the file is not a capture, has a link type that is not read, or shows no SMTP.
    """
    with reading(path, allowed=FORMATS) as file:
        capture = CaptureFile(file, str(path))
        connections = _connections(capture, port)
    sessions = [session for one in connections.found if (session := session_of(one, port))]
    unread = sorted(link for link in capture.links if not is_known(link))
    if not sessions and unread:
        raise InputError(f"link type {unread[0]} is not read", file=str(path), allowed=", ".join(LINK_TYPES))
    if not sessions:
        raise InputError(f"no SMTP in this capture: {_what_else(connections.found, port)}", file=str(path))
    begin_ns = min(one.connection.first.at_ns for one in sessions)
    fates, place = fates_of(sessions), _place_of(sessions)
    steps = [
        _with_far_end(step, place) if place else step
        for number, (session, places) in enumerate(zip(sessions, fates.places, strict=True))
        for step in steps_of(session, number, begin_ns, places)
    ]
    notes = [
        *([capture.flaw] if capture.flaw else []),
        *([f"Packets of link type {', '.join(map(str, unread))} were passed over."] if unread else []),
        *(["The capture is too large: its end was not read. With a port, more is."] if connections.is_full else []),
        *([place.note] if place else []),
        *(note for number, session in enumerate(sessions, 1) for note in _missing(session, number)),
        *fates.notes,
        "A capture does not show what the sender concluded for a recipient, nor which NDRs it sent.",
    ]
    return Ladder(path.name, tuple(one.name for one in sessions), tuple(steps), fates.recipients, tuple(notes))


def _connections(capture: CaptureFile, port: int | None) -> Connections:
    connections = Connections(port, is_foreign)
    for packet in capture:
        if segment := segment_of(packet):
            connections.take(segment)
        if connections.is_full:
            break
    return connections


def _what_else(found: Sequence[Connection], port: int | None) -> str:
    """Return what a capture without SMTP shows instead."""
    where = f" with port {port}" if port is not None else ""
    if not found:
        return f"no TCP connection{where}"
    ports = sorted({one.ends[1].port for one in found})
    named = ", ".join(str(one) for one in ports[:_MOST_PORTS]) + (", …" if len(ports) > _MOST_PORTS else "")
    count = f"{len(found):,} TCP connection" + ("s" if len(found) > 1 else "")
    encrypted = sum(_is_tls(one) for one in found)
    tls = f"; {encrypted:,} encrypted from the beginning" if encrypted else ""
    return f"{count}{where}, to port{'s' if len(ports) > 1 else ''} {named}{tls}"


def _is_tls(connection: Connection) -> bool:
    pieces = connection.pieces(connection.ends[0])
    return bool(pieces) and pieces[0][1].startswith(_TLS_HANDSHAKE)


class _Place(NamedTuple):
    """Where a capture was taken: near the client, near the server or neither; how long octets take; what to say."""

    near: str
    one_way_s: float
    note: str


def _place_of(sessions: Sequence[Session]) -> _Place | None:
    times = [one.connection.handshake_ns for one in sessions if len(one.connection.handshake_ns) == 3]
    if not times:
        return None
    to_server = median(answered - begun for begun, answered, _ in times) / 1e6
    to_client = median(ended - answered for _, answered, ended in times) / 1e6
    total = f"round trip in the TCP handshake {to_server + to_client:.3g} ms"
    gaps = f"{to_server:.3g} ms to the server and back, {to_client:.3g} ms to the client and back"
    near, far = "client", "server"
    if max(to_server, to_client) <= _CLEARLY * min(to_server, to_client):
        return _Place("", 0.0, f"It is not clear at which end the capture was taken: {total} ({gaps}).")
    if to_client > to_server:
        near, far = far, near
    one_way_ms = (to_server + to_client) / 2
    estimate = f"Times at the {far} are estimates: {one_way_ms:.3g} ms, half of that, away"
    return _Place(near, one_way_ms / 1e3, f"Taken near the {near}: {total} ({gaps}). {estimate}.")


def _with_far_end(step: Step, place: _Place) -> Step:
    """Return a step with the time at the end where the capture was not taken, as far as that can be estimated."""
    one_way = place.one_way_s
    if step.kind == "connect":  # three ways: SYN, SYN/ACK, ACK
        ways = {"client": (0, 3), "server": (-1, 2), "": (0, 0)}[place.near]
        return step._replace(client_s=step.client_s + ways[0] * one_way, server_s=step.server_s + ways[1] * one_way)
    there = -one_way if step.kind == "read" else one_way  # from the client's time to the server's
    if place.near == "client":
        return step._replace(server_s=step.client_s + there)
    return step._replace(client_s=step.server_s - there)


def _missing(session: Session, number: int) -> Iterator[str]:
    """Yield what is not seen of a session."""
    if not session.connection.is_whole:
        yield (
            f"Connection {number} began before the capture: it is read from its first command on, as if nothing had"
            " been unanswered then."
        )
    for side in session.holes:
        yield (
            f"Connection {number}: octets of the {side} are missing from the capture; what it said after them is not"
            " shown."
        )
    if session.encrypted:
        yield f"Connection {number} is encrypted after STARTTLS: {session.encrypted_octets:,} octets not shown."
