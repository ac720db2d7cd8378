"""The answers that an earlier capacity plan left in its folder, and the digest of all rows behind them."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsmtp.errors import InputError
from simsmtp.files import parse_json, read_text
from simsmtp.output.file_hashes import PROVENANCE, require_as_noted
from simsmtp.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simsmtp.planning.results import CapacityResults


ANSWERS = "capacity.json"
_STORE, _SUMMARY = "replications.sqlite", "summary.csv"
_OWN_FILES = {ANSWERS, _STORE, _SUMMARY}
_SUMMARY_HEAD = "point,stage,values,seed,verdict,"
_HINT = "a folder that 'simsmtp capacity' wrote"
_KEYS = ("objectives", "searches", "verdict", "scenario", "seed", "replications")


@dataclass(frozen=True)
class RecordedAnswers:
    """The answers of a capacity plan.

    Attributes
    ----------
    source : str
        Where they were read.
    document : mapping
        As ``capacity.json`` has them.
    digest : str
        Hash of all rows; empty if not known.
    summary : str
        The text of ``summary.csv``; empty if it is not there.
    """

    source: str
    document: Mapping[str, Any] = field(repr=False)
    digest: str = ""
    summary: str = field(default="", repr=False)


def capacity_folder(path: Path) -> Path | None:
    """Return the folder of a capacity plan that a path names, itself or by one of its files; None for others.

    A study that was run into the same folder later has put its own summary there: then the folder is the study's.
    """
    # Of os.path, which answers for a name that is too long to be one.
    folder = path if os.path.isdir(path) else path.parent  # noqa: PTH112
    if not os.path.isfile(folder / ANSWERS) or (folder != path and path.name not in _OWN_FILES):  # noqa: PTH113
        return None
    return folder if path.name == ANSWERS or is_capacity_summary(folder / _SUMMARY) is not False else None


def is_capacity_summary(path: Path) -> bool | None:
    """Tell whether a summary is that of a capacity plan; None where there is none."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return file.read(len(_SUMMARY_HEAD)) == _SUMMARY_HEAD.encode()


def read_answers(folder: Path) -> RecordedAnswers:
    """Read the folder of a capacity plan.

    Raises
    ------
    InputError
        If its answers cannot be read, are not those of a plan, or were changed after they were written.
    DamagedError
        If a bit of the rows behind them is not what was stored.
    """
    path = folder / ANSWERS
    try:
        document = parse_json(read_text(path, allowed=_HINT))
    except ValueError as error:
        raise InputError(f"not the answers of a capacity plan: {error}", file=str(path), allowed=_HINT) from None
    missing = [key for key in _KEYS if not isinstance(document, dict) or key not in document]
    if missing:
        raise InputError(f"not the answers of a capacity plan: no {missing[0]!r}", file=str(path), allowed=_HINT)
    summary = folder / _SUMMARY
    text = read_text(summary, allowed=_HINT) if summary.is_file() else ""
    for one in (path, *([summary] if text else [])):
        require_as_noted(one)
    if (folder / _STORE).exists():
        with Store(folder / _STORE, read_only=True) as store:
            store.check()
            store.verify()
    return RecordedAnswers(str(folder), document, _digest(folder / PROVENANCE), text)


def _digest(path: Path) -> str:
    try:
        return str(parse_json(read_text(path, allowed=_HINT)).get("digest", ""))
    except (InputError, ValueError, AttributeError):
        return ""


def answers_of(capacity: CapacityResults) -> RecordedAnswers:
    """Return the answers of a plan that was run in Python."""
    from simsmtp.planning.capacity_files import digest_of_looks, document_of_capacity, summary_of

    summary = summary_of(capacity).to_csv(index=False, lineterminator="\n")
    document = json.loads(json.dumps(document_of_capacity(capacity)))
    return RecordedAnswers(str(capacity.plan.prepared.folder), document, digest_of_looks(capacity), summary)
