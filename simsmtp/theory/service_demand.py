"""What a message costs a destination for certain: a lower bound on the work of every message, as a mean.

Three levels, the first that holds is used:

1. Where no RCPT can be refused, or the closed forms of `simsmtp.strategies.closed_forms` hold, those forms.
2. Where everybody has to be accepted in the end and a transaction accepts at most c, ⌈n / min(B, c)⌉ transactions.
3. Else what no sender gets around before a message expires: n recipients take ⌈n / B⌉ transactions of at most B, each
   recipient is named in RCPT, and the text is sent where somebody is accepted for certain.

Sleeps, pauses, retries, losses and whatever else only adds work is left out (`ONLY_SLOWS`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simsmtp.protocol.commands import Verb
from simsmtp.randomness.distributions import CONSTANT, EMPIRICAL
from simsmtp.strategies.closed_forms import UNLIMITED, Totals, message_totals
from simsmtp.strategies.registry import find_strategy
from simsmtp.strategies.sizing import Sizing
from simsmtp.theory.closed_form_domain import (
    View,
    are_followed,
    broken_rules,
    hangs_up,
    has_hooks,
    is_code,
    is_over_limit,
    is_stop_and_wait,
    may_be_unknown,
    may_err,
    may_refuse,
    policy_of,
    refuses_and_stays,
)
from simsmtp.theory.least_means import messages_of, parts_at

if TYPE_CHECKING:
    from simsmtp.model.plan import DestinationPlan, Plan

_CONNECTION_TRIPS = 3
_FAILS_NOBODY = {"corrected", "aggregate"}


class Work(NamedTuple):
    """What the recipients of one message at a destination cost at least.

    Attributes
    ----------
    waits : float
        Round trips waited for, those of opening connections apart.
    opened : float
        Connections opened on the way.
    mail, rcpt, texts : float
        Commands served: MAIL, RCPT, and DATA with the text (or BDAT).
    octets : float
        Of text sent.
    """

    waits: float
    opened: float
    mail: float
    rcpt: float
    texts: float
    octets: float = 0.0


class Case(NamedTuple):
    """What decides about the work at one destination.

    Attributes
    ----------
    view, plan, one : View, Plan, DestinationPlan
        Its settings, as given and as engines take them.
    limited : bool
        False leaves the recipient limit out.
    parallel : bool
        More than one connection may be open to it.
    """

    view: View
    plan: Plan
    one: DestinationPlan
    limited: bool
    parallel: bool

    @property
    def batch(self) -> int:
        """Most recipients in a transaction."""
        client, rcptmax = self.plan.client, self.one.server.offered.rcptmax
        obeys = client.sizing == Sizing.RCPTMAX and rcptmax > 0
        return min(client.batch_size, rcptmax) if obeys and self.limited else client.batch_size

    @property
    def per_flight(self) -> int:
        """Most RCPTs in a flight."""
        client = self.view.client
        if is_stop_and_wait(client, self.view.server):
            return 1
        if client.window_bytes is not None:
            return max(1, client.window_bytes // self.plan.client.octets[Verb.RCPT])
        return client.window_recipients or UNLIMITED

    @property
    def stops_and_waits(self) -> bool:
        """One command at a time."""
        return is_stop_and_wait(self.view.client, self.view.server)

    @property
    def chunks(self) -> bool:
        """BDAT in place of DATA."""
        return self.view.client.chunking and self.view.server.chunking

    @property
    def most_per_connection(self) -> int:
        """Most transactions on a connection."""
        server = self.view.server
        ends = server.messages_at == "mail" and is_code(server.messages_reply, 421)  # else the connection stays
        of_server = server.messages_per_connection if ends else None
        limits = (self.view.client.transactions_per_connection, of_server)
        return min((limit for limit in limits if limit is not None), default=UNLIMITED)

    @property
    def is_drawn(self) -> bool:
        """Whether recipients at the destination vary over more values than are gone through."""
        drawn = self.plan.workload.recipients.kind not in {CONSTANT, EMPIRICAL} and not self.plan.workload.trace
        return drawn or len(self.plan.destinations) > 1

    def bites(self, recipients: int) -> bool:
        """Tell whether a transaction of a message of so many recipients may meet the limit."""
        server = self.view.server
        if not self.limited:
            return False
        if _takes_one_part(self.view):
            return True
        if server.recipient_limit is None:
            return False
        return server.limit_kind == "connection" or min(self.batch, recipients) > server.recipient_limit


def domains_of(view: View) -> int:
    """Return how many domains there may be: a trace names its own."""
    return view.workload.domains if view.workload.trace is None else UNLIMITED


def _takes_one_part(view: View) -> bool:
    """Tell whether a server takes but one domain or group in a transaction, where there are more."""
    parts = {"first-domain-only": domains_of(view), "first-group-only": view.workload.groups}
    return parts.get(view.server.limit_kind, 1) > 1


def work_at(case: Case, share: float) -> Work:
    """Return the mean over messages of what they cost a destination at least.

    Parameters
    ----------
    case : Case
        The destination.
    share : float
        Its share of the recipients.
    """
    works = [
        (weight, work._replace(octets=work.texts * octets))
        for recipients, octets, likely in messages_of(case.plan.workload)
        for number, part in parts_at(recipients, share)
        if number
        for weight, work in [(likely * part, work_of(case, number))]
    ]
    sums = np.sum([[weight * value for value in work] for weight, work in works] or [[0.0] * 6], axis=0)
    return Work(*(float(value) for value in sums))


def work_of(case: Case, recipients: int) -> Work:
    """Return what a message costs at least that has so many recipients at a destination."""
    if not why_least(case, recipients):
        return _by_forms(case, recipients) if case.bites(recipients) else _unrefused(case, recipients)
    return _certain(case, recipients)


def why_least(case: Case, recipients: int) -> list[str]:
    """Return why only a least work is known and no closed form, as ``key = value``; empty where one is."""
    view, server, bites = case.view, case.view.server, case.bites(recipients)
    broken = broken_rules(view, whole=False, limit_bites=bites)
    told = [one for one in broken if not _is_kept_otherwise(case, one.partition(" ")[0], bites=bites)]
    if server.messages_per_connection is not None and not find_strategy(view.client.strategy).builtin:
        told.append(f"client.strategy = {view.client.strategy}")
    if not bites:
        return told
    if server.recipient_limit is None:
        told.append(f'server.limit_kind = "{server.limit_kind}"')
    if case.parallel and case.batch < recipients:
        told.append(f"client.batch_size = {case.batch} on several connections at once")
    if not are_followed(recipients, view):
        told.append("server.recipient_limit: too many transactions to follow")
    if case.is_drawn and view.client.strategy not in _FAILS_NOBODY:
        told.append("workload.recipients_per_message is drawn from a distribution")  # work need not rise with it
    return list(dict.fromkeys(told))


def _is_kept_otherwise(case: Case, key: str, *, bites: bool) -> bool:
    """Tell whether a rule of the closed forms that is broken takes nothing off the work that they say."""
    view = case.view
    if key == "server.overflow_reply":
        return is_over_limit(view.server) and view.client.strategy in _FAILS_NOBODY
    if key == "server.data_failure_share":  # the text was sent; what comes after is more work
        # Over a limit it is not: who was refused there waits for the retry schedule, and may expire untried.
        return view.server.messages_per_connection is None and not bites
    if key in {"server.limit_kind", "client.window_bytes", "client.drain"}:
        alike = domains_of(view) == 1 and view.server.limit_kind in {"domain", "first-domain-only"}
        return not bites or (key == "server.limit_kind" and alike)
    return key == "server.hard_error_limit" and not may_err(view, bites=bites)


def _by_forms(case: Case, recipients: int) -> Work:
    """Return the work by the closed forms, where a recipient limit refuses some."""
    client, server = case.view.client, case.view.server
    policy = policy_of(client, server)
    found = _totals(
        client.strategy, recipients, server.recipient_limit or UNLIMITED, case.batch, case.per_flight,
        client.stop_on_overflow, client.budget, case.view.network.replies_per_read or 0,
        policy == "bounce", policy == "same-session",
    )  # fmt: skip
    waits = found.round_trips - _CONNECTION_TRIPS * found.connections
    if case.chunks:
        waits -= found.transactions  # BDAT rides where DATA does: no 354 to wait for
    opened = max(found.connections - 1, found.transactions / case.most_per_connection)
    return Work(waits, opened, found.transactions, found.rcpt_commands, found.transactions)


@lru_cache(maxsize=20_000)
def _totals(
    strategy: str, recipients: int, limit: int, batch: int, window: int, stop: bool, budget: int, reads: int,
    bounce: bool, same_session: bool,
) -> Totals:  # fmt: skip
    return message_totals(strategy, recipients, limit, batch_size=batch, window=window, stop=stop, budget=budget,
                          replies_per_read=reads, bounce=bounce, same_session=same_session)  # fmt: skip


def _unrefused(case: Case, recipients: int) -> Work:
    """Return the work where no RCPT is refused: transactions of B and one of what is left, in any order."""
    full, rest = divmod(recipients, case.batch)
    transactions = full + (rest > 0)
    waits = full * _command_waits(case, case.batch) + (_command_waits(case, rest) if rest else 0)
    waits += 0 if case.chunks else transactions
    return Work(waits, transactions / case.most_per_connection, transactions, recipients, transactions)


def _command_waits(case: Case, recipients: int) -> int:
    """Return the waits of a transaction before the text: MAIL rides the first flight, DATA the last."""
    if case.stops_and_waits:
        return recipients + 2
    return -(-recipients // case.per_flight) + case.view.client.drain


def _certain(case: Case, recipients: int) -> Work:
    """Return what no sender gets around, whatever is refused."""
    view, server = case.view, case.view.server
    bites = case.bites(recipients)
    cap = _accepted_at_most(case) if bites else UNLIMITED
    transactions = -(-recipients // min(case.batch, cap))
    if view.client.on_refusal == "give-up" and may_refuse(view, bites=bites):
        # Each may end with its first RCPT, without a text.
        least = transactions * (2 if case.stops_and_waits else 1)
        return Work(least, transactions / case.most_per_connection, transactions, transactions, 0)
    texts = _texts(case, recipients, transactions, bites=bites)
    if case.stops_and_waits:
        waits = transactions + recipients + texts * (1 if case.chunks else 2)
    else:
        flights = max(transactions, -(-recipients // case.per_flight))
        waits = flights + view.client.drain * transactions + (0 if case.chunks else texts)
    opened = transactions / case.most_per_connection
    if bites and server.limit_kind == "connection" and cap < UNLIMITED:
        opened = max(opened, recipients / cap)
    return Work(waits, opened, transactions, recipients, texts)


def _texts(case: Case, recipients: int, transactions: int, *, bites: bool) -> float:
    """Return how many texts are sent at least: one for each transaction in which somebody is accepted for certain."""
    server, share, named = case.view.server, case.view.workload.unknown_share, len(set(case.view.workload.unknown))
    if server.greylist_s or (bites and (server.reject_data_after_overflow or server.limit_at == "data")):
        return 0.0
    never = has_hooks(case.view.client) or server.commands_per_connection is not None
    never = never or (server.messages_per_connection is not None and server.messages_at == "data")
    if never or hangs_up(case.view, bites=bites):
        return 0.0
    if not may_be_unknown(case.view.workload):
        return transactions
    # The first valid one of the first transaction is accepted; all that are named as unknown may be in that.
    others = min(recipients, case.batch) - named
    return 1 - share**others if others > 0 else 0.0


def _accepted_at_most(case: Case) -> int:
    """Return how many recipients a transaction accepts at most where all have to be accepted in the end."""
    view, server, client = case.view, case.view.server, case.view.client
    at_once = policy_of(client, server) in {"new-connection", "same-session"} and client.over_limit_seen == "any"
    kept = client.strategy == "corrected" and is_over_limit(server) and at_once and client.on_refusal == "go-on"
    sure = not may_be_unknown(view.workload) and not server.greylist_s and server.data_failure_share == 0
    never = server.reject_data_after_overflow or server.hard_error_limit or client.give_up_after_refusals
    never = never or server.limit_at != "rcpt" or server.commands_per_connection is not None
    never = never or (server.messages_per_connection is not None and server.messages_at == "data")
    if not (kept and sure) or never or server.recipient_limit is None:
        return UNLIMITED
    parts = {"domain": domains_of(view), "group": view.workload.groups}
    return server.recipient_limit * parts.get(server.limit_kind, 1)


def may_end_early(case: Case, recipients: int) -> bool:
    """Tell whether a transaction may end, with its recipients deferred, before RCPT was said to all of them.

    They are tried again until they expire, so that the least work is certain only of messages younger than that.
    """
    view, server, bites = case.view, case.view.server, case.bites(recipients)
    refuses = may_refuse(view, bites=bites)
    untried = view.client.expiry_s == 0 or _may_commit_none(view, bites=bites)
    ends_connections = server.messages_per_connection is not None or (bites and server.limit_kind == "connection")
    at_text = bites and server.data_failure_share > 0 and is_code(server.data_failure_reply, 421)
    return (
        (ends_connections and (server.messages_at == "data" or untried))
        or refuses_and_stays(server)
        or server.commands_per_connection is not None
        or (at_text or hangs_up(view, bites=bites))
        or (server.hard_error_limit is not None and may_err(view, bites=bites))
        or ((view.client.give_up_after_refusals is not None or view.client.on_refusal == "give-up") and refuses)
    )


def _may_commit_none(view: View, *, bites: bool) -> bool:
    """Tell whether a transaction may bring nobody further: MAIL refused after it defers recipients that were not tried.

    Strategies of the user's own, and at a limit some built-in ones, send again to who was accepted.
    """
    server, strategy = view.server, view.client.strategy
    again = strategy != "corrected" if bites else not find_strategy(strategy).builtin
    unsure = may_be_unknown(view.workload) or bool(server.greylist_s) or server.data_failure_share > 0
    refused_whole = server.reject_data_after_overflow or server.limit_at != "rcpt"
    return again or unsure or (bites and refused_whole)
