"""Engines: what advances the clock. One replication of a plan in, one row of responses out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from simsmtp.engines.choice import (
    COMPILING_S,
    ENGINES,
    FASTER,
    UNTIL,
    Choice,
    choose_engine,
    expected_recipients,
    has_tcp,
)
from simsmtp.engines.compiled.toolchain.obstacles import StrategyRaised
from simsmtp.engines.loading import (
    CannotLoad,
    EngineWarning,
    be_worker,
    compile_beside,
    loop_on_disk,
    ready,
    warn_once,
)
from simsmtp.errors import InputError
from simsmtp.rows.records import Output
from simsmtp.rows.response_rows import one_row
from simsmtp.strategies.own_code import blamed
from simsmtp.strategies.registry import strategy_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from simsmtp.model.plan import Plan

__all__ = [
    "COMPILING_S",
    "ENGINES",
    "FASTER",
    "UNTIL",
    "Block",
    "Choice",
    "EngineWarning",
    "be_worker",
    "choose_engine",
    "expected_recipients",
    "get_ready",
    "is_faster_at_hand",
    "run_block",
    "run_replication",
    "tell_obstacle",
]


def get_ready(plan: Plan, engine: str = "auto", *, at_stake: int) -> Choice:
    """Return the engine that will run a plan, compiled if it has to be; arguments as for `choose_engine`.

    Worker processes started afterwards find the compiled loop on disk instead of compiling it each for itself.
    """
    choice = choose_engine(plan, engine, at_stake=at_stake)
    tcp = has_tcp(plan)
    if choice.engine == "compiled" and not loop_on_disk(has_tcp=tcp):
        try:
            ready(has_tcp=tcp)
        except CannotLoad as problem:
            if choice.was_asked:
                raise problem.complaint() from problem
            warn_once(problem)
            return Choice("reference", str(problem))
    return choice


def is_faster_at_hand(plan: Plan, *, left_s: float) -> bool:
    """Tell whether the compiled engine can take over a plan; have it compiled beside this process, if that is repaid.

    Parameters
    ----------
    plan : Plan
        What is run.
    left_s : float
        Wall time that the reference engine would still take.
    """
    try:
        if not compile_beside(has_tcp=has_tcp(plan), may_begin=left_s > COMPILING_S):
            return False
        ready(has_tcp=has_tcp(plan))
    except CannotLoad as problem:
        warn_once(problem)
        return False
    return True


def tell_obstacle(plan: Plan) -> None:
    """Warn, unless that was done, if the compiled engine cannot be loaded: workers that found it out keep silent."""
    try:
        ready(has_tcp=has_tcp(plan))
    except CannotLoad as problem:
        warn_once(problem)


def run_replication(
    plan: Plan,
    *,
    seed: int = 0,
    replication: int = 0,
    engine: str | Choice = "auto",
    recipients: bool = False,
    dialogue: bool = False,
) -> Output:
    """Run one replication.

    Parameters
    ----------
    plan : Plan
        What to simulate: `simsmtp.model.plan.plan_of` makes it of a scenario, once for all replications.
    seed, replication : int
        Key of all random draws: equal keys meet equal fates, whatever the strategy or the number of workers.
    engine : str or Choice
        ``"reference"`` (SimPy), ``"compiled"`` (Numba, extra ``fast``), or ``"auto"``: the compiled one where it
        can run the plan, and this one replication repays loading it. Who runs many chooses for all of them, with
        `choose_engine`. All give the same bits.
    recipients, dialogue : bool
        Also return one row per recipient, of which many lie in a temporary file; every line the peers exchange.

    Returns
    -------
    Output
        The responses, and the rows asked for.

    Raises
    ------
    InputError
        For an unknown engine, if ``"compiled"`` is asked for where it cannot run, or if the run needs more memory or
        more simulated time than there is.
    Exception
        Whatever a strategy of the user's own raises, with a note that names its lines; `StrategyError` if it returns
        no verdict or tries to end the process.
    """
    choice = engine
    with blamed(strategy_of(plan.client.settle, plan.client.hooks)):
        if isinstance(choice, str):
            choice = choose_engine(plan, choice, at_stake=expected_recipients(plan.workload), dialogue=dialogue)
        return _run(plan, seed, replication, choice, recipients=recipients, dialogue=dialogue)


class Block(NamedTuple):
    """What replications gave that were run in one go.

    Attributes
    ----------
    responses : ndarray of `simsmtp.rows.response_rows.RESPONSE_ROW`
        One row for each of them, in the order asked for.
    engine : str
        That ran them.
    """

    responses: NDArray[np.void]
    engine: str


def run_block(
    plan: Plan, *, seed: int, replications: Sequence[int], engine: Choice, later_s: float = 0.0
) -> Iterator[Block]:
    """Run some replications of a plan, which is packed once for all of them on the compiled engine.

    Parameters
    ----------
    plan, seed : Plan, int
        As for `run_replication`.
    replications : sequence of int
        Which.
    engine : Choice
        Of `choose_engine`. Where the compiled engine cannot go on, the reference engine runs the next replication; and
        the compiled one takes over once it is compiled if the choice says so and enough is left to do.
    later_s : float
        Wall time that the reference engine would take for what is to come after these.

    Yields
    ------
    Block
        The next ones.

    Raises
    ------
    Exception
        What `run_replication` raises, because of the first replication that was not yielded.
    """
    done, began = 0, time.perf_counter()
    while done < len(replications):
        if engine.meanwhile:
            left_s = (time.perf_counter() - began) * (len(replications) / done - 1) if done else 0.0
            if is_faster_at_hand(plan, left_s=left_s + later_s):
                engine = FASTER
        if engine.engine == "compiled":
            for responses in _compiled_block(plan, seed, replications[done:]):
                done += len(responses)
                yield Block(responses, "compiled")
        if done < len(replications):
            alone = engine._replace(meanwhile=False)
            output = run_replication(plan, seed=seed, replication=replications[done], engine=alone)
            done += 1
            yield Block(one_row(output.responses), output.engine)


def _compiled_block(plan: Plan, seed: int, replications: Sequence[int]) -> Iterator[NDArray[np.void]]:
    """Yield responses until all are there, or until `run_replication` has to see what is the matter with the next."""
    try:
        compiled = ready(has_tcp=has_tcp(plan))
        yield from compiled.run_block(plan, seed=seed, replications=replications)
    except (CannotLoad, MemoryError, StrategyRaised):
        pass


def _run(plan: Plan, seed: int, replication: int, choice: Choice, *, recipients: bool, dialogue: bool) -> Output:
    lack = ""
    if choice.engine == "compiled":
        try:
            return _compiled(plan, choice, seed=seed, replication=replication, recipients=recipients)
        except _Instead:
            pass
        except MemoryError as error:
            if choice.was_asked:
                lack = str(error) or "no more is to be had"
    if not lack:
        from simsmtp.engines.reference import run

        try:
            return run(plan, seed=seed, replication=replication, recipients=recipients, dialogue=dialogue)
        except MemoryError as error:
            lack = str(error) or "no more is to be had"
    # Here and not where it was caught: the run, and what it kept in memory, is gone.
    allowed = "fewer recipients at once, or more memory"
    raise InputError(f"there is too little memory for this run: {lack}", key="workload", allowed=allowed)


class _Instead(Exception):  # noqa: N818 - no error: the reference engine goes on
    """The reference engine has to run this replication."""


def _compiled(plan: Plan, choice: Choice, *, seed: int, replication: int, recipients: bool) -> Output:
    """Run a replication on the compiled engine, or raise `_Instead`."""
    try:
        compiled = ready(has_tcp=has_tcp(plan))
    except CannotLoad as problem:
        if choice.was_asked:
            raise problem.complaint() from problem
        warn_once(problem)
        raise _Instead from problem
    try:
        output: Output = compiled.run(plan, seed=seed, replication=replication, recipients=recipients)
    except StrategyRaised as error:  # the reference engine raises the same, or computes with any numbers
        raise _Instead from error
    return output
