"""Octets in any pieces to whole lines, with a bound on their length. Only CRLF ends a line (RFC 5321 section 2.3.8)."""

from __future__ import annotations

from typing import NamedTuple

COMMAND_OCTETS = 512
"""Longest command line with its CRLF (RFC 5321 section 4.5.3.1.4)."""
REPLY_OCTETS = 1024
"""Longest reply line taken: twice what RFC 5321 section 4.5.3.1.5 allows, because real servers are wordy."""

_CRLF = b"\r\n"


class Line(NamedTuple):
    """One line without its CRLF; of a line that was too long only its beginning."""

    octets: bytes
    is_too_long: bool


def bare_at(octets: bytes, *, is_whole: bool) -> int:
    """Return where the first CR or LF stands that is no part of a CRLF, -1 if there is none.

    Parameters
    ----------
    octets : bytes
        A line without its CRLF, or the beginning of one.
    is_whole : bool
        The line has ended; otherwise the LF of a CR at the very end may still come.
    """
    found = [place for mark in (b"\r", b"\n") if (place := octets.find(mark)) >= 0]
    place = min(found, default=-1)
    return -1 if not is_whole and place == len(octets) - 1 and octets.endswith(b"\r") else place


class Lines:
    """A buffer of lines: it never holds more than one read and two lines.

    Parameters
    ----------
    longest : int
        Most octets of a line, CRLF included. What is longer is thrown away as it comes.
    """

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._buffer = bytearray()
        self._begin = 0  # what is before it has been taken
        self._searched = 0
        self._head = b""  # beginning of a line that is too long and has not ended yet

    def __len__(self) -> int:
        return len(self._buffer) - self._begin

    def feed(self, octets: bytes) -> None:
        """Take in what was read."""
        del self._buffer[: self._begin]
        self._searched -= self._begin
        self._begin = 0
        self._buffer += octets

    def next_line(self) -> Line | None:
        """Return the next whole line, None if there is none yet."""
        end = self._buffer.find(_CRLF, self._searched)
        if end < 0:
            self._cut()
            self._searched = max(self._begin, len(self._buffer) - 1)  # the last octet may be half of a CRLF
            return None
        octets, head = bytes(self._buffer[self._begin : end]), self._head
        self._begin = self._searched = end + len(_CRLF)
        self._head = b""
        if head or len(octets) + len(_CRLF) > self._longest:
            return Line(head or octets[: self._longest], True)
        return Line(octets, False)

    @property
    def begun(self) -> bytes:
        """The line that has not ended yet, as far as a line may be long."""
        return self._head or bytes(self._buffer[self._begin : self._begin + self._longest])

    def take(self, most: int) -> bytes:
        """Take up to so many octets as they are, line ends or not."""
        upto = min(len(self._buffer), self._begin + most)
        octets = bytes(self._buffer[self._begin : upto])
        self._begin = self._searched = upto
        return octets

    def clear(self) -> None:
        """Throw away what is buffered."""
        self._buffer.clear()
        self._begin = self._searched = 0
        self._head = b""

    def _cut(self) -> None:
        if len(self) > self._longest + 1:
            self._head = self._head or bytes(self._buffer[self._begin : self._begin + self._longest])
            self._begin = len(self._buffer) - 1
