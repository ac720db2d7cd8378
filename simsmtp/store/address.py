"""The address of a scenario's results: a hash of all that they depend on."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsmtp.engines.sources import DECIDING_ROOMS
from simsmtp.errors import InputError
from simsmtp.strategies.registry import find_strategy

if TYPE_CHECKING:
    from simsmtp.model.scenario import Scenario

SCHEMA = 1
PACKAGE = Path(__file__).parents[1]


@cache
def code_hash(package: Path = PACKAGE) -> str:
    """Return the hash of every source of a copy of the package that decides or draws, names included."""
    digest = hashlib.sha256()
    for folder in DECIDING_ROOMS:
        for path in sorted((package / folder).rglob("*.py")):
            digest.update(f"{path.relative_to(package).as_posix()}\0".encode())
            digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def canonical(scenario: Scenario) -> str:
    """Return the scenario as canonical JSON, the content of a trace in place of its path."""
    if scenario.workload.trace is None:
        return scenario.canonical()
    tables: dict[str, Any] = json.loads(scenario.canonical())
    tables["workload"]["trace"] = f"sha256:{_content_hash(scenario.workload.trace)}"
    return json.dumps(tables, sort_keys=True, separators=(",", ":"))


def address(scenario: Scenario, seed: int) -> str:
    """Return the hash under which results of a scenario and seed are stored.

    Parameters
    ----------
    scenario : Scenario
        Any trace it names is read.
    seed : int
        Key of the random draws.

    Returns
    -------
    str
        Hexadecimal SHA-256 of schema, code, a user's strategy, canonical scenario and seed.
    """
    strategy = find_strategy(scenario.client.strategy)
    parts = [SCHEMA, code_hash(), strategy.version, canonical(scenario), seed]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _content_hash(trace: str) -> str:
    try:
        found = Path(trace).stat()
        return _hash_of_file(trace, found.st_mtime_ns, found.st_size)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"cannot be read: {reason}", key="workload.trace", given=trace) from None


@cache
def _hash_of_file(trace: str, changed_ns: int, size: int) -> str:  # noqa: ARG001 - they tell versions apart
    with Path(trace).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
