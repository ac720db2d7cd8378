"""Closed forms for the design points where they hold, in the shape of a summary: figures draw them as thin lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simsmtp.protocol.replies import TOO_MANY_RECIPIENTS, detail_of, parse_reply
from simsmtp.strategies.closed_forms import UNLIMITED, Totals, message_totals
from simsmtp.strategies.registry import find_strategy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pandas import DataFrame

    from simsmtp.model.scenario import Client, Scenario, Server
    from simsmtp.study.design import DesignPoint


def theory_of(points: Sequence[DesignPoint], columns: Sequence[str]) -> DataFrame:
    """Return one row per design point and response for which a closed form is known.

    Parameters
    ----------
    points : sequence of DesignPoint
        The design.
    columns : sequence of str
        Its factors.

    Returns
    -------
    DataFrame
        Columns ``point``, the factors, ``response`` and ``mean``; empty if no closed form applies.
    """
    import pandas as pd  # noqa: PLC0415 - a second that only figures pay

    rows = [
        {"point": point.number, **point.factors, "response": response, "mean": float(value)}
        for point in points
        if (totals := closed_form(point.scenario)) is not None
        for response, value in _responses(totals, point.scenario).items()
    ]
    return pd.DataFrame(rows, columns=["point", *columns, "response", "mean"])


def closed_form(scenario: Scenario) -> Totals | None:
    """Return what the closed forms say of a scenario, None where they do not apply.

    They hold for one message of a fixed number of valid recipients to one destination with a limit per transaction
    answered by an over-limit 5yz, one connection at a time, flights of whole RCPT commands, and nothing else that
    stops or delays a transaction.
    """
    client, server = scenario.client, scenario.server
    if not (_workload_fits(scenario) and _client_fits(client) and _server_fits(server)):
        return None
    if client.strategy == "per-read" and scenario.network.replies_per_read is None:
        return None
    window = client.window_recipients if client.pipelining and server.pipelining else 1
    recipients, limit = scenario.workload.recipients_per_message, server.recipient_limit
    assert isinstance(recipients, int)
    return message_totals(
        client.strategy,
        recipients,
        UNLIMITED if limit is None else limit,
        batch_size=client.batch_size,
        window=window or UNLIMITED,
        stop=client.stop_on_overflow,
        budget=client.budget,
        replies_per_read=scenario.network.replies_per_read or 0,
        bounce=client.overflow == "bounce",
        same_session=client.overflow == "same-session",
    )


def _workload_fits(scenario: Scenario) -> bool:
    workload = scenario.workload
    plain = workload.messages == 1 and workload.trace is None and workload.resend == "none"
    whole = isinstance(workload.recipients_per_message, int) and workload.unknown_share == 0
    return plain and whole and not scenario.destinations and scenario.horizon_s is None


def _client_fits(client: Client) -> bool:
    known = find_strategy(client.strategy).builtin and client.overflow in {
        "new-connection",
        "same-session",
        "bounce",
    }
    flights = client.window_bytes is None and not client.drain and not client.chunking and not client.starttls
    one = client.connections == 1 and client.transactions_per_connection is None
    return known and flights and one and client.sizing == "fixed"


def _server_fits(server: Server) -> bool:
    reply = parse_reply(server.overflow_reply)
    over = reply.code == 552 or (reply.code >= 500 and detail_of(reply.status) == TOO_MANY_RECIPIENTS)
    limits = (
        server.greylist_s,
        server.soft_error_limit,
        server.hard_error_limit,
        server.messages_per_connection,
        server.sessions,
    )
    never = not any(limits) and not server.reject_data_after_overflow and server.data_failure_share == 0
    return over and never and server.limit_kind == "transaction"


def _responses(totals: Totals, scenario: Scenario) -> dict[str, float]:
    recipients = scenario.workload.recipients_per_message
    assert isinstance(recipients, int)
    delivered = recipients - totals.false_ndr - totals.lost
    return {
        **totals._asdict(),
        "delivered": delivered,
        "false_ndr_rate": totals.false_ndr / recipients,
        "rcpt_per_delivered": totals.rcpt_commands / delivered,
    }
