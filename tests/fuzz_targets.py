"""What must hold whatever octets come: one function per part of the package that reads what strangers wrote.

An input is a line that chooses settings and then octets. Marks cut them into what comes at once: `NEXT` begins the
next read; a piece after `EARLY` comes before anything was asked; `LATE` is a peer that took too long, `GONE` one that
closed. Each function raises on a fault and returns nothing.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from math import isfinite
from pathlib import Path

from experiment_texts import tried
from played_sender import PlayedSender
from wire_account import account, codes_in

from simsmtp import Scenario
from simsmtp.audit.dsn import failed_recipients
from simsmtp.dialogue.capture import read_capture
from simsmtp.dialogue.ladder import REPLY_KINDS
from simsmtp.errors import InputError
from simsmtp.live.client_session import ClientSession
from simsmtp.live.effects import Close, Connect, Effect, Poll, Read, StartTls, Write
from simsmtp.live.incoming import IncomingText
from simsmtp.live.lines import COMMAND_OCTETS, REPLY_OCTETS, Lines
from simsmtp.live.mailboxes import Mailboxes
from simsmtp.live.replies import MOST_LINES, Replies
from simsmtp.live.served import Served
from simsmtp.live.server_session import ServerSession
from simsmtp.live.text import TextEnd
from simsmtp.model.plan import plan_of
from simsmtp.peers.accounting import Message
from simsmtp.protocol.capabilities import parse_ehlo
from simsmtp.rows.records import RecipientRow

NEXT, EARLY, LATE, GONE = b"\x1e", b"\x1c", b"\x1f", b"\x1d"
MOST_STEPS = 20_000


def _chosen(name: bytes, known: Iterable[bytes]) -> bytes:
    """Return one of the names known, whatever a fuzzer has made of it."""
    names = list(known)
    return name if name in names else names[sum(name) % len(names)]


# -- server -------------------------------------------------------------------------------------------------------

SERVERS: dict[bytes, dict[str, object]] = {
    b"plain": {"recipient_limit": 3},
    b"lockstep": {"recipient_limit": 3, "pipelining": False},
    b"chunks": {"recipient_limit": 2, "chunking": True},
    b"domains": {"recipient_limit": 2, "limit_kind": "domain", "advertise_limits": True},
    b"first": {"recipient_limit": 2, "limit_kind": "first-domain-only"},
    b"connection": {"recipient_limit": 2, "limit_kind": "connection", "messages_per_connection": 2},
    b"strict": {"recipient_limit": 1, "overshoot_limit": 1, "soft_error_limit": 2, "hard_error_limit": 4},
    b"refusing": {"recipient_limit": 2, "reject_data_after_overflow": True, "chunking": True},
    b"hangup": {"recipient_limit": 2, "overflow_reply": "421 4.3.2"},
    b"greylist": {"recipient_limit": 3, "greylist_s": 60},
    b"failing": {"recipient_limit": 3, "data_failure_share": 0.5, "chunking": True},
    b"whole": {"recipient_limit": 2, "limit_at": "dot", "chunking": True, "overflow_reply": "554-5.5.3 Too\n554 many"},
    b"atdata": {"recipient_limit": 1, "limit_at": "data", "messages_per_connection": 2, "messages_at": "data",
                "messages_reply": "452 4.4.5", "data_reply": "354-Go\n354 on", "data_without_recipients": "354"},
    b"brief": {"recipient_limit": 3, "commands_per_connection": 12, "commands_reply": "450 4.7.0", "chunking": True},
}  # fmt: skip
SERVER_PLANS = {
    name: plan_of(Scenario.from_dict({"server": table})).destinations[0].server for name, table in SERVERS.items()
}


def server(data: bytes) -> None:
    """Throw octets at a server session.

    It answers whole reply lines, keeps little, and has accepted just those whom its own replies say it did. Unless it
    may refuse input that comes early, how octets are cut makes no difference.
    """
    head, _, rest = data.partition(b"\n")
    name, *flags = head.split() or [b""]
    name = _chosen(name, SERVERS)
    forbids_early, offers_tls = b"early" in flags, b"tls" in flags
    pieces = [piece for piece in rest.split(NEXT) if piece]
    out, served = _served(name, pieces, forbids_early=forbids_early, offers_tls=offers_tls)
    lines = out.split(b"\r\n")
    assert lines[-1] == b""
    assert all(re.fullmatch(rb"[2-5][0-9][0-9][ -][ -~]*", line) for line in lines[:-1])
    pieces = pieces[: pieces.index(LATE)] if LATE in pieces else pieces
    assert served.accepted == account(b"".join(pieces), codes_in(out)).accepted
    assert served.accepted.total() == 0 or served.texts > 0
    if not forbids_early and not offers_tls:
        whole = _served(name, [b"".join(pieces)], forbids_early=False, offers_tls=False)
        if len(whole[0]) == len(out) or served.faults["timed_out"] == 0:
            assert whole[0] == out
            assert whole[1].summary() == served.summary()


def _served(name: bytes, pieces: list[bytes], *, forbids_early: bool, offers_tls: bool) -> tuple[bytes, Served]:
    plan, served = SERVER_PLANS[name], Served()
    plan = plan._replace(offered=plan.offered._replace(starttls=offers_tls))
    reports: list[bytes] = []
    share = float(SERVERS[name].get("data_failure_share", 0.0))  # type: ignore[arg-type]
    mailboxes = Mailboxes(seed=0, replication=0, failure_share=share, clock=lambda: 0)
    session = ServerSession(plan, mailboxes, served, forbids_early=forbids_early, report=reports.append)
    out, coming = bytearray(), iter(pieces)
    for count, step in enumerate(session.steps()):
        assert count < MOST_STEPS, "does not end"
        assert len(session._out) <= plan.reply_buffer + 1000
        if isinstance(step, Write):
            assert step.octets
            out += step.octets
        elif isinstance(step, Read):
            assert len(session._lines) <= COMMAND_OCTETS + 1
            assert not re.search(rb"\n|\r.", session._lines.begun, re.DOTALL), "told too late"
            piece = next(coming, b"")
            if piece == LATE:
                session.time_out()
            else:
                session.receive(piece)
    session.abandon()
    for report in reports:
        failed_recipients(report)
    return bytes(out), served


# -- client -------------------------------------------------------------------------------------------------------

_FEW = {"workload": {"recipients_per_message": 5, "messages": 2, "message_bytes": 300}}
CLIENTS: dict[bytes, dict[str, dict[str, object]]] = {
    b"plain": _FEW,
    b"lockstep": {**_FEW, "client": {"pipelining": False}},
    b"window": {**_FEW, "client": {"window_recipients": 2}},
    b"drain": {**_FEW, "client": {"drain": True}},
    b"session": {**_FEW, "client": {"overflow": "same-session", "stop_on_overflow": False}},
    b"bounce": {**_FEW, "client": {"overflow": "bounce"}},
    b"defer": {**_FEW, "client": {"overflow": "defer", "batch_size": 2}},
    b"chunks": {**_FEW, "client": {"chunking": True}},
    b"tls": {**_FEW, "client": {"starttls": True}},
    b"limits": {**_FEW, "client": {"sizing": "rcptmax"}},
    b"learning": {**_FEW, "client": {"sizing": "adaptive"}},
    b"counted": {**_FEW, "network": {"replies_per_read": 2}, "client": {"strategy": "per-read"}},
    b"rtm": {**_FEW, "client": {"preset": "windows-2003-rtm"}},
    b"cursor": {**_FEW, "client": {"strategy": "send-cursor"}},
    b"aggregate": {**_FEW, "client": {"strategy": "aggregate"}},
}
CLIENT_SCENARIOS = {name: Scenario.from_dict(tables) for name, tables in CLIENTS.items()}
BUGGY = frozenset({b"counted", b"rtm", b"cursor", b"aggregate"})
MOST_SESSIONS = 10


class Peer:
    """A server that says what an input holds, whatever it hears; and what either side has said on a connection."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces[::-1]
        self.written, self.said = bytearray(), bytearray()

    @property
    def is_done(self) -> bool:
        """Whether it has nothing more to say."""
        return not self._pieces

    def do(self, session: ClientSession, step: Effect) -> None:
        """Do what a client asks for."""
        if isinstance(step, Connect):
            self.written.clear()
            self.said.clear()
        elif isinstance(step, Write):
            assert not session.is_closed or step.octets == b"QUIT\r\n"
            self.written += step.octets
        elif isinstance(step, Read):
            self._tell(session, self._pieces.pop() if self._pieces else b"")
        elif isinstance(step, Poll):
            while self._pieces and self._pieces[-1].startswith(EARLY):
                self._tell(session, self._pieces.pop())
        elif isinstance(step, StartTls):
            self.written.clear()  # both sides begin anew (RFC 3207 section 4.2)
            self.said[:] = b"220 tls\r\n"

    def _tell(self, session: ClientSession, piece: bytes) -> None:
        piece = piece.removeprefix(EARLY)
        if piece == LATE:
            session.time_out()
            return
        piece = b"" if piece == GONE else piece
        if not session.is_closed:
            self.said += piece
        session.receive(piece)
        assert session.is_closed or len(session._replies._lines) <= REPLY_OCTETS + 1
        assert len(session._replies._begun) <= MOST_LINES
        asked = sum(1 for _ in _asked(bytes(self.written), codes_in(bytes(self.said))))
        assert session.is_closed or len(codes_in(bytes(self.said))) <= 1 + asked, "a reply to nothing was taken"


