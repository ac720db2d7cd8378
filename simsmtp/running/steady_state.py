"""Studies of steady state: runs with recipient rows, their warm-up cut off, and the files that show it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from simsmtp import engines
from simsmtp.errors import InputError
from simsmtp.experiment.design import DesignPoint
from simsmtp.files import replace_files
from simsmtp.model.plan import plan_of
from simsmtp.output.csv_tables import csv_of
from simsmtp.store.provenance import note_files

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray
    from pandas import DataFrame

    from simsmtp.statistics.warmup import Warmup
    from simsmtp.study.study import Study


class SteadyPoint(NamedTuple):
    """A design point without its warm-up.

    Attributes
    ----------
    point : DesignPoint
        Which.
    series : ndarray of float, shape (messages,)
        Delays in seconds, averaged over replications.
    warmup : Warmup
        Where they are cut.
    rows : DataFrame
        Responses per replication after the cut, see `simsmtp.statistics.warmup.steady_state`.
    """

    point: DesignPoint
    series: NDArray[float64]
    warmup: Warmup
    rows: DataFrame


def steady_points(study: Study) -> Iterator[SteadyPoint]:
    """Yield every design point of a study without its warm-up, one at a time.

    The store holds no recipients, so every replication is run once more, in this process: equal seeds give equal
    rows. Each point has its own cut.

    Parameters
    ----------
    study : Study
        A finished study. Replications that failed in it are left out, and so are points without any other.

    Raises
    ------
    InputError
        If a point has fewer than 50 messages, as a short trace may.
    """
    from simsmtp.statistics.warmup import delay_series, mser5, steady_state

    for point in study.points:
        recipients = _recipients(study, point)
        if recipients is None:
            continue
        series = delay_series(recipients)
        try:
            warmup = mser5(series)
        except InputError as error:
            raise InputError(error.message, key="workload.messages", given=error.given, allowed=error.allowed) from None
        yield SteadyPoint(point, series, warmup, steady_state(recipients, warmup.cut))


def _recipients(study: Study, point: DesignPoint) -> DataFrame | None:
    import pandas as pd

    good = [row.replication for row in study.results[point.number] if row.error is None]
    if not good:
        return None
    plan = plan_of(point.scenario)
    choice = engines.choose_engine(plan, at_stake=len(good) * engines.expected_recipients(plan.workload))
    tables = []
    for replication in good:
        seed = study.experiment.seed
        output = engines.run_replication(plan, seed=seed, replication=replication, engine=choice, recipients=True)
        tables.append(output.recipients.frame())
        tables[-1].insert(0, "replication", replication)
    return pd.concat(tables, ignore_index=True)


def write_steady(study: Study, folder: str | Path | None = None) -> tuple[list[Path], list[str]]:
    """Write a study's means after the warm-up, the cuts and a figure of the latest one.

    Parameters
    ----------
    study : Study
        Finished.
    folder : str or Path, optional
        By default the study's own.

    Returns
    -------
    files : list of Path
        ``summary_steady.csv`` (as ``summary.csv``, over counted messages), ``warmup.csv`` (one row per design point),
        ``warmup.png`` and ``.svg`` (the point with the latest cut, relative to its length).
    notes : list of str
        What to tell the user: the cut of each point, with a warning where it passes half the run.
    """
    import pandas as pd

    from simsmtp.statistics.summary import summarise
    from simsmtp.statistics.warmup import RESPONSES

    folder = Path(folder or study.folder)
    found = list(steady_points(study))
    if not found:
        return [], ["no replication succeeded: there is no warm-up to cut"]
    rows = pd.concat([one.rows.assign(point=one.point.number, **one.point.factors) for one in found])
    cuts = [{"point": one.point.number, **one.point.factors, **one.warmup._asdict()} for one in found]
    tables = {
        "summary_steady.csv": summarise(rows, study.experiment.columns, RESPONSES),
        "warmup.csv": pd.DataFrame(cuts),
    }
    contents = {name: csv_of(table) for name, table in tables.items()}
    latest = max(found, key=lambda one: one.warmup.cut / one.warmup.length)
    contents |= _images(study, latest)
    written = replace_files(folder, contents)
    note_files(folder, {name: contents[name] for name in tables})
    return written, _notes(found)


def _images(study: Study, latest: SteadyPoint) -> dict[str, bytes]:
    from simsmtp.figures.canvas import figure_files
    from simsmtp.figures.warmup_figure import warmup_figure

    where = _place(latest.point)
    figure = warmup_figure(latest.series, latest.warmup, f"{study.experiment.title}{f' · {where}' if where else ''}")
    return figure_files(figure, "warmup")


def _notes(found: list[SteadyPoint]) -> list[str]:
    late = [one for one in found if one.warmup.late]
    shown = late or [max(found, key=lambda one: one.warmup.cut / one.warmup.length)]
    notes = [f"{_place(one.point) or 'base'}: {one.warmup.text()}" for one in shown[:10]]
    others = len(found) - 1
    rest = f"the other {others} design points are" if others > 1 else "the other design point is"
    return notes if late or not others else [*notes, f"{rest} cut no later"]


def _place(point: DesignPoint) -> str:
    return ", ".join(f"{name}={level}" for name, level in point.factors.items())
