"""Octets of a server to whole replies (RFC 5321 section 4.2). Bounded; nothing a server sends raises."""

from __future__ import annotations

from typing import NamedTuple

from simsmtp.errors import InputError
from simsmtp.live.lines import REPLY_OCTETS, Lines
from simsmtp.protocol.replies import parse_reply

MOST_LINES = 128
"""Lines of one reply that are taken."""


class ServerReply(NamedTuple):
    """A whole reply: code, enhanced status code (see `simsmtp.protocol.replies`) and its lines without CRLF."""

    code: int
    status: int
    lines: tuple[str, ...]


class Replies:
    """Puts replies together.

    Attributes
    ----------
    problem : str
        What was no reply; from then on nothing more is read.
    """

    def __init__(self) -> None:
        self.problem = ""
        self._lines = Lines(REPLY_OCTETS)
        self._begun: list[str] = []

    @property
    def has_rest(self) -> bool:
        """Whether something has come that is no whole reply yet."""
        return bool(len(self._lines) or self._begun)

    def feed(self, octets: bytes) -> None:
        """Take in what was read."""
        if not self.problem:
            self._lines.feed(octets)

    def next_reply(self) -> ServerReply | None:
        """Return the next whole reply, None if there is none (yet, or any more)."""
        while not self.problem and (line := self._lines.next_line()):
            text = line.octets.decode("latin-1")
            self.problem = _problem(text, line.is_too_long, self._begun)
            if self.problem:
                self._lines.clear()
                return None
            self._begun.append(text)
            if text[3:4] != "-":
                lines, self._begun = tuple(self._begun), []
                code, status = parse_reply(text)
                return ServerReply(code, status, lines)
        return None


def _problem(text: str, is_too_long: bool, begun: list[str]) -> str:
    if is_too_long:
        return "a reply line without end"
    if len(begun) >= MOST_LINES:
        return "a reply of too many lines"
    if any(mark in text for mark in "\r\n\0"):
        return "a reply with a bare CR, LF or NUL"
    code = text[:3]  # at the very beginning: where a code may stand is not left to whoever parses it
    if not (code.isascii() and code.isdigit()) or text[3:4] not in {"", " ", "-"}:
        return "a line that is no reply"
    try:
        parse_reply(text)
    except InputError:
        return "a line that is no reply"
    return "a reply whose lines have different codes" if begun and begun[0][:3] != text[:3] else ""
