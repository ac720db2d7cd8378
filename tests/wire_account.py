"""Who was accepted in an SMTP conversation, worked out from its octets alone: nothing of the package is used.

A second opinion for tests that throw arbitrary octets at the package's client and server.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

CHUNK = re.compile(rb"BDAT ([0-9]{1,12})( LAST)?[ \t]*", re.IGNORECASE)
_PATH = re.compile(rb"[^<]*<(?:@[^:>]*:)?((?:\"(?:[^\"\\]|\\.)*\"|[^>\"])*)>")


_TO_ALL = (b"DATA", b"TEXT", b"BDAT", b"LAST")
NOT_OBEYED = (500, 502, 503)


class Answered(NamedTuple):
    """One thing a client said, with the code that answers it: its verb in capitals, or TEXT, and its mailbox."""

    verb: bytes
    address: str
    code: int


class Account(NamedTuple):
    """Who was accepted, and which codes above 399 each was answered with or shared in, by sender and recipient.

    What was said to MAIL is under no recipient, ``""``.
    """

    accepted: Counter[tuple[str, str]]
    refusals: dict[tuple[str, str], set[int]]


def codes_in(said: bytes) -> list[int]:
    """Return the code of each whole reply of a server, up to what is no reply."""
    found = []
    for line in said.split(b"\r\n")[:-1]:
        if not re.fullmatch(rb"[2-5][0-9][0-9](?:[ -][^\r\n\0]*)?", line):
            break
        if line[3:4] != b"-":
            found.append(int(line[:3]))
    return found


def answered(written: bytes, codes: Iterable[int]) -> Iterator[Answered]:
    """Yield what a client said, for as long as the codes last; the first of them is the banner's."""
    coming = iter(codes)
    next(coming, None)
    place = 0
    while (end := written.find(b"\r\n", place)) >= 0:
        line, place = written[place:end], end + 2
        if chunk := CHUNK.fullmatch(line):
            place += int(chunk[1])
            if place > len(written):
                return
        code = next(coming, None)
        if code is None:
            return
        path = _PATH.match(line)
        verb = (b"LAST" if chunk and chunk[2] else b"BDAT") if chunk else line[:4].upper()
        yield Answered(verb, path[1].decode("latin-1") if path else "", code)
        if verb == b"DATA" and code == 354:
            text_end = 0 if written.startswith(b".\r\n", place) else written.find(b"\r\n.\r\n", place)
            final = next(coming, None)
            if text_end < 0 or final is None:
                return
            place = text_end + 5 if text_end else place + 3
            yield Answered(b"TEXT", "", final)


def account(written: bytes, codes: Iterable[int]) -> Account:
    """Return what the conversation comes to."""
    accepted: Counter[tuple[str, str]] = Counter()
    refusals: dict[tuple[str, str], set[int]] = {}
    sender, is_open = "", False
    taken: list[str] = []
    asked: list[str] = []
    for verb, address, code in answered(written, codes):
        is_good = 200 <= code < 300
        is_last = verb == b"LAST" or (verb == b"BDAT" and not is_good)
        is_end = verb == b"TEXT" or (is_last and code not in NOT_OBEYED)
        if verb == b"MAIL" and is_good:
            sender, is_open, taken, asked = address, True, [], []
        elif verb == b"RCPT":
            asked.append(address)
            taken += [address] if is_good and is_open else []
        elif is_end and is_good:
            accepted.update((sender, one) for one in taken)
        if code >= 400:
            about = {b"MAIL": [""], b"RCPT": [address]}.get(verb, asked if verb in _TO_ALL else [])
            for one in about:
                refusals.setdefault((address if verb == b"MAIL" else sender, one), set()).add(code)
        if is_end or (verb in (b"EHLO", b"HELO", b"RSET", b"STAR") and is_good):
            is_open, taken = False, []
    return Account(accepted, refusals)
