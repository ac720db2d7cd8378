"""A scenario turned into what engines run on: integers, samplers and decisions. One place for units and defaults."""

from __future__ import annotations

import itertools
from typing import NamedTuple

from simsmtp.model.loss_tables import timeouts_ns
from simsmtp.model.path_plan import PathPlan, made_up, path_plan
from simsmtp.model.rate_limits import RatePlan, client_rate, rate_replies, rated_verbs, rates_of
from simsmtp.model.scenario import Client, Destination, Scenario
from simsmtp.model.server_table import Server
from simsmtp.model.traces import TraceMessage, trace_of
from simsmtp.model.workload_table import Workload
from simsmtp.policies.rate_limits import Counts, RateLimit
from simsmtp.policies.reply_policy import LimitKind, ReplyPolicy
from simsmtp.protocol.answers import Answer, WireReply, spoken_answers
from simsmtp.protocol.capabilities import Capabilities
from simsmtp.protocol.commands import Verb, command_octets
from simsmtp.protocol.replies import parse_reply
from simsmtp.randomness.distributions import Sampler, is_constant, ns_of_ms, ns_of_s, sample, sampler_of
from simsmtp.strategies.hooks import Hooks
from simsmtp.strategies.overflow import Overflow
from simsmtp.strategies.registry import Settle, find_strategy
from simsmtp.strategies.retry import RetrySchedule
from simsmtp.strategies.sizing import Sizing
from simsmtp.strategies.window import UNBOUNDED

LIMIT_KINDS = {
    "transaction": LimitKind.TRANSACTION,
    "domain": LimitKind.DOMAIN,
    "connection": LimitKind.CONNECTION,
    "first-domain-only": LimitKind.FIRST_DOMAIN_ONLY,
    "group": LimitKind.GROUP,
    "first-group-only": LimitKind.FIRST_GROUP_ONLY,
}
_OVERFLOW = {
    "new-connection": Overflow.NEW_CONNECTION,
    "same-session": Overflow.SAME_SESSION,
    "defer": Overflow.DEFER,
    "bounce": Overflow.BOUNCE,
}
_SIZING = {"fixed": Sizing.FIXED, "rcptmax": Sizing.RCPTMAX, "adaptive": Sizing.ADAPTIVE}


class WorkloadPlan(NamedTuple):
    """What is sent; sizes in octets, times in nanoseconds."""

    messages: int
    recipients: Sampler
    size: Sampler
    unknown_share: float
    domains: int
    interarrival: Sampler
    trace: tuple[TraceMessage, ...]
    trace_arrivals: bool
    recipient_factor: int
    speedup: float
    resend: str
    resends: int
    resend_after_ns: int
    unknown: frozenset[int]
    groups: int
    population: int
    person_domains: tuple[int, ...]


class ClientPlan(NamedTuple):
    """The sender's settings as decisions take them."""

    settle: Settle
    looks_ahead: bool
    is_steady: bool
    trusts_itself: bool
    budget: int
    for_452: Overflow
    for_552: Overflow
    stop_on_overflow: bool
    sorts_by_domain: bool
    needs_company: bool
    most_refusals: int
    batch_size: int
    sizing: Sizing
    forget_ns: int
    pipelining: bool
    chunking: bool
    starttls: bool
    window_recipients: int
    window_octets: int
    drain: bool
    command_ns: int
    octets: tuple[int, ...]
    connections_total: int
    transactions_per_connection: int
    schedule: RetrySchedule
    reset_before_reuse: bool
    pause: Sampler
    rate: RatePlan
    timeouts: tuple[int, ...]
    least_timeout_ns: int
    all_or_nothing: bool
    hooks: Hooks


class ServerPlan(NamedTuple):
    """The receiver's settings as decisions take them.

    `service` holds a sampler (ns) per `Verb`, `constant_service` what it always gives, or -1 where that is drawn;
    `decides_in_order` which commands are answered in order of time among all sessions, because the answer depends on
    what other sessions were answered.
    """

    policy: ReplyPolicy
    offered: Capabilities
    spoken: tuple[WireReply, ...]
    service: tuple[Sampler, ...]
    constant_service: tuple[int, ...]
    workers: int
    sessions: int
    reply_buffer: int
    refusal_ns: int
    data_failure_share: float
    rate_limits: tuple[RateLimit, ...]
    decides_in_order: tuple[bool, ...]


class DestinationPlan(NamedTuple):
    """One receiver with its path; `upto` is the cumulative share of recipients."""

    number: int
    name: str
    upto: float
    connections: int
    path: PathPlan
    server: ServerPlan


