"""Trace files that scenarios name: found beside the experiment file, and checked before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsmtp.errors import InputError

if TYPE_CHECKING:
    from simsmtp.experiment.source_map import SourceMap
    from simsmtp.model.scenario import Scenario


def traces_beside(tables: Any, file: str | None) -> Any:
    """Return the tables of a file with the path of every trace that lies beside the file, as seen from here.

    Parameters
    ----------
    tables : mapping
        As read. A ``trace`` in them is looked for relative to the file first; one that is not there is left as it is,
        relative to the current directory.
    file : str or None
        Where they were read from; without a file nothing changes.
    """
    return tables if file is None else _beside(tables, Path(file).parent, "")


def _beside(value: Any, folder: Path, key: str) -> Any:
    if isinstance(value, Mapping):
        return {inner: _beside(one, folder, inner) for inner, one in value.items()}
    if isinstance(value, list):
        return [_beside(one, folder, key) for one in value]
    if key.rpartition(".")[2] != "trace" or not isinstance(value, str) or not value:
        return value
    return (folder / value).as_posix() if _is_there(folder / value) else value


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # longer than a name can be, a null character
        return False


def check_trace(scenario: Scenario, places: SourceMap) -> None:
    """Raise an `InputError` if the scenario's trace is not a file.

    Parameters
    ----------
    scenario : Scenario
        Its ``workload.trace`` is relative to the current directory, see `traces_beside`.
    places : SourceMap
        To name the line that gave the path.
    """
    trace = scenario.workload.trace
    if trace is None:
        return
    is_there = _is_there(Path(trace))
    if not is_there or not Path(trace).is_file():
        hint = "a file, relative to the experiment file or to here; another one: --set scenario.workload.trace=PATH"
        message = "is not a regular file" if is_there else "there is no such trace"
        error = InputError(message, key="workload.trace", given=trace, allowed=hint)
        key = "scenario.workload.trace"
        raise places.locate(error, key if "factors.workload.trace" not in places.settings else "factors.workload.trace")
