"""What is to be sent: the keys of a scenario's workload."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from simsmtp.model import ranges
from simsmtp.model.table import Table


class PoissonArrivals(Table):
    """Messages arrive as a Poisson process."""

    dist: Literal["poisson"]
    rate_per_s: ranges.Rate
    """Mean number of messages a second."""


class Workload(Table):
    """What is to be sent."""

    messages: ranges.Count = 1
    """Number of messages (ignored with `trace`)."""
    recipients_per_message: ranges.Recipients = 250
    """Recipients of one message: a number, or a table with ``dist`` = constant, geometric, lognormal,
    zipf or empirical; drawn counts are whole and at least 1."""
    message_bytes: ranges.Octets = 4096
    """Size of the message text in octets."""
    unknown_share: ranges.Share = 0.0
    """Probability that a mailbox is unknown to the receiver: of each recipient, or of each person who is met again."""
    unknown: tuple[Annotated[int, Field(ge=0, le=ranges.MOST_RECIPIENTS - 1)], ...] = Field(
        default=(), strict=False, max_length=10_000
    )
    """Places, from 0, in every message whose mailboxes are unknown, beside `unknown_share`: ``[3]`` is one bad
    recipient, the fourth. A resend keeps them, wherever they then stand."""
    domains: ranges.Many = 1
    """Recipients are spread over this many domains in turn (recipient i has domain i mod `domains`). The addresses of
    a trace name their own."""
    groups: ranges.Many = 1
    """Recipients belong to this many groups that are no domains, in turn (recipient i has group i mod `groups`):
    regions, tenants, as in Outlook's ATTR38 "recipients belong to multiple regions". A server tells them apart by its
    `limit_kind`. On the wire i are the digits at the end of an address's local part (none: group 0)."""
    population: Annotated[Annotated[int, Field(ge=1, le=100_000_000)] | None, ranges.none] = None
    """Who is who: recipients are drawn from this many people, who are met again in other messages: a list, customers.
    Those of a message are different people; person p has domain p mod `domains` and group p mod `groups`, and always
    the same mailbox and destination. Greylisting knows who was seen before, and duplicates (`person_duplicates`,
    `copies_max`) are counted by person. None: everybody is new. A trace has people of its own."""
    address_chars: Annotated[int, Field(ge=12, le=254)] = 25
    """Length of every mailbox address; an RCPT command is 12 octets longer."""
    arrivals: Literal["at-once", "trace"] | PoissonArrivals | None = None
    """``at-once``, ``{ dist = "poisson", rate_per_s = … }`` or ``trace``; the default is ``trace`` where a
    trace is given and ``at-once`` elsewhere."""
    trace: str | None = None
    """Path of a trace of real traffic: rows ``sender recipient seconds``, or a Postfix mail log; .gz allowed. The same
    address is the same person, in the domain that it names; in dialogues and on the wire person 7 is named u7."""
    trace_format: Literal["auto", "rows", "postfix-log"] = "auto"
    """How to read the trace; ``auto`` decides by its first lines."""
    trace_messages: ranges.Limit = None
    """Only the first so many messages of the trace."""
    trace_recipient_factor: ranges.Many = 1
    """Each recipient of the trace stands for this many people of the same domain."""
    trace_speedup: ranges.Speedup = 1.0
    """Arrival times of the trace are divided by this."""
    resend: Literal["none", "all", "failed"] = "none"
    """What the author does when NDRs come back: nothing, send to all again, or to the failed ones."""
    resends: ranges.Few = 1
    """How often a message is resent at most."""
    resend_after_s: ranges.Seconds = 3600.0
    """Time from the end of a message to its resend."""
