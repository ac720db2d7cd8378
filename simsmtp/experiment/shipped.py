"""The experiments that come with simsmtp: found by their names, in a clone as in an installed package."""

from __future__ import annotations

import re
import tomllib
from os import PathLike
from pathlib import Path
from typing import NamedTuple

_PACKAGE = Path(__file__).parents[1]
_PLACES = (_PACKAGE / "shipped", _PACKAGE.parent / "experiments")
"""Of an installed package, where its build put them (pyproject.toml); of a clone."""


class Shipped(NamedTuple):
    """An experiment that comes with simsmtp.

    Attributes
    ----------
    name : str
        As `simsmtp.run` and the command line take it.
    title, question : str
        What its file says of it: in a line, and in a few sentences.
    command : str
        ``run``, or ``capacity`` for a capacity plan.
    file : str
        Where it is.
    """

    name: str
    title: str
    question: str
    command: str
    file: str


def shipped_files() -> dict[str, Path]:
    """Return the experiment files by name; none where the package was installed without them."""
    place = next((one for one in _PLACES if (one / "kb822105.toml").is_file()), None)
    return {} if place is None else {one.stem: one for one in sorted(place.glob("*.toml"))}


def shipped_experiments() -> list[Shipped]:
    """Return what there is, each with the question that it answers."""
    found = []
    for name, path in shipped_files().items():
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        study = tables["study"]
        question = " ".join(study["description"].split())
        command = "capacity" if "capacity" in tables else "run"
        found.append(Shipped(name, study["title"], question, command, path.as_posix()))
    return found


def is_name(given: object) -> bool:
    """Tell whether something may be the name of an experiment: a word without a folder or an ending."""
    return isinstance(given, str | PathLike) and re.fullmatch(r"[\w-]{1,64}", str(given)) is not None


def named_file(given: object) -> object:
    """Return the file of a shipped experiment for its name; anything else, and a file of that name, as it is."""
    if not is_name(given) or Path(str(given)).is_file():
        return given
    return shipped_files().get(str(given), given)
