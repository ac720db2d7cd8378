"""Which captured connections are SMTP, what was said in each, and the steps of it.

Commands are one *group* where the segment with the next command does not yet acknowledge the reply to the one before
it: the client cannot have seen that reply. This holds wherever the capture was taken. What TCP delivered may still
have waited to be read, so a client that did not look at a reply counts as one that waited for it.

Replies are one *read* if one segment completed them, or segments that came within 0.1 ms of the first, unless in
between the client sent something that answers them. A program needs about that time to wake up and read, and meanwhile
more of what the server wrote at once arrives. A capture does not show what was read at once; this is an estimate.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from simsmtp.dialogue.ladder import Line, Step, reply_kind
from simsmtp.dialogue.smtp_exchange import Exchange, Reply, Said, exchanges, replies_in
from simsmtp.dialogue.tcp_streams import Connection, Seen, end_name
from simsmtp.protocol.commands import Verb

AT_ONCE_NS = 100_000
"""Segments that come within this time of the first are read at once."""
MOST_LINES = 500_000
"""Commands, and replies, that are read."""
_COMMAND = re.compile(
    rb"(EHLO|HELO) |(MAIL +FROM|RCPT +TO): *\S|(DATA|RSET|QUIT|STARTTLS|NOOP)\s|(VRFY|EXPN|NOOP|BDAT) ", re.IGNORECASE
)
_START = re.compile(rb"(RSET\s+)?((EHLO|HELO) |(MAIL +FROM|RCPT +TO): *\S)", re.IGNORECASE)  # POP3 and FTP have others
_FIRST, _LONGEST = 8, 100  # pieces, and octets of each, in which a protocol shows
_ENOUGH = 16  # octets of a client tell
_FTP = re.compile(rb"(USER|PASS|AUTH|FEAT|OPTS|SYST|HOST) ?", re.IGNORECASE)
_REPLY = re.compile(rb"[2-5][0-9][0-9][ -]")
_GREETING = re.compile(rb"220[ \-\r\n]")
_REFUSAL = re.compile(rb"(421|45[0-9]|55[0-9])[ \-\r\n]|[45][0-9][0-9][ \-][45]\.[0-9]")  # FTP and NNTP have others
_Pieces = list[tuple[Seen, bytes]]


class Session(NamedTuple):
    """A captured SMTP session.

    Attributes
    ----------
    connection : Connection
        Where it was spoken.
    client : Said
        What the client said; of a connection that began before the capture, from its first command on.
    replies : list of Reply
        All that the server said.
    greeting : Reply or None
        The first of them, if it is one.
    exchanges : list of Exchange
        Commands with their replies.
    kinds : list of str
        Of each reply to them one of `ladder.REPLY_KINDS`, ``""`` where there is none.
    holes : tuple of str
        Which sides said more than was captured: ``"client"``, ``"server"``.
    encrypted : list of Seen
        Pieces that came after STARTTLS.
    encrypted_octets : int
        Their length.
    """

    connection: Connection
    client: Said
    replies: list[Reply]
    greeting: Reply | None
    exchanges: list[Exchange]
    kinds: list[str]
    holes: tuple[str, ...]
    encrypted: list[Seen]
    encrypted_octets: int

    @property
    def name(self) -> str:
        """Who spoke with whom."""
        client, server = self.connection.ends
        return f"{end_name(client)} to {end_name(server)}"


def session_of(connection: Connection, port: int | None, *, is_plain: bool = False) -> Session | None:
    """Return what was said in a connection, None if it is not SMTP.

    Parameters
    ----------
    connection : Connection
        If it began before the capture, its ends are put in order.
    port : int or None
        The server's.
    is_plain : bool
        Nothing in it is encrypted: it was recorded by an end.
    """
    if not connection.is_whole and not _is_directed(connection, port):
        connection.ends = connection.ends[::-1]
    client, server = connection.ends
    if port is not None and server.port != port:
        return None
    said, heard = connection.pieces(client), connection.pieces(server)
    if not connection.is_whole:
        said, heard = _from_first_command(said, heard)
    if not _is_smtp(_begin(said), _begin(heard), is_whole=connection.is_whole):
        return None
    holes = tuple(who for who, end in (("client", client), ("server", server)) if connection.lacks(end))
    return _session(connection, Said(said), Said(heard), holes, is_plain=is_plain)


def is_foreign(connection: Connection) -> bool:
    """Tell whether a connection that was captured from its beginning shows by now that it is not SMTP."""
    client, server = (connection.pieces(end) for end in connection.ends)
    if not connection.is_whole or len(client) > _FIRST:  # by then it was asked before
        return False
    said = _begin(client)
    return len(said) >= _ENOUGH and not _is_smtp(said, _begin(server), is_whole=True)


def _session(connection: Connection, client: Said, server: Said, holes: tuple[str, ...], *, is_plain: bool) -> Session:
    replies = list(islice(replies_in(server), MOST_LINES))
    greeting = replies[0] if replies and connection.is_whole else None
    found = list(islice(exchanges(client, replies[1:] if greeting else replies, is_plain=is_plain), MOST_LINES))
    encrypted: list[Seen] = []
    octets = 0
    has_turned = not is_plain and bool(found) and found[-1].command.verb == "STARTTLS"
    if has_turned and (last := found[-1].reply) and last.code == 220:
        replies = [one for one in replies if one.end <= last.end]
        begin = sum(one.command.octets for one in found)
        encrypted = sorted([*client.after(begin), *server.after(last.end)])
        octets = len(client.octets) - begin + len(server.octets) - last.end
    return Session(connection, client, replies, greeting, found, _kinds(found), holes, encrypted, octets)


def _begin(pieces: _Pieces) -> bytes:
    return b"".join(octets[:_LONGEST] for _, octets in pieces[:_FIRST])


def _is_smtp(client: bytes, server: bytes, *, is_whole: bool) -> bool:
    if _COMMAND.match(client):
        return True
    return is_whole and bool(
        (_GREETING.match(server) and not _FTP.match(client)) or (_REFUSAL.match(server) and not client)
    )


def _is_directed(connection: Connection, port: int | None) -> bool:
    """Tell whether a connection that began before the capture has its client first."""
    client, server = connection.ends
    if port is not None and client.port != server.port:
        return server.port == port
    return any(_START.match(octets) for _, octets in connection.pieces(client))


def _from_first_command(said: _Pieces, heard: _Pieces) -> tuple[_Pieces, _Pieces]:
    """Return what follows the first piece that begins a transaction, and the replies after it, counted from there."""
    first = next((place for place, (_, octets) in enumerate(said) if _START.match(octets)), len(said))
    order = said[first][0].order if first < len(said) else 0
    replies = (place for place, (seen, octets) in enumerate(heard) if seen.order > order and _REPLY.match(octets))
    begin = next(replies, len(heard))
    before = sum(len(octets) for _, octets in heard[:begin])
    later = [(seen._replace(acked=seen.acked - before), octets) for seen, octets in said[first:]]
    return later, heard[begin:]


def _kinds(found: Sequence[Exchange]) -> list[str]:
    kinds: list[str] = []
    is_first = True
    for command, reply in found:
        kinds.append(reply_kind(command.verb, reply.code, reply.status, is_first=is_first) if reply else "")
        is_first = command.opens(reply) or (is_first and command.verb != Verb.RCPT.name)
    return kinds


def steps_of(session: Session, number: int, begin_ns: int, recipients: Sequence[int]) -> list[Step]:
    """Return the steps of a session.

    Parameters
    ----------
    session : Session
        The session.
    number : int
        Its place in `Ladder.connections`.
    begin_ns : int
        When the dialogue began.
    recipients : sequence of int
        Whom each exchange concerns, a place in `Ladder.recipients`, or -1.
    """
    timed = [*_ends(session), *_groups(session, recipients), *_reads(session, recipients)]
    timed.sort(key=lambda one: (one[0].order, one[1].kind == "close"))
    found = []
    for seen, step in timed:
        at_s = (seen.at_ns - begin_ns) / 1e9
        found.append(step._replace(connection=number, client_s=at_s, server_s=at_s))
    return found


def _ends(session: Session) -> Iterator[tuple[Seen, Step]]:
    connection = session.connection
    if connection.is_whole:
        yield connection.first, _step("connect")
    if session.encrypted:
        note = f"encrypted from here on: {session.encrypted_octets:,} octets not shown"
        yield session.encrypted[0], _step("handshake", note=note)
    if connection.closed:
        seen, end, is_reset = connection.closed
        who = "client" if end == connection.ends[0] else "server"
        yield seen, _step("close", note=f"the {who} {'reset the connection' if is_reset else 'closed'}")


def _step(kind: str, *, note: str = "") -> Step:
    return Step(kind, 0, 0.0, 0.0, note=note)


def _groups(session: Session, recipients: Sequence[int]) -> Iterator[tuple[Seen, Step]]:
    groups: list[list[tuple[Exchange, int]]] = []
    for exchange, recipient in zip(session.exchanges, recipients, strict=True):
        if not groups or _has_waited(groups[-1][-1][0], exchange):
            groups.append([])
        groups[-1].append((exchange, recipient))
    for number, group in enumerate(groups, 1):
        commands = [exchange.command for exchange, _ in group]
        lines = tuple(Line(exchange.command.text, exchange.command.verb, recipient) for exchange, recipient in group)
        octets = sum(command.octets for command in commands)
        yield commands[0].seen, _step("group")._replace(number=number, octets=octets, lines=lines)


def _has_waited(before: Exchange, exchange: Exchange) -> bool:
    """Tell whether a command follows the reply to the one before it or, if that is missing, other octets."""
    acked = exchange.command.seen.acked
    return acked >= before.reply.end if before.reply else acked > before.command.seen.acked


def _reads(session: Session, recipients: Sequence[int]) -> Iterator[tuple[Seen, Step]]:
    answers = _answers(session, recipients)
    reads: list[list[Reply]] = []
    for reply in session.replies:
        if not reads or not _is_read_with(reads[-1], reply, session.client.marks):
            reads.append([])
        reads[-1].append(reply)
    for number, read in enumerate(reads, 1):
        lines = tuple(answers.get(reply.end) or _line(reply, "") for reply in read)
        yield read[-1].seen, _step("read")._replace(number=number, lines=lines)


def _is_read_with(read: list[Reply], reply: Reply, sent: list[Seen]) -> bool:
    """Tell whether a reply comes with those before it; `sent` is when the client sent something."""
    first, before = read[0], read[-1]
    if reply.seen.at_ns - first.seen.at_ns > AT_ONCE_NS:
        return False
    place = bisect_left(sent, reply.seen.order, key=lambda seen: seen.order)
    between = sent[place - 1] if place else None
    return not (between and between.order > before.seen.order and between.acked >= before.end)


def _answers(session: Session, recipients: Sequence[int]) -> dict[int, Line]:
    """Return the line of each reply that answers something, by where it ends."""
    found: dict[int, Line] = {}
    if session.greeting:
        found[session.greeting.end] = _line(session.greeting, Verb.CONNECT.name)
    for (command, reply), kind, recipient in zip(session.exchanges, session.kinds, recipients, strict=True):
        if reply:
            found[reply.end] = Line(reply.text, command.verb, recipient, reply.code, kind)
    return found


def _line(reply: Reply, verb: str) -> Line:
    return Line(reply.text, verb, -1, reply.code, reply_kind(verb, reply.code, reply.status, is_first=True))
