"""The server's side of one session: octets in, octets out. No socket, no clock; the decisions are the policies'."""

from __future__ import annotations

from collections.abc import Callable, Generator

from simsmtp.live.command_line import ENDS_SESSION, Complaint, ParsedCommand, parse_command, spoken_complaint
from simsmtp.live.effects import Effect, Pause, Read, StartTls, Steps, Write
from simsmtp.live.envelope import Envelope
from simsmtp.live.incoming import IncomingChunk, IncomingText
from simsmtp.live.lines import COMMAND_OCTETS, Line, Lines, bare_at
from simsmtp.live.mailboxes import Mailboxes, author_of, domain_of, group_of
from simsmtp.live.served import Served
from simsmtp.model.plan import ServerPlan
from simsmtp.network.losses import Lost, is_dropped_at
from simsmtp.peers.rates import Rates
from simsmtp.peers.responder import Responder
from simsmtp.protocol.answers import HOSTNAME, Answer
from simsmtp.protocol.capabilities import ehlo_lines
from simsmtp.protocol.commands import Verb
from simsmtp.protocol.states import State

MOST_COMPLAINTS = 100
"""Lines a session may get wrong before it is closed, whatever the policy says about errors."""
MOST_ACCEPTED = 200_000
"""Recipients of one transaction that are kept; beyond, the session is closed."""
MOST_REPORTED = 4_000_000
"""Octets kept of a text from the null sender."""

# Commands after which a client has to wait whatever is offered (RFC 2920 section 3.1, RFC 3207 section 4).
_WAITED_FOR = (Verb.EHLO, Verb.STARTTLS, Verb.DATA)
_OPEN = (State.MAIL, State.RCPT, State.TEXT)
_REFUSED = 400
_SAID_250 = (Answer.TEXT_OK, Answer.FILED_AWAY)
_MANY = 2
"""Domains and groups that recipients may have, for all that is known."""


