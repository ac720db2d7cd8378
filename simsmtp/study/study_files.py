"""The files of a study: summary, experiment, figure, provenance. Equal results give equal bytes, provenance aside."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsmtp.errors import InputError, UnfinishedError
from simsmtp.experiment.experiment_record import experiment_json
from simsmtp.files import replace_files
from simsmtp.output.csv_tables import csv_of
from simsmtp.output.file_hashes import PROVENANCE
from simsmtp.store.copies import copy_rows
from simsmtp.store.provenance import circumstances, inputs_of, provenance_to_write
from simsmtp.store.store import STORE

if TYPE_CHECKING:
    from simsmtp.study.study import Study  # for annotations: a study writes its own files


def write_study(study: Study, folder: Path, *, figure: bool, command: str | None) -> list[Path]:
    """Write the files of a study; parameters and value as `Study.write`."""
    if study.ids and folder.resolve() != study.folder.resolve():
        copy_rows(study.folder / STORE, study.ids, study.experiment.replications, folder / STORE)
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


def provenance(study: Study, command: str | None = None) -> dict[str, Any]:
    """Return what has to be known to get a study's results again.

    Parameters
    ----------
    study : Study
        A finished study.
    command : str, optional
        The command line that ran it.
    """
    if study.recorded is not None:  # it tells of the run that made the results
        return dict(study.recorded)
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
