"""What a server's rate limits remember of all its sessions, and which of them refuses a command."""

from __future__ import annotations

from collections.abc import Sequence

from simsmtp.policies.rate_limits import (
    LONG_AGO,
    RateKind,
    RateLimit,
    after_counting,
    amount_of,
    deciding_time,
    has_room,
    is_asked,
    is_let_pass,
    new_state,
)
from simsmtp.protocol.answers import Answer
from simsmtp.protocol.commands import Verb

_VERBS = len(Verb)


class Rates:
    """The rate limits of one server. They are asked in order of time.

    Parameters
    ----------
    limits : sequence of RateLimit
        In the order in which they are asked.
    """

    def __init__(self, limits: Sequence[RateLimit]) -> None:
        self._limits = limits
        self._states = [new_state(one) for one in limits]
        self._times: list[list[int]] = [[] for _ in limits]  # of a sliding window the last `most`, in a ring
        self._asked: list[list[int]] = [[]] * _VERBS
        if limits:
            self._asked = [[number for number, one in enumerate(limits) if is_asked(one.at, verb)] for verb in Verb]

    def answer(self, verb: Verb, answer: Answer, accepted: int, now_ns: int) -> Answer:
        """Return the answer to a command, and count it if nothing refuses it.

        Parameters
        ----------
        verb, answer : Verb, Answer
            The command and what all other checks say.
        accepted : int
            Recipients accepted in the transaction.
        now_ns : int
            When; not before the last time.
        """
        if not (asked := self._asked[verb]) or not is_let_pass(answer):
            return answer
        amounts = [(number, amount_of(self._limits[number], verb, accepted)) for number in asked]
        for number, amount in amounts:
            if not self._has_room(number, amount, now_ns):
                return Answer(Answer.RATE_0 + number)
        for number, amount in amounts:
            self._count(number, amount, now_ns)
        return answer

    def _has_room(self, number: int, amount: int, now_ns: int) -> bool:
        limit, state = self._limits[number], self._states[number]
        decides = deciding_time(limit, state, amount)
        deciding_ns = self._times[number][decides % limit.most] if decides >= 0 else LONG_AGO
        return has_room(limit, state, deciding_ns, now_ns, amount)

    def _count(self, number: int, amount: int, now_ns: int) -> None:
        limit, state, times = self._limits[number], self._states[number], self._times[number]
        if limit.kind == RateKind.SLIDING:
            for counted in range(state.level, state.level + amount):
                if counted < limit.most:
                    times.append(now_ns)
                else:
                    times[counted % limit.most] = now_ns
        self._states[number] = after_counting(limit, state, now_ns, amount)
