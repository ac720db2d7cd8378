"""The server's side of one session: octets in, octets out. No socket, no clock; the decisions are the policies'."""

from __future__ import annotations

from collections.abc import Callable, Generator

from simsmtp.live.command_line import ENDS_SESSION, Complaint, Said, said_in, spoken_complaint
from simsmtp.live.effects import Effect, Pause, Read, StartTls, Steps, Write
from simsmtp.live.envelope import Envelope
from simsmtp.live.incoming import IncomingChunk, IncomingText
from simsmtp.live.lines import COMMAND_OCTETS, Line, Lines, bare_at
from simsmtp.live.mailboxes import Mailboxes, domain_of
from simsmtp.live.served import Served
from simsmtp.model.plan import ServerPlan
from simsmtp.policies.recipients import after_rcpt, is_greylisted, rcpt_answer
from simsmtp.policies.reply_policy import new_standing
from simsmtp.policies.transactions import (
    after_answer,
    after_error,
    answer_at_once,
    answer_to,
    sleeps_before_reply,
)
from simsmtp.protocol.answers import HOSTNAME, Answer
from simsmtp.protocol.capabilities import ehlo_lines
from simsmtp.protocol.commands import Verb
from simsmtp.protocol.states import State, next_state

MOST_COMPLAINTS = 100
"""Lines a session may get wrong before it is closed, whatever the policy says about errors."""
MOST_ACCEPTED = 200_000
"""Recipients of one transaction that are kept; beyond, the session is closed."""
MOST_REPORTED = 4_000_000
"""Octets kept of a text from the null sender."""

# Commands after which a client has to wait whatever is offered (RFC 2920 section 3.1, RFC 3207 section 4).
_WAITED_FOR = (Verb.EHLO, Verb.STARTTLS, Verb.DATA)


