"""What theory allows: bounds on the arrival rate that connections, workers and bandwidth can carry in the long run.

For each destination, with means over messages (and over how many of a message's recipients are its own):

    connections   C / (r·RTT + S + T)    C connections; a message takes r round trips, S s of service, T s of transfer
    workers       W / S                  W workers
    bandwidth     C·B / (8·octets)       B bit/s on each connection; octets of text a message

r, S and T: see `simsmtp.study.message_costs`. All destinations together are bounded by ``client.connections_total``
over the sum of their connection-seconds. Retries on a schedule, sleeps and greylisting come on top: these
are bounds, not predictions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simsmtp.model.distributions import mean_of
from simsmtp.model.plan import plan_of
from simsmtp.model.scenario import Destination
from simsmtp.strategies.closed_forms import UNLIMITED
from simsmtp.study.message_costs import Cost, cost_at, sizes_of

if TYPE_CHECKING:
    from simsmtp.model.scenario import Scenario


class Bound(NamedTuple):
    """One bound.

    Attributes
    ----------
    resource : str
        ``"connections"``, ``"workers"``, ``"bandwidth"`` or ``"connections in total"``.
    destination : str
        Its name; empty where there is one, or for all.
    messages_per_s, recipients_per_s : float
        The bound, of messages of the whole workload and of their recipients.
    formula : str
        The formula with its values.
    round_trips, service, transfer : float
        Shares of a connection's busy time, for connections; nan for other resources.
    limit_cost : float
        Share by which the recipient limit lowers the bound; 0 where it does not.
    """

    resource: str
    destination: str
    messages_per_s: float
    recipients_per_s: float
    formula: str
    round_trips: float = float("nan")
    service: float = float("nan")
    transfer: float = float("nan")
    limit_cost: float = 0.0

    @property
    def name(self) -> str:
        """The resource with its destination."""
        return f"{self.resource} to {self.destination}" if self.destination else self.resource


def bounds_of(scenario: Scenario) -> list[Bound]:
    """Return the bounds of a scenario, the tightest first; empty where nothing is limited."""
    workload = plan_of(scenario).workload
    mean = float(np.mean(sizes_of(workload)))
    found, busy = [], 0.0
    for one, share in _shares(scenario):
        cost = cost_at(scenario, one, share, workload, limited=True)
        free = cost_at(scenario, one, share, workload, limited=False)
        busy += _busy_s(scenario, one, cost)
        found += _of_destination(scenario, one, cost, free, mean)
    total = scenario.client.connections_total
    if total is not None:
        text = f"{total} connections / {busy:.4g} s of a connection per message, all destinations"
        found.append(Bound("connections in total", "", total / busy, mean * total / busy, text))
    return sorted(found, key=lambda bound: bound.messages_per_s)


def recipients_per_message(scenario: Scenario) -> float:
    """Return the mean number of recipients of a message."""
    workload = plan_of(scenario).workload
    if workload.trace:  # counted: a spread of its sizes would tell 902 recipients of 900
        return sum(message.recipients for message in workload.trace) * workload.recipient_factor / len(workload.trace)
    return float(np.mean(sizes_of(workload)))


def connections_of(scenario: Scenario) -> int | None:
    """Return how many connections may be open at once; None if that is not limited."""
    each = [_connections(scenario, one) for one, _ in _shares(scenario)]
    total = scenario.client.connections_total
    if None in each:
        return total
    return min(sum(one or 0 for one in each), total or UNLIMITED)


def _shares(scenario: Scenario) -> list[tuple[Destination, float]]:
    only = Destination(name="", network=scenario.network, server=scenario.server)
    listed = scenario.destinations or (only,)
    total = sum(one.weight for one in listed)
    return [(one, one.weight / total) for one in listed]


def _of_destination(scenario: Scenario, one: Destination, cost: Cost, free: Cost, mean: float) -> list[Bound]:
    connections, workers, mbit = _connections(scenario, one), one.server.workers, one.network.bandwidth_mbit
    found = []
    if connections is not None:
        found.append(_session_bound(scenario, one, cost, free, mean, connections))
        if mbit is not None and cost.octets:
            rate = connections * mbit * 1e6 / (8 * cost.octets)
            text = f"{connections} connections · {mbit:g} Mbit/s / {cost.octets:,.0f} octets of text per message"
            found.append(Bound("bandwidth", one.name, rate, rate * mean, text))
    if workers is not None and cost.service_s:
        rate = workers / cost.service_s
        text = f"{workers} workers / {cost.service_s:.4g} s of service per message"
        found.append(Bound("workers", one.name, rate, rate * mean, text))
    return found


def _session_bound(
    scenario: Scenario, one: Destination, cost: Cost, free: Cost, mean: float, connections: int
) -> Bound:
    busy, rtt_s = _busy_s(scenario, one, cost), mean_of(one.network.rtt_ms) / 1e3
    rate = connections / busy if busy else float("inf")
    waits, service = cost.round_trips * rtt_s, cost.service_s + _command_s(scenario, cost)
    shares = [part / busy if busy else 0.0 for part in (waits, service, busy - waits - service)]
    limit_cost = max(0.0, 1 - _busy_s(scenario, one, free) / busy) if busy else 0.0
    parts = f"{cost.round_trips:.3g} round trips · {rtt_s * 1e3:g} ms + {service:.3g} s service"
    text = f"{connections} connections / ({parts} + {busy - waits - service:.2g} s transfer) per message"
    return Bound("connections", one.name, rate, rate * mean, text, shares[0], shares[1], shares[2], limit_cost)


def _busy_s(scenario: Scenario, one: Destination, cost: Cost) -> float:
    mbit = one.network.bandwidth_mbit
    transfer = 8 * cost.octets / (mbit * 1e6) if mbit else 0.0
    waits = cost.round_trips * mean_of(one.network.rtt_ms) / 1e3
    return waits + cost.service_s + _command_s(scenario, cost) + transfer


def _command_s(scenario: Scenario, cost: Cost) -> float:
    return cost.commands * scenario.client.command_ms / 1e3


def _connections(scenario: Scenario, one: Destination) -> int | None:
    limits = [limit for limit in (one.connections or scenario.client.connections, one.server.sessions) if limit]
    return min(limits, default=None)