class Plan(NamedTuple):
    """All an engine needs to know; `horizon_ns` 0 runs to the end."""

    workload: WorkloadPlan
    client: ClientPlan
    destinations: tuple[DestinationPlan, ...]
    horizon_ns: int


def plan_of(scenario: Scenario) -> Plan:
    """Return the plan of a scenario.

    Raises
    ------
    InputError
        The strategy is unknown, or the trace cannot be read or holds a message that is out of range.
    """
    work = _workload(scenario.workload)
    return Plan(
        work,
        _client(scenario.client, scenario.workload.address_chars),
        tuple(one._replace(server=_remembering(one.server, work)) for one in _destinations(scenario)),
        ns_of_s(scenario.horizon_s or 0.0),
    )


def _remembering(server: ServerPlan, work: WorkloadPlan) -> ServerPlan:
    """Return a server that answers RCPT in order of time if its greylist meets people again, in any session."""
    if not (meets_again(work) and server.policy.greylist_ns):
        return server
    in_order = tuple(one or verb == Verb.RCPT for verb, one in zip(Verb, server.decides_in_order, strict=True))
    return server._replace(decides_in_order=in_order)


def meets_again(work: WorkloadPlan) -> bool:
    """Tell whether recipients are people who may be met in more than one message."""
    return work.population > 0 or any(message.persons for message in work.trace[:1])


def _workload(workload: Workload) -> WorkloadPlan:
    trace, person_domains = trace_of(workload)
    poisson = workload.arrivals if not isinstance(workload.arrivals, str) else None
    mean_ns = 1e9 / poisson.rate_per_s if poisson else 0.0
    return WorkloadPlan(
        messages=len(trace) or workload.messages,
        recipients=sampler_of(workload.recipients_per_message),
        size=sampler_of(workload.message_bytes),
        unknown_share=workload.unknown_share,
        domains=len(set(person_domains)) or workload.domains,
        interarrival=made_up("exponential", mean_ns),
        trace=trace,
        trace_arrivals=bool(trace) and workload.arrivals in {None, "trace"},
        recipient_factor=workload.trace_recipient_factor,
        speedup=workload.trace_speedup,
        resend=workload.resend,
        resends=workload.resends,
        resend_after_ns=ns_of_s(workload.resend_after_s),
        unknown=frozenset(workload.unknown),
        groups=workload.groups,
        population=workload.population or 0,
        person_domains=person_domains,
    )


def _client(client: Client, address_chars: int) -> ClientPlan:
    by_class = client.overflow if isinstance(client.overflow, dict) else {}
    every = client.overflow if isinstance(client.overflow, str) else "new-connection"
    strategy, rate, timeouts = find_strategy(client.strategy), client_rate(client.rate), timeouts_ns(client.timeout_s)
    return ClientPlan(
        settle=strategy.settle,
        looks_ahead=strategy.looks_ahead,
        is_steady=strategy.is_steady,
        trusts_itself=strategy.trusts_itself,
        budget=client.budget,
        for_452=_OVERFLOW[by_class.get("452", every)],
        for_552=_OVERFLOW[by_class.get("552", every)],
        stop_on_overflow=client.stop_on_overflow,
        sorts_by_domain=client.sorts_by_domain,
        needs_company=client.over_limit_seen == "452-in-company",
        most_refusals=_bound(client.give_up_after_refusals),
        batch_size=min(client.batch_size, rate.most) if rate.counts == Counts.RECIPIENTS else client.batch_size,
        sizing=_SIZING[client.sizing],
        forget_ns=ns_of_s(client.sizing_forget_s or 0.0),
        pipelining=client.pipelining,
        chunking=client.chunking,
        starttls=client.starttls,
        window_recipients=_bound(client.window_recipients),
        window_octets=_bound(client.window_bytes),
        drain=client.drain,
        command_ns=ns_of_ms(client.command_ms),
        octets=tuple(command_octets(verb, address_chars, orcpt=client.orcpt) for verb in Verb),
        connections_total=_bound(client.connections_total),
        transactions_per_connection=_bound(client.transactions_per_connection),
        schedule=RetrySchedule(
            ns_of_s(client.retry_initial_s),
            ns_of_s(client.retry_max_s),
            client.retry_factor,
            ns_of_s(client.expiry_s),
        ),
        reset_before_reuse=client.reset_before_reuse,
        pause=sampler_of(client.pause_ms, 1e6),
        rate=rate,
        timeouts=timeouts,
        least_timeout_ns=min(timeouts),
        all_or_nothing=client.on_refusal == "give-up",
        hooks=Hooks(strategy.on_data, strategy.on_final),
    )


