"""The files of a study: summary, experiment, figure, provenance. Equal results give equal bytes, provenance aside."""

from __future__ import annotations

import html
import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from simsmtp.model.responses import COLUMNS
from simsmtp.study.provenance import provenance
from simsmtp.study.record import experiment_json

if TYPE_CHECKING:
    from simsmtp.study.study import Study


def write_study(study: Study, folder: Path, *, figure: bool, command: str | None) -> list[Path]:
    """Write the files of a study; parameters and value as `Study.write`."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        "summary.csv": study.summary().to_csv(index=False, lineterminator="\n").encode(),
        "provenance.json": _kept_provenance(study, folder)
        or (json.dumps(provenance(study, command), indent=2) + "\n").encode(),
        "experiment.json": experiment_json(study.experiment),
    }
    if figure and study.experiment.figure is not None:
        contents |= _images(study)
    for name, content in contents.items():
        _replace(folder / name, content)
    return [folder / name for name in contents]


def _replace(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    os.replace(part, path)  # noqa: PTH105 - as Path.replace, and either the old or the new file is there


def _kept_provenance(study: Study, folder: Path) -> bytes | None:
    """Return the provenance that is there if this run added nothing: it tells of the run that computed the results."""
    path = folder / "provenance.json"
    if study.computed or not path.exists():
        return None
    content = path.read_bytes()
    try:
        noted = json.loads(content)
    except ValueError:
        return None
    return content if isinstance(noted, dict) and noted.get("digest") == study.digest else None


def _images(study: Study) -> dict[str, bytes]:
    from simsmtp.analysis.plots import save_figure  # noqa: PLC0415 - matplotlib costs a second

    with TemporaryDirectory() as scratch:
        return {path.name: path.read_bytes() for path in save_figure(study.plot(), scratch, study.name)}


def html_of(study: Study) -> str:
    """Return title and table of means for a notebook."""
    table = study.summary().pivot_table(
        index=["point", *study.experiment.columns], columns="response", values="mean", sort=False
    )
    shown = [name for name in COLUMNS if name in study.experiment.responses and name in table]
    failed = f", {len(study.failures)} failed" if study.failures else ""
    title = f"<b>{html.escape(study.experiment.title)}</b>"
    size = f"{len(study.points)} design points with {study.experiment.replications} replications{failed}; means"
    return f"<p>{title}<br>{size}</p>{table[shown].to_html(max_rows=40, float_format='{:.4g}'.format)}"
