"""The receiving MTA: the keys of a scenario's server, and which of their values cannot stand beside each other."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from simsmtp.errors import InputError
from simsmtp.model import ranges
from simsmtp.model.rate_limits import ServerRate
from simsmtp.model.table import Table
from simsmtp.policies.rate_limits import MOST_LIMITS
from simsmtp.protocol.replies import parse_refusal

_REFUSALS = (
    "overflow_reply", "data_after_overflow_reply", "data_failure_reply", "unknown_reply", "greylist_reply",
    "messages_reply", "commands_reply", "sessions_reply",
)  # fmt: skip
KINDS_BY_GROUP = ("group", "first-group-only")
"""Limit kinds that tell recipients apart by `workload.groups`."""
_GO_ON = 354
_GREETING = 3
"""Commands of a client that uses STARTTLS, before its first MAIL: EHLO, STARTTLS, EHLO."""


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
    limit_at: Literal["rcpt", "data", "dot", "delivery"] = "rcpt"
    """Where a limit of a transaction speaks: ``rcpt`` refuses the recipients over it one by one; ``data`` and ``dot``
    answer every RCPT 250 and refuse a transaction of more recipients whole, to DATA or in the final reply after the
    dot, so that nobody gets the message (Stalwart, Amazon SES). BDAT is both. ``delivery`` answers all of it 250 and
    then loses a transaction of more recipients without a word: nobody gets the message and nobody is told (Exchange
    5.5). Of that `simsmtp send` sees nothing; `simsmtp serve` says whom it accepted."""
    overflow_reply: ranges.Reply = 552
    """Reply over the limit, to RCPT or at `limit_at`: any 4yz or 5yz, ``552``, ``"452 4.5.3"`` with an enhanced status
    code, or multi-line: ``"452-4.5.3 Too many\\n452 try later"``. Senders go by the first enhanced status code:
    X.5.3 is too many recipients, X.2.2 a full mailbox; without one, 452 and 552 are too many."""
    overshoot_limit: ranges.Allowance = None
    """Over-limit refusals per transaction that are not counted as errors (Postfix: 1000); None counts none. With 0 each
    is one, so that `soft_error_limit` delays the replies after it; to make each refusal come late: `refusal_ms`."""
    soft_error_limit: ranges.Limit = None
    """Errors in a session after which the server sleeps before every further reply (tarpit): refusals, commands out of
    order, and over-limit refusals beyond `overshoot_limit`, which has to be set for them to count."""
    error_sleep_ms: ranges.Milliseconds = 1000.0
    """That sleep, the delay of each later reply."""
    hard_error_limit: ranges.Limit = None
    """Errors in a session after which the next command is answered 421 and the connection closed."""
    reject_data_after_overflow: bool = False
    """DATA is refused, see `data_after_overflow_reply`, once a recipient was over the limit (Exim's
    recipients_max_reject)."""
    data_after_overflow_reply: ranges.Reply = 554
    """That refusal: any 4yz or 5yz."""
    data_without_recipients: ranges.Reply | Literal[354] = "554 5.5.1"
    """Reply to DATA when every RCPT was refused: any 4yz or 5yz, such as 503, or 354, after which the client ends with
    a lone dot (RFC 2920)."""
    data_reply: Literal[354] | str = 354
    """Reply to DATA that asks for the text: 354, with words or in several lines if need be."""
    data_failure_share: ranges.Share = 0.0
    """Probability that a message text is refused."""
    data_failure_reply: ranges.Reply = "451 4.3.0"
    """That refusal, the final reply after the dot: any 4yz or 5yz."""
    unknown_reply: ranges.Reply = "550 5.1.1"
    """Reply to RCPT for an unknown mailbox: any 4yz or 5yz, such as ``"553 5.1.3"``, 501, 502, 454, or
    ``"452 4.2.2"`` for a mailbox that is full."""
    greylist_s: Annotated[ranges.Seconds | None, ranges.none] = None
    """A recipient first seen less than this ago is greylisted: refused for now, see `greylist_reply`. Who is met again
    in another message (`workload.population`, the addresses of a trace) is known by sender and recipient, as to
    postgrey."""
    greylist_reply: ranges.Reply = "451 4.7.1"
    """Reply to RCPT for a greylisted recipient: any 4yz or 5yz."""
    pipelining: bool = True
    """Offer PIPELINING."""
    chunking: bool = False
    """Offer CHUNKING."""
    advertise_limits: bool = False
    """Advertise LIMITS (RFC 9422)."""
    messages_per_connection: ranges.Limit = None
    """Messages (transactions) per connection or session; the next is refused, see `messages_reply`."""
    messages_at: Literal["mail", "data"] = "mail"
    """Where that refusal comes: in reply to MAIL, or to DATA (or BDAT), when its recipients were accepted."""
    messages_reply: ranges.Reply = "421 4.5.3"
    """That refusal: any 4yz or 5yz, such as ``"452 4.4.5"``; 421 closes the connection, others leave it open."""
    commands_per_connection: ranges.Limit = None
    """Commands of any kind per connection or session: EHLO, NOOP and RSET count like MAIL, RCPT and DATA; QUIT and the
    message text are never refused. Those beyond get `commands_reply`."""
    commands_reply: ranges.Reply = "421 4.7.0"
    """That refusal: any 4yz or 5yz; 421 closes the connection, others leave it open."""
    sessions: ranges.Limit = None
    """Sessions (connections) at once; a further one is refused in the banner, see `sessions_reply`."""
    sessions_reply: ranges.Reply = "421 4.3.2"
    """That banner: any 4yz or 5yz, such as 554; whatever it is, the connection is closed and the sender waits."""
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
    """Time that every refused RCPT takes beyond its service, over-limit refusals too: each such reply comes late by
    this delay (what it costs to log it, or a server that slows refusals down on purpose). It keeps no worker."""
    data_service_ms: ranges.Delay = 0.2
    """Service time of DATA."""
    text_service_ms: ranges.Delay = 2.0
    """Service time of the message text (or of BDAT)."""
    rate_limits: tuple[ServerRate, ...] = Field(default=(), strict=False, max_length=MOST_LIMITS)
    """Rate limits (throttling, quotas), asked last, of a command that all else lets pass. Each is a table:
    ``{ counts = "messages", most = 500, window_s = 3600, kind = "sliding", at = "mail", reply = "451 4.7.1" }``.
    ``counts`` recipients, messages, connections or commands; ``most`` of them in ``window_s``, of all connections
    together; ``kind`` fixed windows, a sliding one, or a token bucket; ``at`` connect, mail, rcpt, data or dot."""


def check_replies(server: Server, key: str) -> None:
    """Raise an `InputError` for the first of a server's replies that cannot be said where it stands.

    Parameters
    ----------
    server : Server
        The table.
    key : str
        Its dotted name.
    """
    for name in _REFUSALS:
        parse_refusal(getattr(server, name), key=f"{key}.{name}")
    parse_refusal(server.data_without_recipients, key=f"{key}.data_without_recipients", also=_GO_ON)
    parse_refusal(server.data_reply, key=f"{key}.data_reply", only=_GO_ON)


def check_limit_place(server: Server, key: str) -> None:
    """Raise an `InputError` for what means nothing beside a limit at DATA or at the dot."""
    if server.limit_at == "rcpt":
        return
    if server.limit_kind != "transaction":
        raise InputError(
            f"a limit of the kind {server.limit_kind} speaks at RCPT",
            key=f"{key}.limit_at",
            given=server.limit_at,
            allowed=f'"rcpt", or {key}.limit_kind = "transaction"',
        )
    for name, neutral, written in (
        ("overshoot_limit", None, '"unlimited"'),
        ("reject_data_after_overflow", False, "false"),
    ):
        if getattr(server, name) != neutral:
            raise InputError(
                f"means nothing where the limit speaks at {server.limit_at}: no RCPT is over it",
                key=f"{key}.{name}",
                given=getattr(server, name),
                allowed=f'{written}, or {key}.limit_at = "rcpt"',
            )


def check_command_limit(server: Server, key: str, *, starttls: bool) -> None:
    """Raise an `InputError` for a limit on commands that ends in the greeting."""
    most = server.commands_per_connection
    if starttls and most is not None and most < _GREETING:
        raise InputError(
            "the greeting with STARTTLS takes three commands",
            key=f"{key}.commands_per_connection",
            given=most,
            allowed=f"at least {_GREETING}, or client.starttls = false",
        )
