"""Run a study: compute what is missing, store it as it finishes, hand out all of it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from simsmtp.errors import InputError, UnfinishedError
from simsmtp.experiment.experiment import Experiment
from simsmtp.experiment.experiment_file import load_experiment
from simsmtp.progress import progress_bar
from simsmtp.running.chunks import Chunk
from simsmtp.running.determinism import DeterminismCheck
from simsmtp.running.execution import check_engine, common_of, execute_tasks, expected_s
from simsmtp.running.executors import LOCAL, Executor, executor_of
from simsmtp.running.option_keywords import with_keywords
from simsmtp.running.run_options import (
    DEFAULTS,
    CommonOptions,
    RunOptions,
    check_plans,
    check_replications,
    results_folder,
    worker_count,
)
from simsmtp.running.tasks import Finished, Tasks
from simsmtp.running.user_strategies import Travelling, add_strategies, find_strategies, travelling
from simsmtp.store.address import canonical
from simsmtp.store.repair import repair as repair_store
from simsmtp.store.store import STORE, Store
from simsmtp.store.stored_rows import results_of, verify_rows
from simsmtp.study.engine_tally import EngineTally
from simsmtp.study.study import Study

if TYPE_CHECKING:
    from simsmtp.model.scenario import Scenario


class StudyInterrupted(KeyboardInterrupt):
    """Ctrl-C during a study, after everything finished was stored.

    Attributes
    ----------
    finished, total : int
        Replications in the store and in the study.
    """

    def __init__(self, finished: int, total: int) -> None:
        self.finished, self.total = finished, total
        super().__init__(f"interrupted: {finished} of {total} replications are stored; the same command resumes")


class PreparedRun(NamedTuple):
    """A run that was checked: nothing was run or written yet.

    Attributes
    ----------
    experiment : Experiment
        Checked, with replications and seed as they will be used.
    folder : Path
        Where results go.
    workers : int
        Processes.
    strategies : tuple of Travelling
        User strategies in use.
    executor : Executor
        Where replications run.
    options : CommonOptions
        As asked for.
    at_stake : int
        Recipients that may be asked for in all, where that is more than those of the tasks known at a time.
    """

    experiment: Experiment
    folder: Path
    workers: int
    strategies: tuple[Travelling, ...]
    executor: Executor
    options: CommonOptions
    at_stake: int = 0

    def place(self, scenario: Scenario) -> str:
        """Return the levels of the design point of a scenario."""
        factors = next((one.factors for one in self.experiment.points if one.scenario is scenario), {})
        return ", ".join(f"{name}={level}" for name, level in factors.items())

    def with_replications(self, replications: int) -> PreparedRun:
        """Return the same run of so many replications."""
        return self._replace(experiment=dataclasses.replace(self.experiment, replications=replications))

    def common(self, tasks: Tasks, seed: int | None = None) -> Chunk:
        """Return what the chunks of some tasks have in common; by default under the experiment's seed."""
        seed = self.experiment.seed if seed is None else seed
        return common_of(
            tasks, seed=seed, engine=self.options.engine, strategies=self.strategies, at_stake=self.at_stake
        )

    def expected_s(self, tasks: Tasks) -> float:
        """Return about how long some tasks will take, before any has run."""
        return expected_s(tasks, self.options.engine, at_stake=self.at_stake) / self.workers

    def workers_for(self, tasks: Tasks) -> int:
        """Return how many workers some tasks need."""
        return max(1, min(self.workers, len(tasks)))


@with_keywords(RunOptions)
def run(path_or_experiment: str | Path | Experiment, options: RunOptions) -> Study:
    """Run a study, or what is missing of it.

    Parameters
    ----------
    path_or_experiment : str, Path or Experiment
        An experiment file, the name of a shipped experiment (``"kb822105"``), or an experiment built in Python.
    **options
        As of `simsmtp.running.run_options.RunOptions`.

    Returns
    -------
    Study
        All rows, stored and new. Failed replications are rows with an ``error``. `Study.write` writes
        summary, figure and provenance, as the command line does.

    Raises
    ------
    InputError
        If anything given cannot be used, the store is damaged, or a strategy is not deterministic. No result is written
        then.
    UnfinishedError
        If the disk is full, or another process uses the store. What was finished is stored.
    StudyInterrupted
        On Ctrl-C. What was finished is stored, and running again goes on from there.
    """
    return execute(prepare(path_or_experiment, options))


def execute(prepared: PreparedRun) -> Study:
    """Do what was prepared; value and errors as of `run`."""
    began, started = time.perf_counter(), datetime.now(UTC)
    experiment, path = prepared.experiment, prepared.folder / STORE
    if prepared.options.repair:
        repair_store(path)
    if prepared.options.determinism_check and prepared.strategies:
        _check_determinism(prepared)
    with Store(path) as store:
        store.check()
        ids = store.scenario_ids([point.scenario for point in experiment.points], experiment.seed)
        tasks = _missing(prepared, ids, store.finished)
        total = len(set(ids)) * experiment.replications
        if tasks:  # before work that may be long; all rows are read, and verified, at the end
            verify_rows(store, experiment, ids)
        ran = EngineTally()
        with progress_bar(
            experiment.name, len(tasks), prepared.options.progress, expected_s=prepared.expected_s(tasks)
        ) as advance:
            store_tasks(prepared, tasks, experiment.seed, store, total, ran, advance)
        results = results_of(store, experiment, ids)
    return Study(
        experiment, prepared.folder, results, len(tasks), total - len(tasks), ran, started,
        time.perf_counter() - began, ids=tuple(ids),
    )  # fmt: skip


