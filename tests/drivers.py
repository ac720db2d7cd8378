"""What can run one and the same scenario: both engines, and our own client and server over a socket."""

from __future__ import annotations

from typing import Any

import pytest
from live_pair import pair

from simsmtp import Scenario
from simsmtp.engines import run_replication
from simsmtp.model.plan import plan_of
from simsmtp.rows.records import Output

DRIVERS = ("reference", "compiled", "wire")
ENGINES = DRIVERS[:2]


def need(driver: str) -> str:
    """Return a driver; skip the test where it cannot run here."""
    if driver == "compiled":
        pytest.importorskip("numba", reason="the compiled engine needs numba: pip install 'simsmtp[fast]'")
    return driver


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Return the name of an engine; each test that asks runs on both."""
    return need(str(request.param))


@pytest.fixture(params=DRIVERS)
def driver(request: pytest.FixtureRequest) -> str:
    """Return what a scenario is run by; each test that asks runs on both engines and over a real socket."""
    return need(str(request.param))


def sent(driver: str, seed: int = 0, *, dialogue: bool = False, **tables: Any) -> Output:
    """Run the tables' scenario once and return all that is known of it.

    The compiled engine writes no dialogue, our own pair always does; the reference engine works recipients out one by
    one where it is to write one.
    """
    scenario = Scenario.from_dict(tables)
    if need(driver) == "wire":
        return pair(scenario).delivered.output
    told = dialogue and driver == "reference"
    return run_replication(plan_of(scenario), engine=driver, seed=seed, recipients=True, dialogue=told)
