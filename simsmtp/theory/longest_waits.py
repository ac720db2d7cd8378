"""Whether a client may ever time out: waits that are surely long enough, held against the time-outs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from simsmtp.randomness.distribution_table import Distribution
from simsmtp.randomness.distributions import sample, sampler_of
from simsmtp.randomness.streams import LARGEST_UNIFORM

if TYPE_CHECKING:
    from simsmtp.model.scenario import Client, Network
    from simsmtp.model.server_table import Server
    from simsmtp.model.workload_table import Workload

_OCTETS = 1000
"""More than an RCPT command and its reply have together, but for replies of the user's."""


def may_time_out(workload: Workload, client: Client, network: Network, server: Server) -> bool:
    """Tell whether a reply may come too late for the client, or never; where it is not sure, it may.

    A flight's replies are thought to come all at once when the last command was served, each served for the longest
    time that can be drawn, and behind all other connections where there are workers.
    """
    if network.losses:
        return True
    limits = client.timeout_s
    trip_s, rcpts = _highest(network.rtt_ms) / 1e3, _most_rcpts(workload, client)
    if network.profile == "tcp":
        return trip_s > limits.connect  # of the others it has none
    opening = trip_s + _served_s(client, server, "connect")
    single = trip_s + _served_s(client, server, "ehlo", "mail", "data") + _carried_s(network, server, rcpts)
    flight = single + rcpts * (_served_s(client, server, "rcpt") + server.refusal_ms / 1e3)
    if server.soft_error_limit is not None:
        flight += server.error_sleep_ms / 1e3  # once: a server that sleeps has sent the replies before
    final = flight + _served_s(client, server, "text")
    slowest = final if client.chunking and server.chunking else flight  # its replies may leave behind the text's
    return opening > limits.connect or slowest > min(limits.command, limits.data) or final > limits.dot


def _highest(value: float | Distribution) -> float:
    return sample(sampler_of(value), LARGEST_UNIFORM) if isinstance(value, Distribution) else value


def _most_rcpts(workload: Workload, client: Client) -> float:
    most = math.inf if workload.trace else _highest(workload.recipients_per_message) + 1
    return min(most, client.batch_size)


def _served_s(client: Client, server: Server, *commands: str) -> float:
    """Return how long a client waits at most for single commands to be served, in seconds."""
    served = sum(_highest(getattr(server, f"{name}_service_ms")) for name in commands) / 1e3
    if not server.workers or not served:
        return served
    others = min(client.connections or math.inf, server.sessions or math.inf)
    in_line = max(
        _highest(getattr(server, f"{name}_service_ms")) for name in ("connect", "ehlo", "mail", "rcpt", "data", "text")
    )
    return served + len(commands) * in_line / 1e3 * others


def _carried_s(network: Network, server: Server, rcpts: float) -> float:
    """Return how long commands and replies are on their way at most, beside the round trip."""
    given = [one.reply for one in server.rate_limits]
    given += [value for value in server.model_dump().values() if isinstance(value, str)]
    octets = _OCTETS + max((2 * len(str(one)) for one in given), default=0)
    return 8 * octets * (rcpts + 4) / ((network.bandwidth_mbit or math.inf) * 1e6)