def prepare(path_or_experiment: str | Path | Experiment, options: RunOptions = DEFAULTS) -> PreparedRun:
    """Check everything that `run` is given, and write nothing."""
    names = find_strategies(options.strategies)
    experiment = experiment_of(path_or_experiment, options.settings)
    experiment = overridden(add_strategies(experiment, names) if names else experiment, options)
    return prepared_run(experiment, options, executor_of(options.executor, options.scheduler))


def experiment_of(path_or_experiment: str | Path | Experiment, settings: Sequence[str]) -> Experiment:
    """Return an experiment, of its file if it is a path; settings change a file only."""
    if not isinstance(path_or_experiment, Experiment):
        return load_experiment(path_or_experiment, settings)
    if settings:
        raise InputError("settings change a file, not an Experiment", key="settings", given=settings)
    return path_or_experiment


def prepared_run(
    experiment: Experiment, options: CommonOptions, executor: Executor = LOCAL, *, suffix: str = ""
) -> PreparedRun:
    """Check that an experiment can be run as asked; `suffix` ends the default name of its folder."""
    workers = worker_count(options.workers, are_ours=executor.name != "serial" and executor.scheduler is None)
    check_replications(experiment)
    check_plans(experiment)
    check_engine(experiment, options.engine)
    known = travelling(point.scenario.client.strategy for point in experiment.points)
    folder = results_folder(options.output, experiment.name + suffix)
    return PreparedRun(experiment, folder, workers, known, executor, options)


def overridden(experiment: Experiment, options: CommonOptions) -> Experiment:
    """Return the experiment with the replications and the seed that the options give it."""
    given = {"replications": (options.replications, 1), "seed": (options.seed, 0)}
    changes = {key: _count(key, value, least) for key, (value, least) in given.items() if value is not None}
    return dataclasses.replace(experiment, **changes) if changes else experiment  # which keeps its design points


def _count(key: str, value: object, least: int) -> Any:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 2**63:
        raise InputError("not a usable number", key=key, given=value, allowed=f"a whole number of at least {least}")
    return value


def _check_determinism(prepared: PreparedRun) -> None:
    """See that strategies of the user's own give the same again, before anything is written."""
    tasks = missing_tasks(prepared)
    workers = prepared.workers_for(tasks)
    with DeterminismCheck(workers, is_here=prepared.executor.runs_here(workers)) as own:
        try:
            own.check(tasks, prepared.common(tasks), prepared.place)
        except KeyboardInterrupt:
            raise StudyInterrupted(tasks.asked - len(tasks), tasks.asked) from None


def missing_tasks(prepared: PreparedRun) -> Tasks:
    """Return the replications that a run would compute, by a look into the store that changes nothing."""
    path = prepared.folder / STORE
    if not path.exists():
        return _missing(prepared, _own_ids(prepared, lambda _: None), lambda *_: np.empty(0, dtype=np.int64))
    with Store(path, read_only=True) as store:
        store.check()
        ids = _own_ids(prepared, lambda one: store.known_id(one, prepared.experiment.seed))
        verify_rows(store, prepared.experiment, ids)
        return _missing(prepared, ids, store.finished)


def _own_ids(prepared: PreparedRun, known_id: Callable[[Scenario], int | None]) -> list[int]:
    """Return the ids of the points' scenarios; those that are in no store get negative ones."""
    numbers: dict[str, int] = {}
    ids = []
    for point in prepared.experiment.points:
        own = numbers.setdefault(canonical(point.scenario), -point.number)
        ids.append(known_id(point.scenario) or own)
    return ids


def _missing(prepared: PreparedRun, ids: Sequence[int], finished: Finished) -> Tasks:
    scenarios = {one: point.scenario for one, point in zip(ids, prepared.experiment.points, strict=True)}
    return Tasks(scenarios, prepared.experiment.replications, finished)


def store_tasks(
    prepared: PreparedRun,
    tasks: Tasks,
    seed: int,
    store: Store,
    total: int,
    ran: EngineTally,
    advance: Callable[[int], Any],
) -> None:
    """Run tasks and store their rows as they come.

    Parameters
    ----------
    prepared : PreparedRun
        How to run them.
    tasks : Tasks
        What to run.
    seed : int
        Under this seed.
    store : Store
        Where rows go.
    total : int
        Replications asked for, stored ones included, for the message of a run that is cut short.
    ran : EngineTally
        Where to note which engine ran them.
    advance : callable
        Called with how many rows were stored.

    Raises
    ------
    UnfinishedError, StudyInterrupted
        As of `run`.
    """
    chunks = execute_tasks(
        tasks, seed=seed, engine=prepared.options.engine, strategies=prepared.strategies,
        workers=prepared.workers_for(tasks), executor=prepared.executor, ran=ran, at_stake=prepared.at_stake,
    )  # fmt: skip
    with closing(chunks):
        try:
            for rows in chunks:
                store.add(rows)
                advance(len(rows))
        except UnfinishedError as error:
            finished = total - tasks.unfinished(store.finished)
            raise UnfinishedError(f"{error}; {finished} of {total} replications are stored") from None
        except KeyboardInterrupt:  # perhaps between storing and counting, so the store is asked
            raise StudyInterrupted(total - tasks.unfinished(store.finished), total) from None
