"""The closed forms and the engine were written apart: over generated settings they must say the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsmtp.engines import run_replication
from simsmtp.model.scenario import Scenario
from simsmtp.strategies.closed_forms import UNLIMITED, message_totals
from simsmtp.strategies.registry import strategies
from simsmtp.study.theory import closed_form

BUILTIN = [name for name, strategy in strategies().items() if strategy.builtin]

settings = st.fixed_dictionaries(
    {
        "strategy": st.sampled_from(BUILTIN),
        "overflow": st.sampled_from(["new-connection", "same-session", "bounce"]),
        "batch_size": st.integers(1, 300),
        "window_recipients": st.none() | st.integers(1, 120),
        "stop_on_overflow": st.booleans(),
        "budget": st.integers(1, 6),
    }
)


@given(client=settings, recipients=st.integers(1, 250), limit=st.integers(1, 120), per_read=st.integers(1, 50))
def test_engine_and_closed_forms_agree(client: dict[str, object], recipients: int, limit: int, per_read: int) -> None:
    scenario = Scenario(
        workload={"recipients_per_message": recipients},
        client=client,
        network={"replies_per_read": per_read},
        server={"recipient_limit": limit},
    )
    expected = closed_form(scenario)
    assert expected is not None
    responses = run_replication(scenario).responses
    assert {name: responses[name] for name in expected._fields} == expected._asdict()


@pytest.mark.parametrize(
    ("strategy", "unlimited", "flights_of_50"),
    [
        ("one-stop", 149, 49),
        ("per-read", 130, 49),
        ("send-cursor", 150, 50),
        ("budget", 147, 47),
        ("corrected", 0, 0),
    ],
)
def test_checked_points(strategy: str, unlimited: int, flights_of_50: int) -> None:
    assert message_totals(strategy, 250, 100, replies_per_read=8).false_ndr == unlimited
    assert message_totals(strategy, 250, 100, window=50).false_ndr == flights_of_50


def test_commands_and_transactions_of_the_corrected_sender() -> None:
    assert message_totals("corrected", 250, 100)[2:4] == (3, 450)
    assert message_totals("corrected", 250, 100, window=50)[2:4] == (3, 350)
    assert message_totals("corrected", 250, UNLIMITED)[2:4] == (1, 250)


@pytest.mark.parametrize(
    "changes",
    [
        {"workload.unknown_share": 0.1},
        {"workload.messages": 2},
        {"client.sizing": "adaptive"},
        {"client.overflow": "defer"},
        {"server.limit_kind": "domain"},
        {"server.overflow_reply": 452},
        {"server.hard_error_limit": 20},
        {"client.strategy": "per-read"},
    ],
)
def test_no_closed_form_is_claimed_where_none_holds(changes: dict[str, object]) -> None:
    assert closed_form(Scenario().replace(changes)) is None