def _asked(written: bytes, codes: list[int]) -> Iterable[object]:
    from wire_account import answered

    return answered(written, [*codes, *[500] * (written.count(b"\r\n") + 2)])


def client(data: bytes) -> None:
    """Answer a sender with these octets.

    Whom it counts as accepted its own RCPT and the text were answered 2yz for; and no recipient is in two places. A
    sender that counts as it should sends an NDR only where a 5yz was said to or about that recipient.
    """
    head, _, rest = data.partition(b"\n")
    head = _chosen(head, CLIENTS)
    scenario = CLIENT_SCENARIOS[head]
    player = PlayedSender(scenario)
    peer = Peer([piece for piece in rest.split(NEXT) if piece])
    accepted: Counter[tuple[str, str]] = Counter()
    refusals: dict[tuple[str, str], set[int]] = {}
    is_sure = True
    for count, (session, step) in enumerate(player.asked()):
        assert count < MOST_STEPS, "does not end"
        if isinstance(step, Connect) and (peer.is_done or player.accounts.connections > MOST_SESSIONS):
            break
        peer.do(session, step)
        if isinstance(step, Close):
            told = account(bytes(peer.written), codes_in(bytes(peer.said)))
            accepted += told.accepted
            for who, codes in told.refusals.items():
                refusals.setdefault(who, set()).update(codes)
            is_sure &= not session.fault
            player.check_places()
    rows = player.rows()
    assert len(rows) == scenario.workload.messages * scenario.workload.recipients_per_message
    mine, with_ndr = _told(player, rows)
    assert mine <= accepted, (mine, accepted)
    assert mine == accepted or not is_sure
    if head not in BUGGY:
        least = 400 if head == b"bounce" else 500
        for sender, address in with_ndr:
            said = refusals.get((sender, address), set()) | refusals.get((sender, ""), set())
            assert any(code >= least for code in said), (sender, address, said)


