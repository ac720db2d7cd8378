"""Whether the times of a run are sure to fit 64 bits: the loop looks at the time of every event, not at every sum."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simsmtp.engines.compiled.layout import LONGEST_NS
from simsmtp.model.distributions import sample
from simsmtp.model.streams import LARGEST_UNIFORM
from simsmtp.network.pipe import sending_ns

if TYPE_CHECKING:
    from simsmtp.model.plan import DestinationPlan, Plan

_OTHERS = 16
"""Commands, replies and pauses that a transaction has beside its RCPTs, and more."""


def check_times(plan: Plan) -> None:
    """Raise an `OverflowError` if a single step might add up more than 64 bits of nanoseconds.

    No step goes beyond a transaction. Of what is drawn the median counts: a sum of draws is many times that at most,
    and has four times as much room.
    """
    waits = [plan.client.schedule.max_ns, plan.workload.resend_after_ns, sample(plan.client.pause, 0.5)]
    steps = [_most_rcpts(plan) * _command_ns(plan, one) + _sending_ns(plan, one) for one in plan.destinations]
    if max(*waits, *steps) > LONGEST_NS:
        raise OverflowError("a time of this run may not fit 64 bits")


def _most_rcpts(plan: Plan) -> int:
    workload = plan.workload
    longest = max((message.recipients * workload.recipient_factor for message in workload.trace), default=0)
    return _OTHERS + min(plan.client.batch_size, longest or int(sample(workload.recipients, LARGEST_UNIFORM)) + 1)


def _command_ns(plan: Plan, destination: DestinationPlan) -> float:
    """Return what a command takes at most, in round numbers."""
    server, path = destination.server, destination.path
    sleeps = server.refusal_ns + server.policy.error_sleep_ns
    return plan.client.command_ns + sleeps + sample(path.one_way, 0.5) + max(sample(one, 0.5) for one in server.service)


def _sending_ns(plan: Plan, destination: DestinationPlan) -> int:
    """Return how long the largest message keeps the line."""
    largest = max((message.size or 0 for message in plan.workload.trace), default=0)
    size = int(max(largest, sample(plan.workload.size, LARGEST_UNIFORM)))
    bits_per_s = destination.path.bits_per_s
    return sending_ns(size, bits_per_s) if bits_per_s else 0
