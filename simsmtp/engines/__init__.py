"""Engines: what advances the clock. One replication of a scenario in, one row of responses out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simsmtp.engines.choice import ENGINES, Choice, choose_engine, count, expect, expected_recipients, has_tcp
from simsmtp.model.records import Output
from simsmtp.strategies.own_code import blamed
from simsmtp.strategies.registry import find_strategy

if TYPE_CHECKING:
    from simsmtp.model.scenario import Scenario

__all__ = ["ENGINES", "Choice", "choose_engine", "expect", "expected_recipients", "get_ready", "run_replication"]


def get_ready(scenario: Scenario, engine: str = "auto") -> Choice:
    """Return the engine that will run a scenario, compiled if it has to be.

    Worker processes started afterwards find the compiled loop on disk instead of compiling it each for itself.
    """
    choice = choose_engine(scenario, engine)
    if choice.engine == "compiled":
        from simsmtp.engines.compiled.kernels import is_compiled  # noqa: PLC0415 - needs the extra

        if not is_compiled(has_tcp=has_tcp(scenario)):
            run_replication(scenario.model_copy(update={"horizon_s": 1e-9}), engine="compiled")
    return choice


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
        ``"reference"`` (SimPy), ``"compiled"`` (Numba, extra ``fast``), or ``"auto"``: the compiled one where it
        can run the scenario and there is enough to do to repay loading it. All give the same bits.
    recipients, dialogue : bool
        Also return one row per recipient, of which many lie in a temporary file; every line the peers exchange.

    Returns
    -------
    Output
        The responses, and the rows asked for.

    Raises
    ------
    InputError
        For an unknown engine, or if ``"compiled"`` is asked for where it cannot run.
    OverflowError
        If a time does not fit 64 bits and the compiled engine was asked for.
    Exception
        Whatever a strategy of the user's own raises, with a note that names its lines; `StrategyError` if it returns
        no verdict or tries to end the process.
    """
    with blamed(find_strategy(scenario.client.strategy)):
        return _run(scenario, seed, replication, engine, recipients=recipients, dialogue=dialogue)


def _run(scenario: Scenario, seed: int, replication: int, engine: str, *, recipients: bool, dialogue: bool) -> Output:
    choice = choose_engine(scenario, engine, dialogue=dialogue)
    count(scenario)
    if choice.engine == "compiled":
        from simsmtp.engines.compiled import replication as compiled  # noqa: PLC0415 - needs the extra
        from simsmtp.engines.compiled.user import StrategyRaised  # noqa: PLC0415

        try:
            return compiled.run(scenario, seed=seed, replication=replication, recipients=recipients)
        except OverflowError:
            if engine == "compiled":
                raise
        except StrategyRaised:
            pass  # the reference engine raises the same, or computes with numbers of any size
    from simsmtp.engines.reference import run  # noqa: PLC0415 - simpy is paid for only where it runs

    return run(scenario, seed=seed, replication=replication, recipients=recipients, dialogue=dialogue)
