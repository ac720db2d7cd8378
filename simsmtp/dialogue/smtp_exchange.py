"""What a captured client said and was answered: commands and replies, matched by their position.

Lines end at LF, with or without a CR before it, because servers take both; a text ends at CRLF.CRLF and nowhere else.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from simsmtp.dialogue.tcp_streams import Seen
from simsmtp.errors import InputError
from simsmtp.protocol.commands import Verb
from simsmtp.protocol.replies import parse_reply
from simsmtp.protocol.wire import command_line

_HANGS_UP, _TEXT_END = 421, b"\r\n.\r\n"
_BEGINS = re.compile(r"[2-5][0-9][0-9]")
_CHUNK = re.compile(r"BDAT +([0-9]{1,12})( +LAST)?\s*", re.IGNORECASE)
_PATH = re.compile(
    r"(?:MAIL +FROM|RCPT +TO): *(?:<(?:@[^:>]*:)?((?:\"(?:[^\"\\]|\\.)*\"|[^>\"])*)>|([^\s<]+))", re.IGNORECASE
)
_MESSAGE_ID = re.compile(rb"^Message-ID:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
_LONGEST_HEAD, _LONGEST_PATH = 65_536, 2000


class Said:
    """What one side said.

    Parameters
    ----------
    pieces : sequence of (Seen, bytes)
        In order.

    Attributes
    ----------
    octets : bytes
        All of it.
    marks : list of Seen
        When each piece was seen.
    """

    def __init__(self, pieces: Sequence[tuple[Seen, bytes]]) -> None:
        self.octets = b"".join(octets for _, octets in pieces)
        self.marks = [mark for mark, _ in pieces]
        self._ends = list(accumulate(len(octets) for _, octets in pieces))

    def seen(self, place: int) -> Seen:
        """Return when the octet at a place was seen."""
        return self.marks[bisect_right(self._ends, place)]

    def after(self, place: int) -> list[Seen]:
        """Return when the octets from a place on were seen."""
        return self.marks[bisect_right(self._ends, place) :]

    def line(self, place: int) -> tuple[str, int]:
        """Return the line at a place, and where the next one begins; -1 if it has no end."""
        end = self.octets.find(b"\n", place)
        text = self.octets[place : end if end >= 0 else None].removesuffix(b"\r")
        return text.decode("utf-8", "backslashreplace"), end + 1 if end >= 0 else -1


class Reply(NamedTuple):
    """A whole reply: its lines, joined by line feeds, code, status, where it ends, and when its last octet was seen.

    The status is that of the first line that has one.
    """

    text: str
    code: int
    status: int
    end: int
    seen: Seen


class Command(NamedTuple):
    """What a client says at once and is answered once.

    Attributes
    ----------
    text : str
        As a transcript shows it.
    verb : str
        In capitals; ``TEXT`` for a message text.
    octets : int
        Its length, with line end, text or chunk.
    seen : Seen
        When its first octet was seen.
    address : str
        Of MAIL and RCPT.
    is_last : bool
        It ends the text: TEXT, or BDAT with LAST.
    message_id : str
        Of the text that it carries; ``""`` if there is none.
    """

    text: str
    verb: str
    octets: int
    seen: Seen
    address: str = ""
    is_last: bool = False
    message_id: str = ""

    def opens(self, reply: Reply | None) -> bool:
        """Tell whether it is a MAIL that opens a transaction, as far as its reply is known."""
        return self.verb == Verb.MAIL.name and (reply is None or 200 <= reply.code < 300)


class Exchange(NamedTuple):
    """A command and its reply, None if none was captured."""

    command: Command
    reply: Reply | None


def replies_in(said: Said) -> Iterator[Reply]:
    """Yield the replies of a server, up to the first line that is no reply."""
    lines: list[str] = []
    place, found = 0, 0
    while True:
        text, place = said.line(place)
        try:
            code, status = parse_reply(text)
        except InputError:
            return
        if place < 0 or not _BEGINS.match(text):
            return
        lines.append(text)
        found = found or status
        if text[3:4] != "-":
            yield Reply("\n".join(lines), code, found, place, said.seen(place - 1))
            lines, found = [], 0


def exchanges(client: Said, replies: Sequence[Reply], *, is_plain: bool = False) -> Iterator[Exchange]:
    """Yield what a client said with the reply to it, up to the first octet that is encrypted or cannot be understood.

    A reply belongs to the first command without one. Only a 421 may come without being asked (RFC 5321 section 3.8):
    one that was seen before the command was belongs to none.

    Parameters
    ----------
    client : Said
        What the client said.
    replies : sequence of Reply
        What it was answered, without the greeting.
    is_plain : bool
        What follows STARTTLS was recorded as it was before encryption.
    """
    coming, place, open_verb = deque(replies), 0, ""
    while place < len(client.octets):
        command = _next(client, place, open_verb)
        if command is None:
            return
        while coming and coming[0].code == _HANGS_UP and coming[0].seen.order < command.seen.order:
            coming.popleft()
        reply = coming.popleft() if coming else None
        yield Exchange(command, reply)
        place += command.octets
        code = reply.code if reply else 0
        if (command.verb == "STARTTLS" and code == 220 and not is_plain) or (command.verb == "DATA" and reply is None):
            return
        open_verb = command.verb if command.verb in {"DATA", "AUTH"} and 300 <= code < 400 else ""


def _next(client: Said, place: int, open_verb: str) -> Command | None:
    """Return what begins at a place; `open_verb` is the command that was answered 3yz and is going on."""
    if open_verb == "DATA":
        return _text(client, place)
    line, after = client.line(place)
    if after < 0:
        return None
    seen, length = client.seen(place), after - place
    if open_verb == "AUTH":
        return Command(f"[{length:,} octets not shown]", "AUTH", length, seen)
    verb = line.partition(" ")[0].upper().strip()
    if verb == "AUTH":
        return Command(_without_secrets(line), verb, length, seen)
    if chunk := _CHUNK.fullmatch(line):
        body = client.octets[after : after + int(chunk[1])]
        return Command(line, verb, length + len(body), seen, "", bool(chunk[2]), _message_id(body))
    path = _PATH.match(line[:_LONGEST_PATH])
    address = (path[1] if path[1] is not None else path[2]) if path else ""
    return Command(line, verb if verb.isalpha() else "", length, seen, address)


def _text(client: Said, place: int) -> Command:
    data = client.octets
    found = place - 2 if data.startswith(b".\r\n", place) else data.find(_TEXT_END, place)  # DATA ended with CRLF
    is_whole = found >= 0
    octets = (found + len(_TEXT_END) if is_whole else len(data)) - place
    shown = command_line(Verb.TEXT, octets=octets) if is_whole else f"[{octets:,} octets of a text without its end]"
    body = data[place : place + min(octets, _LONGEST_HEAD)]
    return Command(shown, Verb.TEXT.name, octets, client.seen(place), "", True, _message_id(body))


def _message_id(text: bytes) -> str:
    head = text[:_LONGEST_HEAD].partition(b"\r\n\r\n")[0]
    found = _MESSAGE_ID.search(head)
    return found[1].decode("utf-8", "backslashreplace") if found else ""


def _without_secrets(line: str) -> str:
    """Return AUTH with its mechanism only: what follows may be a password."""
    words = line.split()
    return " ".join(words[:2]) + (f" [{len(words[2]):,} octets not shown]" if len(words) > 2 else "")
