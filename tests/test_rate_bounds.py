"""Long-run bounds that know limits in time: never below what a run does, and near to what the best one does."""

from __future__ import annotations

from typing import Any

import pytest
from helpers import NO_SERVICE
from test_bounds import is_within, reached

from simsmtp import Scenario
from simsmtp.planning.bound_text import bottleneck_text, overload_text
from simsmtp.theory.asymptotic_bounds import bounds_of, left_out

LIMITS = [
    ("connections", "connect"), ("messages", "mail"), ("messages", "data"), ("messages", "dot"),
    ("recipients", "rcpt"), ("recipients", "data"), ("recipients", "dot"), ("commands", "mail"), ("commands", "rcpt"),
    ("commands", "data"), ("commands", "dot"),
]  # fmt: skip
EAGER = {"retry_initial_s": 1.0, "retry_factor": 1.0, "retry_max_s": 1.0}


def limited(limits: list[dict[str, Any]], **tables: dict[str, Any]) -> Scenario:
    """Return two dozen messages of three recipients to a server with limits in time, from a sender that asks often."""
    return Scenario.from_dict(
        {
            "workload": {"messages": 24, "recipients_per_message": 3} | tables.get("workload", {}),
            "client": {"transactions_per_connection": 1, **EAGER} | tables.get("client", {}),
            "network": {"rtt_ms": 1.0, "bandwidth_mbit": None},
            "server": {**NO_SERVICE, "rate_limits": limits} | tables.get("server", {}),
        }
    )


@pytest.mark.parametrize("kind", ["fixed", "sliding", "bucket"])
@pytest.mark.parametrize(("counts", "at"), LIMITS)
def test_a_server_that_takes_so_many_in_a_time_bounds_the_rate(counts: str, at: str, kind: str) -> None:
    many = 3 if counts == "recipients" or at == "rcpt" else 1
    scenario = limited([{"counts": counts, "at": at, "most": 4 * many, "window_s": 10.0, "kind": kind}])
    bound = bounds_of(scenario)[0]
    assert bound.resource == "rate limit"
    assert is_within(scenario, bound.messages_per_s)
    assert reached(scenario) > 0.7 * bound.messages_per_s


@pytest.mark.parametrize(("counts", "most"), [("messages", 4), ("recipients", 10), ("recipients", 2),
                                              ("connections", 3)])  # fmt: skip
def test_the_senders_own_rate_bounds_the_rate(counts: str, most: int) -> None:
    scenario = limited([], client={"rate": {"counts": counts, "most": most, "window_s": 2.0}})
    bound = bounds_of(scenario)[0]
    assert bound.resource == "sender's rate"
    assert not bound.weak
    assert is_within(scenario, bound.messages_per_s)
    assert reached(scenario) > 0.97 * bound.messages_per_s


def test_in_the_long_run_a_bound_is_what_is_let_pass_in_a_window() -> None:
    limit = {"counts": "recipients", "most": 60, "window_s": 60.0}
    bound = bounds_of(limited([limit], workload={"messages": 10**5}))[0]
    assert bound.recipients_per_s == pytest.approx(1.0, rel=1e-3)
    assert bound.recipients_per_s > 1.0
    assert bound.formula == "(60 recipients in 60 s, and 120 at once) / 3 recipients per message"


def test_of_several_limits_the_tightest_bounds() -> None:
    limits = [
        {"counts": "messages", "most": most, "window_s": 10.0, "at": at} for most, at in ((9, "mail"), (5, "dot"))
    ]
    rates = [one.messages_per_s for one in bounds_of(limited(limits)) if one.resource == "rate limit"]
    assert rates == sorted(rates)
    assert rates[0] == pytest.approx(24 / ((24 / 5 - 2) * 10))


@pytest.mark.parametrize(
    "tables",
    [
        {"client": {"strategy": "one-stop"}, "server": {"recipient_limit": 2}},
        {"client": {"overflow": "bounce"}, "server": {"recipient_limit": 2}},
        {"server": {"greylist_s": 5.0}},
        {"server": {"data_failure_share": 0.2}},
        {"workload": {"unknown_share": 0.2}},
    ],
    ids=str,
)
def test_where_a_refusal_may_end_a_message_there_is_no_bound(tables: dict[str, dict[str, Any]]) -> None:
    scenario = limited([{"counts": "messages", "most": 5, "window_s": 10.0}], **tables)
    assert bounds_of(scenario) == []
    assert "rate limits (server.rate_limits) refuse messages that may expire or fail untried" in left_out(scenario)[0]


@pytest.mark.parametrize("reply", ["554 5.7.1", "452", "451 4.5.3"])
def test_where_the_reply_may_fail_a_message_there_is_no_bound(reply: str) -> None:
    scenario = limited([{"counts": "messages", "most": 5, "window_s": 10.0, "reply": reply}])
    assert bounds_of(scenario) == []
    assert len(left_out(scenario)) == 1


def test_a_limit_by_day_is_no_bound_on_what_expires_before() -> None:
    limit = {"counts": "messages", "most": 3, "window_s": 86_400.0}
    assert bounds_of(limited([limit], client={"expiry_s": 10 * 86_400.0, "retry_initial_s": 60.0, "retry_max_s": 60.0}))
    (told,) = left_out(limited([limit]))
    assert "what rate limits (server.rate_limits) defer may expire (client.expiry_s = 432,000)" in told


def test_a_plan_that_asks_for_more_than_the_limit_is_told_so() -> None:
    arrivals = {"dist": "poisson", "rate_per_s": 1.0}
    scenario = limited([{"counts": "messages", "most": 50, "window_s": 60.0}],
                       workload={"messages": 10**4, "arrivals": arrivals})  # fmt: skip
    text = overload_text(scenario, bounds_of(scenario))
    assert "is above the long-run bound of 0.842 messages/s of rate limit: the queue grows" in text
    assert bottleneck_text(scenario, bounds_of(scenario)).startswith("No more than 0.842 messages/s pass rate limit")
