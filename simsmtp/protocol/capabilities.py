"""What a server offers in its EHLO reply, and what a client makes of it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple


class Capabilities(NamedTuple):
    """EHLO keywords this package knows; 0 stands for a LIMITS value that was not given.

    Attributes
    ----------
    pipelining : bool
        PIPELINING (RFC 2920).
    chunking : bool
        CHUNKING (RFC 3030).
    starttls : bool
        STARTTLS (RFC 3207).
    mailmax, rcptmax, rcptdomainmax : int
        LIMITS (RFC 9422): MAIL commands per session, RCPT per transaction, recipient domains per session.
    """

    pipelining: bool
    chunking: bool
    starttls: bool
    mailmax: int
    rcptmax: int
    rcptdomainmax: int


NOTHING_OFFERED = Capabilities(False, False, False, 0, 0, 0)
_MAX_LIMIT_DIGITS = 6  # RFC 9422 section 4: a limit value has at most six digits


def ehlo_lines(offered: Capabilities, hostname: str) -> list[str]:
    """Return the lines of the EHLO reply, without CRLF."""
    words = [hostname]
    words += ["PIPELINING"] if offered.pipelining else []
    words += ["CHUNKING"] if offered.chunking else []
    words += ["STARTTLS"] if offered.starttls else []
    limits = [
        f"{name}={value}"
        for name, value in (
            ("MAILMAX", offered.mailmax),
            ("RCPTMAX", offered.rcptmax),
            ("RCPTDOMAINMAX", offered.rcptdomainmax),
        )
        if value > 0
    ]
    words += [" ".join(["LIMITS", *limits])] if limits else []
    return [f"250-{word}" for word in words[:-1]] + [f"250 {words[-1]}"]


def parse_ehlo(lines: Iterable[str]) -> Capabilities:
    """Read an EHLO reply, whose first line names the host.

    Unknown keywords and malformed limits are ignored, as RFC 9422 section 4 asks for.
    """
    keywords = {}
    for line in islice(lines, 1, None):
        keyword, *words = line[4:].split() or [""]
        keywords[keyword.upper()] = words
    limits = _limits(keywords.get("LIMITS", []))
    return Capabilities(
        pipelining="PIPELINING" in keywords,
        chunking="CHUNKING" in keywords,
        starttls="STARTTLS" in keywords,
        mailmax=limits.get("MAILMAX", 0),
        rcptmax=limits.get("RCPTMAX", 0),
        rcptdomainmax=limits.get("RCPTDOMAINMAX", 0),
    )


def _limits(words: Iterable[str]) -> dict[str, int]:
    found = {}
    for word in words:
        name, _, value = word.partition("=")
        known = name.upper() in {"MAILMAX", "RCPTMAX", "RCPTDOMAINMAX"}
        if known and value.isascii() and value.isdigit() and len(value) <= _MAX_LIMIT_DIGITS and int(value) > 0:
            found[name.upper()] = int(value)
    return found
