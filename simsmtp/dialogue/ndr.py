"""NDRs as messages: multipart/report (RFC 6522) with a delivery status (RFC 3464), one for each message."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime
from pathlib import Path

from simsmtp.dialogue.smtp_lines import reply_lines
from simsmtp.files import replace_file, write_errors
from simsmtp.model.plan import Plan
from simsmtp.protocol.commands import Verb
from simsmtp.protocol.replies import status_text
from simsmtp.protocol.wire import AddressBook
from simsmtp.rows.records import DialogueRow, Output, RecipientRow

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_REPORTER = "mail.example.test"
_FINAL, _GO_ON, _HANGS_UP, _REFUSED = (Verb.DATA, Verb.TEXT, Verb.BDAT), 354, 421, 400
_EXPIRED, _UNKNOWN_CAUSE = "4.4.7", "5.0.0"


def write_ndrs(folder: Path, output: Output, plan: Plan, addresses: AddressBook) -> list[Path]:
    """Write the NDRs of a run, ``ndr-MESSAGE.eml`` for each message that has any.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    output : Output
        A replication run with ``recipients=True`` and ``dialogue=True``.
    plan : Plan
        The plan it was run with, for the wording of replies.
    addresses : AddressBook
        Names of the recipients.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    InputError
        If they cannot be written.
    """
    paths = []
    with write_errors(folder, "--ndr"):
        folder.mkdir(parents=True, exist_ok=True)
        for number, report in ndrs(output, plan, addresses):
            paths.append(folder / f"ndr-{number}.eml")
            replace_file(paths[-1], report.as_bytes())
    return paths


def ndrs(output: Output, plan: Plan, addresses: AddressBook) -> Iterator[tuple[int, MIMEMultipart]]:
    """Yield the number of each message that has NDRs, and one report about all its failed recipients."""
    last = last_replies(output.dialogue, all_or_nothing=plan.client.all_or_nothing)

    def text(reply: DialogueRow) -> str:
        return "\n".join(reply_lines(reply, plan))

    failed: dict[int, list[RecipientRow]] = {}
    for row in output.recipients:
        if row.ndr:
            failed.setdefault(row.message, []).append(row)
    for message, rows in sorted(failed.items()):
        yield message, _report(message, rows, last, text, addresses)


def last_replies(
    dialogue: Iterable[DialogueRow], *, all_or_nothing: bool = False
) -> dict[tuple[int, int], DialogueRow]:
    """Return of each message and recipient the last reply about it.

    That is the one to its RCPT or, where RCPT was accepted, the one to DATA or to the text of that transaction: no
    other transaction of the message says anything about it. 421 is about all whom the transaction had named, and
    about nobody once it is over. A refusal of MAIL is about all of its transaction, whatever RCPT is answered then; to
    a sender of all or nothing the first refusal of RCPT is so, too.
    """
    rows = list(dialogue)
    shared = _shared_refusals(rows) if all_or_nothing else {}
    found: dict[tuple[int, int], DialogueRow] = {}
    named: dict[tuple[str, int], list[tuple[int, int]]] = {}  # of each connection, in its open transaction
    refused: dict[tuple[str, int], DialogueRow] = {}  # of each connection whose last MAIL was refused, that reply
    for row in rows:
        who, session = (row.message, row.recipient), (row.destination, row.connection)
        if row.kind == "command" and row.verb in {Verb.MAIL, Verb.RSET}:
            named[session] = []
            refused.pop(session, None)
        elif row.kind == "command" and row.verb == Verb.RCPT:
            named[session].append(who)
        elif row.kind == "verdict" and session in refused:
            found[who] = refused[session]
        elif row.kind != "reply":
            continue
        elif row.code == _HANGS_UP:
            found.update(dict.fromkeys(named.get(session, []), row))
        elif row.verb == Verb.MAIL and row.code >= _REFUSED:
            refused[session] = row
        elif session in refused:
            continue
        elif row.verb == Verb.RCPT:
            found[who] = row
        elif row.verb in _FINAL and row.code != _GO_ON:
            found.update({one: row for one in named[session] if found[one].code < 400})
            named[session] = []
    return found | {who: row for who, row in shared.items() if who not in found or found[who].code < _REFUSED}


def _shared_refusals(dialogue: Iterable[DialogueRow]) -> dict[tuple[int, int], DialogueRow]:
    """Return of each message and recipient the first refusal of an RCPT in its last transaction, if there was one."""
    found: dict[tuple[int, int], DialogueRow] = {}
    first: dict[tuple[str, int], DialogueRow] = {}  # of each connection, in its open transaction
    for row in dialogue:
        session = (row.destination, row.connection)
        if row.kind == "command" and row.verb in {Verb.MAIL, Verb.RSET}:
            first.pop(session, None)
        elif row.kind == "reply" and row.verb == Verb.RCPT and row.code >= _REFUSED:
            first.setdefault(session, row)
        elif row.kind == "verdict" and session in first:
            found[row.message, row.recipient] = first[session]
    return found


def _report(
    message: int,
    rows: list[RecipientRow],
    last: dict[tuple[int, int], DialogueRow],
    text: Callable[[DialogueRow], str],
    addresses: AddressBook,
) -> MIMEMultipart:
    about = [
        (addresses.recipient(row.number), *_cause(row, last.get((row.message, row.recipient)), text)) for row in rows
    ]
    report = MIMEMultipart("report", boundary=f"simsmtp-{message}", report_type="delivery-status")
    report["From"] = f"Mail Delivery System <MAILER-DAEMON@{_REPORTER}>"
    report["To"] = addresses.sender()
    report["Subject"] = "Undelivered Mail Returned to Sender"
    report["Date"] = _date(max(row.arrival_s for row in rows))
    report["Message-ID"] = f"<ndr-{message}.simsmtp@{_REPORTER}>"
    report["Auto-Submitted"] = "auto-replied"
    told = [f"<{who}>: {diagnostic or 'no reply is known'}" for who, _, diagnostic in about]
    report.attach(MIMEText("Your message could not be delivered to:\n\n" + "\n".join(told) + "\n"))
    report.attach(_status(rows[0].arrival_s, about))
    head = Message()
    head["From"], head["Message-ID"] = addresses.sender(), f"<{message}.simsmtp@example.test>"
    report.attach(MIMEText(head.as_string(), "rfc822-headers"))
    return report


def _status(arrival_s: float, about: list[tuple[str, str, str]]) -> MIMEMessage:
    per_message = Message()
    per_message["Reporting-MTA"] = f"dns; {_REPORTER}"
    per_message["Arrival-Date"] = _date(arrival_s)
    fields: list[Message | str] = [per_message]
    for who, status, diagnostic in about:
        block = Message()
        block["Final-Recipient"] = f"rfc822; {who}"
        block["Action"] = "failed"
        block["Status"] = status
        if diagnostic:
            block["Diagnostic-Code"] = f"smtp; {diagnostic}"
        fields.append(block)
    part = MIMEMessage(Message(), "delivery-status")
    part.set_payload(fields)
    return part


def ndr_fields(row: RecipientRow, reply: DialogueRow | None, text: Callable[[DialogueRow], str]) -> str:
    """Return what the delivery status says of a recipient (RFC 3464 section 2.3), one field a line.

    Parameters
    ----------
    row : RecipientRow
        A recipient that an NDR was sent for.
    reply : DialogueRow or None
        What `last_replies` holds for it.
    text : callable
        The lines of a reply.
    """
    status, diagnostic = _cause(row, reply, text)
    fields = ["Action: failed", f"Status: {status}", *([f"Diagnostic-Code: smtp; {diagnostic}"] if diagnostic else [])]
    return "\n".join(fields)


def _cause(row: RecipientRow, reply: DialogueRow | None, text: Callable[[DialogueRow], str]) -> tuple[str, str]:
    """Return the status code and the reply that caused an NDR.

    That is the reply to the recipient's own RCPT, or to its text. Where neither refused, the sender took another
    recipient's reply for it: then no reply is given.
    """
    if row.attempts == 0 and reply is None:
        return _EXPIRED, ""  # no connection was to be had
    if reply is None or reply.code < 400:
        return _UNKNOWN_CAUSE, ""
    if reply.code < 500:
        return _EXPIRED, _first_line(reply, text)
    return status_text(reply.status) or _UNKNOWN_CAUSE, _first_line(reply, text)


def _first_line(reply: DialogueRow, text: Callable[[DialogueRow], str]) -> str:
    return text(reply).partition("\n")[0]


def _date(second: float) -> str:
    return format_datetime(EPOCH + timedelta(seconds=int(second)))
