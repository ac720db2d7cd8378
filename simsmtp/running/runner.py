"""Run a study: compute what is missing, store it as it finishes, hand out all of it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simsmtp.errors import InputError, UnfinishedError
from simsmtp.experiment.experiment import Experiment
from simsmtp.experiment.experiment_file import load_experiment
from simsmtp.progress import progress_bar
from simsmtp.running.determinism import DeterminismCheck
from simsmtp.running.execution import check_engine, common_of, execute_tasks
from simsmtp.running.executors import LOCAL, Executor, executor_of
from simsmtp.running.run_options import check_plans, check_replications, results_folder, worker_count
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


class Plan(NamedTuple):
    """What a run has to do.

    Attributes
    ----------
    experiment : Experiment
        Checked, with replications and seed as they will be used.
    folder : Path
        Where results go.
    engine : str
        As asked for.
    workers : int
        Processes.
    strategies : tuple of Travelling
        User strategies in use.
    executor : Executor
        Where replications run.
    repair : bool
        Take what is whole out of a damaged store before anything runs.
    determinism_check : bool
        Repeat the first replication of every design point with a strategy of the user's own.
    """

    experiment: Experiment
    folder: Path
    engine: str
    workers: int
    strategies: tuple[Travelling, ...]
    executor: Executor = LOCAL
    repair: bool = False
    determinism_check: bool = True

    def place(self, scenario: Scenario) -> str:
        """Return the levels of the design point of a scenario."""
        factors = next((one.factors for one in self.experiment.points if one.scenario is scenario), {})
        return ", ".join(f"{name}={level}" for name, level in factors.items())


def run(
    path_or_experiment: str | Path | Experiment,
    *,
    replications: int | None = None,
    seed: int | None = None,
    workers: int | None = None,
    engine: str = "auto",
    output: str | Path | None = None,
    settings: Sequence[str] = (),
    strategies: Iterable[str | Path] = (),
    executor: str = "local",
    scheduler: str | None = None,
    repair: bool = False,
    progress: bool | str | None = None,
    determinism_check: bool = True,
) -> Study:
    """Run a study, or what is missing of it.

    Parameters
    ----------
    path_or_experiment : str, Path or Experiment
        An experiment file, or an experiment built in Python.
    replications, seed : int, optional
        In place of the experiment's own.
    workers : int, optional
        Processes; by default one per processor. Results do not depend on it.
    engine : str
        ``"auto"`` or the name of an engine.
    output : str or Path, optional
        Folder of the results; by default ``results/<name>`` in the current directory.
    settings : sequence of str
        ``key=value`` changes of the experiment file, as ``--set`` gives them.
    strategies : iterable of str or Path
        Further counting strategies: names that are registered, or Python files that register some.
    executor : str
        ``"local"``, ``"serial"`` or ``"dask"``: where replications run. Results do not depend on it.
    scheduler : str, optional
        Address of the Dask scheduler; without one, ``"dask"`` makes a cluster of `workers` on this machine.
    repair : bool
        If the store is damaged, keep the rows that are whole and compute the others anew. The damaged file is kept
        under another name.
    progress : bool or str, optional
        True or False; ``"auto"`` picks a notebook's progress bar in a notebook. By default a bar is shown
        on a terminal and in a notebook.
    determinism_check : bool
        With a strategy of the user's own, run the first replication of every design point again, in two processes
        beside the study: twice in one, and once in another with another hash seed.

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
    plan = prepare(
        path_or_experiment, replications=replications, seed=seed, workers=workers, engine=engine,
        output=output, settings=settings, strategies=strategies, executor=executor, scheduler=scheduler, repair=repair,
        determinism_check=determinism_check,
    )  # fmt: skip
    return execute(plan, progress=progress)


def execute(plan: Plan, *, progress: bool | str | None = None) -> Study:
    """Do what `prepare` planned; value, errors and `progress` as of `run`."""
    began, started = time.perf_counter(), datetime.now(UTC)
    experiment = plan.experiment
    if plan.repair:
        repair_store(plan.folder / STORE)
    if plan.determinism_check and plan.strategies:
        _check_determinism(plan)
    with Store(plan.folder / STORE) as store:
        store.check()
        ids = store.scenario_ids([point.scenario for point in experiment.points], experiment.seed)
        tasks = _missing(plan, ids, store.finished)
        total = len(set(ids)) * experiment.replications
        if tasks:  # before work that may be long; all rows are read, and verified, at the end
            verify_rows(store, experiment, ids)
        ran = _compute(plan, tasks, store, total, progress)
        results = results_of(store, experiment, ids)
    return Study(
        experiment, plan.folder, results, len(tasks), total - len(tasks), ran, started, time.perf_counter() - began
    )