class ServerSession(Responder):
    """What a server knows of one session, and what it says.

    Parameters
    ----------
    plan : ServerPlan
        The server's settings; `offered` says what its EHLO reply holds.
    mailboxes : Mailboxes
        What all sessions share.
    served : Served
        The server's account.
    rates : Rates, optional
        What the server's rate limits remember of all sessions; by default, of this one.
    forbids_early : bool
        Input that is there before the client may send it is answered 554 and closes the session: after EHLO,
        STARTTLS and DATA, and after any command where PIPELINING is not offered. (Postfix 3.9:
        ``smtpd_forbid_unauth_pipelining``.) With STARTTLS it is never allowed.
    groups : int
        Of recipients, see `simsmtp.live.mailboxes.group_of`.
    report : callable, optional
        Is given the text, up to 4 MB of it, of every message from the null sender: an NDR (RFC 5321 section 4.5.5).
    """

    def __init__(
        self,
        plan: ServerPlan,
        mailboxes: Mailboxes,
        served: Served,
        rates: Rates | None = None,
        *,
        forbids_early: bool = True,
        groups: int = 1,
        report: Callable[[bytes], object] | None = None,
    ) -> None:
        super().__init__(plan, _MANY, _MANY, rates)
        self._groups = groups
        self._mailboxes, self._served, self._report = mailboxes, served, report
        self._forbids_early = forbids_early
        self._lines = Lines(COMMAND_OCTETS)
        self._out = bytearray()
        self._number = 0
        self._envelope: Envelope | None = None
        self._has_chunks = False
        self._is_helo = False
        self._lost: int = Lost.NOWHERE  # where the transaction loses its connection
        self._complaints = 0
        self._progress = 0
        self._is_fed = self._has_ended = self._is_late = self._is_dropped = False

    def receive(self, octets: bytes) -> None:
        """Take in what was read; no octets mean that the peer has closed."""
        self._is_fed = True
        if octets:
            self._lines.feed(octets)
        else:
            self._has_ended = True

    def time_out(self) -> None:
        """Note that the peer took too long."""
        self._is_late = True

    def abandon(self) -> None:
        """Enter what was open when the connection was given up."""
        self._file(0)

    def steps(self, banner: Answer = Answer.BANNER) -> Steps:
        """Go through the session, from the banner that `simsmtp.peers.responder.welcome` gives."""
        self._served.sessions += 1
        self._served.refused_sessions += banner != Answer.BANNER
        self._number = self._served.sessions
        yield from self._say(self.greet(banner))
        while not self.is_closed:
            line = yield from self._next_line()
            if line is None:
                break
            self._progress += 1
            yield from self._obey(parse_command(line))
        self._file(0)
        if self._is_late and not self.is_closed:
            self._note(Complaint.TIMED_OUT)
            self._out += spoken_complaint(Complaint.TIMED_OUT)[1]
        self.state = State.CLOSED
        yield from self._flush()

    # -- input ----------------------------------------------------------------------------------------------

    def _next_line(self) -> Generator[Effect, None, Line | None]:
        while (line := self._lines.next_line()) is None:
            if bare_at(begun := self._lines.begun, is_whole=False) >= 0:  # told now: its CRLF may never come
                self._lines.clear()
                return Line(begun, False)
            if not (yield from self._more()):
                return None
        return line

    def _more(self) -> Generator[Effect, None, bool]:
        """Flush and wait for input (RFC 2920 section 3.2); False if there will be none."""
        yield from self._flush()
        self._is_fed = False
        if not self._has_ended and not self._is_late:
            yield Read(self._progress)
        return self._is_fed and not self._has_ended and not self._is_late

    # -- commands -------------------------------------------------------------------------------------------

    def _obey(self, command: ParsedCommand) -> Steps:
        verb, address = command.verb, command.address
        if verb == Verb.BDAT and not (yield from self._skip(command.octets)):
            return
        complaint = self._complaint_about(command)
        if complaint and not self.has_had_enough:
            yield from self._complain(complaint)
        elif self._loses(command):
            self._drop()
        elif verb == Verb.RCPT:
            yield from self._obey_rcpt(address)
        elif verb == Verb.BDAT and not command.is_last:
            yield from self._obey_chunk()
        else:
            yield from self._obey_other(command)

    def _obey_other(self, command: ParsedCommand) -> Steps:
        verb, address = command.verb, command.address
        answer = self._respond(verb)
        if answer == Answer.MAIL_OK:
            self._served.transactions += 1
            now_s, draw = self._mailboxes.now_ns() / 1e9, self._mailboxes.draw(address)
            self._envelope = Envelope(self._number, self.counters.transactions, address, draw, now_s)
        elif answer in (Answer.EHLO_OK, Answer.EHLO_TLS_OK):
            self._is_helo = command.is_helo
        if command.is_vrfy and answer == Answer.RSET_OK:
            yield from self._send(b"252 2.0.0 Cannot verify, but will take a message for it and try\r\n")
        else:
            yield from self._say(answer)
        if answer == Answer.DATA_OK:
            yield from self._take_text()
        elif answer == Answer.STARTTLS_OK:
            yield from self._start_tls()

    def _complaint_about(self, command: ParsedCommand) -> Complaint:
        verb = command.verb
        if self._complaints >= MOST_COMPLAINTS:
            return Complaint.TOO_MANY
        is_known = (
            self._plan.offered.chunking
            if verb == Verb.BDAT
            else (self._plan.offered.starttls and not self.counters.handshakes) or verb != Verb.STARTTLS
        )
        if is_known and self._speaks_too_early(verb):
            return Complaint.SPOKE_TOO_EARLY
        if command.complaint:
            return command.complaint
        if not is_known:
            return Complaint.NOT_OFFERED
        mixed = self._has_chunks and verb in (Verb.MAIL, Verb.RCPT, Verb.DATA)
        return Complaint.CHUNKS_MIXED if mixed else Complaint.NONE

    def _speaks_too_early(self, verb: Verb) -> bool:
        if not len(self._lines):
            return False
        if verb == Verb.STARTTLS:
            return True
        waits = verb in _WAITED_FOR or not self._plan.offered.pipelining or self._is_helo
        return self._forbids_early and waits and verb not in (Verb.QUIT, Verb.BDAT)

    def _obey_rcpt(self, address: str) -> Steps:
        envelope, mailboxes, served = self._envelope, self._mailboxes, self._served
        who, exists = (author_of(envelope.sender) if envelope else "", address), mailboxes.exists(address)
        domain = group_of(address, self._groups) if self.goes_by_group else domain_of(address)
        answer = self.answer_rcpt(who, domain, exists, mailboxes.now_ns(), mailboxes.first_seen_ns)
        if envelope is None or answer in (Answer.TOO_MANY_ERRORS, Answer.BAD_SEQUENCE):
            yield from self._say(answer)
            return
        row = envelope.add(address, self._spoken[answer].code, self._spoken[answer].status)
        served.rcpt_commands += 1
        served.over_limit += answer == Answer.RCPT_OVER
        if answer != Answer.RCPT_OK:
            served.enter(row)
        yield from self._say(answer)
        if envelope.kept > MOST_ACCEPTED:
            yield from self._complain(Complaint.TOO_MANY)

    def _obey_chunk(self) -> Steps:
        """Answer a chunk that is not the last: like the last one, but the transaction goes on (RFC 3030 section 2)."""
        state = self.state
        answer = self.answer(Verb.BDAT, is_rated=False)
        if self._envelope:
            self._note_refusal(self._envelope, Verb.BDAT, answer)
        if answer in _SAID_250:
            self.state, self._has_chunks = state, True
            yield from self._send(b"250 2.0.0 Ok: chunk\r\n")
        else:
            self._file(self._spoken[answer].code)
            yield from self._say(answer)

    def _respond(self, verb: Verb) -> Answer:
        """Return the answer to a command; where it ends the transaction, that is filed."""
        answer = self.answer(verb, self._envelope.draw if self._envelope else 1.0, self._mailboxes.now_ns())
        if self._envelope:
            self._note_refusal(self._envelope, verb, answer)
        if self.state not in _OPEN:
            self._file(self._spoken[answer].code if verb == Verb.BDAT else 0, answer)
        return answer

    def _note_refusal(self, envelope: Envelope, verb: Verb, answer: Answer) -> None:
        """Note that DATA is refused, or the whole transaction because of a limit."""
        code = self._spoken[answer].code
        if verb == Verb.DATA and code >= _REFUSED:
            envelope.data_code = code
        if answer == Answer.TRANSACTION_OVER:
            self._served.over_limit += envelope.kept

    def _start_tls(self) -> Steps:
        yield from self._flush()
        self._lines.clear()
        yield StartTls()
        if len(self._lines):  # came before the handshake was over, so not through it
            yield from self._complain(Complaint.SPOKE_TOO_EARLY)

    # -- text -----------------------------------------------------------------------------------------------

    def _take_text(self) -> Steps:
        assert self._envelope is not None
        is_report = self._report is not None and not self._envelope.sender
        text = IncomingText(MOST_REPORTED if is_report else 0)
        while not text.has_ended:
            if not len(self._lines) and not (yield from self._more()):
                return
            self._progress += text.take_from(self._lines)
            if is_dropped_at(self._lost, True, text.has_ended):
                self._drop()
                return
        answer = self.answer(Verb.TEXT, self._envelope.draw, self._mailboxes.now_ns(), is_rated=not text.has_bare)
        self._note_refusal(self._envelope, Verb.TEXT, answer)
        is_bare = text.has_bare and answer in _SAID_250
        self._file(554 if is_bare else self._spoken[answer].code, answer)
        if is_bare:
            yield from self._complain(Complaint.BARE_IN_TEXT)
            return
        if is_report and self._report and answer == Answer.TEXT_OK:
            self._report(text.unstuffed())
        yield from self._say(answer)

    def _skip(self, octets: int) -> Generator[Effect, None, bool]:
        """Take in a chunk without looking at it; False if it never ended."""
        chunk = IncomingChunk(octets)
        while not chunk.has_ended:
            if not len(self._lines) and not (yield from self._more()):
                return False
            self._progress += chunk.take_from(self._lines)
        return True

    def _file(self, final_code: int, answer: Answer = Answer.NONE) -> None:
        """Enter the open transaction into the account: the server took the text where the code is 2yz, or lost it."""
        envelope, self._envelope, self._has_chunks = self._envelope, None, False
        lost, self._lost = self._lost, Lost.NOWHERE
        if lost == Lost.REPLY and final_code:
            self._drop()
        if envelope is None:
            return
        for row in envelope.rows(final_code, is_lost=answer == Answer.FILED_AWAY):
            self._served.enter(row)
        self._served.texts += 200 <= final_code < 300

    def _loses(self, command: ParsedCommand) -> bool:
        """Tell whether the connection is dropped at a command, as `network.losses` says."""
        if command.verb == Verb.MAIL:
            self._lost = self._mailboxes.lost(command.address)
        return is_dropped_at(self._lost, command.verb == Verb.BDAT, command.is_last)

    def _drop(self) -> None:
        """Hang up without a word."""
        self._file(0)
        self._served.dropped += 1
        self._is_dropped, self.state = True, State.CLOSED

    # -- output ---------------------------------------------------------------------------------------------

    def _say(self, answer: Answer) -> Steps:
        lines = self._spoken[answer].wording.split("\n")
        if answer in (Answer.EHLO_OK, Answer.EHLO_TLS_OK) and not self._is_helo:
            offered = self._plan.offered
            lines = ehlo_lines(offered._replace(starttls=offered.starttls and answer == Answer.EHLO_OK), HOSTNAME)
        yield from self._send("".join(f"{line}\r\n" for line in lines).encode())

    def _complain(self, complaint: Complaint) -> Steps:
        self._complaints += 1
        self._note(complaint)
        self.refuse(is_command=complaint != Complaint.BARE_IN_TEXT)
        yield from self._send(spoken_complaint(complaint)[1])
        if complaint in ENDS_SESSION:
            self.state = State.CLOSED

    def _note(self, complaint: Complaint) -> None:
        self._served.faults[complaint.name.lower()] += 1

    def _send(self, octets: bytes) -> Steps:
        """Put one reply into the buffer, after the sleep before it."""
        if self._is_dropped:
            return
        if self.sleep_ns:
            yield from self._flush()
            yield Pause(self.sleep_ns)
        if len(self._out) + len(octets) > self._plan.reply_buffer:
            yield from self._flush()
        self._out += octets

    def _flush(self) -> Steps:
        if self._out:
            octets = bytes(self._out)
            self._out.clear()
            yield Write(octets)
