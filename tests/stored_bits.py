"""A small study with one bit of its store flipped: what it is read as, run as and repaired to."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import simsmtp
from simsmtp import Experiment
from simsmtp.errors import InputError
from simsmtp.gate.baseline import load_baseline
from simsmtp.store.store import STORE

TABLES = {
    "study": {"name": "bits", "title": "Bits", "replications": 3, "seed": 7},
    "scenario": {"workload": {"recipients_per_message": {"dist": "lognormal", "mean": 120.0, "cv": 0.3}}},
    "factors": {"client.batch_size": [50, 200]},
}
OTHER_SCHEMA = "another version of simsmtp"


class Outcome(NamedTuple):
    """What became of a flip: ``"found"`` or ``"harmless"`` for a reader and for a run; True if it was repaired."""

    read: str
    run: str
    repaired: bool


def rows_by_scenario(folder: Path) -> dict[str, str]:
    """Return the rows of each scenario as a comparison reads them from a folder, to the last bit."""
    read = load_baseline(folder)
    tables = dict(iter(read.rows.drop(columns="error").groupby("point")))
    return {
        one.identity: tables[number].drop(columns="point").to_csv(index=False)
        for number, one in enumerate(read.points, 1)
    }


class Bench:
    """A study that was run once, and copies of it to damage.

    Parameters
    ----------
    folder : Path
        An empty one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.experiment = Experiment.from_dict(TABLES)
        study = self._run(folder / "whole")
        self.rows = rows_by_scenario(folder / "whole")
        self.digest = study.digest
        self.content = (folder / "whole" / STORE).read_bytes()

    def _run(self, folder: Path, *, repair: bool = False) -> simsmtp.Study:
        return simsmtp.run(self.experiment, workers=1, output=folder, engine="reference", repair=repair, progress=False)

    def with_content(self, content: bytes) -> Path:
        """Return a fresh folder with a store of this content."""
        damaged = self.folder / "damaged"
        shutil.rmtree(damaged, ignore_errors=True)
        damaged.mkdir()
        (damaged / STORE).write_bytes(content)
        return damaged

    def flipped(self, bit: int) -> bytes:
        """Return the store with one bit flipped."""
        content = bytearray(self.content)
        content[bit // 8] ^= 1 << bit % 8
        return bytes(content)

    def outcome(self, content: bytes) -> Outcome:
        """Return what becomes of a store; a wrong answer is an `AssertionError`."""
        folder = self.with_content(content)
        read = run = "harmless"
        try:
            rows = rows_by_scenario(folder)
        except InputError:
            read = "found"
        else:
            assert rows == self.rows, "a reader got other rows"
        try:
            study = self._run(folder)
        except InputError:
            run = "found"
        else:
            assert study.digest == self.digest, "a run told another result"
        folder = self.with_content(content)
        try:
            repaired = self._run(folder, repair=True).digest
        except InputError as error:
            assert OTHER_SCHEMA in str(error), f"not repaired: {error}"  # noqa: PT017
            return Outcome(read, run, False)
        assert repaired == self.digest, "a repair gave another result"
        assert rows_by_scenario(folder) == self.rows, "a repaired store is read otherwise"
        return Outcome(read, run, True)
