"""Bounds on the arrival rate: what connections, workers and bandwidth cannot exceed in the long run.

For each destination, with means over messages (and over how many of a message's recipients are its own):

    connections   C / (r·RTT + S + T)    C connections; a message takes r round trips, S s of service, T s of transfer
    workers       W / S                  W workers
    bandwidth     C·B / (8·octets)       B bit/s on each connection; octets of text a message
    rates         see `simsmtp.theory.rate_bounds`: what a run of so many messages takes at least

r, S and T are the work that every message costs for certain, see `simsmtp.theory.service_demand`. All destinations
together are bounded by ``client.connections_total`` over the sum of their connection-seconds. Above a bound the queue
grows. Below it nothing is promised where `Bound.weak` says what was left out.

What they make of each key of a scenario is in `simsmtp.theory.key_effects`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simsmtp.model.numbers import number_text
from simsmtp.model.plan import meets_again, plan_of
from simsmtp.model.scenario import Destination
from simsmtp.protocol.commands import Verb
from simsmtp.protocol.replies import parse_reply
from simsmtp.randomness.distributions import count
from simsmtp.strategies.window import UNBOUNDED
from simsmtp.theory.closed_form_domain import View, is_code, may_err, may_refuse
from simsmtp.theory.key_effects import slowed_by
from simsmtp.theory.least_means import least_mean, messages_of
from simsmtp.theory.longest_waits import may_time_out
from simsmtp.theory.rate_bounds import rate_bounds, why_lost
from simsmtp.theory.service_demand import (
    Case,
    Work,
    may_end_early,
    why_least,
    work_at,
)

if TYPE_CHECKING:
    from simsmtp.model.plan import DestinationPlan, Plan, WorkloadPlan
    from simsmtp.model.scenario import Scenario
    from simsmtp.model.server_table import Server

_OPENING_TRIPS = 3  # TCP, banner, EHLO
_HELD_TRIPS = 1  # of these, what a session limit sees for certain: it counts from ACCEPT until the server hangs up
_SIZES = 64
_FOR_GOOD = 500
_RESIDUE = 1e-9  # of rounding: a rate that is that near to a bound is at it


class Bound(NamedTuple):
    """One bound.

    Attributes
    ----------
    resource : str
        ``"connections"``, ``"workers"``, ``"bandwidth"``, ``"sender's rate"``, ``"rate limit"`` or ``"connections in
        total"``.
    destination : str
        Its name; empty where there is one, or for all.
    messages_per_s, recipients_per_s : float
        The bound, of messages of the whole workload and of their recipients.
    formula : str
        The formula with its values.
    round_trips, service, transfer : float
        Shares of a connection's busy time, for connections; nan for other resources.
    limit_cost : float
        Share by which the recipient limit lowers the bound; 0 where it does not, or where that is not known.
    weak : str
        What the bound leaves out, so that less may be possible; empty where it is what closed forms say.
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
    weak: str = ""

    @property
    def name(self) -> str:
        """The resource with its destination."""
        return f"{self.resource} to {self.destination}" if self.destination else self.resource

    def headroom(self, rate: float) -> float:
        """Return by which share a rate, above 0, may rise up to the bound; what is left of rounding is 0."""
        room = self.messages_per_s / rate - 1
        return 0.0 if abs(room) < _RESIDUE else room


class _Busy(NamedTuple):
    """Seconds for which a message keeps a connection busy."""

    waits: float
    service: float
    transfer: float

    @property
    def total(self) -> float:
        return self.waits + self.service + self.transfer


class _Place(NamedTuple):
    """A destination with what its messages cost."""

    one: DestinationPlan
    work: Work
    busy: _Busy
    held: float  # of the busy seconds, those that count against the server's session limit
    served: float  # seconds of a worker
    weak: str
    limit_cost: float
    unknown: str  # why the least work is not even that; empty where it is
    until_expiry: str  # why it is certain only until messages expire


def bounds_of(scenario: Scenario) -> list[Bound]:
    """Return the bounds of a scenario, the tightest first; empty where nothing is limited or known."""
    return _found(scenario)[0]


def left_out(scenario: Scenario) -> list[str]:
    """Return which bounds are not known though their resource is limited, and why: a sentence each."""
    return _found(scenario)[1]


def _found(scenario: Scenario) -> tuple[list[Bound], list[str]]:
    plan = plan_of(scenario)
    mean, found, missing = _mean_recipients(plan.workload), [], []
    places = [_place(scenario, plan, number) for number in range(len(plan.destinations))]
    for place in places:
        bounds = _of_destination(place, plan, mean)
        if why := _why_none(place, bounds, plan):
            missing.append(why)
        else:
            found += bounds
    in_total = [] if missing else _in_total(plan, places, mean)
    return sorted([*found, *in_total], key=lambda bound: bound.messages_per_s), missing


