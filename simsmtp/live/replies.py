"""Octets of a server to whole replies (RFC 5321 section 4.2). Bounded; nothing a server sends raises."""

from __future__ import annotations

import re
from typing import NamedTuple

from simsmtp.errors import InputError
from simsmtp.live.lines import REPLY_OCTETS, Lines, bare_at
from simsmtp.protocol.replies import parse_reply

MOST_LINES = 128
"""Lines of one reply that are taken."""
_MOST_SHOWN = 80
# At the very beginning: where a code may stand is not left to whoever parses it.
_HEAD = re.compile(rb"(?:[2-5](?:[0-9](?:[0-9][ -]?)?)?)?")


class ServerReply(NamedTuple):
    """A whole reply: code, enhanced status code (see `simsmtp.protocol.replies`) and its lines without CRLF.

    The enhanced status code is that of the first line that has one.
    """

    code: int
    status: int
    lines: tuple[str, ...]


class Replies:
    """Puts replies together.

    Attributes
    ----------
    problem : str
        What was no reply; from then on nothing more is read. It is found when its first wrong octet comes, not only
        when the line ends, because it may never end.
    received : str
        What it was found in, or what came last, fit to be shown.
    """

    def __init__(self) -> None:
        self.problem = self.received = ""
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
            self.received = shown(line.octets)
            self.problem = _wrong_octet(line.octets, is_whole=True) or _wrong_line(line.octets, self._begun)
            if self.problem:
                self._lines.clear()
                return None
            text = line.octets.decode("latin-1")
            self._begun.append(text)
            if text[3:4] != "-":
                lines, self._begun = tuple(self._begun), []
                return ServerReply(*parse_reply("\n".join(lines)), lines)
        if not self.problem and (begun := self._lines.begun):
            self.received = shown(begun)
            self.problem = _wrong_octet(begun, is_whole=False)
        return None


def shown(octets: bytes) -> str:
    """Return a peer's octets in quotes, cut where they are long, without what would move the cursor of a terminal."""
    text = ascii(octets[:_MOST_SHOWN].decode("latin-1"))
    return f"{text} ..." if len(octets) > _MOST_SHOWN else text


def _wrong_octet(octets: bytes, *, is_whole: bool) -> str:
    """Return what is wrong with the first octet that can stand in no reply line; how a line is cut changes nothing."""
    longest = REPLY_OCTETS - len("\r\n")
    line = octets[: longest + 1]
    bare = bare_at(line, is_whole=is_whole or len(octets) > len(line))
    places = [place for place in (bare, line.find(b"\0")) if place >= 0]
    sound = line[: min(places, default=len(line))].removesuffix(b"" if is_whole else b"\r")
    head = _HEAD.match(sound)
    if head and head.end() < min(len(sound), len("250 ")):
        return "a line that is no reply"
    if places:
        return "a reply with a bare CR, LF or NUL"
    return "a reply line without end" if len(sound) > longest else ""


def _wrong_line(octets: bytes, begun: list[str]) -> str:
    if len(begun) >= MOST_LINES:
        return "a reply of too many lines"
    text = octets.decode("latin-1")
    try:
        parse_reply(text)
    except InputError:
        return "a line that is no reply"
    return "a reply whose lines have different codes" if begun and begun[0][:3] != text[:3] else ""
