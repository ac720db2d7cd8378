"""What a message costs at a destination, by the closed forms, as a mean over messages.

The forms of `simsmtp.strategies.closed_forms` give round trips, transactions and RCPT commands for each number of
recipients. Here connections are in use all the time, so that they are opened only where the recipient limit or the
sender asks for a new one.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simsmtp.model.distributions import count, mean_of, sample
from simsmtp.protocol.commands import Verb, command_octets
from simsmtp.protocol.replies import parse_reply
from simsmtp.strategies.closed_forms import UNLIMITED, Totals, message_totals

if TYPE_CHECKING:
    from simsmtp.model.plan import WorkloadPlan
    from simsmtp.model.scenario import Client, Destination, Scenario, Server

_SIZES, _SHARES = 64, 32
_CONNECTION_TRIPS = 3


class Cost(NamedTuple):
    """Means of what one message of the workload costs at a destination."""

    round_trips: float
    commands: float
    service_s: float
    octets: float


def cost_at(scenario: Scenario, one: Destination, share: float, workload: WorkloadPlan, *, limited: bool) -> Cost:
    """Return what a message costs at a destination, as a mean over messages.

    Parameters
    ----------
    scenario : Scenario
        The whole.
    one : Destination
        Where to.
    share : float
        Of the recipients.
    workload : WorkloadPlan
        Of the scenario.
    limited : bool
        False leaves the recipient limit out.
    """
    counts = _counts(tuple(sizes_of(workload)), share)
    totals = [(weight, _totals(scenario, one, number, limited=limited)) for number, weight in counts if number]
    client, server = scenario.client, one.server
    per_connection = [k for k in (client.transactions_per_connection, server.messages_per_connection) if k]
    opened = sum(w * max(t.connections - 1, t.transactions / min(per_connection, default=UNLIMITED)) for w, t in totals)
    trips = sum(w * (t.round_trips - _CONNECTION_TRIPS * t.connections) for w, t in totals)
    transactions = sum(w * t.transactions for w, t in totals)
    rcpt = sum(w * t.rcpt_commands for w, t in totals)
    if client.chunking and server.chunking:
        trips -= transactions  # no 354 to wait for
    tls = one.network.tls_round_trips + 2 if client.starttls else 0
    return Cost(
        trips + opened * (_CONNECTION_TRIPS + tls),
        rcpt + 2 * transactions + opened,
        _service_ms(server, rcpt, transactions, opened) / 1e3,
        transactions * _octets(workload),
    )


def _service_ms(server: Server, rcpt: float, transactions: float, opened: float) -> float:
    transaction = mean_of(server.mail_service_ms) + mean_of(server.data_service_ms) + mean_of(server.text_service_ms)
    connection = mean_of(server.connect_service_ms) + mean_of(server.ehlo_service_ms)
    return rcpt * mean_of(server.rcpt_service_ms) + transactions * transaction + opened * connection


def _octets(workload: WorkloadPlan) -> float:
    known = [message.size for message in workload.trace if message.size]
    if known:
        return float(np.mean(known))
    return float(np.mean([sample(workload.size, (i + 0.5) / _SIZES) for i in range(_SIZES)]))


def sizes_of(workload: WorkloadPlan) -> list[int]:
    """Return recipients per message: of the trace, or a spread of quantiles."""
    if workload.trace:
        step = -(-len(workload.trace) // (8 * _SIZES))
        return sorted(message.recipients * workload.recipient_factor for message in workload.trace)[::step]
    return [count(workload.recipients, (i + 0.5) / _SIZES) for i in range(_SIZES)]


@lru_cache(maxsize=64)
def _counts(sizes: tuple[int, ...], share: float) -> tuple[tuple[int, float], ...]:
    """Return (recipients at a destination, probability): binomial over the sizes of messages."""
    if share >= 1:
        drawn = np.array(sizes)
    else:
        from scipy.stats import binom  # noqa: PLC0415 - a second that only destinations pay

        quantiles = (np.arange(_SHARES) + 0.5) / _SHARES
        drawn = binom.ppf(quantiles[:, None], np.array(sizes)[None, :], share).astype(int).ravel()
    numbers, times = np.unique(drawn, return_counts=True)
    return tuple((int(number), float(one) / len(drawn)) for number, one in zip(numbers, times, strict=True))


def _totals(scenario: Scenario, one: Destination, recipients: int, *, limited: bool) -> Totals:
    client, server = scenario.client, one.server
    limit = server.recipient_limit if limited and server.limit_kind == "transaction" else None
    learns = client.sizing == "adaptive" or (client.sizing == "rcptmax" and server.advertise_limits)
    policy = _policy(client, server.overflow_reply)
    return _known_totals(
        client.strategy,
        recipients,
        limit or UNLIMITED,
        min(client.batch_size, limit or UNLIMITED) if learns else client.batch_size,
        _window(scenario, one),
        client.stop_on_overflow,
        client.budget,
        one.network.replies_per_read or 0,
        policy == "bounce",
        policy == "same-session",
    )


@lru_cache(maxsize=20_000)
def _known_totals(
    strategy: str, recipients: int, limit: int, batch: int, window: int, stop: bool, budget: int, reads: int,
    bounce: bool, same_session: bool,
) -> Totals:  # fmt: skip
    try:
        return message_totals(strategy, recipients, limit, batch_size=batch, window=window, stop=stop, budget=budget,
                              replies_per_read=reads, bounce=bounce, same_session=same_session)  # fmt: skip
    except KeyError:  # a strategy of the user's own: what one that counts right would do
        return message_totals("corrected", recipients, limit, batch_size=batch, window=window, stop=stop,
                              bounce=bounce, same_session=same_session)  # fmt: skip


def _policy(client: Client, reply: object) -> str:
    if isinstance(client.overflow, str):
        return client.overflow
    code = parse_reply(reply).code  # type: ignore[arg-type]
    return client.overflow.get("452" if code < 500 else "552", "new-connection")


def _window(scenario: Scenario, one: Destination) -> int:
    client = scenario.client
    if not (client.pipelining and one.server.pipelining):
        return 1
    if client.window_bytes is not None:
        return max(1, client.window_bytes // command_octets(Verb.RCPT, scenario.workload.address_chars))
    return client.window_recipients or UNLIMITED
