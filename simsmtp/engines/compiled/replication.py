"""Replications on the compiled engine: pack the plan, go through the loop for each of them, unpack the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simsmtp.engines.compiled.packing import World, grow, world_of
from simsmtp.engines.compiled.storage.layout import BUILT_IN, DATA_HOOKS, DONE, FINAL_HOOKS, GROW, PAUSE, RAISED, ROWS
from simsmtp.engines.compiled.toolchain.kernels import kernel
from simsmtp.engines.compiled.toolchain.obstacles import NotInDecisionLanguage, StrategyRaised
from simsmtp.model.limits import too_long
from simsmtp.protocol.causes import CAUSE_NAMES, WAIT_NAMES
from simsmtp.rows.external_sort import RowWriter
from simsmtp.rows.records import DestinationCounts, Output
from simsmtp.rows.response_rows import check_conservation, responses_in
from simsmtp.strategies.version import parts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from simsmtp.engines.compiled.toolchain.user_strategy import Compiled
    from simsmtp.model.plan import ClientPlan, Plan
    from simsmtp.strategies.hooks import Hook

_AT_ONCE = 4096
"""Replications whose responses lie in memory before they are handed out."""


def run(plan: Plan, *, seed: int, replication: int, recipients: bool = False) -> Output:
    """Run one replication; see `simsmtp.engines.run_replication`."""
    world, rows = _packed(plan, seed, rows=recipients), RowWriter([one.name for one in plan.destinations])
    for _ in _blocks(world, [replication], rows):
        pass
    return Output(
        responses_in(world["responses"][0]), rows.finish(), [], "compiled", _by_destination(plan, world["lanes"])
    )


def _by_destination(plan: Plan, lanes: NDArray[np.void]) -> list[DestinationCounts]:
    """Return what was met at each destination, as it stands in the lanes at the end."""
    return [
        DestinationCounts(
            one.name,
            tuple(int(lane[f"refused_{name}"]) for name in CAUSE_NAMES),
            tuple(float(lane[f"waited_{name}"]) for name in WAIT_NAMES),
        )
        for one, lane in zip(plan.destinations, lanes, strict=True)
    ]


def run_block(plan: Plan, *, seed: int, replications: Sequence[int]) -> Iterator[NDArray[np.void]]:
    """Run replications one after the other on the same arrays.

    Yields
    ------
    ndarray of `simsmtp.rows.response_rows.RESPONSE_ROW`
        The responses of the next replications.

    Raises
    ------
    StrategyRaised, InputError, MemoryError
        Because of the first replication that was not yielded.
    """
    world, nowhere = _packed(plan, seed, rows=False), RowWriter([])
    for begin in range(0, len(replications), _AT_ONCE):
        yield from _blocks(world, replications[begin : begin + _AT_ONCE], nowhere)


def _packed(plan: Plan, seed: int, *, rows: bool) -> World:
    return world_of(plan, seed=seed, rows=rows, strategy=strategy_settings(plan.client))


def _blocks(world: World, replications: Sequence[int], rows: RowWriter) -> Iterator[NDArray[np.void]]:
    """Run to the end; yield responses as they come, and write down the rows of recipients."""
    world.begin(replications)
    advance, block, run = kernel(has_tcp=world.has_tcp), world["block"][0], world["run"][0]
    status, taken = PAUSE, 0
    while status != DONE:
        status = advance(world.address)
        if rows_there := int(run["rows"]):
            rows.extend(world["rows"][:rows_there])
            run["rows"] = 0
        if taken < (done := int(block["done"])):
            found = world["responses"][taken:done]
            check_conservation(found)
            taken = done
            yield found
        if status == GROW:
            grow(world)
        elif status == RAISED:
            raise StrategyRaised
        elif status not in {DONE, ROWS, PAUSE}:
            raise too_long()


_compiled: dict[object, tuple[dict[str, object], Compiled | NotInDecisionLanguage]] = {}


def strategy_settings(client: ClientPlan) -> dict[str, int]:
    """Return which strategy is asked, and where its functions lie if they are the user's own.

    Raises
    ------
    NotInDecisionLanguage
        If one of them is not written in the decision language.
    """
    settle, hooks = client.settle, client.hooks
    return {
        "strategy": BUILT_IN.index(settle) if settle in BUILT_IN else len(BUILT_IN),
        "settle_address": 0 if settle in BUILT_IN else compiled_function(settle).address,
        **_hook_settings("on_data", hooks.on_data, DATA_HOOKS),
        **_hook_settings("on_final", hooks.on_final, FINAL_HOOKS),
    }


def _hook_settings(name: str, hook: Hook | None, built_in: Sequence[Hook]) -> dict[str, int]:
    """Return the number of a hook, 0 for none, and its address if it is the user's own."""
    if hook is None:
        return {name: 0}
    if hook in built_in:
        return {name: 1 + built_in.index(hook)}
    return {name: 1 + len(built_in), f"{name}_address": compiled_function(hook, is_hook=True).address}


def compiled_function(function: Callable[..., Any], *, is_hook: bool = False) -> Compiled:
    """Compile a function of a user's strategy, or find again that it cannot be; anew if something it uses has changed.

    Value and error as of `simsmtp.engines.compiled.toolchain.user_strategy.compile_strategy`, which takes half a
    second.
    """
    uses = parts_of(function)
    kept = _compiled.get(function)
    if kept is None or kept[0].keys() != uses.keys() or any(kept[0][name] is not uses[name] for name in uses):
        kept = _compiled[function] = (uses, _tried(function, is_hook=is_hook))
    if isinstance(kept[1], Exception):
        raise kept[1]
    return kept[1]


def _tried(function: Callable[..., Any], *, is_hook: bool) -> Compiled | NotInDecisionLanguage:
    from simsmtp.engines.compiled.toolchain.user_strategy import compile_hook, compile_strategy

    try:
        return compile_hook(function) if is_hook else compile_strategy(function)
    except NotInDecisionLanguage as error:
        return error
