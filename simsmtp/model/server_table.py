"""The receiving MTA: the keys of a scenario's server."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from simsmtp.model import ranges
from simsmtp.model.rate_limits import ServerRate
from simsmtp.model.table import Table
from simsmtp.policies.rate_limits import MOST_LIMITS


class Server(Table):
    """The receiving MTA."""

    preset: str | None = None
    """Name of a server preset (``simsmtp presets``); keys given beside it win."""
    recipient_limit: ranges.Limit = 100
    """Recipients accepted per `limit_kind`."""
    limit_kind: Literal["transaction", "domain", "connection", "first-domain-only", "group", "first-group-only"] = (
        "transaction"
    )
    """What the limit counts: recipients of a transaction, of each domain in a transaction, of a connection;
    or only recipients in the domain of the first one accepted (then also at most `recipient_limit`). With ``group``
    and ``first-group-only`` the same by `workload.groups` (tenants, regions)."""
    overflow_reply: ranges.Reply = 552
    """Reply to an over-limit RCPT: ``552``, or ``"452 4.5.3"`` with an enhanced status code."""
    overshoot_limit: ranges.Allowance = None
    """Over-limit refusals per transaction that are not counted as errors (Postfix: 1000); None counts none."""
    soft_error_limit: ranges.Limit = None
    """Errors in a session after which the server sleeps before every further reply."""
    error_sleep_ms: ranges.Milliseconds = 1000.0
    """That sleep."""
    hard_error_limit: ranges.Limit = None
    """Errors in a session after which the next command is answered 421 and the connection closed."""
    reject_data_after_overflow: bool = False
    """DATA is refused with 554 once a recipient was over the limit (Exim's recipients_max_reject)."""
    data_without_recipients: Literal["354", "554 5.5.1"] = "554 5.5.1"
    """Reply to DATA when no recipient was accepted; after 354 the client ends with a lone dot (RFC 2920)."""
    data_failure_share: ranges.Share = 0.0
    """Probability that a message text is refused."""
    data_failure_reply: ranges.Reply = "451 4.3.0"
    """That refusal."""
    greylist_s: Annotated[ranges.Seconds | None, ranges.none] = None
    """A recipient first seen less than this ago is answered 451 4.7.1."""
    pipelining: bool = True
    """Offer PIPELINING."""
    chunking: bool = False
    """Offer CHUNKING."""
    advertise_limits: bool = False
    """Advertise LIMITS (RFC 9422)."""
    messages_per_connection: ranges.Limit = None
    """Transactions per connection; a further MAIL is answered 421 and the connection closed."""
    sessions: ranges.Limit = None
    """Sessions at once; a further connection is answered 421."""
    workers: ranges.Limit = None
    """Workers that serve commands, first come first served; a command without service time needs none."""
    reply_buffer_bytes: ranges.Count = 4096
    """Replies are flushed when this buffer would overflow."""
    read_buffer_bytes: ranges.Count = 4096
    """Profile tcp: most octets that the server reads at once; its replies are flushed before each read."""
    wake_ms: ranges.Delay = 0.0
    """Profile tcp: time until a server that waited for input reads it; what has come by then is read at once."""
    connect_service_ms: ranges.Delay = 0.2
    """Time to accept a connection and write the banner."""
    ehlo_service_ms: ranges.Delay = 0.2
    """Service time of EHLO (and of STARTTLS)."""
    mail_service_ms: ranges.Delay = 0.2
    """Service time of MAIL (and of RSET)."""
    rcpt_service_ms: ranges.Delay = 0.2
    """Service time of RCPT."""
    refusal_ms: ranges.Milliseconds = 0.0
    """Time that a refused RCPT takes beyond its service: what it costs to log it. It keeps no worker."""
    data_service_ms: ranges.Delay = 0.2
    """Service time of DATA."""
    text_service_ms: ranges.Delay = 2.0
    """Service time of the message text (or of BDAT)."""
    rate_limits: tuple[ServerRate, ...] = Field(default=(), strict=False, max_length=MOST_LIMITS)
    """Rate limits (throttling, quotas), asked last, of a command that all else lets pass. Each is a table:
    ``{ counts = "messages", most = 500, window_s = 3600, kind = "sliding", at = "mail", reply = "451 4.7.1" }``.
    ``counts`` recipients, messages, connections or commands; ``most`` of them in ``window_s``, of all connections
    together; ``kind`` fixed windows, a sliding one, or a token bucket; ``at`` connect, mail, rcpt, data or dot."""
