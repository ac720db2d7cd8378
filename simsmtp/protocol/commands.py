"""SMTP commands and command groups (RFC 2920 section 3.1)."""

from __future__ import annotations

from enum import IntEnum

LONE_DOT_OCTETS = 3
"""The text of a transaction that was given up after 354 (RFC 2920 section 3.1): a dot and CRLF."""


class Verb(IntEnum):
    """What a client sends. TEXT is the message text with its final dot, which follows a 354 reply."""

    CONNECT = 0
    EHLO = 1
    STARTTLS = 2
    MAIL = 3
    RCPT = 4
    DATA = 5
    TEXT = 6
    BDAT = 7
    RSET = 8
    NOOP = 9
    QUIT = 10


TEXTS = (Verb.TEXT, Verb.BDAT)
"""What brings the message text, and has the final reply of a transaction."""


def ends_group(verb: Verb) -> bool:
    """Tell whether a command may only be the last of a group.

    RFC 2920 section 3.1: EHLO, DATA, QUIT and NOOP (and STARTTLS, RFC 3207 section 4) come last; MAIL, RCPT and
    RSET go anywhere. BDAT may be pipelined (RFC 3030 section 4.2), and the message text is no command: it may
    start a group.
    """
    return verb in (Verb.CONNECT, Verb.EHLO, Verb.STARTTLS, Verb.DATA, Verb.NOOP, Verb.QUIT)


def command_octets(verb: Verb, address_chars: int, *, orcpt: bool = False) -> int:
    """Return the octets of a command line with its CRLF, for an address of the given length.

    ``MAIL FROM:<a>`` and ``RCPT TO:<a>`` are 14 and 12 octets longer than the address; BDAT is counted here with a
    length of four digits and without its chunk, see `bdat_octets`. `orcpt` adds `` ORCPT=rfc822;a`` to RCPT.
    """
    if verb == Verb.MAIL:
        return 14 + address_chars
    if verb == Verb.RCPT:
        return 12 + address_chars + (14 + address_chars if orcpt else 0)
    if verb == Verb.EHLO:
        return 24
    if verb in (Verb.STARTTLS, Verb.BDAT):
        return 10 if verb == Verb.STARTTLS else 16
    return 0 if verb == Verb.CONNECT else 6


def bdat_octets(text_octets: int) -> int:
    """Return the octets of ``BDAT n LAST`` with its CRLF and the n octets of text that follow it."""
    digits, least = 1, 10
    while text_octets >= least:  # a string's length would make compiled code carry strings
        digits, least = digits + 1, 10 * least
    return 12 + digits + text_octets


def bdat_text_octets(octets: int) -> int:
    """Return n of a ``BDAT n LAST`` that takes so many octets in all: the inverse of `bdat_octets`."""
    digits = next(digits for digits in range(1, 20) if len(str(octets - 12 - digits)) <= digits)
    return octets - 12 - digits
