"""What single ranges cannot tell: draws, sums and products of a scenario that no run could hold or finish."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from simsmtp.errors import InputError
from simsmtp.model.numbers import number_text
from simsmtp.model.ranges import LONGEST_NS, MOST_MS, MOST_OCTETS, MOST_RECIPIENTS
from simsmtp.network.pipe import sending_ns
from simsmtp.randomness.distribution_table import Distribution
from simsmtp.randomness.distributions import ns_of_ms, sample, sampler_of
from simsmtp.randomness.streams import LARGEST_UNIFORM

if TYPE_CHECKING:
    from pydantic import BaseModel

    from simsmtp.model.scenario import Client, Network, Scenario  # what is checked here
    from simsmtp.model.server_table import Server
    from simsmtp.model.traces import TraceMessage  # that reads them and asks here
    from simsmtp.model.workload_table import Workload

_MOST_ATTEMPTS = 1_000_000
_MOST_STEPS = 10**10
_MOST_MESSAGES = 2**32  # an event's key has 32 bits for a message's number
_MOST_IN_ALL = 10**12
_LONGEST_STEP_NS = LONGEST_NS // 4
_LEAST_LOSS = 1e-9
MOST_PERSONS = 2**31 - 1
"""People who are told apart by number."""
_OTHERS = 16
"""Commands, replies and pauses that a transaction has beside its RCPTs, and more."""


def check_limits(scenario: Scenario) -> None:
    """Raise an `InputError` for the first draw, sum or product that is beyond what every engine can do.

    Parameters
    ----------
    scenario : Scenario
        Tables whose keys are each in range.
    """
    for where, table in _tables(scenario):
        _check_draws(table, where)
    _check_retries(scenario.client)
    _check_counts(scenario.workload)
    for where, network, server in _paths(scenario):
        _check_transaction(scenario, where, network, server)


def check_trace(messages: tuple[TraceMessage, ...], factor: int, speedup: float, path: str) -> None:
    """Raise an `InputError` if a trace holds a message that is too large, or one that comes too late."""
    if factor > 1 and max((max(one.persons, default=0) for one in messages), default=0) * factor > MOST_PERSONS:
        raise InputError(
            "the trace would stand for too many people",
            file=path,
            key="workload.trace_recipient_factor",
            given=factor,
            allowed=f"up to {MOST_PERSONS:,} people in all",
        )
    for one in messages:
        if one.recipients * factor > MOST_RECIPIENTS:
            raise InputError(
                "a message of this trace has too many recipients",
                file=path,
                key="workload.trace_recipient_factor",
                given=f"{one.recipients:,} recipients, each standing for {factor:,}",
                allowed=f"up to {MOST_RECIPIENTS:,} recipients in a message",
            )
        if one.size > MOST_OCTETS:
            allowed = f"up to {MOST_OCTETS:,} octets"
            raise InputError("a message of this trace is too large", file=path, given=one.size, allowed=allowed)
        if one.arrival_ns / speedup > LONGEST_NS:
            raise too_long(file=path, key="workload.trace_speedup", given=speedup)


def check_recipients(message: int, recipients: int, population: int = 0) -> None:
    """Raise an `InputError` if a message was drawn with too many recipients, or more than there are people, if any."""
    if 0 < population < recipients:
        raise InputError(
            f"message {message:,} was drawn with {recipients:,} recipients, and there are fewer people",
            key="workload.population",
            given=population,
            allowed=f"at least {recipients:,}, or a maximum in workload.recipients_per_message",
        )
    if recipients > MOST_RECIPIENTS:
        raise InputError(
            f"message {message:,} was drawn with too many recipients; give the distribution a maximum",
            key="workload.recipients_per_message",
            given=recipients,
            allowed=f"up to {MOST_RECIPIENTS:,}",
        )


def too_long(*, file: str | None = None, key: str | None = None, given: object = ...) -> InputError:
    """Return the complaint about a run that goes on for longer than time can be counted."""
    return InputError(
        "the run goes on past 73 years of simulated time",
        file=file,
        key=key,
        given=given,
        allowed="shorter times, or a horizon_s",
    )


def _tables(scenario: Scenario) -> Iterator[tuple[str, BaseModel]]:
    yield from (("workload", scenario.workload), ("client", scenario.client))
    for where, network, server in _paths(scenario):
        yield from ((f"{where}network", network), (f"{where}server", server))


def _paths(scenario: Scenario) -> Iterator[tuple[str, Network, Server]]:
    yield "", scenario.network, scenario.server
    for number, one in enumerate(scenario.destinations):
        yield f"destinations.{number}.", one.network, one.server


def _check_draws(table: BaseModel, where: str) -> None:
    """Refuse draws longer than a time that is given may be; drawn counts are looked at when they are drawn."""
    for name, value in table:
        if isinstance(value, Distribution):
            try:
                largest = sample(sampler_of(value), LARGEST_UNIFORM)
            except InputError as complaint:
                complaint.key = ".".join([where, name, *([complaint.key] if complaint.key else [])])
                raise complaint.at() from None
            most = MOST_MS if name.endswith("_ms") else 2**53
            if largest > most:
                raise InputError(
                    f"the largest draw of this distribution is {number_text(largest, 3)}",
                    key=f"{where}.{name}",
                    given=value.model_dump(exclude_none=True),
                    allowed=f"draws up to {most:,}",
                )


def _check_retries(client: Client) -> None:
    """Refuse more than a million attempts: they would hardly end, and have 20 bits in the name of a draw."""
    first, factor, longest, age = client.retry_initial_s, client.retry_factor, client.retry_max_s, client.expiry_s
    growing = math.log(longest / first) / math.log(factor) if factor > 1 else 0.0
    grown_s = (longest - first) / (factor - 1) if factor > 1 else 0.0
    attempts = growing + (age - grown_s) / (longest if factor > 1 else first)
    if grown_s > age:
        attempts = math.log1p(age * (factor - 1) / first) / math.log(factor)
    if attempts > _MOST_ATTEMPTS or attempts * min(attempts, growing) > _MOST_STEPS:
        raise InputError(
            f"a message would be tried about {attempts:,.0f} times before it expires",
            key="client.retry_initial_s",
            given=first,
            allowed=f"up to {_MOST_ATTEMPTS:,} attempts: longer waits, or an earlier client.expiry_s",
        )


def _check_counts(workload: Workload) -> None:
    times = 1 + workload.resends if workload.resend != "none" else 1
    if workload.messages * times > _MOST_MESSAGES:
        raise InputError(
            "with its resends there would be too many messages",
            key="workload.resends",
            given=workload.resends,
            allowed=f"up to {_MOST_MESSAGES:,} messages in all",
        )
    each = workload.recipients_per_message
    in_all = workload.messages * times * (each if isinstance(each, int) else 1)
    if workload.trace is None and in_all > _MOST_IN_ALL:
        raise InputError(
            "there would be too many recipients",
            key="workload.recipients_per_message",
            given=f"{in_all:,} in all messages together",
            allowed=f"up to {_MOST_IN_ALL:,}",
        )


def _check_transaction(scenario: Scenario, where: str, network: Network, server: Server) -> None:
    """No step of a run goes beyond a transaction; what one takes has room in 64 bits beside `LONGEST_NS`.

    Of what is drawn a high quantile counts, which is above the mean: a sum of draws has four times as much room.
    """
    workload, client = scenario.workload, scenario.client
    most = MOST_RECIPIENTS if workload.trace else int(_highest(workload.recipients_per_message)) + 1
    rcpts = _OTHERS + min(client.batch_size, most)
    times = {
        "client.command_ms": client.command_ms,
        f"{where}network.rtt_ms": _high(network.rtt_ms),
        f"{where}server.refusal_ms": server.refusal_ms,
        f"{where}server.error_sleep_ms": server.error_sleep_ms,
    } | {f"{where}server.{name}": _high(getattr(server, name)) for name in _SERVICES}
    if rcpts * ns_of_ms(sum(times.values())) > _LONGEST_STEP_NS:
        key = max(times, key=times.__getitem__)
        raise InputError(
            "a single transaction could take longer than 18 years",
            key=key,
            given=times[key],
            allowed=f"shorter times, or fewer recipients in a transaction than {rcpts - _OTHERS:,}",
        )
    if 0 < network.loss < _LEAST_LOSS:
        allowed = f"0, or from {_LEAST_LOSS:.9f} to 0.5"
        raise InputError("too seldom to be drawn", key=f"{where}network.loss", given=network.loss, allowed=allowed)
    octets = MOST_OCTETS if workload.trace else int(_highest(workload.message_bytes))
    bits_per_s = round((network.bandwidth_mbit or 0.0) * 1e6)
    if bits_per_s and sending_ns(octets, bits_per_s) > 2 * _LONGEST_STEP_NS:
        raise InputError(
            f"a text of {octets:,} octets could take longer than 36 years",
            key=f"{where}network.bandwidth_mbit",
            given=network.bandwidth_mbit,
            allowed="more bandwidth, or shorter texts",
        )


_SERVICES = (
    "connect_service_ms", "ehlo_service_ms", "mail_service_ms", "rcpt_service_ms", "data_service_ms",
    "text_service_ms", "wake_ms",
)  # fmt: skip


def _highest(value: float | Distribution) -> float:
    return sample(sampler_of(value), LARGEST_UNIFORM) if isinstance(value, Distribution) else value


def _high(value: float | Distribution) -> float:
    return sample(sampler_of(value), 0.9999) if isinstance(value, Distribution) else value