def _destinations(scenario: Scenario) -> tuple[DestinationPlan, ...]:
    only = Destination(name="", network=scenario.network, server=scenario.server)
    listed = scenario.destinations or (only,)
    total = sum(one.weight for one in listed)
    upto = [weight / total for weight in itertools.accumulate(one.weight for one in listed)]
    upto[-1] = 1.0
    return tuple(
        DestinationPlan(
            number,
            one.name,
            upto[number],
            _bound(one.connections or scenario.client.connections),
            path_plan(one.network, one.server),
            _server(one.server, starttls=scenario.client.starttls),
        )
        for number, one in enumerate(listed)
    )


def _server(server: Server, *, starttls: bool) -> ServerPlan:
    offered, services, rates = _offered(server, starttls=starttls), _services(server), rates_of(server.rate_limits)
    return ServerPlan(
        policy=_policy(server),
        offered=offered,
        spoken=spoken_answers(_replies(server), offered),
        service=services,
        constant_service=tuple(int(sample(one, 0.5)) if is_constant(one) else -1 for one in services),
        workers=server.workers or 0,
        sessions=_bound(server.sessions),
        reply_buffer=server.reply_buffer_bytes,
        refusal_ns=ns_of_ms(server.refusal_ms),
        data_failure_share=server.data_failure_share,
        rate_limits=rates,
        decides_in_order=rated_verbs(rates),
    )


def _replies(server: Server) -> dict[Answer, int | str]:
    of_rates = {Answer(Answer.RATE_0 + number): one for number, one in enumerate(rate_replies(server.rate_limits))}
    return of_rates | {
        Answer.SESSION_REFUSED: server.sessions_reply,
        Answer.RCPT_OVER: server.overflow_reply,
        Answer.RCPT_UNKNOWN: server.unknown_reply,
        Answer.RCPT_GREYLISTED: server.greylist_reply,
        Answer.DATA_OK: server.data_reply,
        Answer.DATA_NO_RECIPIENTS: server.data_without_recipients,
        Answer.DATA_AFTER_OVERFLOW: server.data_after_overflow_reply,
        Answer.TEXT_REFUSED: server.data_failure_reply,
        Answer.TRANSACTION_OVER: server.overflow_reply,
        Answer.MESSAGES_EXHAUSTED: server.messages_reply,
        Answer.COMMANDS_EXHAUSTED: server.commands_reply,
    }


def _policy(server: Server) -> ReplyPolicy:
    return ReplyPolicy(
        limit=_bound(server.recipient_limit if server.limit_at == "rcpt" else None),
        limit_kind=LIMIT_KINDS[server.limit_kind],
        overshoot=_bound(server.overshoot_limit),
        soft_errors=_bound(server.soft_error_limit),
        hard_errors=_bound(server.hard_error_limit),
        error_sleep_ns=ns_of_ms(server.error_sleep_ms),
        reject_data_after_overflow=server.reject_data_after_overflow,
        data_without_recipients=parse_reply(server.data_without_recipients).code == 354,
        transactions=_bound(server.messages_per_connection),
        greylist_ns=ns_of_s(server.greylist_s or 0.0),
        data_limit=_bound(server.recipient_limit if server.limit_at == "data" else None),
        text_limit=_bound(server.recipient_limit if server.limit_at in {"data", "dot"} else None),
        delivery_limit=_bound(server.recipient_limit if server.limit_at == "delivery" else None),
        exhausted_at_data=server.messages_at == "data",
        commands=_bound(server.commands_per_connection),
    )


def _offered(server: Server, *, starttls: bool) -> Capabilities:
    limits = server.advertise_limits
    per_transaction = server.limit_kind in {"transaction", "first-domain-only", "first-group-only"}
    return Capabilities(
        pipelining=server.pipelining,
        chunking=server.chunking,
        starttls=starttls,
        mailmax=(server.messages_per_connection or 0) if limits else 0,
        rcptmax=(server.recipient_limit or 0) if limits and per_transaction else 0,
        rcptdomainmax=1 if limits and server.limit_kind == "first-domain-only" else 0,
    )


def _services(server: Server) -> tuple[Sampler, ...]:
    by_verb = {
        Verb.CONNECT: server.connect_service_ms,
        Verb.EHLO: server.ehlo_service_ms,
        Verb.STARTTLS: server.ehlo_service_ms,
        Verb.MAIL: server.mail_service_ms,
        Verb.RSET: server.mail_service_ms,
        Verb.RCPT: server.rcpt_service_ms,
        Verb.DATA: server.data_service_ms,
        Verb.TEXT: server.text_service_ms,
        Verb.BDAT: server.text_service_ms,
    }
    return tuple(sampler_of(by_verb.get(verb, 0.0), 1e6) for verb in Verb)


def _bound(limit: int | None) -> int:
    return UNBOUNDED if limit is None else limit
