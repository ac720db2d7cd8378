"""A message as it comes to the sender for the first time: who its recipients are, and in which order they stand."""

from __future__ import annotations

from simsmtp.model.people.who import People, people_of
from simsmtp.model.plan import Plan
from simsmtp.model.workload import Arrival, valid_mailboxes
from simsmtp.peers.accounting import Message
from simsmtp.randomness.streams import Streams
from simsmtp.strategies.order import number_at


def original(plan: Plan, streams: Streams, arrival: Arrival) -> Message:
    """Return the message of an arrival."""
    workload = plan.workload
    message = Message(arrival.number, arrival.at_ns, arrival.size, arrival.recipients, None)
    message.people = people_of(workload, streams, arrival.number)
    if plan.client.sorts_by_domain:
        message.origin_recipients = _by_domain(arrival.recipients, workload.domains, message.people)
    places = message.origin_recipients
    message.valid = valid_mailboxes(workload, streams, message.number, places, message.people)
    return message


def _by_domain(recipients: int, domains: int, people: People | None) -> list[int]:
    """Return places in a message domain by domain; within a domain the order stays."""
    if people is not None:
        return sorted(range(recipients), key=people.domain)
    return [number_at(place, recipients, domains) for place in range(recipients)]
