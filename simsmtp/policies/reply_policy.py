"""The settings of a receiver that its decisions look at, and what it remembers of a session."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class LimitKind(IntEnum):
    """What the recipient limit counts."""

    TRANSACTION = 0
    DOMAIN = 1  # recipients of each domain in a transaction
    CONNECTION = 2  # recipients of all transactions of a connection
    FIRST_DOMAIN_ONLY = 3  # only the domain of the transaction's first recipient, and at most the limit
    GROUP = 4  # as DOMAIN, by a recipient's group
    FIRST_GROUP_ONLY = 5  # as FIRST_DOMAIN_ONLY, by group


class ReplyPolicy(NamedTuple):
    """Settings of a receiver; a limit that is not set is `simsmtp.strategies.window.UNBOUNDED`.

    Attributes
    ----------
    limit : int
        Recipients accepted per `limit_kind`.
    limit_kind : LimitKind
        What the limit counts.
    overshoot : int
        Over-limit refusals per transaction that are not counted as errors.
    soft_errors, hard_errors : int
        Errors in a session before the server sleeps before every reply; before it closes.
    error_sleep_ns : int
        That sleep.
    reject_data_after_overflow : bool
        DATA is refused once a recipient was over the limit.
    data_without_recipients : bool
        DATA is answered 354 even though no recipient was accepted (RFC 2920 section 3.1).
    transactions : int
        Transactions per connection.
    greylist_ns : int
        How long a recipient is greylisted; 0 is never.
    data_limit, text_limit : int
        Most recipients of a transaction at DATA and at its text, where it is refused whole if more were accepted.
    delivery_limit : int
        Most recipients of a text that is delivered, and not accepted and filed away.
    exhausted_at_data : bool
        A transaction beyond `transactions` is refused at DATA, not at MAIL.
    commands : int
        Commands per connection, of any kind.
    """

    limit: int
    limit_kind: LimitKind
    overshoot: int
    soft_errors: int
    hard_errors: int
    error_sleep_ns: int
    reject_data_after_overflow: bool
    data_without_recipients: bool
    transactions: int
    greylist_ns: int
    data_limit: int
    text_limit: int
    delivery_limit: int
    exhausted_at_data: bool
    commands: int


class SessionCounters(NamedTuple):
    """What a server remembers of a session.

    Attributes
    ----------
    accepted, over : int
        Recipients accepted, and refused as over the limit, in the current transaction.
    accepted_on_connection : int
        Recipients accepted in all transactions of the connection.
    transactions : int
        Transactions begun on the connection.
    errors : int
        Errors in the session.
    handshakes : int
        STARTTLS commands accepted: the session is encrypted from the first on.
    commands : int
        Commands answered; the text is none.
    """

    accepted: int
    over: int
    accepted_on_connection: int
    transactions: int
    errors: int
    handshakes: int
    commands: int


def new_counters() -> SessionCounters:
    """Return what the server remembers of a new session."""
    return SessionCounters(0, 0, 0, 0, 0, 0, 0)
