"""The receiving side: what all sessions with one server share, and what the server knows of one session."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from itertools import takewhile

import simpy
from simpy.events import Event

from simsmtp.engines.reference.clock import Clock
from simsmtp.model.plan import DestinationPlan
from simsmtp.peers.accounting import Message
from simsmtp.peers.kind import Kind
from simsmtp.peers.rates import Rates
from simsmtp.peers.responder import Responder, welcome
from simsmtp.policies.recipients import are_alike
from simsmtp.policies.respond import after_answer, sure_repeats
from simsmtp.protocol.answers import Answer
from simsmtp.protocol.commands import Verb

# By names of their own: Python 3.11 is slow to look members up in their classes.
_RCPT = Verb.RCPT
_RCPT_OK = Answer.RCPT_OK


class Receiver:
    """One server: its workers, and how many sessions it has.

    Parameters
    ----------
    clock : Clock
        Time of the run.
    plan : DestinationPlan
        The server's settings and its path.
    domains, groups : int
        Recipient i of an original message has domain i mod `domains` and group i mod `groups`.

    Attributes
    ----------
    is_contended : bool
        Commands may have to wait for a worker.
    first_seen_ns : dict
        The greylist where people are met again: when a pair of sender and person was first seen.
    are_alike : bool
        All recipients with a mailbox are the same to it, whenever they come.
    rates : Rates
        What its rate limits remember.
    """

    def __init__(self, clock: Clock, plan: DestinationPlan, domains: int, groups: int) -> None:
        self.plan = plan
        self.domains, self.groups = domains, groups
        self.is_contended = plan.server.workers > 0
        self.are_alike = are_alike(plan.server.policy, domains, groups, plan.server.decides_in_order[_RCPT])
        self.rates = Rates(plan.server.rate_limits)
        self.first_seen_ns: dict[tuple[int, int], int] = {}
        self._clock = clock
        self._sessions = 0
        self._workers = simpy.Resource(clock, plan.server.workers) if self.is_contended else None

    def welcome(self) -> Answer:
        """Return the banner for a session that begins now; it is taken in if nothing refuses it."""
        banner = welcome(self.plan.server, self._sessions, self.rates, self._clock.now)
        self._sessions += banner == Answer.BANNER
        return banner

    def release(self) -> None:
        """Note that a session that was admitted is over."""
        self._sessions -= 1

    def work(self, from_ns: int, service_ns: int, at: Callable[[int, Kind], Event]) -> Generator[Event, None, None]:
        """Wait for a worker from `from_ns` on, first come first served, and keep it for `service_ns`.

        `at` makes an event of the session.
        """
        assert self._workers is not None
        yield at(from_ns, Kind.REQUEST)
        with self._workers.request() as turn:
            yield turn
            yield at(self._clock.now + service_ns, Kind.SERVED)


class ServerSession(Responder):
    """What a simulated server knows of one session, and what it answers."""

    def __init__(self, receiver: Receiver) -> None:
        super().__init__(receiver.plan.server, receiver.domains, receiver.groups, receiver.rates)
        self._parts = receiver.groups if self.goes_by_group else receiver.domains
        self._are_alike, self._first_seen_ns = receiver.are_alike, receiver.first_seen_ns

    def answer_command(self, verb: Verb, message: Message | None, recipient: int, now_ns: int, draw: float) -> Answer:
        """Return the answer to a command.

        Parameters
        ----------
        verb : Verb
            The command.
        message, recipient : Message or None, int
            Whom RCPT names; which message DATA, TEXT and BDAT carry.
        now_ns : int
            When the command has been served.
        draw : float
            Uniform draw that decides whether a text is refused.
        """
        if verb != _RCPT:
            return self.answer(verb, draw, now_ns)
        assert message is not None
        people, place, exists = message.people, message.origin_recipients[recipient], message.is_valid(recipient)
        if people is None:
            return self.answer_rcpt(recipient, place % self._parts, exists, now_ns, message.first_seen_ns)
        person = people.person(place)
        part = person % self._parts if self.goes_by_group else people.domain(place)
        return self.answer_rcpt((people.author, person), part, exists, now_ns, self._first_seen_ns)

    def repeat(self, message: Message, recipients: Sequence[int], answer: Answer) -> int:
        """Answer the recipients to come like the last, as far as that is sure; return how many."""
        if not self._are_alike:
            return 0
        count = min(len(recipients), sure_repeats(self._policy, self.counters, self.state, answer))
        if message.valid is not None and answer == _RCPT_OK:
            count = len(list(takewhile(message.is_valid, recipients[:count])))
        if count > 0:
            self.counters = after_answer(self._policy, self.counters, answer, self._spoken[answer].code, count)
        return count
