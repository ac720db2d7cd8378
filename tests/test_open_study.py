"""`Study.open`, `Study.write` elsewhere, `Study.to_xarray` and what a study shows of itself."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from study_files import STRATEGY, TINY, FakeEngine, engine, here, own_registry, written

import simsmtp
from simsmtp import InputError, Study
from simsmtp.store import address

__all__ = ["engine", "here", "own_registry"]
pytestmark = pytest.mark.usefixtures("own_registry")
ROWS, RECORD, NOTES = "replications.sqlite", "experiment.json", "provenance.json"


def finished(folder: Path, text: str = TINY, **options: Any) -> Study:
    study = simsmtp.run(written(folder, text), workers=1, output="out", **options)
    study.write(figure=False, command="simsmtp run study.toml")
    return study


def test_results_are_opened_as_they_were_and_nothing_is_run_or_written(here: Path, engine: FakeEngine) -> None:
    study = finished(here)
    engine.calls.clear()
    before = {file: file.read_bytes() for file in Path("out").iterdir()}
    found = Study.open("out")
    assert found.rows.equals(study.rows)
    assert found.summary().equals(study.summary())
    assert (found.digest, found.notes, found.reused, found.computed) == (study.digest, (), 12, 0)
    assert found.engines == {"reference": 12} or sum(found.engines.values()) == 12
    assert found.plot().axes
    assert found.started.replace(microsecond=0) == study.started.replace(microsecond=0)
    assert repr(found) == repr(study)
    assert ({file: file.read_bytes() for file in Path("out").iterdir()}, engine.calls) == (before, [])
    found.write(figure=False)
    assert {file: file.read_bytes() for file in Path("out").iterdir()} == before


def test_what_is_written_elsewhere_is_opened_and_goes_on_there(here: Path, engine: FakeEngine) -> None:
    study = finished(here)
    study.write("there", figure=False)
    Study.open("there").write("further", figure=False)
    shutil.rmtree("out")
    assert Study.open("further").digest == study.digest
    for one in ("computed", "command"):
        told = [json.loads(Path(place, NOTES).read_text(encoding="utf-8"))[one] for place in ("there", "further")]
        assert told[0] == told[1]
    again = simsmtp.run("study.toml", workers=1, output="further", replications=4)
    assert (again.computed, again.reused) == (4, 12)
    with pytest.raises(InputError, match=r"out.replications\.sqlite: the study's results are not there any more"):
        study.write("late")


def test_rows_join_those_that_a_folder_has(here: Path, engine: FakeEngine) -> None:
    many, few = (simsmtp.run(written(here, TINY), workers=1, output=str(n), replications=n) for n in (4, 2))
    few.write("4", figure=False)
    many.write("2", figure=False)
    assert [len(Study.open(place).rows) for place in ("4", "2")] == [8, 16]
    assert simsmtp.run("study.toml", workers=1, output="4", replications=4).computed == 0


def test_results_of_another_version_are_results(
    here: Path, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = finished(here)
    noted = json.loads(Path("out", NOTES).read_text(encoding="utf-8"))
    Path("out", NOTES).write_text(json.dumps(noted | {"simsmtp": "0.0.7\x1b[31m", "commit": "0123456789abcdef"}))
    usual = address.code_hash
    for module in [one for name, one in sys.modules.items() if name.startswith("simsmtp.")]:
        if getattr(module, "code_hash", None) is usual:
            monkeypatch.setattr(module, "code_hash", lambda: "f" * 64)
    found = Study.open("out")
    assert found.rows.equals(study.rows)
    (note,) = found.notes
    assert note.startswith(r"made by simsmtp 0.0.7\x1b[31m, commit 0123456789,")
    assert note in repr(found)
    assert note in found._repr_html_()
    found.write("kept", figure=False)
    kept = Study.open("kept")
    assert (kept.digest, kept.notes) == (study.digest, found.notes)
    assert simsmtp.run("study.toml", workers=1, output="kept").computed == 12


def _edit(name: str, change: Callable[[dict[str, Any]], Any]) -> None:
    path = Path("out", name)
    tables = json.loads(path.read_text(encoding="utf-8"))
    change(tables)
    path.write_text(json.dumps(tables), encoding="utf-8")


def _sql(statement: str) -> None:
    with sqlite3.connect(Path("out", ROWS)) as base:
        base.execute(statement)
    base.close()


def _forget(name: str) -> None:
    _edit(NOTES, lambda noted: noted["files"].pop(name))


def _other_base() -> None:
    _forget(RECORD)
    _edit(RECORD, lambda tables: tables["scenario"].update({"server": {"recipient_limit": 7}}))


def _unknown_key() -> None:
    _forget(RECORD)
    _edit(RECORD, lambda tables: tables["scenario"].update({"client": {"batch_sise": 7}}))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda: Path("out", ROWS).unlink(), r"replications\.sqlite is missing: only the means .*--output out"),
        (lambda: Path("out", RECORD).unlink(), r"experiment\.json missing; allowed: .*Study\.write\(\)"),
        (lambda: Path("out", NOTES).unlink(), r"provenance\.json missing"),
        (lambda: shutil.rmtree("out"), r"^out: there is no such folder"),
        (lambda: [file.unlink() for file in Path("out").iterdir()], r"^out: holds no study"),
        (lambda: Path("out", NOTES).write_text("[]"), r"provenance\.json: is no record of a run"),
        (lambda: Path("out", NOTES).write_text("{"), r"provenance\.json: is no record of a run"),
        (lambda: Path("out", RECORD).write_text("{"), r"experiment\.json: was changed after it was written"),
        (lambda: (_forget(RECORD), Path("out", RECORD).write_text("{")), r"experiment\.json: is damaged"),
        (_unknown_key, r"experiment\.json: client\.batch_sise: unknown key 'batch_sise'"),
        (_other_base, r"no results of 4 design points"),
        (lambda: Path("out", ROWS).write_bytes(b"nonsense" * 999), r"cannot be used as a store"),
        (lambda: _sql("UPDATE replication SET lost = 5 WHERE replication = 1"), r"the row of replication 1 is damaged"),
        (lambda: _sql("DELETE FROM replication WHERE replication = 2"), r"holds 8 of 12 replications; allowed: 'simsm"),
        (lambda: _sql("DELETE FROM replication"), r"provenance\.json tells of another run than the store holds"),
        (lambda: _sql("PRAGMA user_version = 9"), r"written by another version of simsmtp; given: 9"),
        (lambda: _edit(NOTES, lambda noted: noted.update(digest="0")), r"digest: notes another digest"),
        (lambda: _edit(NOTES, lambda noted: noted.update(digest=[0], command=[], duration_s="")), r"digest: "),
        (lambda: _edit(NOTES, lambda noted: noted.update(seed=float("inf"))), r"is no record of a run"),
        (lambda: _edit(NOTES, lambda noted: noted.update(seed=8)), r"tells of another run"),
    ],
)  # fmt: skip
def test_a_folder_that_is_not_whole_is_one_clear_line(
    here: Path, engine: FakeEngine, spoil: Callable[[], Any], message: str
) -> None:
    finished(here)
    spoil()
    with pytest.raises(InputError, match=message) as told:
        Study.open("out")
    assert len(str(told.value).splitlines()) == 1


def test_what_is_no_folder_of_a_study_is_told(here: Path) -> None:
    Path("plan").mkdir()
    Path("plan", "capacity.json").write_text("{}")
    Path("plan", RECORD).write_text("{}")
    for given, message in (
        (5, "^folder: should be a path"),
        ("x" * 5000, "there is no such folder"),
        (__file__, "is not a folder"),
        ("plan", "^plan: holds a capacity plan"),
    ):
        with pytest.raises(InputError, match=message):
            Study.open(given)  # type: ignore[arg-type]


def test_a_strategy_of_the_users_own_has_to_be_registered(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from simsmtp.strategies import registry

    known = dict(registry._registry)
    written(here, STRATEGY, "mine.py")
    study = finished(here, strategies=["mine.py"])
    assert Study.open("out").digest == study.digest
    monkeypatch.setattr(registry, "_registry", known)
    with pytest.raises(InputError, match=r"experiment\.json: client\.strategy: unknown .*given: 'optimist'"):
        Study.open("out")


def test_a_study_is_a_dataset_with_a_dimension_for_each_factor(engine: FakeEngine) -> None:
    pytest.importorskip("xarray", reason="xarray is not installed (pip install 'simsmtp[xarray]')")
    factors = {
        "client.batch_size": [100, 50],
        "client.strategy": ["corrected", "one-stop"],
        "server.sessions": [None, 3],
    }
    engine.fail_at = {("one-stop", 1)}
    study = simsmtp.sweep({}, factors, replications=3, workers=1)
    data = study.to_xarray()
    assert dict(data.sizes) == {"client.batch_size": 2, "client.strategy": 2, "server.sessions": 2, "replication": 3}
    assert data["client.batch_size"].values.tolist() == [100, 50]
    assert data["server.sessions"].values.tolist() == ["unlimited", 3]
    for point in study.points:
        values = data["delivered_per_s"].sel(point.factors).values
        np.testing.assert_array_equal(values, study.values(point.number, "delivered_per_s"))
    assert data["makespan_s"].attrs["units"] == "s"
    assert data.attrs["title"] == study.experiment.title


def test_listed_points_are_along_one_dimension(here: Path, engine: FakeEngine) -> None:
    pytest.importorskip("xarray", reason="xarray is not installed (pip install 'simsmtp[xarray]')")
    listed = TINY + '\n[[points]]\n"client.batch_size" = 77\n"client.strategy" = "budget"\n'
    data = simsmtp.run(written(here, listed), workers=1).to_xarray()
    assert dict(data.sizes) == {"point": 5, "replication": 3}
    assert data["client.batch_size"].dims == ("point",)
    assert data["client.strategy"].values.tolist()[-1] == "budget"
    assert data["lost"].dtype == "int64"


def test_without_xarray_it_says_how_to_get_it(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(InputError, match=r"xarray is not installed; allowed: pip install 'simsmtp\[xarray\]'"):
        simsmtp.sweep({}, {}, replications=1, workers=1).to_xarray()


def test_a_study_says_in_a_few_lines_what_varies_and_what_came_out(engine: FakeEngine) -> None:
    factors = {
        "client.batch_size": range(10, 110, 10),
        "network.rtt_ms": [50],
        "client.strategy": ["budget", "one-stop"],
    }
    study = simsmtp.sweep({}, factors, replications=3, workers=1)
    assert repr(study).splitlines() == [
        "<Study 'sweep': 20 design points, 3 replications each",
        "  client.batch_size  10 to 100 (10 levels)",
        "  client.strategy    budget, one-stop",
        "  delivered_per_s    means 11 to 101",
        "  false_ndr_rate     means 11 to 101",
        "  lost               means 11 to 101>",
    ]
    html = study._repr_html_()
    assert "20 design points, 3 replications each, seed 0 · round-trip time 50 ms" in html
    assert html.count("<tr>") == 21
    assert html.count("<th ") == 5
    assert "linear-gradient" in html
