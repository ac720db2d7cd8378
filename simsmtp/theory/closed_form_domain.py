"""Where the closed forms hold: a rule for each key of a scenario that may put them out of their domain.

What they make of the other keys is in `simsmtp.theory.key_effects`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from simsmtp.protocol.replies import parse_reply
from simsmtp.strategies.registry import BUILT_IN, find_strategy
from simsmtp.strategies.reply_class import ReplyClass, classify
from simsmtp.theory.longest_waits import may_time_out

if TYPE_CHECKING:
    from simsmtp.model.scenario import Client, Destination, Network, Scenario
    from simsmtp.model.server_table import Server
    from simsmtp.model.workload_table import Workload

MOST_TRANSACTIONS = 100_000
"""Transactions of a message that the forms follow one by one; more would take too long."""


class View(NamedTuple):
    """A scenario as one destination meets it."""

    workload: Workload
    client: Client
    network: Network
    server: Server
    destinations: tuple[Destination, ...] = ()
    horizon_s: float | None = None


class Rule(NamedTuple):
    """A condition on one key.

    Attributes
    ----------
    fits : callable
        Tells whether the forms hold, as far as this key goes.
    over_only : bool
        Asked only where there is a recipient limit.
    whole : bool
        About a message sent alone over one connection, not about what happens in a transaction.
    """

    fits: Callable[[View], bool]
    over_only: bool = False
    whole: bool = False


def is_over_limit(server: Server) -> bool:
    """Tell whether a sender takes the server's over-limit reply as one, behind the first RCPT."""
    reply = parse_reply(server.overflow_reply)
    return classify(reply.code, reply.status, False) == ReplyClass.OVER


def is_code(reply: int | str, code: int) -> bool:
    """Tell whether a server's reply has a code."""
    return parse_reply(reply).code == code


def may_refuse(view: View, *, bites: bool) -> bool:
    """Tell whether an RCPT may be refused."""
    asked = bites or may_be_unknown(view.workload) or bool(view.server.greylist_s)
    return asked or refuses_and_stays(view.server)


def may_err(view: View, *, bites: bool) -> bool:
    """Tell whether a server may count an error."""
    server = view.server
    at_limit = bites and (
        server.overshoot_limit is not None or server.reject_data_after_overflow or server.limit_at != "rcpt"
    )
    at_limit = at_limit or refuses_and_stays(server)
    return may_be_unknown(view.workload) or server.data_failure_share > 0 or bool(server.greylist_s) or at_limit


def hangs_up(view: View, *, bites: bool) -> bool:
    """Tell whether a refusal of RCPT or DATA may close a connection: 421 in place of another code.

    `bites` tells whether a recipient limit may refuse.
    """
    server, unknown, greylists = view.server, may_be_unknown(view.workload), bool(view.server.greylist_s)
    asked = (
        (bites, server.overflow_reply),
        (bites and server.reject_data_after_overflow, server.data_after_overflow_reply),
        (unknown, server.unknown_reply),
        (greylists, server.greylist_reply),
        (bites or unknown or greylists, server.data_without_recipients),
        (server.commands_per_connection is not None, server.commands_reply),
    )
    return any(may_be and is_code(reply, 421) for may_be, reply in asked)


def refuses_and_stays(server: Server) -> bool:
    """Tell whether a server may refuse messages or commands beyond those of a connection, and leave it open."""
    limits = (
        (server.messages_per_connection, server.messages_reply),
        (server.commands_per_connection, server.commands_reply),
    )
    return any(most is not None and not is_code(reply, 421) for most, reply in limits)


def policy_of(client: Client, server: Server) -> str:
    """Return the sender's overflow policy for the class of the server's over-limit reply."""
    if isinstance(client.overflow, str):
        return client.overflow
    return client.overflow.get("452" if parse_reply(server.overflow_reply).code < 500 else "552", "new-connection")


def is_stop_and_wait(client: Client, server: Server) -> bool:
    """Tell whether one command is outstanding at a time."""
    return not (client.pipelining and server.pipelining) or client.window_recipients == 1


def may_be_unknown(workload: Workload) -> bool:
    """Tell whether a mailbox may be unknown."""
    return workload.unknown_share > 0 or bool(workload.unknown)


def _over_reply_fits(view: View) -> bool:
    """Tell whether refusals are seen and final: an over-limit 4yz makes a deferral of what a strategy fails."""
    return is_over_limit(view.server) and parse_reply(view.server.overflow_reply).code >= 500


def has_hooks(client: Client) -> bool:
    """Tell whether the strategy looks beyond RCPT, and so may make something else even of what nobody refuses."""
    return any(find_strategy(client.strategy).functions[1:])


def _has_form(view: View) -> bool:
    entry = BUILT_IN.get(view.client.strategy)
    if entry is None or entry.split is None or has_hooks(view.client):
        return False
    return policy_of(view.client, view.server) in entry.split_policies | {"defer"}  # that has a rule of its own


