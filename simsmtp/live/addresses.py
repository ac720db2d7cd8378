"""The addresses of a run on the wire: as an engine names them, and such that a server can tell what it needs to."""

from __future__ import annotations

from simsmtp.protocol.wire import AddressBook


class WireAddresses:
    """Addresses of equal length.

    Parameters
    ----------
    chars, domains : int
        See `simsmtp.protocol.wire.AddressBook`.
    """

    def __init__(self, chars: int, domains: int) -> None:
        self._book = AddressBook(chars, domains)

    def recipient(self, number: int, *, exists: bool) -> str:
        """Return the address of a recipient; a mailbox that is to be unknown is named x and digits."""
        address = self._book.recipient(number)
        return address if exists else f"x{address[1:]}"

    def sender(self, message: int) -> str:
        """Return the envelope sender of a message: s and its number."""
        local, _, domain = self._book.sender().partition("@")
        return f"s{str(message).rjust(len(local) - 1, '0')}@{domain}"