def prepare(
    path_or_experiment: str | Path | Experiment,
    *,
    replications: int | None = None,
    seed: int | None = None,
    workers: int | None = None,
    engine: str = "auto",
    output: str | Path | None = None,
    settings: Sequence[str] = (),
    strategies: Iterable[str | Path] = (),
    executor: str = "local",
    scheduler: str | None = None,
    repair: bool = False,
    determinism_check: bool = True,
) -> Plan:
    """Check everything that `run` is given, and write nothing; parameters as there."""
    names = find_strategies(strategies)
    if isinstance(path_or_experiment, Experiment):
        if settings:
            raise InputError("settings change a file, not an Experiment", key="settings", given=list(settings))
        experiment = path_or_experiment
    else:
        experiment = load_experiment(path_or_experiment, settings)
    experiment = add_strategies(experiment, names) if names else experiment
    experiment = _overridden(experiment, replications, seed)
    where = executor_of(executor, scheduler)
    are_ours = executor != "serial" and scheduler is None
    workers = worker_count(workers, are_ours=are_ours)
    check_replications(experiment)
    check_plans(experiment)
    check_engine(experiment, engine)
    known = travelling(point.scenario.client.strategy for point in experiment.points)
    return Plan(
        experiment, results_folder(output, experiment.name), engine, workers, known, where, repair=repair,
        determinism_check=determinism_check,
    )  # fmt: skip


def _check_determinism(plan: Plan) -> None:
    """See that strategies of the user's own give the same again, before anything is written."""
    tasks = missing_tasks(plan)
    common = common_of(tasks, seed=plan.experiment.seed, engine=plan.engine, strategies=plan.strategies)
    workers = max(1, min(plan.workers, len(tasks)))
    with DeterminismCheck(workers, is_here=plan.executor.runs_here(workers)) as own:
        try:
            own.check(tasks, common, plan.place)
        except KeyboardInterrupt:
            raise StudyInterrupted(tasks.asked - len(tasks), tasks.asked) from None


def _overridden(experiment: Experiment, replications: int | None, seed: int | None) -> Experiment:
    if replications is not None:
        experiment = dataclasses.replace(experiment, replications=_count("replications", replications, 1))
    if seed is not None:
        experiment = dataclasses.replace(experiment, seed=_count("seed", seed, 0))
    return experiment


def _count(key: str, value: object, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 2**63:
        raise InputError("not a usable number", key=key, given=value, allowed=f"a whole number of at least {least}")
    return value


def missing_tasks(plan: Plan) -> Tasks:
    """Return the replications that a run would compute, by a look into the store that changes nothing."""
    path = plan.folder / STORE
    if not path.exists():
        return _missing(plan, _own_ids(plan, lambda _: None), lambda *_: np.empty(0, dtype=np.int64))
    with Store(path, read_only=True) as store:
        store.check()
        ids = _own_ids(plan, lambda one: store.known_id(one, plan.experiment.seed))
        verify_rows(store, plan.experiment, ids)
        return _missing(plan, ids, store.finished)


def _own_ids(plan: Plan, known_id: Callable[[Scenario], int | None]) -> list[int]:
    """Return the ids of the points' scenarios; those that are in no store get negative ones."""
    numbers: dict[str, int] = {}
    ids = []
    for point in plan.experiment.points:
        own = numbers.setdefault(canonical(point.scenario), -point.number)
        ids.append(known_id(point.scenario) or own)
    return ids


def _missing(plan: Plan, ids: Sequence[int], finished: Finished) -> Tasks:
    scenarios = {one: point.scenario for one, point in zip(ids, plan.experiment.points, strict=True)}
    return Tasks(scenarios, plan.experiment.replications, finished)


def _compute(plan: Plan, tasks: Tasks, store: Store, total: int, progress: bool | str | None) -> EngineTally:
    ran = EngineTally()
    chunks = execute_tasks(
        tasks, seed=plan.experiment.seed, engine=plan.engine, strategies=plan.strategies,
        workers=max(1, min(plan.workers, len(tasks))), executor=plan.executor, ran=ran,
    )  # fmt: skip
    with closing(chunks), progress_bar(plan.experiment.name, len(tasks), progress) as advance:
        try:
            for rows in chunks:
                store.add(rows)
                advance(len(rows))
        except UnfinishedError as error:
            finished = total - tasks.unfinished(store.finished)
            raise UnfinishedError(f"{error}; {finished} of {total} replications are stored") from None
        except KeyboardInterrupt:  # perhaps between storing and counting, so the store is asked
            raise StudyInterrupted(total - tasks.unfinished(store.finished), total) from None
    return ran
