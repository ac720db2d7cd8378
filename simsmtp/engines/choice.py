"""Which engine runs a scenario, and why."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

from simsmtp.engines.compiled.toolchain.obstacles import NotInDecisionLanguage
from simsmtp.engines.loading import CannotLoad, imported, loop_on_disk, ready, warn_once
from simsmtp.errors import InputError
from simsmtp.randomness.distributions import count
from simsmtp.strategies.registry import strategy_of

if TYPE_CHECKING:
    from simsmtp.model.plan import Plan, WorkloadPlan

ENGINES = ("auto", "reference", "compiled")
WORTH_LOADING = 20_000
WORTH_COMPILING = 1_000_000
WORTH_COMPILING_OWN = 150_000
"""Recipients asked for from which on it repays to load the compiled loop, to compile it first, and to load the compiler
for a strategy of the user's own."""

COMPILING_S = 8.0
"""Wall time that compiling takes; see `results/performance/felt.md`."""
UNTIL = "until the compiled one was compiled"
LATE = "it was done before the compiled one would have been compiled, which --engine compiled does once"

_MEDIAN = 0.5
_NEEDS = ("numba", "platformdirs")


class Choice(NamedTuple):
    """An engine and the reason for it, fit to end a sentence.

    Attributes
    ----------
    engine : str
        Its name.
    reason : str
        Why it is that one.
    is_fallback : bool
        The compiled engine would be worth it, and is not installed or cannot run the strategy.
    was_asked : bool
        No other engine may run instead, should this one turn out not to be had.
    meanwhile : bool
        The compiled engine may take over once it is compiled, in a process beside this one.
    """

    engine: str
    reason: str
    is_fallback: bool = False
    was_asked: bool = False
    meanwhile: bool = False


FASTER = Choice("compiled", "it gives the same bits faster")


def expected_recipients(workload: WorkloadPlan) -> int:
    """Return about how many recipients a replication has."""
    if workload.trace:
        return sum(line.recipients for line in workload.trace) * workload.recipient_factor
    return workload.messages * count(workload.recipients, _MEDIAN)


def has_tcp(plan: Plan) -> bool:
    """Tell whether a path has the profile tcp, for which the compiled loop is another one."""
    return any(one.path.tcp for one in plan.destinations)


def choose_engine(plan: Plan, engine: str = "auto", *, at_stake: int, dialogue: bool = False) -> Choice:
    """Return the engine that runs a plan.

    Parameters
    ----------
    plan : Plan
        What is to be simulated.
    engine : str
        ``"auto"``, or the engine asked for.
    at_stake : int
        Recipients that will be asked for in all, over every replication: what repays loading the faster engine.
    dialogue : bool
        Every line that the peers exchange is wanted.

    Returns
    -------
    Choice
        The engine, and why.

    Raises
    ------
    InputError
        For an unknown engine, or if ``"compiled"`` is asked for where it cannot be loaded or cannot run.
    """
    if engine not in ENGINES:
        raise InputError("unknown engine", key="engine", given=engine, allowed=ENGINES)
    if engine == "reference":
        return Choice(engine, "it was asked for", was_asked=True)
    if _lacks_something(find_spec):
        if engine == "compiled":
            raise InputError(
                "numba is not installed", key="engine", given=engine, allowed="pip install 'simsmtp[fast]'"
            )
        much = not dialogue and at_stake >= WORTH_COMPILING
        return Choice("reference", "numba is not installed (pip install 'simsmtp[fast]')", is_fallback=much)
    if engine == "auto" and (reason := _not_worth_it(plan, at_stake)):
        return Choice("reference", reason)
    try:
        obstacle = _obstacle(plan, dialogue)
        if engine == "compiled" and not obstacle:
            ready(has_tcp=has_tcp(plan))
    except CannotLoad as problem:
        if engine == "compiled":
            raise problem.complaint() from problem
        warn_once(problem)
        return Choice("reference", str(problem))
    if obstacle:
        if engine == "compiled":
            raise obstacle
        return Choice("reference", obstacle.message, is_fallback=not dialogue)
    if engine == "compiled":
        return Choice(engine, "it was asked for", was_asked=True)
    if expected_recipients(plan.workload) < WORTH_COMPILING and not loop_on_disk(has_tcp=has_tcp(plan)):
        return Choice("reference", LATE, meanwhile=True)
    return FASTER


@cache
def _lacks_something(find: Callable[[str], object]) -> bool:
    """Look once: looking takes longer than a small replication."""
    return any(find(name) is None for name in _NEEDS)


def _not_worth_it(plan: Plan, at_stake: int) -> str:
    if at_stake < WORTH_LOADING:
        return "it is done before the compiled one would be loaded"
    if at_stake < WORTH_COMPILING_OWN and not strategy_of(plan.client.settle, plan.client.hooks).builtin:
        return "it is done before the strategy would be compiled"
    if at_stake < WORTH_COMPILING and not loop_on_disk(has_tcp=has_tcp(plan)):
        return "it is done before the compiled one would be compiled"
    return ""


def _obstacle(plan: Plan, dialogue: bool) -> InputError | None:
    """Return what keeps the compiled engine from running a plan, as a complaint about who asked for it."""
    if dialogue:
        return _complaint("only the reference engine writes the dialogue")
    strategy = strategy_of(plan.client.settle, plan.client.hooks)
    if strategy.builtin:
        return None
    try:
        imported().strategy_settings(plan.client)
    except NotInDecisionLanguage as error:
        message = f"the strategy {strategy.name} is outside the decision language: {error}"
        return _complaint(message, error.file, error.line)
    except Exception as error:  # whatever a version of Numba that was not tried may raise while it is imported
        raise CannotLoad(f"the compiled engine cannot be imported here ({type(error).__name__}: {error})") from error
    return None


def _complaint(message: str, file: str | None = None, line: int | None = None) -> InputError:
    return InputError(message, file=file, line=line, key="engine", given="compiled", allowed="reference, or auto")
