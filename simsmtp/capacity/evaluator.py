"""Replications of scenarios as a search asks for them: from the store where they are, computed where not."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from simsmtp.errors import UnfinishedError
from simsmtp.progress import progress_bar
from simsmtp.rows.responses import COLUMNS
from simsmtp.running.determinism import DeterminismCheck
from simsmtp.running.execution import common_of, execute_tasks
from simsmtp.running.runner import StudyInterrupted
from simsmtp.running.tasks import Tasks
from simsmtp.shown import shown
from simsmtp.store.repair import repair
from simsmtp.store.store import STORE, Row, Store
from simsmtp.store.stored_rows import every_row
from simsmtp.study.engine_tally import EngineTally

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from pandas import DataFrame

    from simsmtp.model.scenario import Scenario
    from simsmtp.running.user_strategies import Travelling


class RunSettings(NamedTuple):
    """How replications are run."""

    folder: Path
    engine: str
    workers: int
    strategies: tuple[Travelling, ...]
    progress: bool | str | None
    repair: bool = False
    determinism_check: bool = True


class Evaluator:
    """Runs replications in several processes and keeps each in the store of the plan's folder.

    A search that was stopped asks the same questions again and finds the answers there.

    Parameters
    ----------
    name : str
        Shown with the progress.
    settings : RunSettings
        Folder, engine, processes, progress.
    expected : int
        About how many replications will be asked for, for the estimate of the time left.
    """

    def __init__(self, name: str, settings: RunSettings, expected: int) -> None:
        self.computed = self.reused = 0
        self.ran = EngineTally()
        self._engine_of: dict[tuple[int, int], str] = {}
        self._settings = settings
        self._determinism = DeterminismCheck(settings.workers, is_here=settings.workers == 1)
        self._bar = progress_bar(name, expected, settings.progress)
        self._advance: Callable[[int], Any] = lambda _: None

    def __enter__(self) -> Self:
        path = self._settings.folder / STORE
        if self._settings.repair:
            repair(path)
        self._store = Store(path)
        try:
            self._store.check()
        except BaseException as error:
            self._store.__exit__(type(error), error, error.__traceback__)
            raise
        self._advance = self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.__exit__(kind, error, trace)
        self._determinism.__exit__(kind, error, trace)
        self._store.__exit__(kind, error, trace)

    def rows(
        self, scenarios: Sequence[Scenario], replications: int, seed: int, places: Sequence[str] = ()
    ) -> list[DataFrame]:
        """Return for each scenario one row per replication: ``replication`` and the responses.

        Parameters
        ----------
        scenarios : sequence of Scenario
            Run side by side.
        replications, seed : int
            The first so many under this seed.
        places : sequence of str
            What the scenarios are called in the message about a damaged row.

        Raises
        ------
        UnfinishedError
            If a replication failed.
        StudyInterrupted
            On Ctrl-C; what was finished is stored.
        """
        ids = self._store.scenario_ids(scenarios, seed)
        tasks = Tasks(dict(zip(ids, scenarios, strict=True)), replications, self._store.finished)
        self._note(len(set(ids)) * replications - len(tasks), len(tasks))
        self._compute(tasks, seed)
        named = zip(ids, places or [""] * len(ids), strict=True)
        found = {one: every_row(self._store, one, replications, place) for one, place in named}
        self._engine_of |= {(one, row.replication): row.engine for one, rows in found.items() for row in rows}
        return [_table(found[one]) for one in ids]

    @property
    def engines(self) -> dict[str, int]:
        """Engine → replications that it ran, those found in the store included."""
        return dict(sorted(Counter(self._engine_of.values()).items()))

    def say(self, text: str) -> None:
        """Tell what was found on standard error, above the progress bar."""
        if self._settings.progress or (self._settings.progress is None and sys.stderr.isatty()):
            from tqdm import tqdm

            tqdm.write(shown(text), file=sys.stderr)

    def _note(self, reused: int, computed: int) -> None:
        self.reused += reused
        self.computed += computed
        self._advance(reused)

    def check_determinism(self, tasks: Tasks, seed: int, place: str) -> None:
        """See that a strategy of the user's own gives the same again: the first of the tasks of every scenario.

        Raises
        ------
        InputError
            If it does not.
        """
        own = self._settings.strategies
        if self._settings.determinism_check and own and tasks:
            common = common_of(tasks, seed=seed, engine=self._settings.engine, strategies=own)
            self._determinism.check(tasks, common, lambda _: place)

    def _compute(self, tasks: Tasks, seed: int) -> None:
        workers = max(1, min(self._settings.workers, len(tasks)))
        engine, own = self._settings.engine, self._settings.strategies
        chunks = execute_tasks(tasks, seed=seed, engine=engine, strategies=own, workers=workers, ran=self.ran)
        with closing(chunks):
            try:
                self.check_determinism(tasks, seed, "a plan of this search")
                for rows in chunks:
                    self._store.add(rows)
                    self._advance(len(rows))
            except UnfinishedError as error:
                total = self.reused + self.computed
                finished = total - tasks.unfinished(self._store.finished)
                raise UnfinishedError(f"{error}; {finished} of {total} replications are stored") from None
            except KeyboardInterrupt:  # perhaps between storing and counting, so the store is asked
                total = self.reused + self.computed
                raise StudyInterrupted(total - tasks.unfinished(self._store.finished), total) from None


def _table(rows: Sequence[Row]) -> DataFrame:
    import pandas as pd

    for row in rows:
        if row.error is not None:
            raise UnfinishedError(f"replication {row.replication} failed: {row.error}; the same command tries it again")
    return pd.DataFrame([(row.replication, *row.responses) for row in rows], columns=["replication", *COLUMNS])
