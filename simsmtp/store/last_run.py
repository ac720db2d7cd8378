"""What a results folder tells of the run that wrote it: its provenance, and its scenarios in the store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simsmtp.errors import InputError
from simsmtp.files import parse_json, read_text
from simsmtp.output.file_hashes import PROVENANCE
from simsmtp.store.store import ALL, ScenarioRow, Store

_ALLOWED = "a file that simsmtp run wrote"


def read_provenance(folder: Path) -> dict[str, Any]:
    """Return the provenance in a folder.

    Raises
    ------
    InputError
        If it is not there, or is no table that names code and seed.
    """
    text = read_text(folder / PROVENANCE, allowed=_ALLOWED)
    try:
        noted = dict(parse_json(text))
        return noted | {"code": str(noted["code"]), "seed": int(noted["seed"])}
    except (ValueError, KeyError, TypeError, OverflowError):
        raise InputError("is no record of a run", file=str(folder / PROVENANCE), allowed=_ALLOWED) from None


def scenarios_of_last_run(store: Store, folder: Path) -> tuple[tuple[str, int] | None, list[ScenarioRow]]:
    """Return (code, seed) of the last run and its scenarios that have results; None and none of an empty store.

    The last run is the one that the folder's provenance names, else the one that was stored last. Of two versions of a
    user's strategy the one stored last is taken.
    """
    held = [one for one in store.scenarios() if store.finished(one.id, ALL).size]
    known = [(one.code, one.seed) for one in held]
    try:
        noted = read_provenance(folder)
        wanted = (noted["code"], noted["seed"])
    except InputError:
        wanted = None
    if wanted not in known:
        wanted = known[-1] if known else None
    return wanted, list({one.canonical: one for one in held if (one.code, one.seed) == wanted}.values())
