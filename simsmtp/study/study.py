"""A finished study: its rows, their summary, its figure, and the files that hold them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from simsmtp.errors import InputError
from simsmtp.experiment.factors import Label, label_of
from simsmtp.experiment.scenario_keys import value_at
from simsmtp.model.numbers import counted
from simsmtp.rows.responses import COLUMNS, RESPONSES
from simsmtp.statistics.pooled_percentiles import note_for, pooled_mark
from simsmtp.store.store import Row, digest

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from pandas import DataFrame

    from simsmtp.experiment.design import DesignPoint
    from simsmtp.experiment.experiment import Experiment
    from simsmtp.study.engine_tally import EngineTally


class Failure(NamedTuple):
    """A replication that failed.

    Attributes
    ----------
    point, replication : int
        Number of the design point, from 1, and of the replication, from 0.
    factors : dict
        Levels at that point.
    error : str
        ``Type: message``.
    """

    point: int
    replication: int
    factors: dict[str, Label]
    error: str


@dataclass(frozen=True, repr=False)
class Study:
    """All results of an experiment.

    Attributes
    ----------
    experiment : Experiment
        What was run.
    folder : Path
        Where its store is.
    results : mapping
        Number of the design point → its rows. Those of a large study are read from its store as they are gone
        through, see `simsmtp.store.stored_rows`.
    computed, reused : int
        Replications that this run computed, and that were in the store.
    ran : EngineTally
        Which engines computed them in this run, and why.
    started : datetime
        When this run began.
    duration_s : float
        How long it took.
    """

    experiment: Experiment
    folder: Path
    results: Mapping[int, Sequence[Row]] = field(repr=False)
    computed: int
    reused: int
    ran: EngineTally
    started: datetime
    duration_s: float

    @property
    def name(self) -> str:
        """Name of the experiment."""
        return self.experiment.name

    @property
    def points(self) -> tuple[DesignPoint, ...]:
        """The design points."""
        return self.experiment.points

    @cached_property
    def rows(self) -> DataFrame:
        """One row per replication: ``point``, factors, ``replication``, responses, ``error``; all in memory."""
        import pandas as pd

        columns = ["point", *self.experiment.columns, "replication", *COLUMNS, "error"]
        table = pd.DataFrame(
            [
                [point.number, *point.factors.values(), row.replication, *row.responses, row.error]
                for point, row in self._pairs()
            ],
            columns=columns,
        )
        if self.failures:
            return table.astype(dict.fromkeys(COLUMNS, "float64"))
        return table.astype({one.name: "int64" if one.whole else "float64" for one in RESPONSES})

    @cached_property
    def digest(self) -> str:
        """Hash of all values: equal digests mean equal results to the last bit."""
        return digest((point.number, row) for point, row in self._pairs())

    @property
    def engines(self) -> dict[str, int]:
        """Replications by the engine that ran them."""
        return self._outcomes[0]

    @property
    def failures(self) -> list[Failure]:
        """Replications that failed; the next run tries them again."""
        return self._outcomes[1]

    @cached_property
    def _outcomes(self) -> tuple[dict[str, int], list[Failure]]:
        engines: Counter[str] = Counter()
        failures = []
        for point, row in self._pairs():
            if row.error is None:
                engines[row.engine] += 1
            else:
                failures.append(Failure(point.number, row.replication, point.factors, row.error))
        return dict(engines), failures

    def values(self, point: int, response: str) -> NDArray[np.float64]:
        """Return the values of a response at a design point, one per replication, nan for one that failed."""
        from simsmtp.study.summary_in_parts import values_of

        return values_of(self.results[point], [response])[:, 0]

    @property
    def destinations(self) -> int:
        """The most destinations that a design point has; percentiles of delay are pooled over them."""
        return max((len(point.scenario.destinations) for point in self.points), default=0)

    def summary(self) -> DataFrame:
        """Return mean, standard deviation and 95 % interval of every response at every design point.

        See `simsmtp.statistics.summary.summarise`. Rows are gone through part by part: memory does not grow with them.
        """
        return self._summary.copy()

    @cached_property
    def _summary(self) -> DataFrame:
        from simsmtp.study.summary_in_parts import summarised

        return summarised(self.points, self.results, self.experiment.columns)

    def plot(self) -> Figure:
        """Draw the experiment's figure.

        Raises
        ------
        InputError
            If the experiment has none.
        """
        figure = self.experiment.figure
        if figure is None:
            raise InputError("is required to plot", key="figure", allowed="a table [figure] with x and y")
        from simsmtp.figures.study_figure import plot_study

        theory = self._theory() if figure.theory else None
        title, marks = self.experiment.title, self._marks()
        if note_for(figure.y, self.destinations):
            title = f"{title} (delay percentiles {pooled_mark(self.destinations)})"
        return plot_study(self.summary(), figure, title=title, marks=marks, theory=theory)

    def _theory(self) -> DataFrame | None:
        from simsmtp.theory.closed_form_lines import theory_of

        closed_forms = theory_of(self.points, self.experiment.columns)
        return None if closed_forms.empty else closed_forms

    def without_theory(self) -> dict[str, int]:
        """Return for how many design points the figure has no theory line, by the reason; empty if none was asked."""
        if self.experiment.figure is None or not self.experiment.figure.theory:
            return {}
        from simsmtp.theory.closed_form_lines import points_without

        return points_without(self.points)

    def _marks(self) -> dict[Label | None, float | None]:
        """Return the marked key's value for each level of the panel factor, None where it varies."""
        figure = self.experiment.figure
        if figure is None or figure.mark is None:
            return {None: None}
        values: dict[Label | None, set[object]] = {}
        for point in self.points:
            panel = point.factors[figure.panel] if figure.panel else None
            values.setdefault(panel, set()).add(label_of(value_at(point.scenario, figure.mark)))
        return {None: None} | {panel: _only_number(found) for panel, found in values.items()}

    def write(self, folder: str | Path | None = None, *, figure: bool = True, command: str | None = None) -> list[Path]:
        """Write summary, figure, provenance and the experiment as tables.

        Parameters
        ----------
        folder : str or Path, optional
            By default the study's own.
        figure : bool
            False leaves the figure out.
        command : str, optional
            Command line to note in the provenance.

        Returns
        -------
        list of Path
            The files written: ``summary.csv``, ``provenance.json``, ``experiment.json``, ``<name>.png`` and
            ``.svg``.
        """
        from simsmtp.study.study_files import write_study

        return write_study(self, Path(folder or self.folder), figure=figure, command=command)

    def _pairs(self) -> Iterator[tuple[DesignPoint, Row]]:
        for point in self.points:
            for row in self.results[point.number]:
                yield point, row

    def __repr__(self) -> str:
        failed = f", {len(self.failures)} failed" if self.failures else ""
        size = f"{counted(len(self.points), 'design point')}, {counted(self.computed + self.reused, 'replication')}"
        return f"<Study {self.name!r}: {size}{failed}>"

    def _repr_html_(self) -> str:
        from simsmtp.study.study_files import html_of

        return html_of(self)


def _only_number(values: set[object]) -> float | None:
    only = next(iter(values)) if len(values) == 1 else None
    return float(only) if isinstance(only, int | float) else None