RULES: dict[str, Rule] = {
    "workload.messages": Rule(lambda v: v.workload.messages == 1, whole=True),
    "workload.recipients_per_message": Rule(lambda v: isinstance(v.workload.recipients_per_message, int), whole=True),
    "workload.unknown_share": Rule(lambda v: v.workload.unknown_share == 0),
    "workload.unknown": Rule(lambda v: not v.workload.unknown),
    "workload.trace": Rule(lambda v: v.workload.trace is None, whole=True),
    "workload.resend": Rule(lambda v: v.workload.resend == "none", whole=True),
    "client.strategy": Rule(_has_form, over_only=True),
    "client.overflow": Rule(lambda v: policy_of(v.client, v.server) != "defer", over_only=True),
    "client.over_limit_seen": Rule(lambda v: v.client.over_limit_seen == "any", over_only=True),
    "client.give_up_after_refusals": Rule(lambda v: v.client.give_up_after_refusals is None, over_only=True),
    "client.on_refusal": Rule(lambda v: v.client.on_refusal == "go-on", over_only=True),
    "client.sizing": Rule(lambda v: v.client.sizing == "fixed", over_only=True),
    "client.chunking": Rule(lambda v: not (v.client.chunking and v.server.chunking), whole=True),
    "client.window_bytes": Rule(lambda v: v.client.window_bytes is None or is_stop_and_wait(v.client, v.server)),
    "client.drain": Rule(lambda v: not v.client.drain or is_stop_and_wait(v.client, v.server)),
    "client.connections": Rule(lambda v: v.client.connections == 1, whole=True),
    "client.transactions_per_connection": Rule(lambda v: v.client.transactions_per_connection is None, whole=True),
    "client.starttls": Rule(lambda v: not v.client.starttls, whole=True),
    "client.reset_before_reuse": Rule(lambda v: not v.client.reset_before_reuse, whole=True),
    "client.rate": Rule(lambda v: v.client.rate is None, whole=True),
    "client.timeout_s": Rule(lambda v: not may_time_out(v.workload, v.client, v.network, v.server)),
    "network.losses": Rule(lambda v: not v.network.losses),
    "network.replies_per_read": Rule(
        lambda v: v.client.strategy != "per-read" or v.network.replies_per_read is not None, over_only=True
    ),
    "server.limit_kind": Rule(lambda v: v.server.limit_kind == "transaction"),
    "server.limit_at": Rule(lambda v: v.server.limit_at == "rcpt", over_only=True),
    "server.overflow_reply": Rule(_over_reply_fits, over_only=True),
    "server.soft_error_limit": Rule(lambda v: v.server.soft_error_limit is None, whole=True),
    "server.hard_error_limit": Rule(lambda v: v.server.hard_error_limit is None),
    "server.reject_data_after_overflow": Rule(lambda v: not v.server.reject_data_after_overflow, over_only=True),
    "server.data_failure_share": Rule(lambda v: v.server.data_failure_share == 0),
    "server.greylist_s": Rule(lambda v: not v.server.greylist_s),
    "server.messages_per_connection": Rule(lambda v: v.server.messages_per_connection is None, whole=True),
    "server.rate_limits": Rule(lambda v: not v.server.rate_limits),
    "server.messages_at": Rule(lambda v: v.server.messages_per_connection is None or v.server.messages_at == "mail"),
    "server.messages_reply": Rule(
        lambda v: v.server.messages_per_connection is None or is_code(v.server.messages_reply, 421)
    ),
    "server.commands_per_connection": Rule(lambda v: v.server.commands_per_connection is None),
    "server.sessions": Rule(lambda v: v.server.sessions is None, whole=True),
    "destinations.N.name": Rule(lambda v: not v.destinations, whole=True),
    "horizon_s": Rule(lambda v: v.horizon_s is None, whole=True),
}
"""Key → condition under which the forms hold."""


def why_no_closed_form(scenario: Scenario) -> list[str]:
    """Return why the closed forms do not hold, one ``key = value`` each; empty where they hold.

    They hold for one message of a fixed number of valid recipients to one destination with a limit per transaction
    answered by an over-limit 5yz, one connection at a time, flights of whole RCPT commands, and nothing else that
    stops or delays a transaction.
    """
    view = View(scenario.workload, scenario.client, scenario.network, scenario.server, scenario.destinations,
                scenario.horizon_s)  # fmt: skip
    found = broken_rules(view, whole=True)
    number = scenario.workload.recipients_per_message
    if isinstance(number, int) and not are_followed(number, view):
        found.append(f"workload.recipients_per_message = {number}: too many transactions to follow")
    return found


def broken_rules(view: View, *, whole: bool, limit_bites: bool = True) -> list[str]:
    """Return the rules that do not hold at a destination, as ``key = value``.

    Parameters
    ----------
    view : View
        The destination.
    whole : bool
        Ask the rules about a message alone over one connection, too.
    limit_bites : bool
        False leaves out what matters only at a recipient limit.
    """
    has_limit = limit_bites and view.server.recipient_limit is not None
    always = {"client.strategy"} if has_hooks(view.client) else set()
    asked = ((key, rule) for key, rule in RULES.items() if (whole or not rule.whole))
    return [
        _told(view, key)
        for key, rule in asked
        if (has_limit or not rule.over_only or key in always) and not rule.fits(view)
    ]


def are_followed(recipients: int, view: View) -> bool:
    """Tell whether a message has few enough transactions to go through them one by one."""
    least = min(view.server.recipient_limit or recipients, view.client.batch_size)
    return -(-recipients // least) <= MOST_TRANSACTIONS


def _told(view: View, key: str) -> str:
    table, _, name = key.partition(".")
    if table == "destinations":
        return "destinations: several" if len(view.destinations) > 1 else "destinations: listed"
    value = getattr(getattr(view, table), name) if name else getattr(view, table)
    if key == "client.overflow":
        value = policy_of(view.client, view.server)
    return setting_text(key, value)


def setting_text(key: str, value: object) -> str:
    """Return a key with its value, as a reason."""
    if key == "client.timeout_s":
        return f"{key} may be reached"
    if key == "network.losses":
        return f"{key} are given"
    if value is None:
        return f"{key} is not limited"
    if key in {"client.rate", "server.rate_limits"}:
        return f"{key} is set"
    plain = isinstance(value, str | int | float)
    return f"{key} = {json.dumps(value)}" if plain else f"{key} is drawn from a distribution"
