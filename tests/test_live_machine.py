"""A sender and a server that Hypothesis plays: it answers in any order of events, in any pieces, or breaks the rules.

The server keeps its own book: which code it gave to which recipient's RCPT, and to the text. The sender may believe
nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from played_sender import PlayedSender

from simsmtp import Scenario
from simsmtp.live.client_session import ClientSession
from simsmtp.live.effects import Connect, Poll, Read, Write

CODES = st.sampled_from([250, 250, 250, 250, 251, 354, 354, 421, 450, 451, 452, 550, 552, 554])
MOST_CONNECTIONS = 20
CLIENTS = [
    {},
    {"pipelining": False},
    {"window_recipients": 2, "stop_on_overflow": False},
    {"drain": True},
    {"overflow": "same-session", "batch_size": 4},
    {"overflow": "bounce"},
    {"sizing": "adaptive", "overflow": "defer"},
    {"starttls": False, "chunking": True},
]


class Transaction:
    """What the server remembers of one: the codes it gave."""

    def __init__(self) -> None:
        self.rcpts: dict[str, int] = {}
        self.mail = self.final = 0


class Conversation(RuleBasedStateMachine):
    """One sender, one connection after the other."""

    @initialize(client=st.sampled_from(CLIENTS), recipients=st.integers(1, 12), messages=st.integers(1, 3))
    def begin(self, client: dict[str, object], recipients: int, messages: int) -> None:
        workload = {"recipients_per_message": recipients, "messages": messages, "message_bytes": 80}
        self.player = PlayedSender(Scenario.from_dict({"workload": workload, "client": client}))
        self.total = recipients * messages
        self.book: list[Transaction] = []
        self.waits = False
        self.delivered = Counter[str]()
        self._life = self._sessions()
        self._advance()

    # -- the sender's side --------------------------------------------------------------------------------------

    def _sessions(self) -> Iterator[object]:
        """Do what the sender asks for; its retries come as soon as there is nothing else to do."""
        for session, step in self.player.asked():
            self.session = session
            if isinstance(step, Connect):
                if self.player.accounts.connections > MOST_CONNECTIONS:
                    return
                self.unanswered: list[tuple[str, str]] = [("BANNER", "")]
                self.pending, self.extra = bytearray(), 0
                self.in_text = False
                self.unread = b""
                self.open: Transaction | None = None
            elif isinstance(step, Write):
                self._hear(step.octets)
            elif isinstance(step, Poll) and self.pending:
                self._give(len(self.pending))
            elif isinstance(step, Read):
                yield step

    def _advance(self) -> None:
        self.waits = next(self._life, None) is not None

    def _hear(self, octets: bytes) -> None:
        """Read what the sender wrote; replies are owed for it."""
        octets = self.unread + octets
        *lines, self.unread = octets.split(b"\r\n")
        for line in lines:
            word = line[:4].decode()
            if self.in_text:
                if line == b".":
                    self.in_text = False
                    self.unanswered.append(("TEXT", ""))
            elif word == "QUIT":
                pass
            else:
                assert word in ("EHLO", "HELO", "MAIL", "RCPT", "DATA", "RSET"), line
                address = line.partition(b"<")[2].rstrip(b">").decode()
                self.unanswered.append((word, address))

    # -- the server's side --------------------------------------------------------------------------------------

    def _give(self, count: int) -> None:
        octets, self.pending[:] = bytes(self.pending[:count]), self.pending[count:]
        self.session.receive(octets)

    @precondition(lambda self: self.waits and self.unanswered)
    @rule(code=CODES, lines=st.integers(1, 3))
    def answer(self, code: int, lines: int) -> None:
        verb, address = self.unanswered.pop(0)
        if verb in ("BANNER", "EHLO", "HELO"):
            code = 220 if verb == "BANNER" else 250
        words = ["PIPELINING"] * (lines - 1) + ["x" if verb != "EHLO" else "PIPELINING"]
        marks = ["-"] * (lines - 1) + [" "]
        self.pending += "".join(f"{code}{mark}{word}\r\n" for mark, word in zip(marks, words, strict=True)).encode()
        if verb == "MAIL":
            self.open = Transaction()
            self.open.mail = code
            self.book.append(self.open)
        elif verb == "RCPT" and self.open:
            self.open.rcpts[address] = code
        elif verb == "DATA" and code == 354:
            self.in_text = True
        elif verb == "TEXT" and self.open:
            self.open.final = code

    @precondition(lambda self: self.waits and self.unanswered)
    @rule(code=CODES)
    def answer_all(self, code: int) -> None:
        for _ in range(len(self.unanswered)):
            self.answer(354 if self.unanswered[0][0] == "DATA" else code, 1)

    @precondition(lambda self: self.waits and self.pending)
    @rule(count=st.integers(1, 60))
    def deliver(self, count: int) -> None:
        self._give(count)
        self._advance()

    @precondition(lambda self: self.waits and self.pending)
    @rule()
    def deliver_all(self) -> None:
        self._give(len(self.pending))
        self._advance()

    @precondition(lambda self: self.waits and not self.unanswered)
    @rule(code=CODES)
    def say_something_unasked(self, code: int) -> None:
        """Behind the answers that are owed one more: the session must end by it."""
        session = self.session
        self.pending += b"%d x\r\n" % code
        self._give(len(self.pending))
        assert session.is_closed
        self._advance()

    @precondition(lambda self: self.waits)
    @rule(octets=st.binary(min_size=1, max_size=20))
    def say_rubbish(self, octets: bytes) -> None:
        session = self.session
        self._give(len(self.pending))
        if not session.is_closed:
            session.receive(b"#" + octets + b"\r\n")
            assert session.is_closed
        self._advance()

    @precondition(lambda self: self.waits)
    @rule(is_late=st.booleans())
    def go_away(self, is_late: bool) -> None:
        if is_late:
            self.session.time_out()
        else:
            self.session.receive(b"")
        assert self.session.is_closed
        self._advance()

    @precondition(lambda self: not self.waits)
    @rule()
    def nothing_is_left_to_say(self) -> None:
        assert self.player.sender.is_finished or self.player.accounts.connections > MOST_CONNECTIONS

    # -- what must hold -----------------------------------------------------------------------------------------

    @invariant()
    def every_recipient_is_in_one_class(self) -> None:
        if hasattr(self, "player"):
            assert self.player.accounts.standing().total() == self.total

    @invariant()
    def little_is_kept(self) -> None:
        if hasattr(self, "session"):
            assert isinstance(self.session, ClientSession)
            assert len(self.session.heard) <= self.total + 5

    def teardown(self) -> None:
        if not hasattr(self, "player"):
            return
        while self.waits:
            self.go_away(False)
        accepted = Counter[str]()
        refused = Counter[str]()
        for one in self.book:
            for address, code in one.rcpts.items():
                accepted[address] += 200 <= code < 300 and 200 <= one.final < 300
                refused[address] += code >= 400 or one.final >= 400
        mine, failed = Counter[str](), Counter[str]()
        for row in self.player.rows():
            address = self.player.encoder._book.recipient(row.recipient)
            mine[address] += row.accepted
            failed[address] += row.ndr
        # A reply that was given may not have arrived, so the sender may know less, never more.
        assert all(mine[address] <= accepted[address] for address in mine)
        # A recipient has an NDR where its own RCPT, its text, or all of its transaction by MAIL or DATA, was refused.
        if all(one.mail < 400 for one in self.book) and all(one.final for one in self.book):
            assert all(not failed[address] or refused[address] for address in failed)


Conversation.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestConversation = Conversation.TestCase
