"""One transaction as the sender goes through it: flights, replies, verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simsmtp.model.plan import ClientPlan
from simsmtp.peers.accounting import Accounts, Message
from simsmtp.peers.asking import said_by, text_reply, verdict_of, verdicts_on
from simsmtp.peers.destination_account import DestinationAccount
from simsmtp.peers.driver import Clock, Session, Steps
from simsmtp.peers.flight import Command, ReplyRecord
from simsmtp.peers.runs import Outcome, Run, alikes
from simsmtp.protocol.answers import Answer
from simsmtp.protocol.causes import Cause, cause_of
from simsmtp.protocol.commands import LONE_DOT_OCTETS, Verb, bdat_octets
from simsmtp.strategies.alike import Alike
from simsmtp.strategies.counting import Knobs, Verdict
from simsmtp.strategies.flight import Sizes, Step, next_flight
from simsmtp.strategies.hooks import NO_REPLY, Hooks
from simsmtp.strategies.outcome import (
    gives_up,
    has_text,
    is_answered,
    is_marked_after,
    is_still_marked,
    nothing_committed,
)
from simsmtp.strategies.overflow import Overflow, after_final_reply, becomes, for_everybody, overflow_for, stops_sending
from simsmtp.strategies.reply_class import ReplyClass, classify, classify_among, is_company
from simsmtp.strategies.tally import empty_tally, observe
from simsmtp.strategies.window import window_in_session

# By names of their own: Python 3.11 is slow to look members up in their classes.
_RSET, _MAIL, _RCPT, _DATA, _BDAT, _TEXT = Verb.RSET, Verb.MAIL, Verb.RCPT, Verb.DATA, Verb.BDAT, Verb.TEXT
_RESET, _TO_MAIL, _TO_DATA, _END = Step.RESET, Step.MAIL, Step.DATA, Step.END
_ACCEPTED, _OVER, _CLOSED = ReplyClass.ACCEPTED, ReplyClass.OVER, ReplyClass.CLOSED
_DONE, _FILED_AWAY = Verdict.DONE, Answer.FILED_AWAY
_OTHER = int(Cause.OTHER)


class Transaction:
    """The recipients of one MAIL command, from the first flight to the final reply.

    Parameters
    ----------
    plan : ClientPlan
        The sender's settings.
    accounts : Accounts
        The run's counts.
    session : Session
        The connection, greeted and between transactions.
    message : Message
        What is sent.
    recipients : list of int
        To whom, in order.
    account : DestinationAccount
        Where it is entered what the destination refuses, and what recipients wait for.
    clock : Clock
        Time of the run.
    marked : bool
        What the transactions before it left: see `Knobs`.

    Attributes
    ----------
    tally : Tally
        What came back to them.
    refused_at_mail : bool
        The server refused MAIL, so no recipient was tried.
    gave_up : bool
        So many refusals came in a row that the sender left.
    """

    _final_reply = _data_reply = NO_REPLY  # kept for hooks only
    _said: Verdict | None = None  # by them, of those taken as accepted

    def __init__(
        self,
        plan: ClientPlan,
        accounts: Accounts,
        session: Session,
        message: Message,
        recipients: list[int],
        account: DestinationAccount,
        clock: Clock,
        *,
        marked: bool,
    ) -> None:
        self.recipients = recipients
        self.tally = empty_tally()
        self.refused_at_mail = self.gave_up = False
        self._plan, self._accounts, self._session, self._message = plan, accounts, session, message
        self._account, self._clock, self._marked = account, clock, marked
        offered = session.offered
        pipelining = plan.pipelining and offered.pipelining
        self._window = window_in_session(pipelining, plan.window_recipients, plan.window_octets, plan.drain)
        self._data = _BDAT if plan.chunking and offered.chunking else _DATA
        of = plan.octets
        self._sizes = Sizes(of[_RSET], of[_MAIL], of[_RCPT], of[self._data])
        self._step = _RESET if session.needs_reset else _TO_MAIL
        self._final_code = self._data_code = self._mail_code = self._over_code = 0
        self._is_given_up = False  # a refusal ended it for everybody
        self._hooks = plan.hooks if any(plan.hooks) else None
        self._flights = self._refused_in_a_row = 0
        self._next = 0  # place of the first recipient that no flight has held yet
        self._tried = 0  # recipients for whom RCPT was written
        self._runs: list[Run] = []  # what came back to the RCPTs, in order
        self._alike = (_CLOSED, 0, -1)  # what the replies of the last run have in common
        self._mail_seen = _CLOSED
        self._cause: int = _OTHER  # of what befell all of them

    @property
    def unsent(self) -> list[int]:
        """The recipients for whom RCPT was not written, of a transaction that MAIL began."""
        return [] if self.refused_at_mail or self._is_given_up else self.recipients[self._tried :]

    @property
    def answered(self) -> bool:
        """Whether DATA, BDAT or the text has had its final reply."""
        return is_answered(self._final_code, self._data_code)

    @property
    def is_filed_away(self) -> bool:
        """Whether the server said 250 to a text that nobody gets; the sender believes it."""
        heard = self._session.heard
        return bool(heard) and heard[-1].answer == _FILED_AWAY

    @property
    def _is_empty(self) -> bool:
        """Whether a lone dot is sent in place of the text; BDAT brings the text itself."""
        return self._data == _DATA and not self._has_text

    @property
    def _has_text(self) -> bool:
        """Whether the text is meant for anybody."""
        return has_text(self._plan.all_or_nothing, self.tally)

    @property
    def nothing_committed(self) -> bool:
        """Whether the connection went before a final reply 2yz, so that everybody defers."""
        return nothing_committed(self._session.is_closed, self._final_code)

    @property
    def marked(self) -> bool:
        """What it leaves to the transactions behind it."""
        return is_marked_after(self._marked, self._flights, self.tally.last_over_flight, self._step == _END)

    @property
    def overflow(self) -> Overflow:
        """The overflow policy for the class of the first over-limit reply."""
        return overflow_for(self._over_code, self._plan.for_452, self._plan.for_552)

    def run(self) -> Steps:
        """Go through the transaction on the session; the result is in the attributes and `outcomes`."""
        session, account = self._session, self._account
        stops = self._is_reason_to_stop if self._window.drain else None
        while self._step < _TO_DATA or (self._step == _TO_DATA and self.tally.accepted):
            began_at = self._clock.now
            yield from session.exchange(self._next_flight(), command_ns=self._plan.command_ns, stops=stops)
            account.wait_for_flight(len(self.recipients), self._clock.now - began_at, session.served_ns)
            self._read_replies()
            if self.refused_at_mail and self._data_code == 354:
                # Whatever came next, the server would take it for a text of nobody's.
                session.fail("the server asks for a text after it refused MAIL")
            if session.is_closed or self.refused_at_mail or self.gave_up:
                return
            if self._is_given_up:
                break
            if self._step < _END and self._must_stop():
                self._step = _TO_DATA
        if self._data_code == 354:
            has_content = self._has_text  # else a lone dot ends it
            if not (self._hooks and has_content and self._drops(self._hooks)):
                octets = self._message.size if has_content else LONE_DOT_OCTETS
                began_at = self._clock.now
                yield from session.exchange([Command(_TEXT, octets)])
                account.wait_for_flight(len(self.recipients), self._clock.now - began_at, session.served_ns)
                self._note_final(session.heard)
        session.needs_reset = self._final_code == 0

    def _drops(self, hooks: Hooks) -> bool:
        """Ask the strategy about a 354; tell whether it drops the connection in place of the text."""
        if not hooks.on_data:
            return False
        verdict = verdict_of(hooks.on_data, self.tally, self._data_reply)
        if verdict == _DONE:
            return False
        self._said = verdict
        self._session.drop()
        return True

    def _note_final(self, heard: Sequence[ReplyRecord]) -> None:
        if heard:
            self._final_code = heard[0].code
            if self._hooks:
                self._final_reply = text_reply(heard[0], self._data_reply.lines)
        for reply in heard:
            if reply.code >= 400:
                self._note_refusal(reply)

    def outcomes(self) -> Iterator[Outcome]:
        """Yield what became of the recipients, in order: for those not sent nothing is yielded."""
        if self.nothing_committed:
            unheard, cause = self._taken_unheard(), self._cause
            others = sorted({*self.recipients} - {*unheard}) if unheard else self.recipients
            if unheard and self._is_empty:
                self._message.note_empty(unheard)
            yield Outcome(Verdict.DEFER, not self._is_empty, unheard, cause)
            yield Outcome(Verdict.DEFER, False, others, cause)
            return
        if self.refused_at_mail:  # what the RCPTs behind it were answered says nothing about the recipients
            yield Outcome(after_final_reply(_DONE, self._mail_code), False, self.recipients, self._cause)
            return
        if self._is_given_up:
            yield from self._given_up()
            return
        committed = 200 <= self._final_code < 300
        for run, found in zip(self._runs, self._alikes(), strict=True):
            place = 0
            for verdict, recipients in verdicts_on(self._plan, self.tally, found, self._knobs):
                upto = place + recipients
                is_accepted = run.seen == _ACCEPTED
                cause = self._cause if is_accepted else run.cause
                yield Outcome(self._becomes(verdict, run), committed and is_accepted, run.recipients[place:upto], cause)
                place = upto

    def _taken_unheard(self) -> list[int]:
        """Return the recipients that the server took without the sender's hearing of it, in ascending order."""
        unheard = self._session.unheard
        if not unheard or unheard[-1].answer != Answer.TEXT_OK:
            return []
        heard = [one for run in self._runs if run.seen == _ACCEPTED for one in run.recipients]
        behind = (one.recipients for one in unheard if one.verb == _RCPT and 200 <= one.code < 300)
        return heard + [one for recipients in behind for one in recipients]

    def _given_up(self) -> Iterator[Outcome]:
        """Yield what becomes of everybody because of the first refusal."""
        found = zip(self._runs, self._alikes(), strict=True)
        refused, behind = next(one for one in found if one[0].seen != _ACCEPTED)
        first = behind[0]._replace(recipients=1)
        verdict = next(verdict for verdict, _ in verdicts_on(self._plan, self.tally, [first], self._knobs))
        final = for_everybody(self._becomes(verdict, refused))
        took = 200 <= self._final_code < 300 and not self.is_filed_away
        for run in self._runs:
            taken = took and run.seen == _ACCEPTED
            if taken and self._is_empty:
                self._message.note_empty(run.recipients)
            yield Outcome(final, taken and not self._is_empty, run.recipients, refused.cause)
        yield Outcome(final, False, self.recipients[self._tried :], refused.cause)

    def _taken(self) -> Verdict:
        """Return what becomes of those whom the strategy takes as accepted."""
        if not self._hooks:
            return after_final_reply(_DONE, self._final_code or self._data_code)
        if self._said is None:  # it is asked once
            self._said = said_by(self._hooks, self.tally, self._data_reply, self._final_reply, self._has_text)
        return self._said

    @property
    def _knobs(self) -> Knobs:
        marked = is_still_marked(self._marked, self._flights)
        return Knobs(not self._window.stop_and_wait, self._plan.budget, marked)

    def _alikes(self) -> Iterator[list[Alike]]:
        return alikes(self._runs, self._mail_seen, looks_ahead=self._plan.looks_ahead)

    def _becomes(self, verdict: Verdict, run: Run) -> Verdict:
        taken, plan = self._taken() if verdict == _DONE else verdict, self._plan
        return becomes(verdict, run.seen, run.code, self._over_code, taken, plan.for_452, plan.for_552)

    def _next_flight(self) -> list[Command]:
        """Return the commands that may be unanswered at once, from where the last flight ended."""
        sizes, place = self._sizes, self._next
        flight = next_flight(self._window, self._step, len(self.recipients) - place, self._data, sizes)
        self._step, self._next = flight.step, place + flight.rcpts
        commands = [Command(_RSET, sizes.reset)] if flight.reset else []
        if flight.mail:
            commands.append(Command(_MAIL, sizes.mail))
        if flight.rcpts:
            commands.append(Command(_RCPT, sizes.rcpt, self.recipients[place : self._next]))
        if flight.data:
            octets = bdat_octets(self._message.size) if self._data == _BDAT else sizes.data
            commands.append(Command(self._data, octets))
        return commands

    def _read_replies(self) -> None:
        self._flights += 1
        rcpts, has_company, needs_company = 0, False, self._plan.needs_company
        for reply in self._session.heard:
            verb, recipients, code, status, read, answer, _ = reply
            if code >= 400:
                self._note_refusal(reply)
            if verb != _RCPT:
                self._read_other(reply)
                continue
            count = len(recipients)
            seen = classify_among(code, status, not self._runs, needs_company, has_company)
            has_company = has_company or (needs_company and is_company(seen))
            self.tally = observe(self.tally, seen, read, self._flights, count)
            if seen == _ACCEPTED:
                cause, self._refused_in_a_row = _OTHER, 0
            else:
                cause = cause_of(answer, seen == _OVER)
                if seen == _OVER and not self._over_code:
                    self._over_code = code
                self._refused_in_a_row += count
                self.gave_up = self.gave_up or self._refused_in_a_row >= self._plan.most_refusals
            if self._alike != (seen, code, cause):
                self._alike = seen, code, cause
                self._runs.append(Run(seen, code, cause, []))
            self._runs[-1].recipients.extend(recipients)
            rcpts += count
        self._message.note_attempt(self.recipients[self._tried : self._tried + rcpts])
        self._tried += rcpts
        if self._plan.all_or_nothing:
            self._is_given_up = gives_up(True, self.tally)
        self._accounts.rcpt_commands += rcpts

    def _note_refusal(self, reply: ReplyRecord) -> None:
        """Enter what the server refuses, and note why where that concerns all recipients."""
        self._account.refuse(reply)
        if reply.verb != _RCPT or reply.code == 421:
            self._cause = cause_of(reply.answer, False)

    def _read_other(self, reply: ReplyRecord) -> None:
        verb, code = reply.verb, reply.code
        if verb == _MAIL:
            self._mail_code, self._mail_seen = code, classify(code, reply.status, True)
            is_unheard = code == 0 and self._session.has_timed_out
            self.refused_at_mail = self._mail_seen != _ACCEPTED and not is_unheard
        elif verb == _BDAT:
            self._final_code = code
            if self._hooks:
                self._final_reply = text_reply(reply)
        elif verb == _DATA:
            self._data_code = code
            if self._hooks:
                self._data_reply = text_reply(reply)

    def _is_reason_to_stop(self, reply: ReplyRecord) -> bool:
        is_first = reply.recipients[0] == self.recipients[0]
        is_over = reply.verb == _RCPT and classify(reply.code, reply.status, is_first) == _OVER
        overflow = overflow_for(reply.code, self._plan.for_452, self._plan.for_552)
        return is_over and stops_sending(self._plan.stop_on_overflow, overflow)

    def _must_stop(self) -> bool:
        return self.tally.over > 0 and stops_sending(self._plan.stop_on_overflow, self.overflow)
