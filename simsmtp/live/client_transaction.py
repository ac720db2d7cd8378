"""One transaction as a client goes through it: flights, replies, verdicts. The decisions are the strategies'."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from simsmtp.live.client_session import ClientSession, Command, Heard
from simsmtp.live.steps import Steps
from simsmtp.model.plan import ClientPlan
from simsmtp.protocol.commands import LONE_DOT_OCTETS, Verb, bdat_octets
from simsmtp.protocol.text import content_of, text_of
from simsmtp.protocol.wire import command_line
from simsmtp.strategies.counting import Knobs, Rcpt, Verdict
from simsmtp.strategies.flight import Sizes, Step, next_flight
from simsmtp.strategies.outcome import is_answered, nothing_committed
from simsmtp.strategies.overflow import Overflow, after_final_reply, becomes, overflow_for, stops_sending
from simsmtp.strategies.own_code import blamed, kept_alive, no_verdict
from simsmtp.strategies.registry import strategy_of
from simsmtp.strategies.seen import Seen, classify, classify_among, is_company
from simsmtp.strategies.tally import empty_tally, observe
from simsmtp.strategies.window import window_in_session


class Addressed(NamedTuple):
    """A message with the recipients that one transaction tries.

    Attributes
    ----------
    message, octets : int
        Its number and the length of its text.
    sender : str
        Envelope sender.
    recipients : sequence of (int, str)
        Number and address of each, in order.
    """

    message: int
    octets: int
    sender: str
    recipients: Sequence[tuple[int, str]]


class Fate(NamedTuple):
    """What the client concluded for a recipient, and whether the server's replies say that it was taken."""

    recipient: int
    verdict: Verdict
    is_committed: bool


