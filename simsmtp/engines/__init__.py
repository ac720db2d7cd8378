"""Engines: what advances the clock. One replication of a scenario in, one row of responses out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simsmtp.errors import InputError
from simsmtp.model.records import Output

if TYPE_CHECKING:
    from simsmtp.model.scenario import Scenario

ENGINES = ("auto", "reference")


def run_replication(
    scenario: Scenario,
    *,
    seed: int = 0,
    replication: int = 0,
    engine: str = "auto",
    recipients: bool = False,
    dialogue: bool = False,
) -> Output:
    """Run one replication.

    Parameters
    ----------
    scenario : Scenario
        What to simulate.
    seed, replication : int
        Key of all random draws: equal keys meet equal fates, whatever the strategy or the number of workers.
    engine : str
        ``"reference"`` (SimPy) or ``"auto"``, the fastest one that can run the scenario.
    recipients, dialogue : bool
        Also return one row per recipient; every line the peers exchange.

    Returns
    -------
    Output
        The responses, and the rows asked for.

    Raises
    ------
    InputError
        For an unknown engine.
    """
    if engine not in ENGINES:
        raise InputError("unknown engine", key="engine", given=engine, allowed=ENGINES)
    from simsmtp.engines.reference import run  # noqa: PLC0415 - simpy is paid for only where it runs

    return run(scenario, seed=seed, replication=replication, recipients=recipients, dialogue=dialogue)
