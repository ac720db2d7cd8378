"""Who the recipients of a message are: people who are met again, where there are such."""

from __future__ import annotations

from typing import NamedTuple

from simsmtp.model.plan import WorkloadPlan
from simsmtp.protocol.wire import AddressBook
from simsmtp.randomness.permutation import moved, multiplier_of, offset_of
from simsmtp.randomness.streams import Purpose, Streams


class Drawn(NamedTuple):
    """Different people of a population, one for each place in a message."""

    multiplier: int
    offset: int
    population: int
    domains: int
    author: int = 0
    repeats: bool = False

    def person(self, place: int) -> int:
        """Return the number of the person at a place in the original message."""
        return moved(place, self.multiplier, self.offset, self.population)

    def domain(self, place: int) -> int:
        """Return the number of that person's domain."""
        return self.person(place) % self.domains


class Named(NamedTuple):
    """People whom a trace names, each of whom stands for so many.

    Attributes
    ----------
    persons, local : tuple of int
        Their numbers, and those of their domains in the order in which the message names them; no domains if the
        trace names none.
    each, domains : int
        How many an address stands for; domains of the people of a trace that names none.
    author : int
        Number of the sender.
    repeats : bool
        Somebody is named twice.
    """

    persons: tuple[int, ...]
    local: tuple[int, ...]
    each: int
    domains: int
    author: int
    repeats: bool

    def person(self, place: int) -> int:
        """Return the number of the person at a place in the original message."""
        return self.persons[place // self.each] * self.each + place % self.each

    def domain(self, place: int) -> int:
        """Return the number of that person's domain, which has a meaning within the message."""
        return self.local[place // self.each] if self.local else self.person(place) % self.domains


People = Drawn | Named


def people_of(plan: WorkloadPlan, streams: Streams, message: int) -> People | None:
    """Return who the recipients of an original message are; None where everybody is new."""
    if plan.population:
        first, second = streams.uniforms(Purpose.PEOPLE, message, 2)
        size = plan.population
        return Drawn(multiplier_of(first, size), offset_of(second, size), size, plan.domains)
    if not plan.trace or not plan.trace[message].persons:
        return None
    line = plan.trace[message]
    return Named(
        line.persons,
        local_domains(line.persons, plan.person_domains),
        plan.recipient_factor,
        plan.domains,
        line.author,
        len(set(line.persons)) < len(line.persons),
    )


def book_of(plan: WorkloadPlan, chars: int) -> AddressBook:
    """Return the addresses, of so many characters, of everybody to whom something is sent."""
    return AddressBook(chars, plan.domains, plan.person_domains, plan.recipient_factor if plan.trace else 1)


def local_domains(persons: tuple[int, ...], domains: tuple[int, ...]) -> tuple[int, ...]:
    """Return the domains of people by numbers of their own, in order of appearance."""
    if not domains:
        return ()
    local: dict[int, int] = {}
    return tuple(local.setdefault(domains[person], len(local)) for person in persons)
