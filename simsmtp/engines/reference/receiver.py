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
from simsmtp.policies.recipients import after_rcpt, is_greylisted, rcpt_answer, rcpt_repeats
from simsmtp.policies.reply_policy import LimitKind, new_standing
from simsmtp.policies.transactions import after_answer, answer_at_once, answer_to, hangs_up, sleeps_before_reply
from simsmtp.protocol.answers import Answer, Spoken
from simsmtp.protocol.commands import Verb
from simsmtp.protocol.states import State, next_state


class Receiver:
    """One server: its workers, and how many sessions it has.

    Parameters
    ----------
    clock : Clock
        Time of the run.
    plan : DestinationPlan
        The server's settings and its path.
    domains : int
        Recipient i of an original message has domain i mod `domains`.
    """

    def __init__(self, clock: Clock, plan: DestinationPlan, domains: int) -> None:
        self.plan = plan
        self.domains = domains
        self._clock = clock
        self._sessions = 0
        self._workers = simpy.Resource(clock.env, plan.server.workers) if plan.server.workers else None

    @property
    def is_contended(self) -> bool:
        """Whether commands may have to wait for a worker."""
        return self._workers is not None

    def admit(self) -> bool:
        """Take in one more session if the session limit allows it."""
        if self._sessions >= self.plan.server.sessions:
            return False
        self._sessions += 1
        return True

    def release(self) -> None:
        """Note that a session that was admitted is over."""
        self._sessions -= 1

    def work(
        self, from_ns: int, service_ns: int, session: int, next_index: Callable[[], int]
    ) -> Generator[Event, None, None]:
        """Wait for a worker from `from_ns` on, first come first served, and keep it for `service_ns`."""
        assert self._workers is not None
        yield self._clock.at(from_ns, Kind.REQUEST, session, next_index())
        with self._workers.request() as turn:
            yield turn
            yield self._clock.at(self._clock.now + service_ns, Kind.SERVED, session, next_index())


class ServerSession:
    """What the server knows of one session, and what it answers. The decisions are those of `simsmtp.policies`.

    Attributes
    ----------
    state : int
        Where the session stands, a `State`.
    sleep_ns : int
        How long the server sleeps before the reply last answered.
    """

    def __init__(self, receiver: Receiver) -> None:
        self.state: int = State.CLOSED
        self.sleep_ns = 0
        self._plan = receiver.plan.server
        self._domains = receiver.domains
        self._standing = new_standing()
        self._accepted_in_domain: dict[int, int] = {}
        self._first_domain = -1
        self._is_secure = False
        policy = self._plan.policy
        one_domain = receiver.domains == 1 or policy.limit_kind == LimitKind.TRANSACTION
        self._are_alike = one_domain and policy.greylist_ns == 0  # recipients, but for their mailboxes

    @property
    def is_closed(self) -> bool:
        """Whether the server has hung up."""
        return self.state == State.CLOSED

    def greet(self, *, admitted: bool) -> Spoken:
        """Return the banner."""
        return self._say(Verb.CONNECT, Answer.BANNER if admitted else Answer.SESSION_REFUSED)[1]

    def answer(
        self, verb: Verb, message: Message | None, recipient: int, now_ns: int, draw: float
    ) -> tuple[Answer, Spoken]:
        """Return the answer to a command and the reply it is spoken in.

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
        policy = self._plan.policy
        # An error counts once its reply is written, so the sleep starts with the reply after it.
        self.sleep_ns = policy.error_sleep_ns if sleeps_before_reply(policy, self._standing) else 0
        answer = answer_at_once(policy, self._standing, self.state, verb)
        if answer == Answer.NONE and verb == Verb.RCPT:
            assert message is not None
            return self._say(verb, self._answer_rcpt(message, recipient, now_ns))
        if answer == Answer.NONE:
            answer = self._answer_other(verb, draw)
        self._standing = after_answer(self._standing, answer, self._plan.spoken[answer].code)
        return self._say(verb, answer)

    def repeat(self, message: Message, recipients: Sequence[int], answer: Answer) -> int:
        """Answer the recipients to come like the last, as far as that is sure; return how many."""
        policy, standing = self._plan.policy, self._standing
        if not self._are_alike or self.is_closed:
            return 0
        if hangs_up(policy, standing) or sleeps_before_reply(policy, standing):
            return 0
        in_domain, same_domain = self._accepted_in_domain.get(0, 0), self._first_domain == 0
        count = min(len(recipients), rcpt_repeats(policy, standing, in_domain, same_domain, answer))
        if message.valid is not None and answer == Answer.RCPT_OK:
            count = len(list(takewhile(message.is_valid, recipients[:count])))
        if count > 0:
            self._note_rcpts(0, answer, count)
        return count

    def _say(self, verb: Verb, answer: Answer) -> tuple[Answer, Spoken]:
        spoken = self._plan.spoken[answer]
        if answer != Answer.BAD_SEQUENCE:
            self.state = next_state(self.state, verb, spoken.code)
        return answer, spoken

    def _answer_rcpt(self, message: Message, recipient: int, now_ns: int) -> Answer:
        policy = self._plan.policy
        domain = message.origin_recipients[recipient] % self._domains
        in_domain, same_domain = self._accepted_in_domain.get(domain, 0), domain == self._first_domain
        valid = message.is_valid(recipient)
        answer = rcpt_answer(policy, self._standing, in_domain, same_domain, valid, False)
        if answer == Answer.RCPT_OK and policy.greylist_ns > 0:  # only such a recipient gets as far as the greylist
            first_seen = message.first_seen_ns.setdefault(recipient, now_ns)
            greylisted = is_greylisted(policy, first_seen, now_ns)
            answer = rcpt_answer(policy, self._standing, in_domain, same_domain, valid, greylisted)
        self._note_rcpts(domain, answer, 1)
        return answer

    def _note_rcpts(self, domain: int, answer: Answer, count: int) -> None:
        policy = self._plan.policy
        self._standing = after_rcpt(policy, self._standing, answer, count)
        if policy.limit_kind != LimitKind.TRANSACTION and answer == Answer.RCPT_OK:
            self._accepted_in_domain[domain] = self._accepted_in_domain.get(domain, 0) + count
            if self._first_domain < 0:
                self._first_domain = domain

    def _answer_other(self, verb: Verb, draw: float) -> Answer:
        answer = answer_to(
            self._plan.policy, self._standing, verb, self._plan.data_failure_share, draw, self._is_secure
        )
        self._is_secure |= answer == Answer.STARTTLS_OK
        if answer == Answer.MAIL_OK:
            self._accepted_in_domain.clear()
            self._first_domain = -1
        return answer
