"""One replication on the compiled engine: pack the plan, go through the loop, unpack the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simsmtp.engines.compiled.kernels import kernel
from simsmtp.engines.compiled.packing import World, grow, world_of
from simsmtp.engines.compiled.storage.layout import DONE, GROW, PAUSE, ROWS
from simsmtp.engines.compiled.toolchain.user_strategy import (
    Compiled,
    NotInDecisionLanguage,
    StrategyRaised,
    compile_strategy,
)
from simsmtp.engines.compiled.transaction import BUILT_IN
from simsmtp.model.limits import too_long
from simsmtp.model.plan import Plan
from simsmtp.rows.external_sort import RowWriter
from simsmtp.rows.records import Output, Responses
from simsmtp.rows.totals import Totals, responses_of
from simsmtp.strategies.registry import Settle
from simsmtp.strategies.version import parts_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from simsmtp.engines.compiled.advance import Advance


def run(plan: Plan, *, seed: int, replication: int, recipients: bool = False) -> Output:
    """Run one replication; see `simsmtp.engines.run_replication`."""
    address = 0 if plan.client.settle in BUILT_IN else compiled_strategy(plan.client.settle).address
    world = world_of(plan, seed=seed, replication=replication, rows=recipients, settle_address=address)
    rows = RowWriter([one.name for one in plan.destinations])
    for chunk in _chunks(kernel(has_tcp=world.has_tcp), world):
        rows.extend(chunk)
    return Output(_responses(world), rows.finish(), [], "compiled")


_strategies: dict[Settle, tuple[dict[str, object], Compiled | NotInDecisionLanguage]] = {}


def compiled_strategy(settle: Settle) -> Compiled:
    """Compile a user's strategy, or find again that it cannot be; anew if something that it uses has changed.

    Value and error as of `compile_strategy`, which takes half a second.
    """
    uses = parts_of(settle)
    kept = _strategies.get(settle)
    if kept is None or kept[0].keys() != uses.keys() or any(kept[0][name] is not uses[name] for name in uses):
        kept = _strategies[settle] = (uses, _tried(settle))
    if isinstance(kept[1], NotInDecisionLanguage):
        raise kept[1]
    return kept[1]


def _tried(settle: Settle) -> Compiled | NotInDecisionLanguage:
    try:
        return compile_strategy(settle)
    except NotInDecisionLanguage as error:
        return error


def _chunks(advance: Advance, world: World) -> Iterator[NDArray[np.void]]:
    """Run to the end; yield the rows as they come."""
    run = world["run"][0]
    while (status := advance(world.record)) != DONE:
        if status == GROW:
            grow(world)
        elif status == ROWS:
            yield world["rows"][: run["rows"]]
            run["rows"] = 0
        elif status != PAUSE:
            raise too_long()
    if run["strategy_raised"]:
        raise StrategyRaised
    yield world["rows"][: run["rows"]]


def _responses(world: World) -> Responses:
    run = world["run"][0]
    low, high = int(run["lowest_bucket"]), int(run["highest_bucket"])
    counts = world["delays"]["recipients"][low : high + 1]
    places = np.flatnonzero(counts)
    delays = dict(zip((low + places).tolist(), counts[places].tolist(), strict=True))
    totals = Totals(
        int(run["recipients"]),
        world["ledger"]["recipients"].tolist(),
        int(run["accepted_once"]),
        int(run["rcpt_commands"]),
        int(run["transactions"]),
        int(run["connected"]),
        int(run["round_trips"]),
        int(run["first_connect_ns"]),
        int(run["last_final_ns"]),
    )
    return responses_of(totals, delays)
