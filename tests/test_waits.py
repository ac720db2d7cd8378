"""Where the time of recipients goes: the way, the server, rates, the retry schedule, greylisting."""

from __future__ import annotations

import pytest

from simsmtp import Scenario, simulate
from simsmtp.protocol.causes import WAIT_NAMES

ENGINES = pytest.mark.parametrize("engine", ["reference", "auto"])
NO_LIMIT = {"recipient_limit": None}
QUICK = dict.fromkeys(("mail_service_ms", "rcpt_service_ms", "data_service_ms", "text_service_ms"), 0.0)
FAR = {"rtt_ms": 100.0, "bandwidth_mbit": None}


def waits(engine: str, **tables: object) -> dict[str, float]:
    row = simulate(Scenario.from_dict(tables), engine=engine).replications.iloc[0]
    return {name: float(row[f"wait_{name}_s"]) for name in WAIT_NAMES}


@ENGINES
def test_a_transaction_takes_its_round_trips_and_the_server_its_service(engine: str) -> None:
    # One group of MAIL, RCPTs and DATA, then the text: two round trips; 250 RCPTs of 4 ms each are 1 s.
    slow = QUICK | NO_LIMIT | {"rcpt_service_ms": 4.0}
    found = waits(engine, network=FAR, server=slow)
    assert found == pytest.approx({**dict.fromkeys(WAIT_NAMES, 0.0), "round_trips": 0.2, "service": 1.0})


@ENGINES
def test_stop_and_wait_waits_for_each_command(engine: str) -> None:
    found = waits(engine, network=FAR, server=QUICK | NO_LIMIT, client={"window_recipients": 1})
    assert found["round_trips"] == pytest.approx(253 * 0.1)  # MAIL, 250 RCPTs, DATA, the text
    assert found["service"] == 0


@ENGINES
def test_greylisted_recipients_wait_for_the_retry_schedule(engine: str) -> None:
    found = waits(engine, server=NO_LIMIT | {"greylist_s": 60.0}, client={"retry_initial_s": 100.0})
    assert (found["greylist"], found["retry"]) == (100.0, 0.0)


@ENGINES
def test_who_is_deferred_over_a_limit_waits_for_the_retry_schedule(engine: str) -> None:
    found = waits(engine, client={"overflow": "defer", "retry_initial_s": 100.0})
    assert found["retry"] == pytest.approx((150 * 100 + 50 * 200) / 250)


@ENGINES
def test_who_is_refused_by_a_rate_limit_waits_for_the_rate(engine: str) -> None:
    most = {"counts": "recipients", "most": 100, "window_s": 90.0, "kind": "fixed", "at": "rcpt"}
    found = waits(engine, server=NO_LIMIT | {"rate_limits": [most]}, client={"retry_initial_s": 100.0})
    assert found["rate"] == pytest.approx((150 * 100 + 50 * 200) / 250, rel=1e-2)
    assert found["retry"] == 0


@ENGINES
def test_the_senders_own_rate_is_waited_for(engine: str) -> None:
    rate = {"counts": "messages", "most": 1, "window_s": 10.0}
    found = waits(
        engine,
        workload={"messages": 3, "recipients_per_message": 1},
        client={"rate": rate},
        server=QUICK | NO_LIMIT,
        network=FAR,
    )
    # The second message is asked for 0.2 s after the first began, and so is the third.
    assert found["rate"] == pytest.approx((0 + 9.8 + 9.8) / 3)
