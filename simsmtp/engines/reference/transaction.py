"""One transaction as the sender goes through it: flights, replies, verdicts."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from simsmtp.engines.reference.books import Books, Message
from simsmtp.engines.reference.flight import Command, Heard
from simsmtp.engines.reference.session import Session, Steps
from simsmtp.model.plan import ClientPlan
from simsmtp.protocol.answers import Answer
from simsmtp.protocol.commands import LONE_DOT_OCTETS, Verb, bdat_octets, ends_group
from simsmtp.strategies.counting import Knobs, Rcpt, Verdict
from simsmtp.strategies.overflow import Overflow, becomes, overflow_for, stops_sending
from simsmtp.strategies.own_code import Raised, no_verdict
from simsmtp.strategies.seen import Seen, classify, classify_among, is_company
from simsmtp.strategies.tally import empty_tally, observe
from simsmtp.strategies.window import may_send, rcpts_that_fit, window_in_session

_VERDICTS = tuple(Verdict)


class Outcome(NamedTuple):
    """What the sender concluded for some recipients, and whether the server really took them."""

    verdict: Verdict
    committed: bool
    recipients: list[int]


class Run(NamedTuple):
    """RCPTs in a row whose replies are alike."""

    seen: Seen
    code: int
    recipients: list[int]


class Transaction:
    """The recipients of one MAIL command, from the first flight to the final reply.

    Parameters
    ----------
    plan : ClientPlan
        The sender's settings.
    books : Books
        The run's counts.
    session : Session
        The connection, greeted and between transactions.
    message : Message
        What is sent.
    recipients : list of int
        To whom, in order.

    Attributes
    ----------
    tally : Tally
        What came back to them.
    final_code : int
        Code of the final reply to the text, 0 if it never came to that.
    refused_at_mail : bool
        The server refused MAIL, so no recipient was tried.
    gave_up : bool
        So many refusals came in a row that the sender left.
    """

    def __init__(
        self, plan: ClientPlan, books: Books, session: Session, message: Message, recipients: list[int]
    ) -> None:
        self.recipients = recipients
        self.tally = empty_tally()
        self.final_code = 0
        self.refused_at_mail = self.gave_up = False
        self._plan, self._books, self._session, self._message = plan, books, session, message
        pipelining = plan.pipelining and session.plan.server.offered.pipelining
        self._window = window_in_session(pipelining, plan.window_recipients, plan.window_octets, plan.drain)
        self._data = Verb.BDAT if plan.chunking and session.plan.server.offered.chunking else Verb.DATA
        self._data_code = 0
        self._flight = 0
        self._over_code = self._refused_in_a_row = 0
        self._next = 0  # place of the first recipient that no flight has held yet
        self._tried = 0  # recipients for whom RCPT was written
        self._runs: list[Run] = []  # what came back to the RCPTs, in order
        self._mail_seen = Seen.CLOSED

    @property
    def unsent(self) -> list[int]:
        """The recipients for whom RCPT was not written."""
        return self.recipients[self._tried :]

    @property
    def answered(self) -> bool:
        """Whether DATA, BDAT or the text has had its final reply."""
        return self.final_code > 0 or self._data_code >= 400

    @property
    def overflow(self) -> Overflow:
        """The overflow policy for the class of the first over-limit reply."""
        return overflow_for(self._over_code, self._plan.for_452, self._plan.for_552)

    def run(self) -> Steps:
        """Go through the transaction on the session; the result is in the attributes and `outcomes`."""
        script = self._script()
        while script:
            if script[0] == self._data and not self.tally.accepted:
                break  # every RCPT has been answered and none accepted: there is nothing to send
            flight = self._next_flight(script)
            stops = self._is_reason_to_stop if self._window.drain else None
            yield from self._session.exchange(flight, command_ns=self._plan.command_ns, stops=stops)
            self._read_replies()
            if self._session.is_closed or self.refused_at_mail or self.gave_up:
                return
            if script and self._must_stop():
                script = deque([self._data])
        yield from self._send_text()

    def outcomes(self) -> Iterator[Outcome]:
        """Yield what became of the recipients, in order: for those not sent nothing is yielded."""
        committed = 200 <= self.final_code < 300
        if self._session.is_closed and not committed:
            # 421, or a connection gone before the final reply: nothing was committed, everything defers.
            yield Outcome(Verdict.DEFER, False, self.recipients)
            return
        for run, verdicts in zip(self._runs, self._verdicts(), strict=True):
            final = [self._becomes(verdict, run) for verdict in _VERDICTS]
            place = 0
            for verdict, same in groupby(map(final.__getitem__, verdicts)):
                upto = place + len(list(same))
                yield Outcome(verdict, committed and run.seen == Seen.ACCEPTED, run.recipients[place:upto])
                place = upto

    def _verdicts(self) -> Iterator[list[Verdict]]:
        """Ask the counting strategy about each recipient; yield the verdicts of each run."""
        settle, tally = self._plan.settle, self.tally
        knobs = Knobs(not self._window.stop_and_wait, self._plan.budget)
        begin, previous, over_rank = 0, self._mail_seen, 0
        for seen, _, recipients in self._runs:
            verdicts, step = [], int(seen == Seen.OVER)
            try:
                for position in range(begin, begin + len(recipients)):
                    verdicts.append(settle(tally, Rcpt(position, seen, previous, over_rank), knobs))
                    previous = seen
                    over_rank += step
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is the strategy's
                raise Raised(error) from None  # SimPy makes a copy of what is raised, if that can be copied
            begin += len(recipients)
            if not {type(verdict) for verdict in verdicts} <= {Verdict}:
                raise no_verdict(settle, next(one for one in verdicts if type(one) is not Verdict))
            yield verdicts

    def _becomes(self, verdict: Verdict, run: Run) -> Verdict:
        final_code, plan = self.final_code or self._data_code, self._plan
        return becomes(verdict, run.seen, run.code, self._over_code, final_code, plan.for_452, plan.for_552)

    def _script(self) -> deque[Verb]:
        reset = [Verb.RSET] if self._session.needs_reset else []
        return deque([*reset, Verb.MAIL, Verb.RCPT, self._data])

    def _next_flight(self, script: deque[Verb]) -> list[Command]:
        """Take from the front of the script what may be unanswered at once."""
        flight: list[Command] = []
        commands = rcpts = octets = 0
        while script:
            verb, size = script[0], self._plan.octets[script[0]]
            if verb == Verb.RCPT:
                waiting = len(self.recipients) - self._next
                rcpts = min(waiting, rcpts_that_fit(self._window, commands, rcpts, octets, size))
                flight += self._rcpts(rcpts, size)
                if rcpts < waiting:
                    break
                commands, octets = commands + rcpts, octets + rcpts * size
            elif may_send(self._window, commands, rcpts, octets, verb, size):
                flight.append(self._command(verb))
                commands, octets = commands + 1, octets + size
            else:
                break
            if ends_group(script.popleft()):
                break
        return flight

    def _rcpts(self, count: int, size: int) -> list[Command]:
        place, self._next = self._next, self._next + count
        return [Command(Verb.RCPT, size, self.recipients[place : self._next])] if count else []

    def _command(self, verb: Verb) -> Command:
        size = bdat_octets(self._message.size) if verb == Verb.BDAT else self._plan.octets[verb]
        return Command(verb, size)

    def _read_replies(self) -> None:
        self._flight += 1
        attempts, rcpts, has_company = self._message.attempts, 0, False
        for verb, recipients, answer, code, status, read in self._session.heard:
            if verb != Verb.RCPT:
                self._read_other(verb, answer, code, status)
                continue
            seen = classify_among(code, status, not self._runs, self._plan.needs_company, has_company)
            has_company = has_company or is_company(seen)
            if seen == Seen.OVER and not self._over_code:
                self._over_code = code
            self.tally = observe(self.tally, seen, read, self._flight, len(recipients))
            if not self._runs or self._runs[-1][:2] != (seen, code):
                self._runs.append(Run(seen, code, []))
            self._runs[-1].recipients.extend(recipients)
            self._refused_in_a_row = 0 if seen == Seen.ACCEPTED else self._refused_in_a_row + len(recipients)
            self.gave_up = self.gave_up or self._refused_in_a_row >= self._plan.most_refusals
            rcpts += len(recipients)
            for recipient in recipients:
                attempts[recipient] += 1
        self._tried += rcpts
        self._books.rcpt_commands += rcpts

    def _read_other(self, verb: Verb, answer: Answer, code: int, status: int) -> None:
        if verb == Verb.MAIL:
            self._mail_seen = classify(code, status, True)
            self.refused_at_mail = answer != Answer.MAIL_OK
        elif verb == Verb.BDAT:
            self.final_code = code
        elif verb == Verb.DATA:
            self._data_code = code

    def _is_reason_to_stop(self, heard: Heard) -> bool:
        is_first = heard.recipients[0] == self.recipients[0]
        is_over = heard.verb == Verb.RCPT and classify(heard.code, heard.status, is_first) == Seen.OVER
        overflow = overflow_for(heard.code, self._plan.for_452, self._plan.for_552)
        return is_over and stops_sending(self._plan.stop_on_overflow, overflow)

    def _must_stop(self) -> bool:
        return self.tally.over > 0 and stops_sending(self._plan.stop_on_overflow, self.overflow)

    def _send_text(self) -> Steps:
        if self._data_code == 354:
            # DATA may be accepted although no RCPT was: then a lone dot ends it (RFC 2920 section 3.1).
            octets = self._message.size if self.tally.accepted else LONE_DOT_OCTETS
            yield from self._session.exchange([Command(Verb.TEXT, octets)])
            self.final_code = self._session.heard[0].code
        self._session.needs_reset = self.final_code == 0
