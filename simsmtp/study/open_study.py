"""A study from the folder that holds its results, without running anything."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsmtp.errors import InputError
from simsmtp.experiment.experiment import Experiment
from simsmtp.files import parse_json, read_text
from simsmtp.model.numbers import counted
from simsmtp.output.file_hashes import PROVENANCE, require_as_noted
from simsmtp.shown import shown
from simsmtp.store.address import canonical, code_hash
from simsmtp.store.last_run import read_provenance, scenarios_of_last_run
from simsmtp.store.scenario_identity import flat_scenario, identity_of
from simsmtp.store.store import STORE, ScenarioRow, Store, digest
from simsmtp.store.stored_rows import place_of, results_of
from simsmtp.study.engine_tally import EngineTally

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simsmtp.experiment.design import DesignPoint
    from simsmtp.study.study import Study  # for annotations: a study says what made it

_RECORD = "experiment.json"


def read_folder(folder: object) -> dict[str, Any]:
    """Return the attributes of the study in a folder; errors as of `Study.open`."""
    path = _folder_of(folder)
    noted = read_provenance(path)
    again = _again(path, noted)
    experiment = _experiment(path, noted)
    with Store(path / STORE, read_only=True) as store:
        store.check()
        wanted, held = scenarios_of_last_run(store, path)
        if wanted != (noted["code"], noted["seed"]):
            told = f"{PROVENANCE} tells of another run than the store holds"
            raise InputError(told, file=str(path), key="code and seed", allowed=again)
        ids = _ids(experiment.points, held, path, noted, again)
        _require_finished(store, experiment, ids, again)
        results = results_of(store, experiment, ids)
    found = digest((point.number, row) for point in experiment.points for row in results[point.number])
    if noted.get("digest") not in (None, found):
        raise InputError(f"notes another digest than that of the stored results, {found}", file=str(path / PROVENANCE),
                         key="digest", given=noted["digest"], allowed=again)  # fmt: skip
    return {
        "experiment": experiment, "folder": path, "results": results, "ids": tuple(ids), "ran": EngineTally(),
        "computed": 0, "reused": len(set(ids)) * experiment.replications, "recorded": {"computed": 0, **noted},
        "started": _time(noted.get("started")), "duration_s": _seconds(noted.get("duration_s")),
    }  # fmt: skip


def notes_of(study: Study) -> tuple[str, ...]:
    """Return what has to be said of a study's results."""
    if study.recorded is None or study.recorded["code"] == code_hash():
        return ()
    return (shown(f"made by {_version(study.recorded)}, whose engines are not those of this version"),)


def _version(noted: Mapping[str, Any]) -> str:
    commit = f", commit {str(noted['commit'])[:10]}" if noted.get("commit") else ""
    return f"simsmtp {noted.get('simsmtp') or 'of an unknown version'}{commit}"


def _again(folder: Path, noted: Mapping[str, Any]) -> str:
    """Return how to get what is missing."""
    command = noted.get("command")
    how = f"'{command}' with --output {folder}" if command else f"the same study, run again with output={str(folder)!r}"
    return f"{how} computes what is missing"


def _folder_of(given: object) -> Path:
    if not isinstance(given, str | os.PathLike):
        raise InputError("should be a path", key="folder", given=given, allowed="a folder with the results of a study")
    folder = Path(given)
    if not os.path.isdir(folder):  # noqa: PTH112 - which answers for a name that is too long to be one
        reason = "is not a folder" if os.path.exists(folder) else "there is no such folder"  # noqa: PTH110
        raise InputError(reason, file=str(folder), allowed="a folder with the results of a study")
    if not any((folder / name).exists() for name in (STORE, _RECORD, PROVENANCE)):
        raise InputError("holds no study", file=str(folder), allowed="a folder that simsmtp run or Study.write wrote")
    if (folder / "capacity.json").exists() and not (folder / STORE).exists():
        raise InputError("holds a capacity plan", file=str(folder), allowed="a folder with the results of a study")
    lacking = [name for name in (STORE, _RECORD, PROVENANCE) if not (folder / name).exists()]
    if lacking == [STORE]:
        only = "only the means are here" if (folder / "summary.csv").exists() else "there are no results"
        again = _again(folder, read_provenance(folder))
        raise InputError(f"{STORE} is missing: {only}", file=str(folder), allowed=again)
    if lacking:
        allowed = "the whole folder; a run that did not end is finished by the same command, one in Python by "
        raise InputError(f"{' and '.join(lacking)} missing", file=str(folder), allowed=f"{allowed}Study.write()")
    return folder


def _experiment(folder: Path, noted: Mapping[str, Any]) -> Experiment:
    path = folder / _RECORD
    require_as_noted(path)
    try:
        tables = parse_json(read_text(path, allowed="the record of a study"))
    except ValueError as error:
        raise InputError(f"is damaged: {error}", file=str(path), allowed="the record of a study") from None
    try:
        return Experiment.from_dict(tables)
    except InputError as error:
        other = _of_other_code(noted)
        raise InputError(f"{error.message}{other}", file=str(path), key=error.key, given=error.given,
                         allowed=error.allowed) from None  # fmt: skip


def _of_other_code(noted: Mapping[str, Any]) -> str:
    """Return why something may not be known here; nothing where the same code made it."""
    return "" if noted["code"] == code_hash() else f" (the study was made by {_version(noted)})"


def _ids(
    points: Sequence[DesignPoint], held: Iterable[ScenarioRow], folder: Path, noted: Mapping[str, Any], again: str
) -> list[int]:
    """Return the ids of the points' scenarios in the store."""
    known = {identity_of(flat_scenario(one.canonical)): one.id for one in held}
    found = [known.get(identity_of(flat_scenario(canonical(one.scenario)))) for one in points]
    lacking = [point for point, one in zip(points, found, strict=True) if one is None]
    if lacking:
        first = place_of(lacking[0].number, lacking[0].factors)
        missing = f"no results of {counted(len(lacking), 'design point')}{_of_other_code(noted)}"
        raise InputError(missing, file=str(folder / STORE), key=first, allowed=again)
    return [one for one in found if one is not None]


def _require_finished(store: Store, experiment: Experiment, ids: Sequence[int], again: str) -> None:
    """Raise an `InputError` if replications are missing; failed ones are there."""
    wanted = experiment.replications
    counts = {one: store.count(one, wanted) for one in ids}
    held, total = sum(counts.values()), len(counts) * wanted
    if held < total:
        raise InputError(f"holds {held:,} of {total:,} replications", file=str(store.path), allowed=again)


def _seconds(noted: object) -> float:
    return float(noted) if isinstance(noted, int | float) else 0.0


def _time(text: object) -> datetime:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
