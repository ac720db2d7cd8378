"""A finished study: its rows, their summary, its figure, and the files that hold them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from simsmtp.public_names import ShowsPublicNames
from simsmtp.rows.responses import COLUMNS, RESPONSES
from simsmtp.statistics.pooled_percentiles import note_for, pooled_mark
from simsmtp.store.store import Row, digest

if TYPE_CHECKING:
    import numpy as np
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from pandas import DataFrame

    from simsmtp.experiment.design import DesignPoint
    from simsmtp.experiment.experiment import Experiment
    from simsmtp.experiment.factors import Label
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
class Study(ShowsPublicNames):
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
    ids : tuple of int
        Of the points' scenarios in the store.
    recorded : mapping or None
        Of a study that was opened, the provenance in its folder: what made it, when and how.
    scratch : object
        What keeps the store of a study without a folder of its own, for as long as the study is there.
    """

    experiment: Experiment
    folder: Path
    results: Mapping[int, Sequence[Row]] = field(repr=False)
    computed: int
    reused: int
    ran: EngineTally
    started: datetime
    duration_s: float
    ids: tuple[int, ...] = field(default=(), kw_only=True)
    recorded: Mapping[str, Any] | None = field(default=None, kw_only=True)
    scratch: object = field(default=None, kw_only=True, compare=False)

    @staticmethod
    def open(folder: str | Path) -> Study:
        """Open the results in a folder; nothing is run or written.

        Results that another version of simsmtp made are opened like others: `notes` says so. Running them again would
        compute them anew.

        Parameters
        ----------
        folder : str or Path
            What ``simsmtp run``, ``simsmtp.sweep(output=…)`` or `Study.write` left.

        Raises
        ------
        InputError
            If it holds no study, or not all of one; if a file in it is damaged; or if this version does not know what
            the study is made of, such as a counting strategy that is not registered.
        """
        from simsmtp.study.open_study import read_folder

        return Study(**read_folder(folder))

    @property
    def notes(self) -> tuple[str, ...]:
        """What has to be said of the results: that other code than this made them."""
        from simsmtp.study.open_study import notes_of

        return notes_of(self)

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

    def to_xarray(self) -> xarray.Dataset:
        """Return one variable per response, over the factors and ``replication``; needs the extra ``xarray``.

        Returns
        -------
        xarray.Dataset
            With one dimension per factor, in the order of the levels. Points that are not all combinations of the
            levels (listed or sampled ones) have the dimension ``point`` instead, and the factors along it. A failed
            replication is nan.

        Raises
        ------
        InputError
            If xarray is not installed.
        """
        from simsmtp.study.to_xarray import dataset_of

        return dataset_of(self)

    def plot(
        self,
        x: str | None = None,
        y: str | Sequence[str] | None = None,
        line: str | None = None,
        panel: str | None = None,
        *,
        where: Mapping[str, object] | None = None,
        ax: Axes | None = None,
        mark: str | None = None,
        x_scale: str | None = None,
        y_scale: str | Sequence[str] | None = None,
        theory: bool | None = None,
        title: str | None = None,
    ) -> Figure:
        """Draw means and their intervals: the experiment's own figure, or what is named.

        What is not named is taken from the experiment's figure, if it has one. A factor that still has no place and
        varies gets the first free one: a number becomes `x`, then `line`, then `panel`.

        Parameters
        ----------
        x, line, panel : str, optional
            Factors: on the x axis, with one line per level, with one panel per level.
        y : str or sequence of str, optional
            Responses, one row of panels each; by default delivered recipients per second and the false-NDR rate.
        where : mapping, optional
            Draw only some levels: ``{"network.rtt_ms": 50}``, or a list of levels.
        ax : matplotlib.axes.Axes, optional
            Draw one response and one panel into axes of your own.
        mark : str, optional
            A scenario key, whose value is marked on the x axis: ``"server.recipient_limit"``.
        x_scale : str, optional
            ``"linear"``, ``"log"`` or ``"category"``; by default one that fits the levels.
        y_scale : str or sequence of str, optional
            ``"linear"``, ``"log"`` or ``"symlog"``, for all responses or for each.
        theory : bool, optional
            Draw closed forms as thin lines, where there are any.
        title : str, optional
            In place of the study's own.

        Returns
        -------
        matplotlib.figure.Figure
            Shown by a notebook; in a script, ``study.plot().show()`` opens a window and ``.savefig(…)`` writes a file.
            With `ax`, the figure of `ax`.

        Raises
        ------
        InputError
            If something that is named is not there, several design points would share one place, or there is no
            factor to draw along.
        """
        from simsmtp.figures.study_figure import plot_study, plot_study_into
        from simsmtp.study.figure_choice import figure_choice, heading, marks_of, points_where

        points = points_where(self.points, where)
        named = {"x": x, "y": y, "line": line, "panel": panel, "mark": mark, "x_scale": x_scale, "y_scale": y_scale}
        figure = figure_choice(self.experiment.figure, points, named | {"theory": theory}, one_panel=ax is not None)
        summary = self.summary()
        shown = summary[summary["point"].isin([one.number for one in points])]
        closed = self._theory(points) if figure.theory else None
        marks = marks_of(points, figure)
        if ax is not None:
            return plot_study_into(ax, shown, figure, title=title, marks=marks, theory=closed)
        title = heading(self.experiment.title, where) if title is None else title
        if note_for(figure.y, self.destinations):
            title = f"{title} (delay percentiles {pooled_mark(self.destinations)})"
        return plot_study(shown, figure, title=title, marks=marks, theory=closed)

    def _theory(self, points: Sequence[DesignPoint]) -> DataFrame | None:
        from simsmtp.theory.closed_form_lines import theory_of

        closed_forms = theory_of(points, self.experiment.columns)
        return None if closed_forms.empty else closed_forms

    def without_theory(self) -> dict[str, int]:
        """Return for how many design points the figure has no theory line, by the reason; empty if none was asked."""
        if self.experiment.figure is None or not self.experiment.figure.theory:
            return {}
        from simsmtp.theory.closed_form_lines import points_without

        return points_without(self.points)

    def write(self, folder: str | Path | None = None, *, figure: bool = True, command: str | None = None) -> list[Path]:
        """Write summary, figure, provenance and the experiment as tables; into another folder the rows as well.

        What is written can be opened again by `Study.open`, and goes on where it is run again with that folder.

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
            ``.svg``. The rows are in ``replications.sqlite`` beside them.
        """
        from simsmtp.study.study_files import write_study

        return write_study(self, Path(folder or self.folder), figure=figure, command=command)

    def _pairs(self) -> Iterator[tuple[DesignPoint, Row]]:
        for point in self.points:
            for row in self.results[point.number]:
                yield point, row

    def __repr__(self) -> str:
        from simsmtp.study.study_views import text_of

        return text_of(self)

    def _repr_html_(self) -> str:
        from simsmtp.study.study_views import html_of

        return html_of(self)
