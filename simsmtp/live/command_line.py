"""One command line of a client to what it asks for (RFC 5321 section 4.1). Pure; nothing a client sends raises."""

from __future__ import annotations

import re
from enum import IntEnum
from typing import NamedTuple

from simsmtp.live.lines import Line, bare_at
from simsmtp.protocol.commands import Verb
from simsmtp.protocol.replies import enhanced, status_text


class Complaint(IntEnum):
    """What is wrong with a line, or with how it came; what is said then is in `WORDS`."""

    NONE = 0
    TOO_LONG = 1
    NOT_ASCII = 2
    BARE = 3
    UNKNOWN = 4
    SYNTAX = 5
    PARAMETER = 6
    SPOKE_TOO_EARLY = 7
    TIMED_OUT = 8
    BARE_IN_TEXT = 9
    CHUNKS_MIXED = 10
    NOT_OFFERED = 11
    CHUNK = 12
    TOO_MANY = 13
    NOT_IMPLEMENTED = 14


ENDS_SESSION = frozenset(
    {Complaint.BARE, Complaint.SPOKE_TOO_EARLY, Complaint.TIMED_OUT, Complaint.CHUNK, Complaint.TOO_MANY}
)
"""After these the server no longer knows what is command and what is not, or has had enough."""

WORDS: dict[Complaint, tuple[int, int, str]] = {
    Complaint.TOO_LONG: (500, enhanced(5, 5, 2), "Line too long"),
    Complaint.NOT_ASCII: (500, enhanced(5, 5, 2), "Only printable ASCII is understood"),
    Complaint.BARE: (500, enhanced(5, 5, 2), "A line ends with CR LF"),
    Complaint.UNKNOWN: (500, enhanced(5, 5, 2), "Command not recognized"),
    Complaint.SYNTAX: (501, enhanced(5, 5, 4), "Syntax error in parameters"),
    Complaint.PARAMETER: (555, enhanced(5, 5, 4), "Parameter not offered"),
    Complaint.SPOKE_TOO_EARLY: (554, enhanced(5, 5, 0), "Commands sent before they were allowed"),
    Complaint.TIMED_OUT: (421, enhanced(4, 4, 2), "Timed out"),
    Complaint.BARE_IN_TEXT: (554, enhanced(5, 6, 0), "Text with a bare CR or LF"),
    Complaint.CHUNKS_MIXED: (503, enhanced(5, 5, 1), "Chunks are not finished"),
    Complaint.NOT_OFFERED: (502, enhanced(5, 5, 1), "Command not offered"),
    Complaint.CHUNK: (554, enhanced(5, 5, 4), "Chunk of unknown length"),
    Complaint.TOO_MANY: (421, enhanced(4, 7, 0), "Too many errors"),
    Complaint.NOT_IMPLEMENTED: (502, enhanced(5, 5, 1), "Command not implemented"),
}


class ParsedCommand(NamedTuple):
    """What a client said.

    Attributes
    ----------
    verb : Verb
        The command; NOOP where there is a complaint.
    address : str
        The mailbox of MAIL and RCPT; ``""`` is the null sender.
    octets : int
        Length of the chunk that follows BDAT, 0 else. It counts even where there is a complaint.
    is_last : bool
        The chunk is the last.
    is_helo : bool
        EHLO was said the old way.
    is_vrfy : bool
        NOOP stands for VRFY, which changes as little.
    complaint : Complaint
        What is wrong.
    """

    verb: Verb
    address: str = ""
    octets: int = 0
    is_last: bool = False
    is_helo: bool = False
    is_vrfy: bool = False
    complaint: Complaint = Complaint.NONE


MOST_CHUNK_DIGITS = 12
_PATH = re.compile(
    r"(?:@[^<>\s:]+:)?([^<>\s@\"]{1,64}@[^<>\s@]{1,255}|\"(?:[^\"\\]|\\.){1,62}\"@[^<>\s@]{1,255}|postmaster|)",
    re.IGNORECASE,
)
_ENVELOPE = re.compile(r"(MAIL FROM|RCPT TO): ?<((?:[^<>\"]|\"(?:[^\"\\]|\\.)*\")*)>(?: (.*))?", re.IGNORECASE)
_CHUNK = re.compile(rf"BDAT ([0-9]{{1,{MOST_CHUNK_DIGITS}}})( LAST)?", re.IGNORECASE)
_NOT_IMPLEMENTED = ("EXPN", "HELP")  # known, and not in the least implementation (RFC 5321 section 4.5.1)
_BARE_WORDS = {"DATA": Verb.DATA, "RSET": Verb.RSET, "QUIT": Verb.QUIT, "STARTTLS": Verb.STARTTLS}


def parse_command(line: Line) -> ParsedCommand:
    """Return what a command line says."""
    if bare_at(line.octets, is_whole=True) >= 0:
        return _wrong(Complaint.BARE)
    if line.is_too_long:
        return _wrong(Complaint.TOO_LONG)
    if not line.octets.isascii() or any(octet < 0x20 or octet == 0x7F for octet in line.octets.replace(b"\t", b" ")):
        return _wrong(Complaint.NOT_ASCII)
    text = line.octets.decode("ascii").rstrip()
    word = text.partition(" ")[0].upper()
    if word in ("MAIL", "RCPT"):
        return _envelope(text, Verb.MAIL if word == "MAIL" else Verb.RCPT)
    if word in ("EHLO", "HELO"):
        is_named = len(text) > len("EHLO ")
        return ParsedCommand(Verb.EHLO, is_helo=word == "HELO") if is_named else _wrong(Complaint.SYNTAX)
    if word == "BDAT":
        match = _CHUNK.fullmatch(text)
        return (
            ParsedCommand(Verb.BDAT, octets=int(match[1]), is_last=bool(match[2])) if match else _wrong(Complaint.CHUNK)
        )
    if word == "NOOP":
        return ParsedCommand(Verb.NOOP)
    if word == "VRFY":
        return ParsedCommand(Verb.NOOP, is_vrfy=True) if len(text) > len("VRFY ") else _wrong(Complaint.SYNTAX)
    if word in _NOT_IMPLEMENTED:
        return _wrong(Complaint.NOT_IMPLEMENTED)
    if word in _BARE_WORDS:
        return ParsedCommand(_BARE_WORDS[word]) if text.upper() == word else _wrong(Complaint.SYNTAX)
    return _wrong(Complaint.UNKNOWN)


def _envelope(text: str, verb: Verb) -> ParsedCommand:
    match = _ENVELOPE.fullmatch(text)
    path = _PATH.fullmatch(match[2]) if match else None
    if match is None or path is None or ("@" not in path[1] and bool(path[1]) != (verb == Verb.RCPT)):
        return _wrong(Complaint.SYNTAX)  # without a domain: nobody sends, and only the postmaster receives
    if match[3]:
        return _wrong(Complaint.PARAMETER)  # no extension with a parameter is offered (RFC 5321 section 4.1.1.11)
    return ParsedCommand(verb, path[1])


def spoken_complaint(complaint: Complaint) -> tuple[int, bytes]:
    """Return code and line of the reply to what is wrong."""
    code, status, words = WORDS[complaint]
    return code, f"{code} {status_text(status)} {words}\r\n".encode()


def _wrong(complaint: Complaint) -> ParsedCommand:
    return ParsedCommand(Verb.NOOP, complaint=complaint)
