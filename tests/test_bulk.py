"""RCPTs that are sure to fare alike are worked out at once; with a transcript each is worked out alone.

Both must come to the same, to the last nanosecond.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsmtp.engines import run_replication
from simsmtp.model.plan import plan_of
from simsmtp.model.scenario import Scenario


@pytest.mark.slow
@given(
    recipients=st.integers(1, 400),
    limit=st.integers(1, 150),
    kind=st.sampled_from(["transaction", "domain", "connection", "first-domain-only"]),
    buffer=st.sampled_from([60, 500, 4096]),
    bandwidth=st.sampled_from([None, 100, 1.4, 0.2]),
    service=st.sampled_from([0.0, 0.2, 1.5]),
    unknown=st.sampled_from([0.0, 0.2]),
    overshoot=st.none() | st.integers(1, 40),
    errors=st.sampled_from([(None, None), (5, None), (None, 12), (5, 12)]),
    strategy=st.sampled_from(["corrected", "per-read", "aggregate", "shifted"]),
    read=st.none() | st.integers(1, 40),
    refusal=st.sampled_from([0.0, 0.7]),
)
def test_a_transcript_changes_nothing(
    recipients: int,
    limit: int,
    kind: str,
    buffer: int,
    bandwidth: float | None,
    service: float,
    unknown: float,
    overshoot: int | None,
    errors: tuple[int | None, int | None],
    strategy: str,
    read: int | None,
    refusal: float,
) -> None:
    scenario = Scenario(
        workload={"recipients_per_message": recipients, "unknown_share": unknown},
        client={"strategy": strategy, "expiry_s": 1000.0},
        network={"bandwidth_mbit": bandwidth, "replies_per_read": read},
        server={
            "recipient_limit": limit,
            "limit_kind": kind,
            "reply_buffer_bytes": buffer,
            "rcpt_service_ms": service,
            "refusal_ms": refusal,
            "overshoot_limit": overshoot,
            "soft_error_limit": errors[0],
            "hard_error_limit": errors[1],
            "error_sleep_ms": 10.0,
        },
    )
    at_once = run_replication(plan_of(scenario), recipients=True)
    one_by_one = run_replication(plan_of(scenario), recipients=True, dialogue=True)
    assert repr(at_once.responses) == repr(one_by_one.responses)
    assert at_once.recipients == one_by_one.recipients
