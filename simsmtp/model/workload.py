"""The messages of a run and the fate of their recipients, drawn under keys of their own.

A recipient's mailbox and destination depend on seed, replication, message and recipient alone: it meets the same
fate under every strategy, engine and number of workers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from simsmtp.model.people.who import People
from simsmtp.model.plan import Plan, WorkloadPlan
from simsmtp.randomness.distributions import Sampler, count, is_constant, sample
from simsmtp.randomness.streams import Purpose, Streams


class Arrival(NamedTuple):
    """One message as it reaches the sender's queue.

    Attributes
    ----------
    number : int
        From 0.
    at_ns : int
        When it arrives.
    recipients : int
        How many recipients it has.
    size : int
        Octets of its text.
    """

    number: int
    at_ns: int
    recipients: int
    size: int


def arrivals(plan: WorkloadPlan, streams: Streams) -> Iterator[Arrival]:
    """Yield the messages of a run in order of arrival."""
    counts = _Draws(plan.recipients, streams, Purpose.RECIPIENT_COUNT)
    sizes = _Draws(plan.size, streams, Purpose.MESSAGE_BYTES)
    gaps = _Draws(plan.interarrival, streams, Purpose.ARRIVAL)
    at_ns = 0
    for number in range(plan.messages):
        at_ns += int(gaps.value(number))
        if plan.trace:
            line = plan.trace[number]
            when = int(line.arrival_ns / plan.speedup) if plan.trace_arrivals else at_ns
            size = line.size or sizes.whole(number)
            yield Arrival(number, when, line.recipients * plan.recipient_factor, size)
        else:
            yield Arrival(number, at_ns, counts.whole(number), sizes.whole(number))


def valid_mailboxes(
    plan: WorkloadPlan, streams: Streams, message: int, places: Sequence[int], people: People | None = None
) -> list[bool] | None:
    """Return which mailboxes of a message exist; None if all do.

    Parameters
    ----------
    plan, streams : WorkloadPlan, Streams
        What is sent, and the random numbers.
    message : int
        Its number.
    places : sequence of int
        Its recipients in the order in which they are sent, by their places in the message.
    people : People, optional
        Who they are.
    """
    share, unknown = plan.unknown_share, plan.unknown
    if share == 0 and not unknown:
        return None
    if share == 0:
        return [place not in unknown for place in places]
    if people is None:
        draws = streams.uniforms(Purpose.MAILBOX, message, len(places))
    else:
        draws = [_of_person(streams, Purpose.PERSON_MAILBOX, people, place) for place in places]
    return [draw >= share and place not in unknown for draw, place in zip(draws, places, strict=True)]


def split_by_destination(
    plan: Plan, streams: Streams, message: int, recipients: int, people: People | None = None
) -> list[list[int]]:
    """Return the recipients of a message for each destination, in order; people, if any, tells who they are."""
    if len(plan.destinations) == 1:
        return [list(range(recipients))]
    parts: list[list[int]] = [[] for _ in plan.destinations]
    if people is None:
        draws = streams.uniforms(Purpose.DESTINATION, message, recipients)
    else:
        draws = [_of_person(streams, Purpose.PERSON_DESTINATION, people, place) for place in range(recipients)]
    for recipient, draw in enumerate(draws):
        number = next(one.number for one in plan.destinations if draw < one.upto)
        parts[number].append(recipient)
    return parts


def _of_person(streams: Streams, purpose: Purpose, people: People, place: int) -> float:
    return streams.uniforms(purpose, 0, 1, start=people.person(place))[0]


class _Draws:
    """Draws of one purpose, by message number; constants draw nothing."""

    def __init__(self, sampler: Sampler, streams: Streams, purpose: Purpose) -> None:
        self._sampler = sampler
        self._stream = None if is_constant(sampler) else streams.stream(purpose, 0)

    def value(self, index: int) -> float:
        return sample(self._sampler, self._stream.at(index) if self._stream else 0.5)

    def whole(self, index: int) -> int:
        return count(self._sampler, self._stream.at(index) if self._stream else 0.5)
