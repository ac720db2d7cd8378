"""Message texts of any length, made up: what a client sends and a capture shows."""

from __future__ import annotations

from collections.abc import Iterator

_DOT = b".\r\n"


def text_of(octets: int, message: int, sender: str) -> Iterator[bytes]:
    """Yield a message text of so many octets, final dot included, in pieces.

    Parameters
    ----------
    octets : int
        Exactly so many from 5 on. Fewer are the three of a lone dot: content is at least a line end, so no text has
        four (RFC 5321 section 4.1.1.4).
    message : int
        Number of the message, which its Message-ID holds.
    sender : str
        Address it is said to come from.
    """
    content = octets - len(_DOT)
    yield from content_of(content if content > 1 else 0, message, sender)
    yield _DOT


def content_of(octets: int, message: int, sender: str) -> Iterator[bytes]:
    """Yield exactly so many octets of header and lines, none of which begins with a dot; see `text_of`."""
    header = f"From: <{sender}>\r\nMessage-ID: <{message}.simsmtp@example.test>\r\nSubject: simsmtp\r\n\r\n".encode()
    if octets < len(header) or octets == len(header) + 1:
        header = b""
    yield header
    left = octets - len(header)
    line = b"x" * 62 + b"\r\n"
    piece = line * 1024
    while left > len(piece) + len(line):
        yield piece
        left -= len(piece)
    yield _lines(left, line)


def _lines(octets: int, line: bytes) -> bytes:
    """Return lines of so many octets in all; a single octet, which is no line, comes as it is."""
    whole, rest = divmod(octets, len(line))
    if rest == 1:  # it lengthens the line before it
        return line * (whole - 1) + b"x" + line if whole else b"x"
    return line * whole + line[len(line) - rest :]