def _who(player: PlayedSender, row: RecipientRow) -> tuple[str, str]:
    message = Message(row.message, 0, 0, row.recipient + 1, [row.valid] * (row.recipient + 1))
    return player.encoder.sender(message), player.encoder.recipient(message, row.recipient)


def _told(player: PlayedSender, rows: list[RecipientRow]) -> tuple[Counter[tuple[str, str]], list[tuple[str, str]]]:
    """Return how often each was accepted, and who has an NDR, by sender and recipient."""
    accepted = Counter({_who(player, row): row.accepted for row in rows if row.accepted})
    return accepted, [_who(player, row) for row in rows if row.ndr]


# -- parsers ------------------------------------------------------------------------------------------------------


def replies(data: bytes) -> None:
    """Put replies together: every one is a reply, bounded, and the same however the octets are cut."""
    pieces = [piece for piece in data.split(NEXT) if piece]
    found, problem = _replies(pieces)
    assert (found, problem) == _replies([b"".join(pieces)])
    assert [code for code, _, _ in found] == codes_in(b"".join(pieces))[: len(found)]
    for code, status, lines in found:
        assert 200 <= code < 600
        assert status == 0 or 2_000_000 <= status < 6_000_000
        assert 1 <= len(lines) <= MOST_LINES
        offered = parse_ehlo(lines)
        assert max(offered.mailmax, offered.rcptmax, offered.rcptdomainmax) < 1_000_000


