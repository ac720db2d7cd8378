"""Reply codes (RFC 5321 section 4.2) and enhanced status codes (RFC 3463, registry RFC 5248)."""

from __future__ import annotations

import re
from typing import NamedTuple

from simsmtp.errors import InputError

# An enhanced status code x.y.z is the integer x·1,000,000 + y·1,000 + z; 0 means none was given.
_CLASS = 1_000_000
_SUBJECT = 1_000
TOO_MANY_RECIPIENTS = 5 * _SUBJECT + 3  # X.5.3, RFC 3463 section 3.6

_MOST_LINES, _LONGEST = 100, 510

_FORM = re.compile(
    r"(?P<code>[2-5]\d\d)(?:[ -](?P<cls>[245])\.(?P<subject>\d{1,3})\.(?P<detail>\d{1,3}))?(?:[ -](?P<words>.*))?"
)


class Reply(NamedTuple):
    """What a server answered.

    Attributes
    ----------
    code : int
        Three digits, or 0 where no reply came because the connection closed.
    status : int
        Enhanced status code as an integer, see `enhanced`; 0 if none.
    """

    code: int
    status: int


def enhanced(cls: int, subject: int, detail: int) -> int:
    """Return the enhanced status code ``cls.subject.detail`` as one integer."""
    return cls * _CLASS + subject * _SUBJECT + detail


def detail_of(status: int) -> int:
    """Return subject and detail of an enhanced status code, without its class: 5.003 of both 4.5.3 and 5.5.3."""
    return status % _CLASS


def status_text(status: int) -> str:
    """Return ``"4.5.3"`` for the integer form, and ``""`` for 0."""
    if status == 0:
        return ""
    return f"{status // _CLASS}.{status % _CLASS // _SUBJECT}.{status % _SUBJECT}"


def parse_reply(text: int | str, *, key: str | None = None) -> Reply:
    """Read ``552``, ``"552"``, ``"452 4.5.3"``, a whole reply line, or the lines of a reply.

    Parameters
    ----------
    text : int or str
        A code, with or without enhanced status code and wording; of several lines, which line feeds part, all have the
        same code, and the first enhanced status code counts.
    key : str, optional
        Setting named in the complaint.

    Raises
    ------
    InputError
        If `text` has no such form.
    """
    matches = [_FORM.fullmatch(line.strip()) for line in _lines(text)]
    codes = {match["code"] if match else "" for match in matches}
    if len(codes) > 1 or "" in codes:
        several = "several lines have the same code: '452-4.5.3 Too many\\n452 try later'"
        raise InputError(
            "not a reply",
            key=key,
            given=text,
            allowed=f"a code such as 552, or with status such as '452 4.5.3'; {several}",
        )
    named = next((match for match in matches if match and match["cls"]), None)
    status = enhanced(int(named["cls"]), int(named["subject"]), int(named["detail"])) if named else 0
    return Reply(int(codes.pop()), status)


def parse_refusal(text: int | str, *, key: str, also: int = 0, only: int = 0) -> Reply:
    """Read what a server is set to say where it refuses something.

    Parameters
    ----------
    text : int or str
        See `parse_reply`.
    key : str
        Setting named in the complaint.
    also, only : int
        A code that will do as well, and the only one that will; 0 if there is none.

    Raises
    ------
    InputError
        If it is no reply, no refusal, or cannot go over the wire (RFC 5321 section 4.5.3.1.5).
    """
    reply = parse_reply(text, key=key)
    if reply.code != only if only else not (400 <= reply.code <= 599 or reply.code == also):
        codes = str(only) if only else f"{f'{also}, or ' if also else ''}any code from 400 to 599"
        raise InputError(
            f"not {only}" if only else "not a refusal",
            key=key,
            given=text,
            allowed=f"{codes}, with or without an enhanced status code and words, in one line or several",
        )
    lines = wire_lines(text)
    if len(lines) > _MOST_LINES or not all(
        len(one) <= _LONGEST and one.isascii() and one.isprintable() for one in lines
    ):
        allowed = f"at most {_MOST_LINES} lines of at most {_LONGEST} printable ASCII characters"
        raise InputError("cannot go over the wire", key=key, given=text, allowed=allowed)
    return reply


def words_of(text: int | str) -> str:
    """Return the wording of a reply that `parse_reply` reads, of several lines the first; empty if there is none."""
    match = _FORM.fullmatch(_lines(text)[0].strip())
    return (match["words"] or "") if match else ""


def wire_lines(text: int | str, words: str = "") -> tuple[str, ...]:
    """Return the lines in which a server says a reply that `parse_reply` reads, without CRLF.

    Parameters
    ----------
    text : int or str
        The reply; how its code is parted from the rest of a line is put right.
    words : str
        Said where it is one line without any.
    """
    lines = [line.strip() for line in _lines(text)]
    if len(lines) == 1 and words and not words_of(text):
        lines = [f"{lines[0]} {words}"]
    return tuple(line[:3] + (" " if last else "-") * (len(line) > 3 or not last) + line[4:]
                 for line, last in zip(lines, [False] * (len(lines) - 1) + [True], strict=True))  # fmt: skip


def _lines(text: int | str) -> list[str]:
    return str(text).strip().split("\n")
