"""The sender's own rate: when it may go on."""

from __future__ import annotations

from simsmtp.model.rate_limits import RatePlan
from simsmtp.policies.rate_limits import Counts, new_state, reserved


class Pace:
    """The sender's own rate to one destination. Whoever asks first goes first.

    Parameters
    ----------
    plan : RatePlan
        The rate.

    Attributes
    ----------
    is_set : bool
        There is one.
    """

    def __init__(self, plan: RatePlan) -> None:
        self._counts, self._limit = plan.counts, plan.limit
        self.is_set = plan.counts != Counts.NOTHING
        self._state = new_state(self._limit)

    def turn(self, counts: int, amount: int, now_ns: int) -> int:
        """Return when so much may begin: now, if it is not what is counted."""
        if counts != self._counts:
            return now_ns
        self._state = reserved(self._limit, self._state, now_ns, amount)
        return self._state.since_ns
