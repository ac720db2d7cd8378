"""What is stored is what was computed, or an error that names the place; and what repair does."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import struct
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from stored_bits import Bench
from study_files import TINY, FakeEngine, engine, here, own_registry, written

import simsmtp
from simsmtp import Scenario
from simsmtp.__main__ import _exit_code
from simsmtp.errors import InputError
from simsmtp.gate.baseline import load_baseline
from simsmtp.planning.evaluator import Evaluator
from simsmtp.report.report import write_report
from simsmtp.rows.responses import RESPONSES
from simsmtp.running.run_options import RunOptions
from simsmtp.running.runner import prepare
from simsmtp.store import stored_rows
from simsmtp.store.failures import DamagedError
from simsmtp.store.store import Row, Store

__all__ = ["engine", "here", "own_registry"]

FOLDER = Path("results/tiny")
STORE = FOLDER / "replications.sqlite"
WHERE = r"replications\.sqlite: design point 3 \(client.batch_size=200, client.strategy=corrected\): "
DAMAGED = WHERE + "the row of replication 1 is damaged: its checksum does not match"


def run(here: Path, **options: object) -> simsmtp.Study:
    options = {"workers": 1, "progress": False} | options
    return simsmtp.run(written(here, TINY), **options)  # type: ignore[arg-type]


def change(statement: str, *values: object) -> None:
    with closing(sqlite3.connect(STORE)) as base:
        base.execute(statement, values)
        base.commit()


def flip_a_stored_double() -> None:
    """Flip the last bit of a response at batch size 200, replication 1."""
    with closing(sqlite3.connect(STORE)) as base:
        base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = STORE.read_bytes()
    value = struct.pack(">d", 200 + 1 + 7 / 8)  # what the fake engine gives; every response of the row has it
    assert content.count(value)
    STORE.write_bytes(content.replace(value, value[:-1] + bytes([value[-1] ^ 1]), 1))


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, here: Path) -> Callable[..., int]:
    """Run the command line in this process, with the fake engine; returns the exit code."""
    written(here, TINY)

    def called(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["simsmtp", *map(str, arguments)])
        return _exit_code()

    return called


@pytest.mark.parametrize("kept", [0, 100_000])
def test_a_flipped_bit_of_a_double_names_file_point_and_replication(
    here: Path, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    run(here)
    flip_a_stored_double()
    monkeypatch.setattr(stored_rows, "KEPT", kept)
    place = r"replications\.sqlite: design point [34] \(client.batch_size=200, client.strategy=.*\): "
    with pytest.raises(DamagedError, match=f"{place}the row of replication 1 is damaged"):
        run(here).summary()


def test_a_changed_cell_names_file_point_and_replication(here: Path, engine: FakeEngine) -> None:
    run(here)
    change("UPDATE replication SET makespan_s = makespan_s * 1.0000000001 WHERE scenario = 3 AND replication = 1")
    with pytest.raises(DamagedError, match=DAMAGED):
        run(here)
    with pytest.raises(DamagedError, match="row of replication 1 is damaged"):
        load_baseline(FOLDER)


@pytest.mark.parametrize("column", ["delivered", "engine", "duration_s", "error", "checksum", "lost"])
def test_every_column_is_verified(here: Path, engine: FakeEngine, column: str) -> None:
    run(here)
    change(f"UPDATE replication SET {column} = '5' WHERE scenario = 3 AND replication = 1")  # noqa: S608
    with pytest.raises(DamagedError, match="replication 1 is damaged"):
        run(here)


@pytest.mark.parametrize(
    ("one", "other"), [((1, 0), (1, 2)), ((1, 1), (2, 1)), ((1, 0), (4, 2))], ids=["replications", "points", "both"]
)
def test_swapped_rows_are_found(here: Path, engine: FakeEngine, one: tuple[int, int], other: tuple[int, int]) -> None:
    run(here)
    move = "UPDATE replication SET scenario = ?, replication = ? WHERE scenario = ? AND replication = ?"
    for to, there in (((99, 99), one), (one, other), (other, (99, 99))):
        change(move, *to, *there)
    with pytest.raises(DamagedError, match="is damaged"):
        run(here)


def test_swapped_scenarios_are_found(here: Path, engine: FakeEngine) -> None:
    run(here)
    for to, there in ((99, 1), (1, 2), (2, 99)):
        change("UPDATE scenario SET id = ? WHERE id = ?", to, there)
    with pytest.raises(DamagedError, match="is damaged"):
        run(here)


def test_a_row_of_no_scenario_is_not_overlooked_by_a_comparison(here: Path, engine: FakeEngine) -> None:
    run(here)
    change("UPDATE replication SET scenario = 77 WHERE scenario = 4 AND replication = 2")
    with pytest.raises(DamagedError, match="1 rows belong to no scenario"):
        load_baseline(STORE)


@pytest.mark.parametrize("column", ["canonical", "seed", "code", "address"])
def test_a_changed_scenario_is_not_compared(here: Path, engine: FakeEngine, column: str) -> None:
    run(here)
    change(f"UPDATE scenario SET {column} = '7777' WHERE id = 2")  # noqa: S608
    with pytest.raises(DamagedError, match="scenario 2 is damaged"):
        load_baseline(FOLDER)


def test_damage_is_found_before_anything_is_computed(here: Path, engine: FakeEngine) -> None:
    run(here)
    change("UPDATE replication SET lost = 9 WHERE scenario = 3 AND replication = 1")
    engine.calls.clear()
    with pytest.raises(DamagedError, match=DAMAGED):
        run(here, replications=50)
    assert engine.calls == []


def test_repair_computes_just_what_is_damaged_and_keeps_the_old_file(here: Path, engine: FakeEngine) -> None:
    whole = run(here)
    change("UPDATE replication SET lost = 9 WHERE scenario = 3 AND replication = 1")
    before = STORE.read_bytes()
    engine.calls.clear()
    found = run(here, repair=True)
    assert (found.computed, found.reused, found.digest) == (1, 11, whole.digest)
    assert engine.calls == [("corrected", 7, 1)]
    assert STORE.with_name("replications.sqlite.damaged-1").read_bytes() == before
    assert run(here, repair=True).computed == 0
    assert len(list(FOLDER.iterdir())) == 2


def test_repair_where_nothing_is_stored_or_damaged_changes_nothing(here: Path, engine: FakeEngine) -> None:
    digest = run(here, repair=True).digest
    before = STORE.read_bytes()
    assert run(here, repair=True).digest == digest
    assert STORE.read_bytes() == before


@pytest.mark.parametrize(
    "cut",
    [lambda all_of: all_of[:5000], lambda all_of: all_of[:4096] + b"\xff" * 4096 + all_of[8192:], lambda _: b"no" * 99],
    ids=["truncated", "a page lost", "no database"],
)
def test_a_file_that_is_broken_is_bad_input_and_repaired(
    here: Path, engine: FakeEngine, cut: Callable[[bytes], bytes]
) -> None:
    whole = run(here)
    STORE.write_bytes(cut(STORE.read_bytes()))
    for reads in (lambda: run(here), lambda: simsmtp.gate.read_results.from_store(STORE)):
        with pytest.raises(DamagedError, match=r"replications\.sqlite: "):
            reads()
    assert run(here, repair=True).digest == whole.digest
    assert load_baseline(FOLDER).replications == 3


def test_a_store_without_checksums_is_neither_trusted_nor_touched(here: Path, engine: FakeEngine) -> None:
    run(here)
    change("PRAGMA user_version = 1")
    before = STORE.read_bytes()
    for repair in (False, True):
        with pytest.raises(InputError, match="another version of simsmtp, without checksums; given: 1; allowed: sche"):
            run(here, repair=repair)
    assert STORE.read_bytes() == before


def test_failed_rows_nan_and_negative_zero_are_no_damage(tmp_path: Path) -> None:
    values = tuple(
        number if one.whole else [float("nan"), -0.0, 1e300][number % 3] for number, one in enumerate(RESPONSES)
    )
    rows = [
        Row(0, values, "reference", 0.5, None),
        Row(1, (None,) * len(RESPONSES), "auto", 0.0, "Error: ünicode\nof two lines"),
        Row(2, tuple(float("inf") if not one.whole else -(2**62) for one in RESPONSES), "compiled", 1e-9, None),
    ]
    with Store(tmp_path / "s.sqlite") as store:
        number = store.scenario_id(Scenario(), 1)
        store.add([(number, one) for one in rows])
        found = list(store.rows(number))
        store.check()
        store.verify()
    assert found[1:] == rows[1:]
    assert [str(one + 0) for one in found[0].responses] == [str(one + 0) for one in values]  # type: ignore[operator]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("bits"))


@pytest.mark.parametrize("part", range(6))
def test_every_flipped_bit_is_found_or_harmless_and_repaired(bench: Bench, part: int) -> None:
    # A sample of the octets in use; experiments/fuzzing/store_bits.py flips many more.
    octets = [place for place, octet in enumerate(bench.content) if octet]
    found = {bench.outcome(bench.flipped(octets[at] * 8 + at % 8)) for at in range(part * 97, len(octets), 587)}
    assert all(one.repaired for one in found)


def test_all_page_ends_where_a_file_may_be_cut_are_found(bench: Bench) -> None:
    for end in range(4096, len(bench.content), 4096):
        assert bench.outcome(bench.content[:end]).read == "found"
    assert bench.outcome(b"").run == "harmless"  # an empty file is an empty store: all is computed


def test_the_commands_end_with_2_and_repair_mends(
    call: Callable[..., int], engine: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = ("run", "study.toml", "--no-figure", "--workers", 1, "--json")
    assert call(*quick) == 0
    digest = json.loads(capsys.readouterr().out)["digest"]
    noted = (FOLDER / "provenance.json").read_bytes()
    change("UPDATE replication SET lost = 9 WHERE scenario = 3 AND replication = 1")
    for arguments in (quick, (*quick, "--dry-run"), (*quick, "--precision", "lost ±5"), ("compare", FOLDER, FOLDER)):
        assert call(*arguments) == 2
        out, complaint = capsys.readouterr()
        assert out == ""
        assert "replication 1 is damaged" in complaint
        assert "--repair" in complaint
        assert complaint.startswith("simsmtp: ")
        assert complaint.count("\n") == 1
    assert (FOLDER / "provenance.json").read_bytes() == noted
    assert call(*quick, "--repair", "--dry-run") == 2
    assert call(*quick, "--repair") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["digest"], found["computed"]) == (digest, 1)
    assert call("compare", FOLDER, FOLDER) == 0


def test_a_search_does_not_use_damaged_rows_and_repairs_them(here: Path, engine: FakeEngine) -> None:
    path, options = written(here, TINY), RunOptions(output=FOLDER, workers=1, progress=False)
    prepared = prepare(path, options)
    with Evaluator(prepared, 3, 0.0) as evaluator:
        (whole,) = evaluator.rows([Scenario()], 3, 7)
    change("UPDATE replication SET lost = 9 WHERE replication = 1")
    wrong = r"design point rate \(rate=3\): the row of replication 1 is damaged"
    with Evaluator(prepared, 3, 0.0) as evaluator, pytest.raises(DamagedError, match=wrong):
        evaluator.rows([Scenario()], 3, 7, ["design point rate (rate=3)"])
    with Evaluator(prepare(path, replace(options, repair=True)), 3, 0.0) as evaluator:
        (found,) = evaluator.rows([Scenario()], 3, 7)
    assert found.equals(whole)
    assert (evaluator.computed, evaluator.reused) == (1, 2)


def test_a_digest_that_differs_is_not_overwritten_where_nothing_was_computed(here: Path, engine: FakeEngine) -> None:
    run(here).write(figure=False)
    note = FOLDER / "provenance.json"
    noted = json.loads(note.read_text(encoding="utf-8"))
    note.write_text(json.dumps({**noted, "digest": "0" * 64}), encoding="utf-8")
    edited = note.read_bytes()
    with pytest.raises(InputError, match=r"provenance.json: digest: notes another digest than that of the stored"):
        run(here).write(figure=False)
    assert note.read_bytes() == edited
    note.unlink()
    run(here).write(figure=False)
    assert json.loads(note.read_text(encoding="utf-8"))["digest"] == noted["digest"]


@pytest.mark.parametrize("content", ["{", "[]", "\xff"], ids=["cut short", "no table", "no UTF-8"])
def test_provenance_that_cannot_be_read_is_not_overwritten_where_nothing_was_computed(
    here: Path, engine: FakeEngine, content: str
) -> None:
    run(here).write(figure=False)
    note = FOLDER / "provenance.json"
    note.write_text(content, encoding="latin-1")
    with pytest.raises(InputError, match=r"provenance\.json(:1)?: (holds no table|is not UTF-8)"):
        run(here).write(figure=False)
    assert note.read_text(encoding="latin-1") == content


def test_a_store_that_is_no_regular_file_is_not_waited_for(here: Path, engine: FakeEngine) -> None:
    FOLDER.mkdir(parents=True)
    STORE.mkdir() if sys.platform == "win32" else os.mkfifo(STORE)
    for reads in (lambda: run(here), lambda: run(here, repair=True), lambda: load_baseline(FOLDER)):
        with pytest.raises(InputError, match="is not a regular file"):
            reads()


def test_provenance_of_another_run_is_replaced_and_that_is_said(
    here: Path, engine: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    run(here).write(figure=False)
    assert capsys.readouterr().err == ""
    fewer = run(here, replications=2)
    fewer.write(figure=False)
    assert "provenance.json told of another run" in capsys.readouterr().err
    noted = json.loads((FOLDER / "provenance.json").read_text(encoding="utf-8"))
    assert (noted["digest"], noted["computed"]) == (fewer.digest, 0)


def test_a_digest_that_cannot_be_reached_again_is_told(
    here: Path, engine: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    run(here).write(figure=False)
    note = FOLDER / "provenance.json"
    note.write_text(note.read_text(encoding="utf-8").replace('"digest": "', '"digest": "f'), encoding="utf-8")
    STORE.unlink()
    run(here).write(figure=False)
    assert "for the same inputs; it is now" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["summary.csv", "experiment.json"])
def test_a_file_that_was_edited_is_not_reported(here: Path, engine: FakeEngine, name: str) -> None:
    run(here).write(figure=False)
    write_report(FOLDER)
    path = FOLDER / name
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    write_report(FOLDER)  # as version control on Windows leaves it
    path.write_bytes(path.read_bytes().replace(b"3", b"4"))
    with pytest.raises(InputError, match=rf"{name}: was changed after it was written"):
        write_report(FOLDER)


def test_an_edited_summary_is_not_compared(here: Path, engine: FakeEngine) -> None:
    run(here).write(figure=False)
    STORE.unlink()
    path = FOLDER / "summary.csv"
    assert load_baseline(FOLDER).means_only
    path.write_bytes(path.read_bytes().replace(b"lost,3,", b"lost,3,1"))
    for side in (FOLDER, path):
        with pytest.raises(InputError, match=r"summary.csv: was changed after it was written"):
            load_baseline(side)
    shutil.copy(path, "means.csv")
    assert load_baseline("means.csv").means_only  # nothing is noted beside it
