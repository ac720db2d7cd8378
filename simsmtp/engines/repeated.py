"""A replication in this process, run twice where a strategy of the user's own is to be found deterministic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import TYPE_CHECKING, Any

from simsmtp.errors import InputError
from simsmtp.strategies.own_code import kept_alive
from simsmtp.strategies.registry import Strategy, strategy_of

if TYPE_CHECKING:
    from simsmtp.model.plan import Plan
    from simsmtp.rows.records import Output

_MOST = 3


def run_here(run: Callable[..., Output], plan: Plan, *, check: bool, **key: Any) -> Output:
    """Run one replication as `simsmtp.engines.run_replication` does; a strategy cannot end this process.

    Parameters
    ----------
    run : callable
        `simsmtp.engines.run_replication`, or what stands in for it.
    plan : Plan
        What to simulate.
    check : bool
        Run it twice if the strategy is the user's own, and compare.
    **key
        Passed to `run`: ``seed``, ``replication`` and what else it takes.

    Raises
    ------
    InputError
        If the second run gives other responses than the first, or a recipient another fate.
    """
    strategy = strategy_of(plan.client.settle, plan.client.hooks)
    is_checked = check and not strategy.builtin
    if is_checked:
        key["recipients"] = True  # counts of two runs that differ may be equal by chance
    with kept_alive():
        output = run(plan, **key)
        if is_checked:
            again = run(plan, **key)
            if found := difference(output.responses, again.responses) or _other_fate(output, again):
                raise not_deterministic(strategy, f"replication {key['replication']}", found, "in the same process")
    return output


def _other_fate(first: Output, second: Output) -> str:
    """Return in words whom the same did not happen to in two runs, "" if there is nobody."""
    rows = zip(first.recipients, second.recipients, strict=True)
    other = next(((one, two) for one, two in rows if repr(one) != repr(two)), None)
    return f"recipient {other[0].recipient} of message {other[0].message} another fate" if other else ""


def difference(first: Mapping[str, object], second: Mapping[str, object]) -> str:
    """Return in words which values of two runs differ; "" if none does."""
    # Not a number is equal to itself here.
    found = [f"{name} {one} and {second[name]}" for name, one in first.items() if repr(one) != repr(second[name])]
    return ", ".join([*found[:_MOST], *([f"{len(found) - _MOST} more"] if len(found) > _MOST else [])])


def not_deterministic(strategy: Strategy, where: str, found: str, how: str) -> InputError:
    """Return the complaint about a strategy that does not give the same again.

    Parameters
    ----------
    strategy : Strategy
        Of the user's own.
    where, found, how : str
        Which replication was run; what differs; how it was run again.
    """
    code = strategy.settle.__code__ if isinstance(strategy.settle, FunctionType) else None
    return InputError(
        f"the strategy {strategy.name} is not deterministic: {where}, run again {how}, gave {found}",
        file=code and code.co_filename, line=code and code.co_firstlineno,
        allowed="equal verdicts for equal arguments; without this check (--no-determinism-check, "
                "determinism_check=False) results cannot be computed again",
    )  # fmt: skip
