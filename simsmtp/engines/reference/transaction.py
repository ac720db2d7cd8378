"""One transaction as the sender goes through it: flights, replies, verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from simsmtp.engines.reference.books import Books, Message
from simsmtp.engines.reference.session import Command, Session, Steps
from simsmtp.model.plan import ClientPlan
from simsmtp.protocol.answers import Answer
from simsmtp.protocol.commands import Verb, bdat_octets, ends_group
from simsmtp.strategies.counting import Knobs, Rcpt, Verdict
from simsmtp.strategies.overflow import Overflow, after_final_reply, disposition, overflow_for, stops_sending
from simsmtp.strategies.seen import Seen, classify
from simsmtp.strategies.tally import empty_tally, observe
from simsmtp.strategies.window import UNBOUNDED, Window, may_send

LONE_DOT_OCTETS = 3


class Outcome(NamedTuple):
    """What the sender concluded for one recipient, and whether the server really took it."""

    recipient: int
    verdict: Verdict
    committed: bool


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
    """

    def __init__(
        self, plan: ClientPlan, books: Books, session: Session, message: Message, recipients: list[int]
    ) -> None:
        self.recipients = recipients
        self.tally = empty_tally()
        self.final_code = 0
        self.refused_at_mail = False
        self._plan, self._books, self._session, self._message = plan, books, session, message
        pipelining = plan.pipelining and session.plan.server.offered.pipelining
        self._window = window_of(plan, pipelining=pipelining)
        self._data = Verb.BDAT if plan.chunking and session.plan.server.offered.chunking else Verb.DATA
        self._data_code = 0
        self._flight = 0
        self._over_code = 0
        # One entry per RCPT that was written: the class of its reply, its code, and whether it was accepted.
        self._seen: list[Seen] = []
        self._codes: list[int] = []
        self._mail_seen = Seen.CLOSED

    @property
    def sent(self) -> list[int]:
        """The recipients for whom RCPT was written."""
        return self.recipients[: len(self._seen)]

    @property
    def unsent(self) -> list[int]:
        """The recipients for whom it was not."""
        return self.recipients[len(self._seen) :]

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
        place = 0
        while place < len(script):
            if script[place].verb == self._data and place > 0 and not self.tally.accepted:
                break  # every RCPT has been answered and none accepted: there is nothing to send
            flight = self._next_flight(script, place)
            place += len(flight)
            yield from self._session.exchange(flight, command_ns=self._plan.command_ns, drain=self._plan.drain)
            self._read_replies()
            if self._session.is_closed or self.refused_at_mail:
                return
            if self._must_stop() and place < len(script):
                place = len(script) - 1
        yield from self._send_text()

    def outcomes(self) -> Iterator[Outcome]:
        """Yield what became of each recipient of the batch: for those not sent nothing is yielded."""
        if self._session.is_closed and not 200 <= self.final_code < 300:
            # 421, or a connection gone before the final reply: nothing was committed, everything defers.
            yield from (Outcome(recipient, Verdict.DEFER, False) for recipient in self.recipients)
            return
        committed = 200 <= self.final_code < 300
        knobs = Knobs(not self._window.stop_and_wait, self._plan.budget)
        settle, tally = self._plan.settle, self.tally
        for_452, for_552 = self._plan.for_452, self._plan.for_552
        previous, over_rank = self._mail_seen, 0
        for position, seen in enumerate(self._seen):
            verdict = settle(tally, Rcpt(position, seen, previous, over_rank), knobs)
            if verdict != Verdict.DONE:
                code = self._codes[position]
                verdict = disposition(verdict, seen, code, overflow_for(code, for_452, for_552))
            elif not committed:
                verdict = after_final_reply(verdict, self.final_code or self._data_code)
            yield Outcome(self.recipients[position], verdict, committed and seen == Seen.ACCEPTED)
            previous = seen
            over_rank += seen == Seen.OVER

    def _script(self) -> list[Command]:
        octets = self._plan.octets
        script = [Command(Verb.RSET, octets[Verb.RSET], -1)] if self._session.needs_reset else []
        script.append(Command(Verb.MAIL, octets[Verb.MAIL], -1))
        rcpt, size = Verb.RCPT, octets[Verb.RCPT]
        script += [Command(rcpt, size, recipient) for recipient in self.recipients]
        size = bdat_octets(self._message.size) if self._data == Verb.BDAT else octets[Verb.DATA]
        script.append(Command(self._data, size, -1))
        return script

    def _next_flight(self, script: list[Command], place: int) -> list[Command]:
        window, flight, rcpts, octets = self._window, list[Command](), 0, 0
        for command in script[place:]:
            size = self._plan.octets[command.verb]
            if not may_send(window, len(flight), rcpts, octets, command.verb, size):
                break
            flight.append(command)
            rcpts += command.verb == Verb.RCPT
            octets += size
            if ends_group(command.verb):
                break
        return flight

    def _read_replies(self) -> None:
        self._flight += 1
        by_hand = self._session.plan.path.replies_per_read
        rcpts = 0
        for command, answer, code, status, read in self._session.heard:
            if command.verb == Verb.RCPT:
                seen = classify(code, status, not self._seen)
                if seen == Seen.OVER and not self._over_code:
                    self._over_code = code
                number = (self._flight << 32) + rcpts // by_hand if by_hand else read
                self.tally = observe(self.tally, seen, number, self._flight)
                self._seen.append(seen)
                self._codes.append(code)
                self._message.attempts[command.recipient] += 1
                rcpts += 1
            else:
                self._read_other(command.verb, answer, code, status)
        self._books.rcpt_commands += rcpts

    def _read_other(self, verb: Verb, answer: Answer, code: int, status: int) -> None:
        if verb == Verb.MAIL:
            self._mail_seen = classify(code, status, True)
            self.refused_at_mail = answer != Answer.MAIL_OK
        elif verb == Verb.BDAT:
            self.final_code = code
        elif verb == Verb.DATA:
            self._data_code = code

    def _must_stop(self) -> bool:
        return self.tally.over > 0 and stops_sending(self._plan.stop_on_overflow, self.overflow)

    def _send_text(self) -> Steps:
        if self._data_code == 354:
            # DATA may be accepted although no RCPT was: then a lone dot ends it (RFC 2920 section 3.1).
            octets = self._message.size if self.tally.accepted else LONE_DOT_OCTETS
            yield from self._session.exchange([Command(Verb.TEXT, octets, -1)])
            self.final_code = self._session.heard[0].code
        self._session.needs_reset = self.final_code == 0


def window_of(plan: ClientPlan, *, pipelining: bool) -> Window:
    """Return the sender's window in a session; without PIPELINING one command is outstanding."""
    if not pipelining:
        return Window(True, 1, UNBOUNDED, False)
    return Window(plan.window_recipients == 1, plan.window_recipients, plan.window_octets, plan.drain)
