"""What bounds on the arrival rate say of a plan, in words: how busy the bottleneck is, and whether it is overloaded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from simsmtp.model.numbers import number_text, percent_text
from simsmtp.planning.search_keys import messages_per_s
from simsmtp.theory.asymptotic_bounds import Bound

if TYPE_CHECKING:
    from simsmtp.model.scenario import Scenario


def utilisation(scenario: Scenario, bound: Bound) -> float | None:
    """Return the offered rate over a bound; None where messages arrive at once."""
    rate = messages_per_s(scenario)
    return None if rate is None else rate / bound.messages_per_s


def headroom(scenario: Scenario, bound: Bound) -> float | None:
    """Return by which share the offered rate may rise up to a bound; None where messages arrive at once."""
    rate = messages_per_s(scenario)
    return bound.headroom(rate) if rate else None


def bottleneck_text(scenario: Scenario, bounds: Sequence[Bound]) -> str:
    """Return which resource is the tightest, how busy it is and what it spends its time on; empty without bounds.

    A weak bound is only said to be one: less may be possible, and another resource may be the tightest.
    """
    if not bounds:
        return ""
    bound = bounds[0]
    weak = weak_part(bounds)
    rate = number_text(bound.messages_per_s, 3)
    if weak:
        parts = [f"No more than {rate} messages/s pass {bound.name} in the long run"]
    else:
        parts = [f"The bottleneck is {bound.name}, good for {rate} messages/s in the long run"]
    busy, room = utilisation(scenario, bound), headroom(scenario, bound)
    if busy is not None and room is not None:
        least = "at least " if weak else ""
        parts += [f"At the rate as written {least}{percent_text(busy)} is in use: {room_text(room, weak=bool(weak))}"]
    if not math.isnan(bound.service):
        trips, service, transfer = (percent_text(one, 2) for one in (bound.round_trips, bound.service, bound.transfer))
        parts += [
            f"A connection spends {trips} of its time on round trips, {service} on service, {transfer} on transfer"
        ]
    if bound.limit_cost > 0.005:
        parts += [f"The recipient limit takes {percent_text(bound.limit_cost, 2)} of what it could carry"]
    if weak:
        parts += [f"Less may be possible: the bound leaves out what follows from {weak}"]
    return ". ".join(parts) + "."


def weak_part(bounds: Sequence[Bound]) -> str:
    """Return what one of the bounds leaves out: less may be possible then, and another may be the tightest."""
    return next((one.weak for one in bounds if one.weak), "")


def room_text(room: float, *, weak: bool) -> str:
    """Return how much room a resource has left: at most so much, where its bound is weak."""
    if room < 0:
        return "overloaded"
    most = "at most " if weak else ""
    told = headroom_text(room)
    return f"room for {most}{told} as much" if told.endswith("times") else f"{most}{told} headroom"


def headroom_text(room: float) -> str:
    """Return by how much more a resource could carry: a percentage, or how many times as much there is room for."""
    return f"{number_text(room + 1, 3)} times" if room >= 9 else percent_text(room)


def overload_text(scenario: Scenario, bounds: Sequence[Bound]) -> str:
    """Return that the plan as written asks for more than the tightest bound; empty where it does not."""
    rate = messages_per_s(scenario)
    if rate is None or not bounds or bounds[0].headroom(rate) >= 0:
        return ""
    bound = number_text(bounds[0].messages_per_s, 3)
    return (
        f"The rate as written, {number_text(rate)} messages/s, is above the long-run bound of {bound} "
        f"messages/s of {bounds[0].name}: the queue grows as long as messages arrive."
    )
