"""Commands of the sender as octets: every recipient has the address that engines and transcripts give it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from simsmtp.peers.accounting import Message
from simsmtp.peers.flight import NOBODY, Command
from simsmtp.protocol.commands import Verb
from simsmtp.protocol.text import content_of, text_of
from simsmtp.protocol.wire import AddressBook, command_line


class Written(NamedTuple):
    """One command for the wire.

    Attributes
    ----------
    verb, recipient : Verb, int
        What it is, and whom of the message it names; -1 for nobody.
    line : bytes
        With CRLF; that of TEXT is empty.
    body : iterable of bytes
        Text or chunk behind it.
    body_octets : int
        Its length.
    """

    verb: Verb
    line: bytes
    recipient: int = NOBODY[0]
    body: Iterable[bytes] = ()
    body_octets: int = 0


def plain(line: str, verb: Verb) -> Written:
    """Return a command that is a line and nothing else."""
    return Written(verb, f"{line}\r\n".encode())


class Encoder:
    """Writes out what the sender says.

    Parameters
    ----------
    chars, domains : int
        See `simsmtp.protocol.wire.AddressBook`.
    book : AddressBook, optional
        The addresses, in place of those two.
    """

    def __init__(self, chars: int = 24, domains: int = 1, book: AddressBook | None = None) -> None:
        self._book = book or AddressBook(chars, domains)

    def recipient(self, message: Message, recipient: int) -> str:
        """Return the address of a recipient; a mailbox that is to be unknown is named x and digits."""
        return self.mailbox(message.person(recipient), is_valid=message.is_valid(recipient))

    def mailbox(self, number: int, *, is_valid: bool) -> str:
        """Return the address of a recipient by its number: in the original message, or that of the person."""
        address = self._book.recipient(number)
        return address if is_valid else f"x{address[1:]}"

    def sender(self, message: Message) -> str:
        """Return the envelope sender: s and the number of the message, which a resend shares with its original.

        Where people are met again it is s, the number of the author, a plus and the number of the message: the author
        stays the same to a greylist that leaves out what stands behind the plus, as postgrey's.
        """
        local, _, domain = self._book.sender().partition("@")
        if message.people is not None:
            stem = f"s{message.people.author}+"
            return f"{stem}{str(message.origin).rjust(len(local) - len(stem), '0')}@{domain}"
        return f"s{str(message.origin).rjust(len(local) - 1, '0')}@{domain}"

    def encode(self, flight: Iterable[Command], message: Message | None) -> Iterator[Written]:
        """Yield the commands of a flight. ORCPT is left out: RFC 3461 asks that the server offer DSN for it."""
        for verb, octets, recipients in flight:
            if message is None:
                yield plain(command_line(verb), verb)
            elif verb == Verb.RCPT:
                for one in recipients:
                    yield plain(command_line(verb, self.recipient(message, one)), verb)._replace(recipient=one)
            else:
                yield self._about(message, verb, octets)

    def _about(self, message: Message, verb: Verb, octets: int) -> Written:
        sender = self.sender(message)
        if verb == Verb.TEXT:
            return Written(verb, b"", body=text_of(octets, message.number, sender), body_octets=octets)
        command = plain(command_line(verb, sender, octets), verb)
        if verb != Verb.BDAT:
            return command
        chunk = content_of(message.size, message.number, sender)
        return command._replace(body=chunk, body_octets=message.size)
