"""Closed forms for the design points where they hold, in the shape of a summary: figures draw them as thin lines."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from simsmtp.strategies.closed_forms import UNLIMITED, Totals, message_totals
from simsmtp.theory.closed_form_domain import is_stop_and_wait, policy_of, why_no_closed_form

RESPONSES = (*Totals._fields, "delivered", "false_ndr_rate", "rcpt_per_delivered")
"""What closed forms say of a scenario."""

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pandas import DataFrame

    from simsmtp.experiment.design import DesignPoint
    from simsmtp.model.scenario import Scenario


def theory_of(points: Sequence[DesignPoint], columns: Sequence[str]) -> DataFrame:
    """Return one row per design point and response that closed forms give.

    Parameters
    ----------
    points : sequence of DesignPoint
        The design.
    columns : sequence of str
        Its factors.

    Returns
    -------
    DataFrame
        Columns ``point``, the factors, ``response`` and ``mean``: nan at a point without a closed form, where a line
        has to break; empty if no point has one.
    """
    import pandas as pd

    found = [(point, closed_form(point.scenario)) for point in points]
    if all(totals is None for _, totals in found):
        found = []
    rows = [
        {"point": point.number, **point.factors, "response": response, "mean": value}
        for point, totals in found
        for response, value in _means(totals, point.scenario).items()
    ]
    return pd.DataFrame(rows, columns=["point", *columns, "response", "mean"])


def closed_form(scenario: Scenario) -> Totals | None:
    """Return what the closed forms say of a scenario, None where `why_no_closed_form` has a reason."""
    if why_no_closed_form(scenario):
        return None
    client, server = scenario.client, scenario.server
    recipients, limit = scenario.workload.recipients_per_message, server.recipient_limit
    assert isinstance(recipients, int)
    policy = policy_of(client, server)
    # Without a limit nothing is refused, and every strategy does the same.
    return message_totals(
        "corrected" if limit is None else client.strategy,
        recipients,
        UNLIMITED if limit is None else limit,
        batch_size=client.batch_size,
        window=1 if is_stop_and_wait(client, server) else client.window_recipients or UNLIMITED,
        stop=client.stop_on_overflow,
        budget=client.budget,
        replies_per_read=scenario.network.replies_per_read or 0,
        bounce=policy == "bounce",
        same_session=policy == "same-session",
    )


def points_without(points: Sequence[DesignPoint]) -> dict[str, int]:
    """Return for how many design points there is no closed form, by the first reason."""
    first = (why[0] for point in points if (why := why_no_closed_form(point.scenario)))
    return dict(Counter(first).most_common())


def _means(totals: Totals | None, scenario: Scenario) -> dict[str, float]:
    if totals is None:
        return dict.fromkeys(RESPONSES, float("nan"))
    recipients = scenario.workload.recipients_per_message
    assert isinstance(recipients, int)
    delivered = recipients - totals.false_ndr - totals.lost
    values = (*totals, delivered, totals.false_ndr / recipients, totals.rcpt_commands / delivered)
    return {name: float(value) for name, value in zip(RESPONSES, values, strict=True)}
