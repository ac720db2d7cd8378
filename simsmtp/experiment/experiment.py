"""An experiment: a base scenario, factors, replications, a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from simsmtp.errors import InputError
from simsmtp.experiment.capacity_table import CapacityTable
from simsmtp.experiment.design import DesignPoint, Levels, design_points
from simsmtp.experiment.factors import Factor
from simsmtp.experiment.file_tables import parts_of, prepared
from simsmtp.experiment.horizon import check_horizon
from simsmtp.experiment.scenario_keys import require_known
from simsmtp.experiment.size_limits import check_columns
from simsmtp.experiment.source_map import SourceMap
from simsmtp.experiment.study_and_figure import Figure
from simsmtp.experiment.trace_files import check_trace
from simsmtp.model.numbers import counted
from simsmtp.model.scenario import Scenario


@dataclass(frozen=True, repr=False)
class Experiment:
    """A study as its author wrote it.

    Attributes
    ----------
    name, title, description : str
        ``name`` is the folder under ``results/``.
    replications, seed : int
        Replications of every design point, and the key of all random draws.
    responses : tuple of str
        Responses that tables show.
    scenario : Scenario
        The base that factors change.
    factors : tuple of Factor
        Crossed with each other, the first varying slowest.
    listed : tuple of dict
        Points beside the factorial: factor → `Level`.
    sampled : tuple of dict
        Points spread over ranges, key → `Level`: each is crossed with the factors.
    figure : Figure or None
        What to draw.
    capacity : CapacityTable or None
        What ``simsmtp capacity`` finds out.
    horizon : str
        ``"terminating"`` or ``"steady-state"``.
    places : SourceMap
        Where all this was written.
    """

    name: str
    title: str
    description: str
    replications: int
    seed: int
    responses: tuple[str, ...]
    scenario: Scenario
    factors: tuple[Factor, ...] = ()
    listed: tuple[Levels, ...] = ()
    sampled: tuple[Levels, ...] = ()
    figure: Figure | None = None
    capacity: CapacityTable | None = None
    horizon: str = "terminating"
    places: SourceMap = field(default_factory=SourceMap, repr=False, compare=False)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Factor columns: the factors, then other keys that sampled and listed points set."""
        names = [factor.name for factor in self.factors]
        return tuple(dict.fromkeys([*names, *(key for point in (*self.sampled, *self.listed) for key in point)]))

    @cached_property
    def points(self) -> tuple[DesignPoint, ...]:
        """All design points."""
        return tuple(design_points(self))

    def __repr__(self) -> str:
        sizes = f"{counted(len(self.points), 'design point')}, {counted(self.replications, 'replication')} of each"
        return f"<Experiment {self.name!r}: {sizes}, over {', '.join(self.columns) or 'nothing'}>"

    @classmethod
    def from_dict(cls, tables: Mapping[str, Any], settings: Sequence[str] = ()) -> Experiment:
        """Build an experiment from the nested tables of an experiment file.

        Parameters
        ----------
        tables : mapping
            ``study``, ``scenario``, ``factors``, ``points``, ``design``, ``figure``.
        settings : sequence of str
            ``key=value`` changes, as ``--set`` gives them.

        Raises
        ------
        InputError
            If anything in it cannot be used, down to the scenario of the last design point.
        """
        return cls.from_tables(*prepared(tables, SourceMap(), settings))

    @classmethod
    def from_tables(cls, tables: Mapping[str, Any], places: SourceMap) -> Experiment:
        """Build an experiment from tables that `prepared` returned; errors as of `from_dict`."""
        built = cls(**parts_of(tables, places))
        try:
            check_columns(built.columns)
            _check_figure(built)
        except InputError as error:
            raise places.locate(error) from None
        for point in built.points:
            check_trace(point.scenario, places)
        check_horizon(built.horizon, built.points, places)
        return built


def _check_figure(experiment: Experiment) -> None:
    figure = experiment.figure
    if figure is None:
        return
    for role in ("x", "line", "panel"):
        name = getattr(figure, role)
        if name is not None and name not in experiment.columns:
            allowed = experiment.columns or "a factor, and this study has none"
            raise InputError("not a factor of this study", key=f"figure.{role}", given=name, allowed=allowed)
    if figure.mark is not None:
        require_known(figure.mark, (), "figure.mark")
