"""The addresses of a trace by numbers: who is the same person, and who lives in the same domain."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from simsmtp.errors import InputError

MOST_PEOPLE = 5_000_000
_LONGEST_KEPT = 320  # characters; RFC 5321 section 4.5.3.1 allows 64 + 1 + 255


class Registry:
    """Numbers, from 0, in order of appearance. Small and capital letters are alike, as for postgrey."""

    def __init__(self) -> None:
        self._people: dict[str, int] = {}
        self._authors: dict[str, int] = {}
        self._domains: dict[str, int] = {}
        self._domain_of: list[int] = []
        self._has_domains = False

    @property
    def domains_of_people(self) -> Sequence[int]:
        """The number of each person's domain; empty if no address has a domain. Addresses without one share one."""
        return tuple(self._domain_of) if self._has_domains else ()

    def person(self, address: str, line: int) -> int:
        """Return the number of an address that stands in a line of the trace."""
        address = _kept(address.strip("<>").lower())
        number = self._people.setdefault(address, len(self._domain_of))
        if number == len(self._domain_of):
            if number == MOST_PEOPLE:
                raise InputError("too many people", line=line, allowed=f"{MOST_PEOPLE:,} addresses in a trace")
            self._settle(address.rpartition("@")[2] if "@" in address else "")
        return number

    def stranger(self) -> int:
        """Return the number of somebody whom no line names."""
        self._settle("")
        return len(self._domain_of) - 1

    def author(self, sender: str) -> int:
        """Return the number of a sender."""
        return self._authors.setdefault(_kept(sender.lower()), len(self._authors))

    def _settle(self, domain: str) -> None:
        self._has_domains |= bool(domain)
        self._domain_of.append(self._domains.setdefault(domain, len(self._domains)))


def _kept(address: str) -> str:
    """Return an address as it is kept: what is too long to be one as a digest, in the domain that it names."""
    if len(address) <= _LONGEST_KEPT:
        return address
    local, at, domain = address.rpartition("@")
    return _digest(local) + at + (domain if len(domain) <= _LONGEST_KEPT else _digest(domain))


def _digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
