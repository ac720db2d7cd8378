"""The receiving side of SMTP, told once: what a server knows of one session, and what it answers."""

from __future__ import annotations

from collections.abc import Hashable, MutableMapping
from typing import TypeVar

from simsmtp.model.plan import ServerPlan
from simsmtp.peers.rates import Rates
from simsmtp.policies.recipients import counts_domains, goes_by_group, greylist_answer
from simsmtp.policies.reply_policy import new_counters
from simsmtp.policies.respond import (
    admits,
    after_answer,
    after_errors,
    answer_to,
    greeting,
    hangs_up,
    sleep_before_reply,
)
from simsmtp.protocol.answers import Answer
from simsmtp.protocol.commands import Verb
from simsmtp.protocol.states import State, next_state

Who = TypeVar("Who")

# By names of their own: Python 3.11 is slow to look members up in their classes.
_RCPT, _TEXT = Verb.RCPT, Verb.TEXT
_RCPT_OK, _MAIL_OK = Answer.RCPT_OK, Answer.MAIL_OK


def welcome(plan: ServerPlan, sessions: int, rates: Rates, now_ns: int) -> Answer:
    """Return the banner for a connection that reaches a server with so many sessions."""
    return rates.answer(Verb.CONNECT, greeting(admits(sessions, plan.sessions)), 0, now_ns)


class Responder:
    """What a server knows of one session. The decisions are those of `simsmtp.policies`.

    Parameters
    ----------
    plan : ServerPlan
        The server's settings.
    domains, groups : int
        How many domains and groups recipients may have; all that counts is whether it is one.
    rates : Rates, optional
        What the server's rate limits remember of all its sessions; by default, of this one.

    Attributes
    ----------
    state : int
        Where the session stands, a `State`.
    counters : SessionCounters
        What is remembered of it.
    sleep_ns : int
        How long the server sleeps before the reply last answered.
    goes_by_group : bool
        Its limit tells recipients apart by group, not by domain.
    """

    def __init__(self, plan: ServerPlan, domains: int, groups: int = 1, rates: Rates | None = None) -> None:
        self.state: int = State.CLOSED
        self.counters = new_counters()
        self.sleep_ns = 0
        self._plan, self._policy, self._spoken = plan, plan.policy, plan.spoken
        self._rates, self._has_rates = rates or Rates(plan.rate_limits), bool(plan.rate_limits)
        self.goes_by_group = goes_by_group(plan.policy)
        self._counts_domains = counts_domains(plan.policy, domains, groups)
        self._in_domain: dict[Hashable, int] = {}

    @property
    def is_closed(self) -> bool:
        """Whether the server has hung up."""
        return self.state == State.CLOSED

    @property
    def has_had_enough(self) -> bool:
        """Whether the next command is refused, whatever it is."""
        return hangs_up(self._policy, self.counters) or self.counters.commands >= self._policy.commands

    def greet(self, banner: Answer) -> Answer:
        """Return the banner, which is that of `welcome`."""
        return self._conclude(Verb.CONNECT, banner, is_command=False)

    def answer(self, verb: Verb, draw: float = 1.0, now_ns: int = 0, *, is_rated: bool = True) -> Answer:
        """Return the answer to a command other than RCPT.

        Parameters
        ----------
        verb : Verb
            The command.
        draw : float
            Uniform draw that decides whether a text is refused.
        now_ns : int
            When the command has been served.
        is_rated : bool
            Rate limits are asked of it.
        """
        share = self._plan.data_failure_share
        answer = answer_to(self._policy, self.counters, self.state, verb, 0, True, share, draw)
        if self._has_rates and is_rated:
            answer = self._rates.answer(verb, answer, self.counters.accepted, now_ns)
        if answer == _MAIL_OK:
            self._in_domain.clear()
        return self._conclude(verb, answer, is_command=verb != _TEXT)

    def answer_rcpt(
        self, who: Who, domain: Hashable, exists: bool, now_ns: int, first_seen_ns: MutableMapping[Who, int]
    ) -> Answer:
        """Return the answer to RCPT.

        Parameters
        ----------
        who, domain : hashable, hashable
            The recipient as the greylist knows it, and its domain, or its group where the limit goes by that.
        exists : bool
            There is such a mailbox.
        now_ns : int
            When the command has been served.
        first_seen_ns : mapping
            The greylist: when recipients were first seen.
        """
        policy, counters = self._policy, self.counters
        in_domain = self._in_domain.get(domain, 0) if self._counts_domains else counters.accepted
        answer = answer_to(policy, counters, self.state, _RCPT, in_domain, exists, 0.0, 1.0)
        if answer == _RCPT_OK:
            if policy.greylist_ns > 0:  # only such a recipient gets as far as the greylist
                answer = greylist_answer(policy, first_seen_ns.setdefault(who, now_ns), now_ns)
            if self._has_rates:
                answer = self._rates.answer(_RCPT, answer, counters.accepted, now_ns)
            if self._counts_domains and answer == _RCPT_OK:
                self._in_domain[domain] = in_domain + 1
        return self._conclude(_RCPT, answer)

    def refuse(self, *, is_command: bool = True) -> None:
        """Count an error that the server answers on its own account: what came was no good command, or no good text."""
        self.sleep_ns = sleep_before_reply(self._policy, self.counters)
        self.counters = after_errors(self.counters, 1, int(is_command))

    def _conclude(self, verb: Verb, answer: Answer, *, is_command: bool = True) -> Answer:
        policy, counters, code = self._policy, self.counters, self._spoken[answer].code
        self.sleep_ns = sleep_before_reply(policy, counters)
        self.counters = after_answer(policy, counters, answer, code, 1, is_command)
        self.state = next_state(self.state, verb, code)
        return answer
