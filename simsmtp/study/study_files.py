"""The files of a study: summary, experiment, figure, provenance. Equal results give equal bytes, provenance aside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsmtp.errors import InputError, UnfinishedError
from simsmtp.experiment.experiment_record import experiment_json
from simsmtp.files import replace_files
from simsmtp.model.numbers import counted, number_text
from simsmtp.output.csv_tables import csv_of
from simsmtp.output.file_hashes import PROVENANCE
from simsmtp.rows.responses import BY_NAME, COLUMNS
from simsmtp.shown import html_text
from simsmtp.statistics.pooled_percentiles import note_for
from simsmtp.store.provenance import circumstances, inputs_of, provenance_to_write

if TYPE_CHECKING:
    from simsmtp.study.study import Study  # for annotations: a study writes its own files


_MOST_ROWS = 40


def write_study(study: Study, folder: Path, *, figure: bool, command: str | None) -> list[Path]:
    """Write the files of a study; parameters and value as `Study.write`."""
    contents = {
        "summary.csv": csv_of(study.summary()),
        "experiment.json": experiment_json(study.experiment),
    }
    contents[PROVENANCE] = provenance_to_write(folder, provenance(study, command), contents)
    return write_files(folder, contents, (lambda: _images(study)) if figure and study.experiment.figure else None)


def write_files(folder: Path, contents: dict[str, bytes], images: Callable[[], dict[str, bytes]] | None) -> list[Path]:
    """Write files, then the images of the same results, and return all paths.

    Raises
    ------
    InputError
        If a file cannot be written.
    UnfinishedError
        If the images cannot be drawn; the files are written all the same.
    """
    written = replace_files(folder, contents)
    return written + replace_files(folder, _drawn(images, contents)) if images else written


def _drawn(images: Callable[[], dict[str, bytes]], written: Iterable[str]) -> dict[str, bytes]:
    try:
        return images()
    except InputError:
        raise
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        raise UnfinishedError(f"the figure cannot be drawn ({told}); {', '.join(written)} are written") from error


def _images(study: Study) -> dict[str, bytes]:
    from simsmtp.figures.canvas import figure_files

    return figure_files(study.plot(), study.name)


def html_of(study: Study) -> str:
    """Return title and table for a notebook: mean and half-width of the interval of each response."""
    from simsmtp.figures.labels import factor_label, response_label

    shown = [name for name in COLUMNS if name in study.experiment.responses]
    names = [*map(factor_label, study.experiment.columns), *map(response_label, shown)]
    titles = [*study.experiment.columns, *(BY_NAME[name].meaning for name in shown)]
    heads = "".join(f'<th title="{html_text(t)}">{html_text(n)}</th>' for n, t in zip(names, titles, strict=True))
    count = len(study.points)
    failed = f", {len(study.failures)} failed" if study.failures else ""
    size = f"{counted(count, 'design point')} with {counted(study.experiment.replications, 'replication')}{failed}"
    cut = f"; the first {_MOST_ROWS} are shown" if count > _MOST_ROWS else ""
    head = f"<b>{html_text(study.experiment.title)}</b><br>{size}{cut}; means ± half-width of their 95 % intervals"
    note = note_for(shown, study.destinations)
    head += f"<br>{note}" if note else ""
    body = f'<tbody style="white-space: nowrap">{"".join(_html_rows(study, shown))}</tbody>'
    return f"<p>{head}</p><table><thead><tr>{heads}</tr></thead>{body}</table>"


def _html_rows(study: Study, shown: Sequence[str]) -> Iterator[str]:
    from simsmtp.figures.labels import level_text

    columns = ["point", "response", "n", "mean", "low", "high"]
    means = {(point, name): _mean_text(*rest) for point, name, *rest in study.summary()[columns].to_numpy().tolist()}
    for point in study.points[:_MOST_ROWS]:
        levels = "".join(f"<td>{html_text(level_text(one))}</td>" for one in point.factors.values())
        yield f"<tr>{levels}{''.join(f'<td>{means[point.number, name]}</td>' for name in shown)}</tr>"


def _mean_text(n: int, mean: float, low: float, high: float) -> str:
    half = max(high - mean, mean - low)
    return "no value" if n == 0 else f"{number_text(mean)} ± {number_text(half, 2)}" if half > 0 else number_text(mean)


def provenance(study: Study, command: str | None = None) -> dict[str, Any]:
    """Return what has to be known to get a study's results again.

    Parameters
    ----------
    study : Study
        A finished study.
    command : str, optional
        The command line that ran it.
    """
    return {
        "study": study.name,
        "digest": study.digest,
        "inputs": inputs_of(
            (one.scenario, study.experiment.seed, study.experiment.replications) for one in study.points
        ),
        "seed": study.experiment.seed,
        "design_points": len(study.points),
        "replications": study.experiment.replications,
        "computed": study.computed,
        "reused": study.reused,
        "failed": len(study.failures),
        "engines": study.engines,
        **circumstances(command, study.started, study.duration_s),
    }
