"""Whether the scenarios of a study fit its horizon, before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simsmtp.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simsmtp.experiment.design import DesignPoint  # for annotations: an experiment checks its points
    from simsmtp.experiment.source_map import SourceMap


def check_horizon(horizon: str, points: Iterable[DesignPoint], places: SourceMap) -> None:
    """Raise an `InputError` if a study of steady state has too few messages, or messages that arrive all at once."""
    if horizon != "steady-state":
        return
    from simsmtp.statistics.warmup import BATCH, FEWEST_BATCHES

    fewest = BATCH * FEWEST_BATCHES
    for point in points:
        workload = point.scenario.workload
        if workload.trace is not None:
            continue  # its length is known when it is read
        if workload.messages < fewest:
            raise _misfit(places, "workload.messages", workload.messages, f"{fewest} or more")
        if workload.arrivals in {None, "at-once"}:
            hint = '{ dist = "poisson", rate_per_s = … } or a trace'
            raise _misfit(places, "workload.arrivals", "at-once", hint)


def _misfit(places: SourceMap, key: str, given: object, allowed: str) -> InputError:
    error = InputError("does not fit a steady-state horizon", key=key, given=given, allowed=allowed)
    return places.locate(error, f"scenario.{key}")
