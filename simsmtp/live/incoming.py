"""What comes in after its command, a text or a chunk: taken from the lines' buffer piece by piece until it ends."""

from __future__ import annotations

from simsmtp.live.lines import Lines
from simsmtp.live.text import TextEnd

_LAST_LINE = b".\r\n"
_END = b"\r\n" + _LAST_LINE
_PIECE = 4096
"""A peer has made progress when it has sent so many octets."""


class IncomingText:
    """The text of a message, which ends at CRLF.CRLF.

    Parameters
    ----------
    most_kept : int
        Octets to keep of it; beyond that it is only watched.

    Attributes
    ----------
    has_ended : bool
        It is whole.
    """

    def __init__(self, most_kept: int) -> None:
        self.has_ended = False
        self._most_kept, self._kept, self._end = most_kept, bytearray(), TextEnd()

    @property
    def has_bare(self) -> bool:
        """It held a CR or LF that was not part of a CRLF."""
        return self._end.has_bare

    def take_from(self, lines: Lines) -> int:
        """Take what is there; return the progress made, in pieces. What follows the text is left in `lines`."""
        before = self._end.octets
        octets = lines.take(len(lines))
        used = self._end.feed(octets)
        if used >= 0:
            self.has_ended = True
            lines.clear()
            lines.feed(octets[used:])
        if len(self._kept) < self._most_kept:
            self._kept += octets if used < 0 else octets[:used]
        return self._end.octets // _PIECE - before // _PIECE

    def unstuffed(self) -> bytes:
        """Return what was kept without the client's dots and the last line (RFC 5321 section 4.5.2)."""
        lines = b"\r\n" + bytes(self._kept)
        if lines.endswith(_END):
            lines = lines[: -len(_LAST_LINE)]
        return lines.replace(b"\r\n.", b"\r\n")[2:]


class IncomingChunk:
    """The octets that a BDAT announced (RFC 3030 section 2)."""

    def __init__(self, octets: int) -> None:
        self._octets, self._taken = octets, 0

    @property
    def has_ended(self) -> bool:
        """All are here."""
        return self._taken >= self._octets

    def take_from(self, lines: Lines) -> int:
        """Take what is there and belongs to the chunk; return the progress made, in pieces."""
        before = self._taken
        self._taken += len(lines.take(self._octets - before))
        return self._taken // _PIECE - before // _PIECE
