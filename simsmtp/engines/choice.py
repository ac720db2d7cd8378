"""Which engine runs a scenario, and why."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

from simsmtp.engines.loading import CannotLoad, imported, loop_on_disk, warn_once
from simsmtp.errors import InputError
from simsmtp.strategies.registry import find_strategy

if TYPE_CHECKING:
    from simsmtp.model.scenario import Scenario

ENGINES = ("auto", "reference", "compiled")
WORTH_LOADING = 20_000
WORTH_COMPILING = 1_000_000
"""Recipients asked of this process from which on the compiled loop repays being loaded, or compiled first."""

_RECIPIENTS_OF_A_DRAW = 10
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
        The compiled engine would be worth it, and is not installed or cannot run the scenario's strategy.
    """

    engine: str
    reason: str
    is_fallback: bool = False


class _Asked:
    """Recipients asked of this process: what has been simulated slowly says what speed would be worth."""

    so_far = 0
    in_all = 0


def expect(recipients: int) -> None:
    """Say how many recipients this process will be asked for in all, so that it need not find out by and by."""
    _Asked.in_all = max(_Asked.in_all, recipients)


def count(scenario: Scenario) -> None:
    """Count a replication that is about to run; those that were expected are not counted twice."""
    _Asked.so_far += expected_recipients(scenario)


def expected_recipients(scenario: Scenario) -> int:
    """Return about how many recipients a replication of a scenario has."""
    work, each = scenario.workload, scenario.workload.recipients_per_message
    mean = each if isinstance(each, int) else getattr(each, "mean", None)
    return int(work.messages * (mean or _RECIPIENTS_OF_A_DRAW))


def has_tcp(scenario: Scenario) -> bool:
    """Tell whether a path of a scenario has the profile tcp, for which the compiled loop is another one."""
    networks = [one.network for one in scenario.destinations] or [scenario.network]
    return any(one.profile == "tcp" for one in networks)


def choose_engine(scenario: Scenario, engine: str = "auto", *, dialogue: bool = False) -> Choice:
    """Return the engine that runs a scenario.

    Parameters
    ----------
    scenario : Scenario
        What is to be simulated.
    engine : str
        ``"auto"``, or the engine asked for.
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
        return Choice(engine, "it was asked for")
    if _lacks_something(find_spec):
        if engine == "compiled":
            raise InputError(
                "numba is not installed", key="engine", given=engine, allowed="pip install 'simsmtp[fast]'"
            )
        much = not dialogue and _asked(scenario) >= WORTH_COMPILING
        return Choice("reference", "numba is not installed (pip install 'simsmtp[fast]')", is_fallback=much)
    if engine == "auto" and (reason := _not_worth_it(scenario)):
        return Choice("reference", reason)
    try:
        if engine == "compiled":
            imported()
        obstacle = _obstacle(scenario, dialogue)
    except CannotLoad as problem:
        if engine == "compiled":
            raise problem.complaint() from problem
        warn_once(problem)
        return Choice("reference", str(problem))
    if obstacle:
        if engine == "compiled":
            raise obstacle
        return Choice("reference", obstacle.message, is_fallback=not dialogue)
    return Choice("compiled", "it was asked for" if engine == "compiled" else "it gives the same bits faster")


@cache
def _lacks_something(find: Callable[[str], object]) -> bool:
    """Look once: looking takes longer than a small replication."""
    return any(find(name) is None for name in _NEEDS)


def _asked(scenario: Scenario) -> int:
    return max(_Asked.in_all, _Asked.so_far + expected_recipients(scenario))


def _not_worth_it(scenario: Scenario) -> str:
    asked = _asked(scenario)
    if asked < WORTH_LOADING:
        return "it is done before the compiled one would be loaded"
    if asked < WORTH_COMPILING and not loop_on_disk(has_tcp=has_tcp(scenario)):
        return "it is done before the compiled one would be compiled"
    return ""


def _obstacle(scenario: Scenario, dialogue: bool) -> InputError | None:
    """Return what keeps the compiled engine from running a scenario, as a complaint about who asked for it."""
    if dialogue:
        return _complaint("only the reference engine writes the dialogue")
    strategy = find_strategy(scenario.client.strategy)
    if strategy.builtin:
        return None
    compiled = imported()
    try:
        compiled.compiled_strategy(strategy.settle)
    except compiled.NotInDecisionLanguage as error:
        message = f"the strategy {strategy.name} is outside the decision language: {error}"
        return _complaint(message, error.file, error.line)
    return None


def _complaint(message: str, file: str | None = None, line: int | None = None) -> InputError:
    return InputError(message, file=file, line=line, key="engine", given="compiled", allowed="reference, or auto")