class ServerSession:
    """What a server knows of one session, and what it says.

    Parameters
    ----------
    plan : ServerPlan
        The server's settings; `offered` says what its EHLO reply holds.
    mailboxes : Mailboxes
        What all sessions share.
    served : Served
        The server's account.
    forbids_early : bool
        Input that is there before the client may send it is answered 554 and closes the session: after EHLO,
        STARTTLS and DATA, and after any command where PIPELINING is not offered. (Postfix 3.9:
        ``smtpd_forbid_unauth_pipelining``.) With STARTTLS it is never allowed.
    report : callable, optional
        Is given the text, up to 4 MB of it, of every message from the null sender: an NDR (RFC 5321 section 4.5.5).

    Attributes
    ----------
    state : int
        Where the session stands, a `State`; ``CLOSED`` at the end.
    """

    def __init__(
        self,
        plan: ServerPlan,
        mailboxes: Mailboxes,
        served: Served,
        *,
        forbids_early: bool = True,
        report: Callable[[bytes], object] | None = None,
    ) -> None:
        self._report = report
        self.state: int = State.CLOSED
        self._plan, self._mailboxes, self._served = plan, mailboxes, served
        self._forbids_early = forbids_early
        self._standing = new_standing()
        self._lines = Lines(COMMAND_OCTETS)
        self._out = bytearray()
        self._number = 0
        self._envelope: Envelope | None = None
        self._has_chunks = False
        self._is_secure = self._is_helo = False
        self._complaints = 0
        self._progress = 0
        self._is_fed = self._has_ended = self._is_late = False

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

    def steps(self, *, admitted: bool = True) -> Steps:
        """Go through the session.

        Parameters
        ----------
        admitted : bool
            False where the session limit refuses it.
        """
        self._served.sessions += 1
        self._served.refused_sessions += not admitted
        self._number = self._served.sessions
        yield from self._say(Verb.CONNECT, Answer.BANNER if admitted else Answer.SESSION_REFUSED)
        while self.state != State.CLOSED:
            line = yield from self._next_line()
            if line is None:
                break
            self._progress += 1
            yield from self._obey(said_in(line))
        self._file(0)
        if self._is_late and self.state != State.CLOSED:
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

    def _obey(self, said: Said) -> Steps:
        policy, verb = self._plan.policy, said.verb
        # An error counts once its reply is written, so the sleep starts with the reply after it.
        sleep_ns = policy.error_sleep_ns if sleeps_before_reply(policy, self._standing) else 0
        if verb == Verb.BDAT and not (yield from self._skip(said.octets)):
            return
        if sleep_ns:
            yield from self._flush()
            yield Pause(sleep_ns)
        answer = answer_at_once(policy, self._standing, self.state, verb)
        if answer == Answer.TOO_MANY_ERRORS:
            yield from self._say(verb, answer)
        elif complaint := self._complaint_about(said):
            yield from self._complain(complaint)
        elif answer != Answer.NONE:
            yield from self._conclude(verb, answer)
        elif said.is_vrfy:
            yield from self._send(b"252 2.0.0 Cannot verify, but will take a message for it and try\r\n")
        elif verb == Verb.RCPT:
            yield from self._answer_rcpt(said.address)
        else:
            yield from self._answer_other(said)

    def _complaint_about(self, said: Said) -> Complaint:
        verb = said.verb
        if self._complaints >= MOST_COMPLAINTS:
            return Complaint.TOO_MANY
        is_known = (
            self._plan.offered.chunking
            if verb == Verb.BDAT
            else (self._plan.offered.starttls and not self._is_secure) or verb != Verb.STARTTLS
        )
        if is_known and self._speaks_too_early(verb):
            return Complaint.SPOKE_TOO_EARLY
        if said.complaint:
            return said.complaint
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

    def _answer_rcpt(self, address: str) -> Steps:
        envelope, policy = self._envelope, self._plan.policy
        assert envelope is not None
        domain = domain_of(address)
        in_domain, same_domain = envelope.in_domain(domain), envelope.is_first_domain(domain)
        exists = self._mailboxes.exists(address)
        answer = rcpt_answer(policy, self._standing, in_domain, same_domain, exists, False)
        if answer == Answer.RCPT_OK and policy.greylist_ns > 0:  # only such a recipient gets as far as the greylist
            first_seen = self._mailboxes.first_seen(envelope.sender, address)
            greylisted = is_greylisted(policy, first_seen, self._mailboxes.now_ns())
            answer = rcpt_answer(policy, self._standing, in_domain, same_domain, exists, greylisted)
        self._standing = after_rcpt(policy, self._standing, answer)
        spoken = self._plan.spoken[answer]
        row = envelope.add(address, domain, spoken.code, spoken.status)
        self._served.rcpt_commands += 1
        self._served.over_limit += answer == Answer.RCPT_OVER
        if answer != Answer.RCPT_OK:
            self._served.enter(row)
        yield from self._say(Verb.RCPT, answer)
        if envelope.kept > MOST_ACCEPTED:
            yield from self._complain(Complaint.TOO_MANY)

    def _answer_other(self, said: Said) -> Steps:
        verb = said.verb
        if verb == Verb.BDAT and not said.is_last:
            yield from self._answer_chunk()
            return
        draw = self._envelope.draw if self._envelope else 1.0
        share = self._mailboxes.failure_share
        answer = answer_to(self._plan.policy, self._standing, verb, share, draw, self._is_secure)
        if verb == Verb.QUIT:
            answer = Answer.BYE
        if verb in (Verb.EHLO, Verb.RSET, Verb.STARTTLS):
            self._file(0)
            self._is_helo = said.is_helo if verb == Verb.EHLO else self._is_helo
        if verb == Verb.BDAT:
            self._file(self._plan.spoken[answer].code)
        if answer == Answer.MAIL_OK:
            self._served.transactions += 1
            now_s = self._mailboxes.now_ns() / 1e9
            draw = self._mailboxes.draw(said.address)
            self._envelope = Envelope(self._number, self._standing.transactions + 1, said.address, draw, now_s)
        yield from self._conclude(verb, answer)
        if answer == Answer.DATA_OK:
            yield from self._take_text()
        elif answer == Answer.STARTTLS_OK:
            yield from self._start_tls()

    def _answer_chunk(self) -> Steps:
        """Answer a chunk that is not the last: like the last one, but the transaction goes on (RFC 3030 section 2)."""
        verb, share = Verb.BDAT, 0.0
        answer = answer_to(self._plan.policy, self._standing, verb, share, 1.0, self._is_secure)
        if answer == Answer.TEXT_OK:
            self._has_chunks = True
            yield from self._send(b"250 2.0.0 Ok: chunk\r\n")
        else:
            self._file(self._plan.spoken[answer].code)
            yield from self._conclude(verb, answer)

    def _start_tls(self) -> Steps:
        yield from self._flush()
        self._lines.clear()
        yield StartTls()
        if len(self._lines):  # came before the handshake was over, so not through it
            yield from self._complain(Complaint.SPOKE_TOO_EARLY)
        self._is_secure = True

    # -- text -----------------------------------------------------------------------------------------------

    def _take_text(self) -> Steps:
        assert self._envelope is not None
        is_report = self._report is not None and not self._envelope.sender
        text = IncomingText(MOST_REPORTED if is_report else 0)
        while not text.has_ended:
            if not len(self._lines) and not (yield from self._more()):
                return
            self._progress += text.take_from(self._lines)
        policy, standing = self._plan.policy, self._standing
        if sleeps_before_reply(policy, standing):
            yield from self._flush()
            yield Pause(policy.error_sleep_ns)
        answer = answer_to(
            policy, standing, Verb.TEXT, self._mailboxes.failure_share, self._envelope.draw, self._is_secure
        )
        if text.has_bare and answer == Answer.TEXT_OK:
            self.state = next_state(self.state, Verb.TEXT, 554)
            self._file(554)
            yield from self._complain(Complaint.BARE_IN_TEXT)
            return
        if is_report and self._report and answer == Answer.TEXT_OK:
            self._report(text.unstuffed())
        self._file(self._plan.spoken[answer].code)
        yield from self._conclude(Verb.TEXT, answer)

    def _skip(self, octets: int) -> Generator[Effect, None, bool]:
        """Take in a chunk without looking at it; False if it never ended."""
        chunk = IncomingChunk(octets)
        while not chunk.has_ended:
            if not len(self._lines) and not (yield from self._more()):
                return False
            self._progress += chunk.take_from(self._lines)
        return True

    def _file(self, final_code: int) -> None:
        """Enter the open transaction into the account: the server took the text where the code is 2yz."""
        envelope, self._envelope = self._envelope, None
        self._has_chunks = False
        if envelope is None:
            return
        for row in envelope.rows(final_code):
            self._served.enter(row)
        self._served.texts += 200 <= final_code < 300

    # -- output ---------------------------------------------------------------------------------------------

    def _conclude(self, verb: Verb, answer: Answer) -> Steps:
        self._standing = after_answer(self._standing, answer, self._plan.spoken[answer].code)
        yield from self._say(verb, answer)

    def _say(self, verb: Verb, answer: Answer) -> Steps:
        spoken = self._plan.spoken[answer]
        if answer != Answer.BAD_SEQUENCE:
            self.state = next_state(self.state, verb, spoken.code)
        lines = [spoken.wording]
        if answer in (Answer.EHLO_OK, Answer.EHLO_TLS_OK):
            offered = self._plan.offered._replace(starttls=self._plan.offered.starttls and not self._is_secure)
            lines = [spoken.wording] if self._is_helo else ehlo_lines(offered, HOSTNAME)
        yield from self._send("".join(f"{line}\r\n" for line in lines).encode())

    def _complain(self, complaint: Complaint) -> Steps:
        self._complaints += 1
        self._note(complaint)
        self._standing = after_error(self._standing)
        yield from self._send(spoken_complaint(complaint)[1])
        if complaint in ENDS_SESSION:
            self.state = State.CLOSED

    def _note(self, complaint: Complaint) -> None:
        self._served.faults[complaint.name.lower()] += 1

    def _send(self, octets: bytes) -> Steps:
        if len(self._out) + len(octets) > self._plan.reply_buffer:
            yield from self._flush()
        self._out += octets

    def _flush(self) -> Steps:
        if self._out:
            octets = bytes(self._out)
            self._out.clear()
            yield Write(octets)
