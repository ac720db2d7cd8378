"""Reply codes (RFC 5321 section 4.2) and enhanced status codes (RFC 3463, registry RFC 5248)."""

from __future__ import annotations

import re
from typing import NamedTuple

from simsmtp.errors import InputError

# An enhanced status code x.y.z is the integer x·1,000,000 + y·1,000 + z; 0 means none was given.
_CLASS = 1_000_000
_SUBJECT = 1_000
TOO_MANY_RECIPIENTS = 5 * _SUBJECT + 3  # X.5.3, RFC 3463 section 3.6

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
    """Read ``552``, ``"552"``, ``"452 4.5.3"`` or a whole reply line.

    Parameters
    ----------
    text : int or str
        A code, with or without enhanced status code and wording.
    key : str, optional
        Setting named in the complaint.

    Raises
    ------
    InputError
        If `text` has no such form.
    """
    match = _FORM.fullmatch(str(text).strip())
    if match is None:
        raise InputError(
            "not a reply",
            key=key,
            given=text,
            allowed="a code such as 552, or with status such as '452 4.5.3'",
        )
    code = int(match["code"])
    if match["cls"] is None:
        return Reply(code, 0)
    return Reply(code, enhanced(int(match["cls"]), int(match["subject"]), int(match["detail"])))


def words_of(text: int | str) -> str:
    """Return the wording of a reply that `parse_reply` reads; empty if there is none."""
    match = _FORM.fullmatch(str(text).strip())
    return (match["words"] or "") if match else ""
