"""A capacity plan, checked before anything runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from simsmtp.capacity.evaluator import RunSettings
from simsmtp.capacity.percentile_support import supported_objectives
from simsmtp.capacity.search_keys import messages_per_s, with_value
from simsmtp.errors import InputError
from simsmtp.experiment.capacity_table import RATE, CapacityTable
from simsmtp.experiment.experiment import Experiment
from simsmtp.experiment.experiment_file import load_experiment
from simsmtp.experiment.scenario_keys import changed
from simsmtp.running.execution import check_engine
from simsmtp.running.run_options import check_plans, check_replications, results_folder, worker_count
from simsmtp.running.user_strategies import find_strategies, travelling, with_strategy

if TYPE_CHECKING:
    from simsmtp.model.scenario import Scenario
    from simsmtp.statistics.objectives import Objective


class CapacityPlan(NamedTuple):
    """A checked plan: nothing was run or written yet.

    Attributes
    ----------
    experiment : Experiment
        With the replications and seed that will be used; its scenario is the plan as written.
    table : CapacityTable
        Its ``[capacity]``.
    objectives : tuple of Objective
        What has to be met.
    settings : RunSettings
        Where and how to run.
    full : bool
        ``--full`` was given.
    """

    experiment: Experiment
    table: CapacityTable
    objectives: tuple[Objective, ...]
    settings: RunSettings
    full: bool

    @property
    def scenario(self) -> Scenario:
        """The plan as written."""
        return self.experiment.scenario


def prepare_capacity(
    path: str | Path | Experiment,
    *,
    objectives: Sequence[str] = (),
    settings: Sequence[str] = (),
    strategies: Iterable[str | Path] = (),
    replications: int | None = None,
    seed: int | None = None,
    full: bool = False,
    workers: int | None = None,
    engine: str = "auto",
    output: str | Path | None = None,
    repair: bool = False,
    progress: bool | str | None = None,
    determinism_check: bool = True,
) -> CapacityPlan:
    """Check everything a capacity plan is given, and write nothing.

    Parameters
    ----------
    path : str, Path or Experiment
        An experiment file with a table ``[capacity]``, or an experiment built in Python.
    objectives : sequence of str
        In place of the file's.
    settings, replications, seed, workers, engine, output, repair, progress, determinism_check
        As of `simsmtp.run`; replications are the most that any question gets.
    strategies : iterable of str or Path
        Registered names, or Python files that register strategies: the client uses the one that they name together,
        or the one of them that the plan names.
    full : bool
        Apply ``[capacity.full]``; results then go to ``results/<name>-full``.

    Raises
    ------
    PercentileSupportError
        For an objective on a percentile that a run of this size does not carry.
    InputError
        For whatever cannot be used, down to the bounds of every search.
    """
    names = find_strategies(strategies)
    experiment = path if isinstance(path, Experiment) else load_experiment(path, settings)
    table = _table(experiment)
    if names:
        experiment = with_strategy(experiment, names)
    if full:
        experiment = _full(experiment, table)
    key = "--slo" if objectives else "capacity.objectives"
    wanted = supported_objectives(experiment, objectives or table.objectives, key)
    experiment = dataclasses.replace(
        experiment, seed=experiment.seed if seed is None else seed,
        replications=experiment.replications if replications is None else replications,
    )  # fmt: skip
    if experiment.replications < 2:
        raise InputError(
            "an interval needs two", key="replications", given=experiment.replications, allowed="2 or more"
        )
    folder = results_folder(output, experiment.name + ("-full" if full else ""))
    workers = worker_count(workers)
    check_replications(experiment)
    check_plans(experiment)
    check_engine(experiment, engine)
    known = travelling([experiment.scenario.client.strategy])
    how = RunSettings(folder, engine, workers, known, progress, repair=repair, determinism_check=determinism_check)
    plan = CapacityPlan(experiment, table, wanted, how, full)
    _check_searches(plan)
    return plan


def _table(experiment: Experiment) -> CapacityTable:
    if experiment.capacity is None:
        hint = "a table [capacity] with objectives and search"
        raise InputError("is required", file=experiment.places.file, key="capacity", allowed=hint)
    if experiment.factors or experiment.listed or experiment.sampled:
        error = InputError(
            "a capacity plan is one scenario", key="factors", allowed="[capacity.factors] for the tornado"
        )
        raise experiment.places.locate(error, "factors" if experiment.factors else "points")
    return experiment.capacity


def _full(experiment: Experiment, table: CapacityTable) -> Experiment:
    if not table.full:
        hint = 'a table [capacity.full], such as "workload.messages" = 4000'
        raise InputError("is required for --full", file=experiment.places.file, key="capacity.full", allowed=hint)
    return dataclasses.replace(experiment, scenario=_changed(experiment, "full", table.full))


def _changed(experiment: Experiment, part: str, changes: Mapping[str, Any]) -> Scenario:
    try:
        return changed(experiment.scenario, changes)
    except InputError as error:
        complaint = InputError(error.message, key=error.key, given=error.given, allowed=error.allowed)
        place = next((key for key in changes if (error.key or "").startswith(key)), next(iter(changes)))
        raise experiment.places.locate(complaint, f"capacity.{part}.{place}").at(key=error.key) from None


def _check_searches(plan: CapacityPlan) -> None:
    """Build every scenario at the ends of searches and factors, so that nothing fails halfway."""
    experiment = plan.experiment
    for key, bounds in plan.table.search.items():
        if key == RATE and messages_per_s(plan.scenario) is None:
            error = InputError("there is no rate to search: messages arrive at once", key="scenario.workload.arrivals",
                               allowed='{ dist = "poisson", rate_per_s = … }, or a trace')  # fmt: skip
            raise experiment.places.locate(error)
        for value in bounds:
            with_value(plan.scenario, key, value)
    for key, levels in plan.table.factors.items():
        for value in levels:
            _changed(experiment, "factors", {key: value})
