"""Settings that are fine alone and impossible together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simsmtp.errors import InputError
from simsmtp.model.limits import check_limits
from simsmtp.model.loss_tables import check_losses, check_timeouts
from simsmtp.model.numbers import number_text
from simsmtp.model.rate_limits import check_client_rate, check_rate_limits
from simsmtp.model.server_table import KINDS_BY_GROUP, check_command_limit, check_limit_place, check_replies
from simsmtp.protocol.replies import parse_reply
from simsmtp.strategies.registry import find_strategy
from simsmtp.strategies.reply_class import ReplyClass, classify

if TYPE_CHECKING:
    from simsmtp.model.scenario import Network, Scenario  # whose check this is, called once it is built
    from simsmtp.model.server_table import Server
    from simsmtp.model.workload_table import Workload

_OF_TCP = (
    ("mss", "initial_window", "restart_after_idle", "nagle", "delayed_ack_ms", "quick_acks", "loss"),
    ("read_buffer_bytes", "wake_ms"),
)
"""Keys of a network and of a server that say something only under the profile tcp."""


def check_combinations(scenario: Scenario) -> None:
    """Raise an `InputError` for the first impossible combination, or for an unknown strategy or reply.

    Parameters
    ----------
    scenario : Scenario
        Tables that are each valid by themselves.
    """
    find_strategy(scenario.client.strategy)
    _check_client(scenario)
    _check_workload(scenario)
    _check_server(scenario.server, "server", starttls=scenario.client.starttls)
    _check_path(scenario.network, scenario.server, "")
    names = [one.name for one in scenario.destinations]
    if len(set(names)) < len(names):
        raise InputError("destination names must differ", key="destinations", given=names)
    for number, one in enumerate(scenario.destinations):
        _check_server(one.server, f"destinations.{number}.server", starttls=scenario.client.starttls)
        _check_path(one.network, one.server, f"destinations.{number}.")
    _check_groups(scenario)
    _check_strategy_is_asked(scenario)
    check_limits(scenario)


def _check_client(scenario: Scenario) -> None:
    client = scenario.client
    check_client_rate(client.rate)
    networks = [one.network for one in scenario.destinations] or [scenario.network]
    check_timeouts(client.timeout_s, {one.profile for one in networks})
    windows = [
        key
        for key, is_set in (
            ("window_recipients", client.window_recipients is not None),
            ("window_bytes", client.window_bytes is not None),
            ("drain", client.drain),
        )
        if is_set
    ]
    if len(windows) > 1:
        raise InputError(
            f"{' and '.join(windows)} cannot be combined",
            key=f"client.{windows[1]}",
            allowed="one window at a time",
        )
    if client.over_limit_seen != "any" and client.drain:
        raise InputError("looks at flights, and drain has none", key="client.over_limit_seen", allowed="another window")
    if client.on_refusal == "give-up" and (client.drain or client.give_up_after_refusals):
        beside = "client.drain" if client.drain else "client.give_up_after_refusals"
        raise InputError(
            f"gives up at the first refusal, and so does not go together with {beside}",
            key=beside,
            given=client.drain or client.give_up_after_refusals,
            allowed=f'it without client.on_refusal = "give-up", or none of {beside}',
        )
    if client.give_up_after_refusals and client.pipelining:
        raise InputError(
            "counts refusals as they come, one by one",
            key="client.give_up_after_refusals",
            given=client.give_up_after_refusals,
            allowed="client.pipelining = false",
        )
    policies = set(client.overflow.values()) if isinstance(client.overflow, dict) else {client.overflow}
    if "same-session" in policies and client.transactions_per_connection == 1:
        raise InputError(
            "same-session needs a second transaction on the connection",
            key="client.overflow",
            given="same-session",
            allowed="client.transactions_per_connection of at least 2, or another overflow policy",
        )
    if client.retry_max_s < client.retry_initial_s:
        raise InputError(
            "the longest wait is below the first one",
            key="client.retry_max_s",
            given=client.retry_max_s,
            allowed=f"at least client.retry_initial_s = {number_text(client.retry_initial_s, 15)}",
        )


def _check_workload(scenario: Scenario) -> None:
    workload = scenario.workload
    if workload.arrivals == "trace" and workload.trace is None:
        raise InputError(
            "arrivals from a trace need a trace",
            key="workload.arrivals",
            given="trace",
            allowed="a path in workload.trace",
        )
    if not isinstance(workload.recipients_per_message, int) and workload.recipients_per_message.dist in {
        "uniform",
        "normal",
        "gamma",
        "exponential",
    }:
        raise InputError(
            "not a distribution of counts",
            key="workload.recipients_per_message",
            given=workload.recipients_per_message.dist,
            allowed=["constant", "geometric", "lognormal", "zipf", "empirical"],
        )
    _check_unknown(workload)
    _check_population(workload)


def _check_population(workload: Workload) -> None:
    """Refuse more recipients than there are people, and people drawn beside those of a trace."""
    if workload.population is None:
        return
    if workload.trace is not None:
        raise InputError(
            "a trace has people of its own",
            key="workload.population",
            given=workload.population,
            allowed="none beside workload.trace",
        )
    recipients = workload.recipients_per_message
    if isinstance(recipients, int) and recipients > workload.population:
        raise InputError(
            "a message has more recipients than there are people",
            key="workload.population",
            given=workload.population,
            allowed=f"at least workload.recipients_per_message = {recipients:,}",
        )


def _check_unknown(workload: Workload) -> None:
    """Refuse a place that no message has, as far as that is known before counts are drawn."""
    recipients = workload.recipients_per_message
    if not isinstance(recipients, int) or workload.trace is not None:
        return
    if beyond := [place for place in workload.unknown if place >= recipients]:
        raise InputError(
            "no message has a recipient at this place",
            key="workload.unknown",
            given=beyond[0],
            allowed=f"places from 0 to {recipients - 1:,}: workload.recipients_per_message = {recipients:,}",
        )


def _check_groups(scenario: Scenario) -> None:
    """Refuse groups that no server tells apart. One group is as one domain: any server takes it."""
    groups, named = scenario.workload.groups, " or ".join(f'"{kind}"' for kind in KINDS_BY_GROUP)
    servers = [scenario.server, *(one.server for one in scenario.destinations)]
    if groups > 1 and not any(server.limit_kind in KINDS_BY_GROUP for server in servers):
        raise InputError(
            "no server tells groups apart",
            key="workload.groups",
            given=groups,
            allowed=f"it with server.limit_kind = {named}",
        )


def _check_server(server: Server, key: str, *, starttls: bool) -> None:
    check_rate_limits(server.rate_limits, key)
    check_replies(server, key)
    check_limit_place(server, key)
    check_command_limit(server, key, starttls=starttls)
    if server.hard_error_limit and server.soft_error_limit and server.hard_error_limit < server.soft_error_limit:
        raise InputError(
            "the hard error limit is below the soft one",
            key=f"{key}.hard_error_limit",
            given=server.hard_error_limit,
            allowed=f"at least {key}.soft_error_limit = {server.soft_error_limit}",
        )


def _check_path(network: Network, server: Server, where: str) -> None:
    check_losses(network.losses, f"{where}network.losses")
    if network.profile == "tcp":
        if network.losses:
            raise InputError(
                "is not modelled under the profile tcp",
                key=f"{where}network.losses",
                given=[one.at for one in network.losses],
                allowed=f'none, or it with {where}network.profile = "pipe"',
            )
        return
    for table, name, keys in zip((network, server), ("network", "server"), _OF_TCP, strict=True):
        for key in keys:
            if key in table.model_fields_set and getattr(table, key) != type(table).model_fields[key].default:
                raise InputError(
                    f"means nothing under the profile {network.profile}",
                    key=f"{where}{name}.{key}",
                    given=getattr(table, key),
                    allowed=f'it with {where}network.profile = "tcp"',
                )


def _check_strategy_is_asked(scenario: Scenario) -> None:
    """Refuse a strategy for over-limit replies to RCPT where no RCPT gets one; what a preset says is left alone."""
    client, servers = scenario.client, [one.server for one in scenario.destinations] or [scenario.server]
    if client.preset is not None or not find_strategy(client.strategy).over_only:
        return
    if any(map(_may_speak_of_limit_at_rcpt, servers)):
        return
    raise InputError(
        f"counts over-limit replies to RCPT, and the server's limit speaks at {servers[0].limit_at}",
        key="client.strategy",
        given=client.strategy,
        allowed='"corrected", a strategy of your own, a client preset, or server.limit_at = "rcpt"',
    )


def _may_speak_of_limit_at_rcpt(server: Server) -> bool:
    others = [
        server.unknown_reply,
        server.greylist_reply,
        *(one.reply for one in server.rate_limits if one.at == "rcpt"),
    ]
    said = [parse_reply(one) for one in others if one is not None]
    is_said = any(classify(code, status, False) == ReplyClass.OVER for code, status, *_ in said)
    return server.limit_at == "rcpt" or is_said
