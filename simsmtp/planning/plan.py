"""A capacity plan, checked before anything runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from simsmtp.errors import InputError, texts_in
from simsmtp.experiment.capacity_table import RATE, CapacityTable, read_capacity
from simsmtp.experiment.experiment import Experiment
from simsmtp.model.arguments import scenario_given
from simsmtp.model.scenario import Scenario
from simsmtp.planning.percentile_support import supported_objectives
from simsmtp.planning.search_keys import messages_per_s, with_value
from simsmtp.running.run_options import CommonOptions
from simsmtp.running.runner import PreparedRun, experiment_of, overridden, prepared_run
from simsmtp.running.user_strategies import find_strategies, with_strategy

if TYPE_CHECKING:
    from simsmtp.statistics.objectives import Objective


@dataclass(frozen=True, kw_only=True)
class CapacityOptions(CommonOptions):
    """How a capacity plan is answered.

    Parameters
    ----------
    replications : int, optional
        The most that any question gets, in place of the experiment's own.
    strategies : iterable of str or Path
        Registered names, or Python files that register strategies: the client uses the one that they name together,
        or the one of them that the plan names.
    determinism_check : bool
        With a strategy of the user's own, run the first replication of every plan again, as for a study.
    objectives : sequence of str
        What has to be met, such as ``["delay p(99) < 60 s", "false_ndr == 0"]``; in place of the file's.
    search : mapping, optional
        What to search, and between which two values: ``rate``, ``client.batch_size``, ``client.connections``. In place
        of the file's ``[capacity.search]``.
    factors : mapping, optional
        Scenario keys, and the two values between which the tornado varies each. In place of ``[capacity.factors]``.
    prices : mapping, optional
        What connections and commands cost. In place of ``[capacity.prices]``.
    tolerance : float, optional
        A search ends when the value that fails is at most this share above the one that passes.
    full : bool
        Apply ``[capacity.full]``; results then go to ``results/<name>-full``.
    """

    objectives: Sequence[str] = ()
    search: Mapping[str, tuple[float, float]] | None = None
    factors: Mapping[str, tuple[Any, Any]] | None = None
    prices: Mapping[str, Any] | None = None
    tolerance: float | None = None
    full: bool = False


DEFAULTS = CapacityOptions()
PlanSource = str | Path | Experiment | Scenario | Mapping[str, Any]
_OF_TABLE = ("search", "factors", "prices", "tolerance")
"""Options that stand in place of keys of ``[capacity]``."""


class CapacityPlan(NamedTuple):
    """A checked plan: nothing was run or written yet.

    Attributes
    ----------
    prepared : PreparedRun
        The plan as written, with the replications and seed that will be used, and how it is run.
    table : CapacityTable
        Its ``[capacity]``.
    objectives : tuple of Objective
        What has to be met.
    full : bool
        ``--full`` was given.
    """

    prepared: PreparedRun
    table: CapacityTable
    objectives: tuple[Objective, ...]
    full: bool

    @property
    def experiment(self) -> Experiment:
        """The experiment as it will be run."""
        return self.prepared.experiment

    @property
    def scenario(self) -> Scenario:
        """The plan as written."""
        return self.experiment.scenario


def prepare_capacity(plan: PlanSource, options: CapacityOptions = DEFAULTS) -> CapacityPlan:
    """Check everything a capacity plan is given, and write nothing; parameters as of `simsmtp.capacity`.

    Raises
    ------
    PercentileSupportError
        For an objective on a percentile that a run of this size does not carry.
    InputError
        For whatever cannot be used, down to the bounds of every search.
    """
    names = find_strategies(options.strategies)
    experiment = _experiment(plan, options.settings)
    table = _table(experiment, options)
    if names:
        experiment = with_strategy(experiment, names)
    if options.full:
        experiment = _full(experiment, table)
    own = texts_in(options.objectives or (), "objectives", "objectives in a list, such as ['delay p(99) < 60 s']")
    wanted = supported_objectives(experiment, own or table.objectives, "objectives" if own else "capacity.objectives")
    experiment = overridden(experiment, options)
    if experiment.replications < 2:
        raise InputError(
            "an interval needs two", key="replications", given=experiment.replications, allowed="2 or more"
        )
    prepared = prepared_run(experiment, options, suffix="-full" if options.full else "")
    checked = CapacityPlan(prepared, table, wanted, options.full)
    _check_searches(checked)
    return checked


def _experiment(plan: PlanSource, settings: Sequence[str]) -> Experiment:
    if not isinstance(plan, Scenario | Mapping):
        return experiment_of(plan, settings)
    made = Experiment.from_dict({"study": {"name": "capacity", "title": "Capacity of a scenario"}})
    return experiment_of(dataclasses.replace(made, scenario=scenario_given(plan)), settings)


def _table(experiment: Experiment, options: CapacityOptions) -> CapacityTable:
    given = {name: value for name in _OF_TABLE if (value := getattr(options, name)) is not None}
    if experiment.capacity is None and experiment.places.file:
        hint = "a table [capacity] with objectives and search; a study is run by simsmtp run"
        raise InputError("is required", file=experiment.places.file, key="capacity", allowed=hint)
    if experiment.capacity is None and not options.objectives:
        hint = "such as ['delay p(99) < 60 s']"
        raise InputError("are required", key="objectives", allowed=hint)
    if experiment.factors or experiment.listed or experiment.sampled:
        error = InputError(
            "a capacity plan is one scenario", key="factors", allowed="[capacity.factors] for the tornado"
        )
        raise experiment.places.locate(error, "factors" if experiment.factors else "points")
    if not given and experiment.capacity:
        return experiment.capacity
    read = read_capacity({**dict(experiment.capacity or CapacityTable()), **given})
    assert read is not None
    return read


def _full(experiment: Experiment, table: CapacityTable) -> Experiment:
    if not table.full:
        hint = 'a table [capacity.full], such as "workload.messages" = 4000'
        raise InputError("is required for --full", file=experiment.places.file, key="capacity.full", allowed=hint)
    return dataclasses.replace(experiment, scenario=_changed(experiment, "full", table.full))


def _changed(experiment: Experiment, part: str, changes: Mapping[str, Any]) -> Scenario:
    try:
        return experiment.scenario.replace(changes)
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