def _in_total(plan: Plan, places: list[_Place], mean: float) -> list[Bound]:
    total, busy = plan.client.connections_total, sum(place.busy.total for place in places)
    if total >= UNBOUNDED or busy == 0:
        return []
    text = f"{total:,} connections / {number_text(busy)} s of a connection per message, all destinations"
    weak = next((place.weak for place in places if place.weak), "")
    bound = Bound("connections in total", "", total / busy, mean * total / busy, text, weak=weak)
    return [] if any(_may_expire(place, bound, plan) for place in places) else [bound]


def recipients_per_message(scenario: Scenario) -> float:
    """Return the mean number of recipients of a message."""
    return _mean_recipients(plan_of(scenario).workload)


def _mean_recipients(workload: WorkloadPlan) -> float:
    if workload.trace:
        return float(np.mean([one.recipients for one in workload.trace])) * workload.recipient_factor
    return float(np.mean([count(workload.recipients, (i + 0.5) / _SIZES) for i in range(_SIZES)]))


def connections_of(scenario: Scenario) -> int | None:
    """Return how many connections may be open at once; None if that is not limited."""
    plan = plan_of(scenario)
    each = sum(min(one.connections, one.server.sessions) for one in plan.destinations)
    most = min(each, plan.client.connections_total)
    return None if most >= UNBOUNDED else most


def _place(scenario: Scenario, plan: Plan, number: int) -> _Place:
    one = plan.destinations[number]
    given = (scenario.destinations or (Destination(name="", network=scenario.network, server=scenario.server),))[number]
    share = one.upto - (plan.destinations[number - 1].upto if number else 0.0)
    view = View(scenario.workload, scenario.client, given.network, given.server)
    case = Case(view, plan, one, limited=True, parallel=min(one.connections, plan.client.connections_total) > 1)
    work, free = work_at(case, share), work_at(case._replace(limited=False), share)
    busy, held, served = _costs(case, work)
    most = max((recipients for recipients, _, _ in messages_of(plan.workload)), default=1)
    bites = case.bites(most)
    slowed = slowed_by(view, refuses=may_refuse(view, bites=bites), errs=may_err(view, bites=bites))
    least = why_least(case, most)
    limit_cost = max(0.0, 1 - _costs(case, free)[0].total / busy.total) if busy.total and not least else 0.0
    weak, unknown = ", ".join([*least, *slowed]), _why_drawn_once(plan) or _why_unknown(view, most, bites=bites)
    return _Place(one, work, busy, held, served, weak, limit_cost, unknown, _why_until_expiry(case, most))


def _why_drawn_once(plan: Plan) -> str:
    """Return why means over what is drawn for each recipient do not hold; empty where they do."""
    if not meets_again(plan.workload):
        return ""
    if plan.workload.unknown_share > 0:
        return "people are met again, and whose mailbox is unknown is drawn once (workload.unknown_share)"
    if len(plan.destinations) > 1:
        return "people are met again, and each one's destination is drawn once"
    return ""


def _why_unknown(view: View, most: int, *, bites: bool) -> str:
    if why := why_lost(view, bites=bites):
        return why
    if view.workload.unknown_share == 1:
        return "every mailbox is unknown (workload.unknown_share = 1), and no message gets a final reply"
    if set(view.workload.unknown).issuperset(range(most)):
        return "every mailbox is unknown (workload.unknown), and no message gets a final reply"
    if bites and is_code(view.server.overflow_reply, 421):
        return "over the limit the server hangs up (server.overflow_reply = 421), and the message is never taken"
    return _why_untried(view.server)


def _why_untried(server: Server) -> str:
    """Return why messages may fail at MAIL, untried; empty where they cannot."""
    at_mail = server.messages_per_connection is not None and server.messages_at == "mail"
    for key, is_asked in (("messages_reply", at_mail), ("commands_reply", server.commands_per_connection is not None)):
        reply = getattr(server, key)
        if is_asked and parse_reply(reply).code >= _FOR_GOOD:
            return f"MAIL may be refused for good (server.{key} = {reply}), and messages fail untried"
    return ""


def _why_until_expiry(case: Case, most: int) -> str:
    """Return why a message may end without its work once it is old enough; empty where it may not."""
    sessions = case.one.server.sessions
    if sessions < UNBOUNDED:
        return f"after a refused connection (server.sessions = {sessions}) waiting messages may expire untried"
    if case.one.server.rate_limits:
        return "what rate limits (server.rate_limits) defer may expire"
    if may_time_out(case.view.workload, case.view.client, case.view.network, case.view.server):
        return "after a time-out or a lost connection deferred recipients may expire untried"
    ends = may_end_early(case, most)
    return "after a connection that ends early deferred recipients may expire untried" if ends else ""


