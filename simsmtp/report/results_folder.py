"""What a results folder holds, as tables: read once, checked, for reports."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from simsmtp.errors import InputError
from simsmtp.files import parse_json, read_text
from simsmtp.output.csv_tables import read_csv_texts, read_summary
from simsmtp.output.file_hashes import require_as_noted

if TYPE_CHECKING:
    from pandas import DataFrame, Series

SUMMARY = "summary.csv"
_MOST_OCTETS = 2**28
_FIGURES = (".svg", ".png")
_NOTED = ("command", "seed", "simsmtp", "code")
_TABLES = ("study", "scenario", "factors", "design", "figure")

Json = dict[str, Any]


class Means(NamedTuple):
    """A summary: one row per design point and response.

    Attributes
    ----------
    table : DataFrame
        ``point``, the factors, ``response``, ``n``, ``mean``, ``sd``, ``low``, ``high``.
    factors : tuple of str
        Its factor columns.
    """

    table: DataFrame
    factors: tuple[str, ...]

    @property
    def points(self) -> DataFrame:
        """The design points: ``point`` and factors."""
        return self.table.drop_duplicates("point")[["point", *self.factors]]

    @property
    def varied(self) -> tuple[str, ...]:
        """The factors with more than one level."""
        return tuple(name for name in self.factors if len(set(self.points[name])) > 1)


class Record(NamedTuple):
    """What a study left behind; what is not there is empty.

    Attributes
    ----------
    folder : Path
        Where.
    means : Means
        ``summary.csv``.
    steady : Means or None
        ``summary_steady.csv``: without the messages of the warm-up.
    warmup : DataFrame or None
        ``warmup.csv``.
    provenance, experiment, capacity : dict
        The JSON documents of these names.
    figures : tuple of Path
        One file per figure, ``.svg`` where there is one; the study's own first.
    """

    folder: Path
    means: Means
    steady: Means | None
    warmup: DataFrame | None
    provenance: Json
    experiment: Json
    capacity: Json
    figures: tuple[Path, ...]

    @property
    def name(self) -> str:
        """Name of the study, by default that of the folder."""
        return str(self._study("name") or self.provenance.get("study") or self.folder.resolve().name)

    @property
    def title(self) -> str:
        """Title of the study, by default its name."""
        return str(self._study("title") or self.capacity.get("title") or self.name)

    @property
    def description(self) -> str:
        """What the study asks."""
        return " ".join(str(self._study("description") or "").split())

    @property
    def responses(self) -> tuple[str, ...]:
        """The responses that the study is about, by default all in the summary."""
        held = list(dict.fromkeys(self.means.table["response"]))
        asked = [one for one in self._study("responses") or () if one in held]
        drawn = [one for one in self.figure.get("y", ()) if one in held]
        chosen = asked if asked and len(asked) < len(held) else drawn
        return tuple(chosen or held)

    @property
    def figure(self) -> Json:
        """The table ``[figure]``."""
        found: Json = self.experiment.get("figure", {})
        return found

    def _study(self, key: str) -> Any:
        return self.experiment.get("study", {}).get(key)


def read_record(folder: str | Path) -> Record:
    """Read what is in a results folder; ``summary.csv`` alone has to be there.

    Raises
    ------
    InputError
        If folder or summary is missing, or a file in it is malformed.
    """
    folder = Path(folder)
    if not os.path.isdir(folder):  # noqa: PTH112 - false for a name that is too long to be one
        raise InputError("no such folder", file=str(folder), allowed="a results folder, as simsmtp run leaves it")
    if not (folder / SUMMARY).is_file():
        hint = f"a folder with {SUMMARY} in it, as simsmtp run leaves it"
        raise InputError(f"holds no {SUMMARY}", file=str(folder), allowed=hint)
    means = read_means(folder / SUMMARY)
    steady = folder / "summary_steady.csv"
    capacity = _document(folder / "capacity.json")
    noted = {key: capacity[key] for key in _NOTED if key in capacity}  # an older capacity plan has no provenance beside
    found = Record(
        folder, means, read_means(steady) if steady.exists() else None, _warmup(folder),
        provenance=_document(folder / "provenance.json") or noted,
        experiment=_experiment(folder / "experiment.json"),
        capacity=capacity,
        figures=(),
    )  # fmt: skip
    return found._replace(figures=_figures(folder, found.name))


def read_means(path: Path) -> Means:
    """Read a summary; numbers are numbers, levels are what they were."""
    table = read_summary(path)
    if table.empty:
        raise InputError("malformed summary: no row", file=str(path))
    columns = list(table.columns)
    factors = tuple(columns[1 : columns.index("response")])
    for name in factors:
        table[name] = _levels(list(table[name]))
    return Means(table, factors)


def _csv(path: Path) -> DataFrame:
    import pandas as pd

    require_as_noted(path)
    try:
        return read_csv_texts(path)
    except (ValueError, pd.errors.ParserError) as error:
        raise InputError(f"malformed table: {error}", file=str(path)) from None


def _levels(cells: list[str]) -> Series[Any]:
    """Return levels, numbers as numbers: a factor may have both, such as 50 and unlimited."""
    import pandas as pd

    return pd.Series([_level(cell) for cell in cells], dtype="object")


def _level(cell: str) -> float | str:
    try:
        number = float(cell)
    except ValueError:
        return cell
    if not math.isfinite(number):
        return cell
    return int(number) if number.is_integer() else number


def _warmup(folder: Path) -> DataFrame | None:
    path = folder / "warmup.csv"
    return _csv(path) if path.exists() else None


def _experiment(path: Path) -> Json:
    tables = _document(path)
    for name in _TABLES:
        if not isinstance(tables.get(name, {}), dict):
            raise InputError("should be a table", file=str(path), key=name)
    return tables


def _document(path: Path) -> Json:
    if not path.exists():
        return {}
    require_as_noted(path)
    try:
        found = parse_json(read_text(path, allowed="a file that simsmtp wrote", most=_MOST_OCTETS))
    except ValueError as error:
        raise InputError(f"malformed: {error}", file=str(path)) from None
    if not isinstance(found, dict):
        raise InputError("should hold one table", file=str(path))
    return found


def _figures(folder: Path, name: str) -> tuple[Path, ...]:
    stems = sorted(
        {path.stem for path in folder.iterdir() if path.suffix in _FIGURES}, key=lambda one: (one != name, one)
    )
    both = [[path for ending in _FIGURES if (path := folder / f"{stem}{ending}").is_file()] for stem in stems]
    return tuple(files[0] for files in both if files)
