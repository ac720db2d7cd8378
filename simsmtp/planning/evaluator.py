"""Replications of scenarios as a search asks for them: from the store where they are, computed where not."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

from simsmtp.errors import UnfinishedError
from simsmtp.progress import progress_bar
from simsmtp.rows.responses import COLUMNS
from simsmtp.running.determinism import DeterminismCheck
from simsmtp.running.runner import PreparedRun, StudyInterrupted, store_tasks
from simsmtp.running.tasks import Tasks
from simsmtp.shown import shown
from simsmtp.store.repair import repair
from simsmtp.store.store import STORE, Row, Store
from simsmtp.store.stored_rows import every_row
from simsmtp.study.engine_tally import EngineTally

if TYPE_CHECKING:
    from types import TracebackType

    from pandas import DataFrame

    from simsmtp.model.scenario import Scenario


class Evaluator:
    """Runs replications in several processes and keeps each in the store of the plan's folder.

    A search that was stopped asks the same questions again and finds the answers there.

    Parameters
    ----------
    prepared : PreparedRun
        Folder, engine, processes, progress, and the name that is shown with it.
    questions : int
        About how many will be asked, for the progress bar.
    expected_s : float
        How long that may take.
    """

    def __init__(self, prepared: PreparedRun, questions: int, expected_s: float) -> None:
        self.computed = self.reused = 0
        self.ran = EngineTally()
        self._engine_of: dict[tuple[int, int], str] = {}
        self._prepared, self._options = prepared, prepared.options
        self._determinism = DeterminismCheck(prepared.workers, is_here=prepared.executor.runs_here(prepared.workers))
        self._bar = progress_bar(
            prepared.experiment.name, questions, self._options.progress, unit="question", expected_s=expected_s
        )
        self._advance: Callable[[int], Any] = lambda _: None

    def __enter__(self) -> Self:
        path = self._prepared.folder / STORE
        if self._options.repair:
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
        self.reused += len(set(ids)) * replications - len(tasks)
        self.computed += len(tasks)
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
        if self._options.progress or (self._options.progress is None and sys.stderr.isatty()):
            from tqdm import tqdm

            tqdm.write(shown(text), file=sys.stderr)

    def answered(self, questions: int = 1) -> None:
        """Show that questions are answered."""
        self._advance(questions)

    def check_determinism(self, tasks: Tasks, seed: int, place: str) -> None:
        """See that a strategy of the user's own gives the same again: the first of the tasks of every scenario.

        Raises
        ------
        InputError
            If it does not.
        """
        if self._options.determinism_check and self._prepared.strategies and tasks:
            self._determinism.check(tasks, self._prepared.common(tasks, seed), lambda _: place)

    def _compute(self, tasks: Tasks, seed: int) -> None:
        total = self.reused + self.computed
        try:
            self.check_determinism(tasks, seed, "a plan of this search")
        except KeyboardInterrupt:
            raise StudyInterrupted(total - len(tasks), total) from None
        store_tasks(self._prepared, tasks, seed, self._store, total, self.ran, lambda _: None)


def _table(rows: Sequence[Row]) -> DataFrame:
    import pandas as pd

    for row in rows:
        if row.error is not None:
            raise UnfinishedError(f"replication {row.replication} failed: {row.error}; the same command tries it again")
    return pd.DataFrame([(row.replication, *row.responses) for row in rows], columns=["replication", *COLUMNS])
