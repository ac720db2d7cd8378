"""Whom a delivery status notification gives up: RFC 3464, read with care, for it came from a peer."""

from __future__ import annotations

from email import message_from_bytes
from email.errors import MessageError
from email.message import Message

LONGEST = 4_000_000
"""Octets of a notification that are read."""

MOST_BOUNDARIES = 50
"""Mentions of a boundary in a notification that is read: each costs a look at every line after it."""


def failed_recipients(octets: bytes) -> set[str]:
    """Return the recipients that a message reports as failed, in lower case.

    Parameters
    ----------
    octets : bytes
        A whole message, dots unstuffed.

    Notes
    -----
    A report is ``multipart/report`` with a ``message/delivery-status``; OpenSMTPD 6.8 calls its own
    ``multipart/mixed``, so the status alone decides. Only ``Action: failed`` counts, because a delay is no failure.
    Anything else reports nobody.
    """
    octets = octets[:LONGEST]
    if octets.lower().count(b"boundary") > MOST_BOUNDARIES:
        return set()
    try:
        message = message_from_bytes(octets)
        parts = [part for part in message.walk() if part.get_content_type() == "message/delivery-status"]
        return {who for part in parts for block in _blocks(part) if (who := _failed(block))}
    except (MessageError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return set()  # the last is for parts within parts without end


def _blocks(part: Message) -> list[Message]:
    payload = part.get_payload()
    return [block for block in payload if isinstance(block, Message)] if isinstance(payload, list) else []


def _failed(block: Message) -> str:
    if str(block.get("Action", "")).strip().lower() != "failed":
        return ""
    kind, _, address = str(block.get("Final-Recipient", "")).partition(";")
    return address.strip().strip("<>").lower() if kind.strip().lower() == "rfc822" else ""
