"""What commands and replies look like on the wire, without CRLF."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from simsmtp.protocol.commands import Verb, bdat_text_octets, command_octets

_LONG_DOMAIN, _SHORT_DOMAIN = "example.test", "a.test"
_ROOM_FOR_LONG = 20


class AddressBook(NamedTuple):
    """Addresses of equal length for the recipients of a run.

    Attributes
    ----------
    chars : int
        Length of an address.
    domains : int
        Recipient i has domain i mod `domains`.
    domain_of : sequence of int
        Numbers of the domains of recipients that have their own, by number of the recipient // `each`.
    each : int
        See `domain_of`.
    """

    chars: int
    domains: int
    domain_of: Sequence[int] = ()
    each: int = 1

    def recipient(self, number: int) -> str:
        """Return the address of a recipient: a place in a message, from 0, or the number of a person."""
        return self._address("u", f"{number}", self._domain(number))

    def sender(self) -> str:
        """Return the envelope sender."""
        return self._address("s", "", self._domain(0))

    def _domain(self, number: int) -> str:
        if self.domains > 1:
            domain = self.domain_of[number // self.each] if self.domain_of else number % self.domains
            return f"d{domain}.test"
        return _LONG_DOMAIN if self.chars >= _ROOM_FOR_LONG else _SHORT_DOMAIN

    def _address(self, letter: str, digits: str, domain: str) -> str:
        room = self.chars - len(domain) - 1 - len(letter)
        return f"{letter}{digits.rjust(room, '0')}@{domain}"


def command_line(verb: Verb, address: str = "", octets: int = 0) -> str:
    """Return a command as a client writes it in so many octets; TEXT is shown as its length in brackets."""
    match verb:
        case Verb.MAIL:
            return f"MAIL FROM:<{address}>"
        case Verb.RCPT:
            has_orcpt = octets > 0 and octets == command_octets(verb, len(address), orcpt=True)
            return f"RCPT TO:<{address}>" + (f" ORCPT=rfc822;{address}" if has_orcpt else "")
        case Verb.EHLO:
            return "EHLO mail.example.test"
        case Verb.BDAT:
            return f"BDAT {bdat_text_octets(octets)} LAST"
        case Verb.TEXT:
            return "." if octets <= 3 else f"[{octets:,} octets of text] ."
        case _:
            return verb.name
