"""How a sender classifies one reply to RCPT: shared by all counting strategies."""

from __future__ import annotations

from enum import IntEnum

from simsmtp.protocol.replies import TOO_MANY_RECIPIENTS, detail_of


class ReplyClass(IntEnum):
    """What one reply to RCPT means to the sender."""

    ACCEPTED = 0
    OVER = 1  # refused because of a recipient limit: X.5.3, or 452 or 552 without an enhanced status code
    FAILED = 2  # refused for good
    DEFERRED = 3  # refused for now
    CLOSED = 4  # 421, or no reply at all: the connection is gone


# By names of their own: Python 3.11 is slow to look members up in their classes.
_ACCEPTED, _OVER, _FAILED = ReplyClass.ACCEPTED, ReplyClass.OVER, ReplyClass.FAILED


def classify(code: int, status: int, first: bool) -> ReplyClass:
    """Return what a reply to RCPT means.

    Parameters
    ----------
    code : int
        Reply code; 0 where the connection closed before a reply came.
    status : int
        Enhanced status code in integer form; one that is there decides: 552 5.2.2 is a full mailbox (RFC 3463).
    first : bool
        The RCPT was the first of its transaction, which is never over a transaction limit.

    Notes
    -----
    RFC 5321 section 4.5.3.1.10 asks for 452 and wants 552 taken as temporary; RFC 3463 section 3.6 gives
    X.5.3 "too many recipients". The registry (RFC 5248) pairs it with 451, others with 455.
    """
    if 200 <= code < 300:
        return _ACCEPTED
    if code in (0, 421):
        return ReplyClass.CLOSED
    is_over = detail_of(status) == TOO_MANY_RECIPIENTS if status > 0 else code == 452 or code == 552  # noqa: PLR1714
    if is_over and not first:
        return _OVER
    if code >= 500:
        return _FAILED
    return ReplyClass.DEFERRED


def classify_among(code: int, status: int, first: bool, needs_company: bool, has_company: bool) -> ReplyClass:
    """Return what a reply to RCPT means to a sender that may look at its neighbours, too.

    Parameters
    ----------
    code, status, first : int, int, bool
        See `classify`.
    needs_company : bool
        Only 452 is over the limit, and only after `has_company`; see ``client.over_limit_seen``. Such a sender looks at
        the three digits only.
    has_company : bool
        A reply before it, to an RCPT of the same flight, accepted or failed a recipient; see `is_company`.
    """
    is_plain = needs_company and not (has_company and code == 452)
    return classify(code, 0 if needs_company else status, first or is_plain)


def is_company(seen: ReplyClass) -> bool:
    """Tell whether a reply shows that the server still decides about single recipients."""
    return seen == _ACCEPTED or seen == _FAILED  # noqa: PLR1714 - in the decision language
