"""What one destination has by itself: the ledger, refusals and waits of several add up to those of the run."""

from __future__ import annotations

import numpy as np
import pytest

from simsmtp import Scenario, simulate
from simsmtp.protocol.ledger import LEDGER_NAMES
from simsmtp.rows.totals import REFUSALS, WAITS

MANY = Scenario.from_dict(
    {
        "workload": {"messages": 4, "recipients_per_message": 60, "domains": 3, "unknown_share": 0.1},
        "destinations": [
            {"name": "near", "weight": 1, "server": {"recipient_limit": 10}},
            {"name": "far", "weight": 1, "network": {"rtt_ms": 200.0}, "server": {"greylist_s": 60.0}},
            {"name": "narrow", "weight": 1, "server": {"recipient_limit": 2, "overflow_reply": "452 4.5.3"}},
        ],
    }
)


@pytest.mark.parametrize("engine", ["reference", "auto"])
def test_destinations_add_up_to_the_run(engine: str) -> None:
    result = simulate(MANY, seed=3, replications=2, engine=engine)
    table = result.destinations()
    assert list(table["destination"]) == ["near", "far", "narrow"] * 2
    for column in ("recipients", "rcpt_commands", *LEDGER_NAMES, *REFUSALS):
        assert list(table.groupby("replication")[column].sum()) == list(result.replications[column]), column
    for column in WAITS:
        whole = (table[column] * table["recipients"]).groupby(table["replication"]).sum()
        np.testing.assert_allclose(whole, result.replications[column] * result.replications["recipients"])
    assert (table.loc[table["destination"] == "far", "wait_greylist_s"] > 60).all()
    assert (table.loc[table["destination"] == "near", "wait_greylist_s"] == 0).all()


def test_both_engines_give_the_same_destinations() -> None:
    pytest.importorskip("numba", reason="numba is not installed (pip install 'simsmtp[fast]')")
    one, other = (simulate(MANY, seed=5, engine=engine).destinations() for engine in ("reference", "compiled"))
    assert one.equals(other)


def test_one_destination_is_the_run_itself() -> None:
    result = simulate({"client": {"strategy": "one-stop"}}, seed=1)
    row, whole = result.destinations().iloc[0], result.replications.iloc[0]
    shared = [name for name in result.destinations().columns if name in whole.index and name != "replication"]
    assert row["destination"] == ""
    assert {name: row[name] for name in shared} == {name: whole[name] for name in shared}
