"""What a row of a dialogue says, as a line of SMTP without CRLF."""

from __future__ import annotations

from simsmtp.model.plan import Plan
from simsmtp.protocol.answers import Answer
from simsmtp.protocol.capabilities import ehlo_lines
from simsmtp.protocol.commands import Verb
from simsmtp.protocol.wire import AddressBook, command_line
from simsmtp.rows.records import DialogueRow


def said_line(row: DialogueRow, addresses: AddressBook) -> str:
    """Return what a client says; a text as its length in brackets."""
    address = addresses.recipient(row.origin) if row.verb == Verb.RCPT else addresses.sender()
    return command_line(Verb(row.verb), address, row.octets)


def reply_lines(row: DialogueRow, plan: Plan) -> list[str]:
    """Return what a server answers."""
    server = next(one.server for one in plan.destinations if one.name == row.destination)
    spoken = server.spoken[row.note]
    if row.note in {Answer.EHLO_OK, Answer.EHLO_TLS_OK}:
        offered = server.offered._replace(starttls=row.note == Answer.EHLO_OK and server.offered.starttls)
        return ehlo_lines(offered, spoken.wording[4:])
    return spoken.wording.split("\n")
