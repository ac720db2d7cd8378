"""A capture of somebody's own sessions, read as a ladder."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from simsmtp.dialogue.capture_file import FORMATS, CaptureFile, Packet
from simsmtp.dialogue.captured_recipients import fates_of
from simsmtp.dialogue.captured_session import MOST_LINES, Session, is_foreign, session_of, steps_of
from simsmtp.dialogue.ladder import Ladder, Step
from simsmtp.dialogue.tcp_segments import LINK_TYPES, Segment, is_known, segment_of
from simsmtp.dialogue.tcp_streams import Connection, Connections, end_name
from simsmtp.errors import InputError
from simsmtp.files import reading

_CLEARLY = 4  # times as long as the other gap of the handshake
_BLIND = "A capture does not show what the sender concluded for a recipient, nor which NDRs it sent."
_TLS_HANDSHAKE = b"\x16\x03"
_MOST_NAMED = 8
_LOOKED_AHEAD = 256
"""Packets that are looked through for one that was captured before."""


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
        `Recipient.truth` is ``"taken"`` or ``"taken_again"`` where the text was accepted for it, ``"emptied"`` where
        that was a lone dot, and ``""`` elsewhere.

    Raises
    ------
    InputError
        If the file is not a capture, has a link type that is not read, or shows no SMTP.
    """
    with reading(path, allowed=FORMATS) as file:
        capture = CaptureFile(file, str(path))
        connections = _connections(capture, port)
    sessions, is_all = _sessions(connections, port)
    if not sessions and (unread := _unknown(capture)):
        raise InputError(f"link type {unread[0]} is not read", file=str(path), allowed=", ".join(LINK_TYPES))
    if not sessions:
        raise InputError(f"no SMTP in this capture: {_what_else(connections, port)}", file=str(path))
    before = _unread(capture, connections, is_all=is_all)
    return _ladder(path.name, sessions, _place_of(sessions), [*before, *_missing(sessions)], [_BLIND])


def recorded_ladder(
    segments: Iterable[Segment],
    title: str,
    notes: Sequence[str] = (),
    truths: Mapping[str, tuple[str, str]] | None = None,
) -> Ladder:
    """Return what an end of sessions recorded of them, as it was before encryption.

    Parameters
    ----------
    segments : iterable of Segment
        In order of time.
    title : str
        Of the ladder.
    notes : sequence of str
        Put before what is noted of the sessions.
    truths : mapping, optional
        Address in lower case → class of the ledger and report, for recipients of whom they are known.
    """
    connections = Connections(None, is_foreign)
    for segment in segments:
        connections.take(segment)
    sessions, _ = _sessions(connections, None, is_plain=True)
    found = _ladder(title, sessions, None, notes, [])
    if truths is None:
        return found
    told = [
        one._replace(truth=known[0], ndr=known[1]) if (known := truths.get(one.address.lower())) else one
        for one in found.recipients
    ]
    return found._replace(recipients=tuple(told))


def _ladder(
    title: str, sessions: Sequence[Session], place: _Place | None, before: Sequence[str], after: Sequence[str]
) -> Ladder:
    begin_ns = min((one.connection.first.at_ns for one in sessions), default=0)
    fates = fates_of(sessions)
    steps = [
        _with_far_end(step, place) if place else step
        for number, (session, places) in enumerate(zip(sessions, fates.places, strict=True))
        for step in steps_of(session, number, begin_ns, places)
    ]
    notes = (*before, *([place.note] if place else []), *fates.notes, *after)
    names = tuple(one.name for one in sessions)
    servers = tuple(end_name(one.connection.ends[1]) for one in sessions)
    return Ladder(title, names, tuple(steps), fates.recipients, notes, servers)


def _connections(capture: CaptureFile, port: int | None) -> Connections:
    connections = Connections(port, is_foreign)
    for packet in _in_order(capture):
        if segment := segment_of(packet):
            connections.take(segment)
        if connections.is_full:
            break
    return connections


def _in_order(packets: Iterable[Packet]) -> Iterator[Packet]:
    """Yield packets in order of time where they are a little out of it, as several queues of a network card leave them.

    A clock that was set back keeps the order of the file: what is more than a second too early is not moved.
    """
    waiting: list[tuple[int, int, Packet]] = []
    latest_ns = 0
    for number, packet in enumerate(packets):
        at_ns = packet.at_ns if packet.at_ns > latest_ns - 10**9 else latest_ns
        latest_ns = max(latest_ns, at_ns)
        heapq.heappush(waiting, (at_ns, number, packet))
        if len(waiting) > _LOOKED_AHEAD:
            yield heapq.heappop(waiting)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


def _sessions(connections: Connections, port: int | None, *, is_plain: bool = False) -> tuple[list[Session], bool]:
    """Return the sessions, and whether they are all that there are."""
    found: list[Session] = []
    lines = 0
    for one in connections.found:
        if lines >= MOST_LINES:
            break
        if session := session_of(one, port, is_plain=is_plain):
            found.append(session)
            lines += max(len(session.exchanges), len(session.replies))
    return found, lines < MOST_LINES


def _what_else(connections: Connections, port: int | None) -> str:
    """Return what a capture without SMTP shows instead."""
    found = connections.found
    where = f" with port {port}" if port is not None else ""
    if not found:
        return f"no TCP connection{where}"
    ports = sorted({one.ends[1].port for one in found})
    count = f"{len(found):,} TCP connection" + ("s" if len(found) > 1 else "")
    encrypted = sum(_is_tls(one) for one in found)
    tls = f"; {encrypted:,} encrypted from the beginning" if encrypted else ""
    rest = "; it is too large to be read to its end" if connections.is_full else ""
    return f"{count}{where}, to {_named('port', ports)}{tls}{rest}"


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


def _unknown(capture: CaptureFile) -> list[int]:
    return sorted(link for link in capture.links if not is_known(link))


def _unread(capture: CaptureFile, connections: Connections, *, is_all: bool) -> Iterator[str]:
    """Yield what was not read of a capture."""
    if capture.flaw:
        yield capture.flaw
    if links := _unknown(capture):
        yield f"Packets of {_named('link type', links)} were passed over."
    if connections.is_full:
        yield "The capture is too large: its end was not read. With a port, more is."
    if not is_all:
        yield f"Of more than {MOST_LINES:,} commands and replies the rest was not read."
    if connections.has_cut:
        yield "Long packets were cut when they were captured; tcpdump -s 0 keeps them whole."


def _missing(sessions: Sequence[Session]) -> Iterator[str]:
    """Yield what is not seen of sessions."""
    before = [number for number, one in enumerate(sessions, 1) if not one.connection.is_whole]
    if before:
        where = _named("connection", before)
        yield f"Begun before the capture, and read from the first command on as if none was unanswered then: {where}."
    for side in ("client", "server"):
        if holes := [number for number, one in enumerate(sessions, 1) if side in one.holes]:
            where = _named("connection", holes)
            yield f"Octets of the {side} were not captured; what it said after them is not shown: {where}."
    if encrypted := [number for number, one in enumerate(sessions, 1) if one.encrypted]:
        octets = sum(one.encrypted_octets for one in sessions)
        yield f"Encrypted after STARTTLS, {octets:,} octets not shown: {_named('connection', encrypted)}."


def _named(what: str, numbers: Sequence[int]) -> str:
    """Return ``port 25`` or ``ports 25, 587``, shortened where there are many."""
    shown = ", ".join(str(one) for one in numbers[:_MOST_NAMED]) + (", …" if len(numbers) > _MOST_NAMED else "")
    return f"{what}{'s' if len(numbers) > 1 else ''} {shown}"