class ClientTransaction:
    """The recipients of one MAIL command, from the first flight to the final reply.

    Parameters
    ----------
    plan : ClientPlan
        The sender's settings.
    session : ClientSession
        The connection, greeted and between transactions.
    mail : Addressed
        What is sent, and to whom.

    Attributes
    ----------
    tally : Tally
        What came back to the RCPTs.
    tried : int
        Recipients for whom RCPT was written.
    final_code : int
        Code of the final reply to the text, 0 if it never came to that.
    refused_at_mail : bool
        The server refused MAIL, so no recipient was tried.
    gave_up : bool
        So many refusals came in a row that the client left.
    """

    def __init__(self, plan: ClientPlan, session: ClientSession, mail: Addressed) -> None:
        self.tally = empty_tally()
        self.tried = self.final_code = 0
        self.refused_at_mail = self.gave_up = False
        self._plan, self._session, self._mail = plan, session, mail
        pipelining = plan.pipelining and session.offered.pipelining
        self._window = window_in_session(pipelining, plan.window_recipients, plan.window_octets, plan.drain)
        self._data = Verb.BDAT if plan.chunking and session.offered.chunking else Verb.DATA
        self._flight = self._next = self._over_code = self._mail_code = self._data_code = 0
        self._refused_in_a_row = 0
        self._answers: list[tuple[Seen, int, int]] = []  # what came back to the RCPTs: class, code, recipient
        self._mail_seen = Seen.CLOSED
        self._step = Step.MAIL

    @property
    def unsent(self) -> list[int]:
        """The recipients for whom RCPT was not written."""
        return [] if self.refused_at_mail else [number for number, _ in self._mail.recipients[self.tried :]]

    @property
    def answered(self) -> bool:
        """Whether DATA, BDAT or the text has had its final reply."""
        return is_answered(self.final_code, self._data_code)

    @property
    def overflow(self) -> Overflow:
        """The overflow policy for the class of the first over-limit reply."""
        return overflow_for(self._over_code, self._plan.for_452, self._plan.for_552)

    def run(self) -> Steps:
        """Go through the transaction; the result is in the attributes and `fates`."""
        self._step = Step.RESET if self._session.needs_reset else Step.MAIL
        while self._step < Step.DATA or (self._step == Step.DATA and self.tally.accepted):
            flight = self._next_flight()
            yield from self._session.exchange(flight, stops=self._is_reason_to_stop if self._window.drain else None)
            self._read_replies()
            if self.refused_at_mail and self._data_code == 354:
                # Whatever came next, the server would take it for a text of nobody's.
                self._session.fail("the server asks for a text after it refused MAIL")
            if self._session.is_closed or self.refused_at_mail or self.gave_up:
                return
            over = self._step < Step.END and self.tally.over
            if over and stops_sending(self._plan.stop_on_overflow, self.overflow):
                self._step = Step.DATA
        if self._data_code == 354:
            # DATA may be accepted although no RCPT was: then a lone dot ends it (RFC 2920 section 3.1).
            octets = self._mail.octets if self.tally.accepted else LONE_DOT_OCTETS
            text = text_of(octets, self._mail.message, self._mail.sender)
            yield from self._session.exchange([Command(Verb.TEXT, b"", body=text, body_octets=octets)])
            self.final_code = self._session.heard[0].code if self._session.heard else 0
        self._session.needs_reset = self.final_code == 0

    def fates(self) -> Iterator[Fate]:
        """Yield what became of the recipients, in order: for those not sent nothing is yielded."""
        is_committed = 200 <= self.final_code < 300
        if nothing_committed(self._session.is_closed, self.final_code):
            # 421, or a connection gone before the final reply: nothing was committed, everything defers.
            yield from (Fate(number, Verdict.DEFER, False) for number, _ in self._mail.recipients)
            return
        if self.refused_at_mail:  # what the RCPTs behind it were answered says nothing about the recipients
            verdict = after_final_reply(Verdict.DONE, self._mail_code)
            yield from (Fate(number, verdict, False) for number, _ in self._mail.recipients)
            return
        plan, final_code = self._plan, self.final_code or self._data_code
        knobs = Knobs(not self._window.stop_and_wait, plan.budget)
        previous, over_rank, strategy = self._mail_seen, 0, strategy_of(plan.settle)
        for position, (seen, code, recipient) in enumerate(self._answers):
            with blamed(strategy), kept_alive():
                verdict = plan.settle(self.tally, Rcpt(position, seen, previous, over_rank), knobs)
                if type(verdict) is not Verdict:
                    raise no_verdict(plan.settle, verdict)
            previous = seen
            over_rank += seen == Seen.OVER
            final = becomes(verdict, seen, code, self._over_code, final_code, plan.for_452, plan.for_552)
            yield Fate(recipient, final, is_committed and seen == Seen.ACCEPTED)

    def _next_flight(self) -> list[Command]:
        """Return the commands that may be unanswered at once, from where the last flight ended."""
        of, place = self._plan.octets, self._next
        sizes = Sizes(of[Verb.RSET], of[Verb.MAIL], of[Verb.RCPT], of[self._data])
        flight = next_flight(self._window, self._step, len(self._mail.recipients) - place, self._data, sizes)
        self._step, self._next = flight.step, place + flight.rcpts
        before = [verb for verb, is_in in ((Verb.RSET, flight.reset), (Verb.MAIL, flight.mail)) if is_in]
        after = [self._data] if flight.data else []
        return [*map(self._command, before), *map(self._rcpt, range(place, self._next)), *map(self._command, after)]

    def _rcpt(self, place: int) -> Command:
        number, address = self._mail.recipients[place]
        return Command(Verb.RCPT, f"{command_line(Verb.RCPT, address)}\r\n".encode(), number)

    def _command(self, verb: Verb) -> Command:
        mail = self._mail
        if verb != Verb.BDAT:
            return Command(verb, f"{command_line(verb, mail.sender)}\r\n".encode())
        line = f"{command_line(verb, octets=bdat_octets(mail.octets))}\r\n".encode()
        chunk = content_of(mail.octets, mail.message, mail.sender)
        return Command(verb, line, body=chunk, body_octets=mail.octets)

    def _read_replies(self) -> None:
        self._flight += 1
        has_company = False
        for verb, recipient, code, status, read in self._session.heard:
            if verb == Verb.RCPT:
                seen = classify_among(code, status, not self._answers, self._plan.needs_company, has_company)
                has_company = has_company or is_company(seen)
                self._refused_in_a_row = 0 if seen == Seen.ACCEPTED else self._refused_in_a_row + 1
                self.gave_up = self.gave_up or self._refused_in_a_row >= self._plan.most_refusals
                if seen == Seen.OVER and not self._over_code:
                    self._over_code = code
                self.tally = observe(self.tally, seen, read, self._flight)
                self._answers.append((seen, code, recipient))
                self.tried += 1
            elif verb == Verb.MAIL:
                self._mail_code, self._mail_seen = code, classify(code, status, True)
                self.refused_at_mail = self._mail_seen != Seen.ACCEPTED
            elif verb == Verb.BDAT:
                self.final_code = code
            elif verb == Verb.DATA:
                self._data_code = code

    def _is_reason_to_stop(self, heard: Heard) -> bool:
        is_first = heard.recipient == self._mail.recipients[0][0]
        is_over = heard.verb == Verb.RCPT and classify(heard.code, heard.status, is_first) == Seen.OVER
        overflow = overflow_for(heard.code, self._plan.for_452, self._plan.for_552)
        return is_over and stops_sending(self._plan.stop_on_overflow, overflow)