def _replies(pieces: list[bytes]) -> tuple[list[tuple[int, int, tuple[str, ...]]], str]:
    parser, found = Replies(), []
    for piece in pieces:
        parser.feed(piece)
        while reply := parser.next_reply():
            found.append(tuple(reply))
        assert len(parser._lines) <= REPLY_OCTETS + 1
        assert parser.problem or not re.search(rb"\n|\0|\r.", parser._lines.begun, re.DOTALL), "told too late"
        assert parser.received.isascii()
        assert parser.received.isprintable()
    return found, parser.problem


def texts(data: bytes) -> None:
    """Find the end of a text, undo its dots, read it as an NDR."""
    pieces = [piece for piece in data.split(NEXT) if piece]
    lines, text, whole = Lines(COMMAND_OCTETS), IncomingText(len(data)), b"".join(pieces)
    rest = bytearray()
    for piece in pieces:
        if text.has_ended:
            rest += piece
            continue
        lines.feed(piece)
        while len(lines) and not text.has_ended:
            text.take_from(lines)
        rest += lines.take(len(lines))
    found = re.match(rb"\A(?:\.\r\n|.*?\r\n\.\r\n)", whole, re.DOTALL)
    assert text.has_ended == (found is not None)
    body = found[0] if found else whole
    assert bytes(rest) == whole[len(body) :]
    once = TextEnd()
    once.feed(whole)
    is_torn = not found and body.endswith(b"\r")  # its LF may still come
    assert once.has_bare == text.has_bare == bool(re.search(rb"(?<!\r)\n|\r(?!\n)", body[:-1] if is_torn else body))
    if found:
        assert text.unstuffed() == b"\r\n".join(line.removeprefix(b".") for line in body[:-3].split(b"\r\n"))
    for who in failed_recipients(whole):
        assert who == who.lower()


def experiment(data: bytes) -> None:
    """Load an experiment file: a scenario and a plan, or an `InputError` that names the file."""
    from simsmtp.experiment.experiment_file import load_case

    tried(data)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.toml"
        path.write_bytes(data)
        complaint = None
        try:
            scenario, _ = load_case(path)
        except InputError as error:
            complaint = str(error)
    if complaint is not None:
        assert "one.toml" in complaint
        return
    plan_of(scenario)
    assert Scenario.from_dict(scenario.to_dict()).canonical() == scenario.canonical()


def capture(data: bytes) -> None:
    """Read a capture: a ladder whose parts belong together, or an `InputError` of one line."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "some.pcap"
        path.write_bytes(data)
        try:
            ladder = read_capture(path)
        except InputError as error:
            complaint = str(error)
        else:
            complaint = ""
    if complaint:
        assert "some.pcap: " in complaint
        assert "\n" not in complaint
        return
    assert ladder.connections
    assert [step.connection for step in ladder.steps] == sorted(step.connection for step in ladder.steps)
    assert sum(step.octets for step in ladder.steps) <= len(data)
    for step in ladder.steps:
        assert ladder.connections[step.connection]
        assert isfinite(step.client_s)
        assert isfinite(step.server_s)
        assert bool(step.lines) == bool(step.number) == (step.kind in {"group", "read"})
        for line in step.lines:
            assert -1 <= line.recipient < len(ladder.recipients)
            assert line.kind in (REPLY_KINDS if step.kind == "read" else ["command"])
            assert (line.recipient >= 0) == (line.verb == "RCPT")
    messages = [one.message for one in ladder.recipients]
    assert messages == sorted(messages)
    assert set(messages) == set(range(max(messages, default=-1) + 1))


TARGETS: dict[str, Callable[[bytes], None]] = {
    one.__name__: one for one in (server, client, replies, texts, experiment, capture)
}