def _costs(case: Case, work: Work) -> tuple[_Busy, float, float]:
    """Return the time on a connection, the part of it that holds a session, and the service, all in seconds."""
    client, path = case.plan.client, case.one.path
    mail, rcpt, text = (_service_s(case.one, verb) for verb in (Verb.MAIL, Verb.RCPT, Verb.TEXT))
    data = 0.0 if case.chunks else _service_s(case.one, Verb.DATA)
    tls_trips, greetings = (path.tls_round_trips + 2, 3) if client.starttls else (0, 1)
    opening = work.opened * (_service_s(case.one, Verb.CONNECT) + greetings * _service_s(case.one, Verb.EHLO))
    commands = work.mail * mail + work.rcpt * rcpt + work.texts * data
    served = commands + opening + work.texts * text
    rtt_s = 2 * least_mean(path.one_way) / 1e9
    writing = (work.mail + work.rcpt + work.texts) * client.command_ns / 1e9
    # One command at a time is written, then served; in a flight the server works while the client writes on.
    spent = commands + writing if case.stops_and_waits else max(commands, writing)
    overlaps = case.chunks and not case.stops_and_waits  # the text arrives while RCPTs are served
    transfer = 0.0 if overlaps or not path.bits_per_s else 8 * work.octets / path.bits_per_s
    resets = max(0.0, work.mail - work.opened) if client.reset_before_reuse else 0.0
    waits = work.waits + resets + work.opened * (_OPENING_TRIPS + tls_trips)
    busy = _Busy(waits * rtt_s, spent + opening + work.texts * text, transfer)
    return busy, busy.total - work.opened * (_OPENING_TRIPS - _HELD_TRIPS) * rtt_s, served


def _service_s(one: DestinationPlan, verb: Verb) -> float:
    return least_mean(one.server.service[verb]) / 1e9


def _why_none(place: _Place, bounds: list[Bound], plan: Plan) -> str:
    """Return why there is no bound at a destination though something is limited; empty where there is, or nothing."""
    one, client = place.one, plan.client
    many = min(one.connections, one.server.sessions, client.connections_total)
    if not (one.server.workers or one.server.rate_limits or client.rate.counts or many < UNBOUNDED):
        return ""
    why = place.unknown or ("" if place.busy.total or bounds else "a message takes no time for certain")
    if not why and any(_may_expire(place, bound, plan) for bound in bounds):
        why = f"{place.until_expiry} (client.expiry_s = {number_text(client.schedule.expiry_ns / 1e9, 12)})"
    where = f" to {one.name}" if one.name else ""
    return why and f"There is no bound on messages{where}: {why}."


def _may_expire(place: _Place, bound: Bound, plan: Plan) -> bool:
    """Tell whether a run at a bound lasts long enough for messages to end without the work that the bound counts."""
    took_ns = plan.workload.messages / bound.messages_per_s * 1e9
    return bool(place.until_expiry) and took_ns > plan.client.schedule.expiry_ns


def _of_destination(place: _Place, plan: Plan, mean: float) -> list[Bound]:
    one, work = place.one, place.work
    connections, workers, bits_per_s = one.connections, one.server.workers, one.path.bits_per_s
    found = []
    if min(connections, one.server.sessions) < UNBOUNDED and place.busy.total > 0:
        found.append(_session_bound(place, mean))
    many = min(connections, one.server.sessions)
    if many < UNBOUNDED and bits_per_s and work.octets:
        rate = many * bits_per_s / (8 * work.octets)
        carried = f"{many:,} connections · {number_text(bits_per_s / 1e6, 6)} Mbit/s"
        text = f"{carried} / {work.octets:,.0f} octets of text per message"
        found.append(Bound("bandwidth", one.name, rate, rate * mean, text, weak=place.weak))
    if workers and place.served > 0:
        rate = workers / place.served
        text = f"{workers:,} workers / {number_text(place.served)} s of service per message"
        found.append(Bound("workers", one.name, rate, rate * mean, text, weak=place.weak))
    for resource, rate, text in rate_bounds(plan, one, work):
        found.append(Bound(resource, one.name, rate, rate * mean, text, weak=place.weak))
    return found


def _session_bound(place: _Place, mean: float) -> Bound:
    """Return the bound of the sender's connections or the server's sessions, whichever is tighter."""
    one, busy = place.one, place.busy
    limits = ((one.connections, busy.total), (one.server.sessions, place.held))
    rate, limit = min((limit / seconds, limit) for limit, seconds in limits if limit < UNBOUNDED and seconds > 0)
    rtt_s = 2 * least_mean(one.path.one_way) / 1e9
    trips = busy.waits / rtt_s if rtt_s else 0.0
    parts = f"{number_text(trips, 3)} round trips · {number_text(rtt_s * 1e3, 3)} ms"
    parts += f" + {number_text(busy.service, 3)} s service + {number_text(busy.transfer, 2)} s transfer"
    text = f"{limit:,} connections / ({parts}) per message"
    waits, service, transfer = (part / busy.total for part in busy)
    return Bound(
        "connections", one.name, rate, rate * mean, text, waits, service, transfer, place.limit_cost, place.weak
    )
