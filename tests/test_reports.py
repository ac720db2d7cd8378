"""What people reported of real servers and senders, each with the outcome that they saw."""

from __future__ import annotations

from typing import Any

import pytest
from live_pair import ledger, pair

from simsmtp import Scenario
from simsmtp.engines import run_replication
from simsmtp.model.plan import plan_of
from simsmtp.rows.records import Output

DRIVERS = ("reference", "compiled", "wire")


def sent(driver: str, **tables: Any) -> Output:
    """Run the tables' scenario on an engine, or over a real socket."""
    if driver == "compiled":
        pytest.importorskip("numba", reason="the compiled engine needs numba: pip install 'simsmtp[fast]'")
    scenario = Scenario.from_dict(tables)
    if driver == "wire":
        return pair(scenario).delivered.output
    return run_replication(plan_of(scenario), engine=driver, recipients=True)


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize(
    ("client", "reply", "expected"),
    [
        ("windows-2000-sp2", "452", {"delivered": 100, "false_ndr": 150}),
        ("windows-2000-kb315119", "452", {"delivered": 250}),
        ("windows-2000-sp2", "552", {"delivered": 250}),
        ("windows-2003-rtm", "552", {"delivered": 101, "false_ndr": 149}),
        ("windows-2003-kb822105", "552", {"delivered": 250}),
    ],
)
def test_windows_2000_takes_452_for_an_error_until_its_hotfix(
    driver: str, client: str, reply: str, expected: dict[str, int]
) -> None:
    """KB 315119: before aqueue.dll 5.0.2195.4624 only 552 was known to mean too many recipients."""
    server = {"recipient_limit": 100, "overflow_reply": reply}
    found = sent(driver, workload={"recipients_per_message": 250}, client={"preset": client}, server=server)
    assert ledger(found) == expected
