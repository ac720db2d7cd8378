"""What may be called identical: the same scenario, the same rows, the same answers, and nothing left out."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from capacity_files import PLAN, Queue, planned, queue
from study_files import TINY, FakeEngine, engine, here, own_registry, stand_in, written

import simsmtp
from simsmtp.errors import InputError
from simsmtp.gate.baseline import write_baseline
from simsmtp.gate.capacity_comparison import CapacityComparison
from simsmtp.gate.ci.formats import export
from simsmtp.gate.comparison_views import explanation
from simsmtp.gate.recorded_results import NoBaselineError
from simsmtp.store.failures import DamagedError

__all__ = ["engine", "here", "own_registry", "queue"]
pytestmark = pytest.mark.usefixtures("own_registry")
IDENTICAL, OK, REGRESSION, INCONCLUSIVE = "OK (identical)", "OK", "REGRESSION", "INCONCLUSIVE"


def plan_in(folder: Path, name: str, text: str = PLAN, **options: object) -> Path:
    (folder / name).mkdir()
    return Path(planned(folder / name, text, **options).write(figure=False)[0]).parent


def compared(base: object, new: object, **options: object) -> tuple[str, int]:
    found = simsmtp.compare(base, new, **options)  # type: ignore[arg-type]
    return found.verdict, found.exit_code


def test_a_plan_that_misses_what_the_base_met_is_a_regression(tmp_path: Path, queue: Queue) -> None:
    good = plan_in(tmp_path, "good", settings=["client.connections=8"])
    bad = plan_in(tmp_path, "bad", settings=["client.connections=1", "workload.arrivals.rate_per_s=4"])
    found = simsmtp.compare(good, bad)
    assert isinstance(found, CapacityComparison)
    assert (found.verdict, found.exit_code) == (REGRESSION, 3)
    row = next(one for one in found.rows if one.answer == "delay p(99) < 2 s")
    assert (row.base[:3], row.new[:6], row.reason) == ("met", "missed", "the base met it")
    assert "scenario.client.connections: 1, in the base 8" in found.notes
    assert compared(bad, good) == (OK, 0)


def test_the_same_plan_run_twice_is_identical(tmp_path: Path, queue: Queue) -> None:
    one, two = plan_in(tmp_path, "one"), plan_in(tmp_path, "two")
    assert compared(one, two) == (IDENTICAL, 0)
    capacity = planned(tmp_path)
    assert compared(one, capacity) == (IDENTICAL, 0)
    for file in ("replications.sqlite", "summary.csv", "capacity.json"):
        assert compared(one / file, two) == (IDENTICAL, 0)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"seed": 4}, (OK, 0)),
        ({"settings": ["workload.message_bytes=5000"]}, (OK, 0)),  # the engine of this test does not look at it
        ({"replications": 6}, (OK, 0)),
        ({"settings": ["capacity.tolerance=0.03"]}, (OK, 0)),
        ({"objectives": ["delay p(99) < 3 s", "false_ndr == 0"]}, (INCONCLUSIVE, 4)),
        ({"objectives": ["delay p(99) < 2 s"]}, (INCONCLUSIVE, 4)),
        ({"objectives": ["delay p(99) < 2000 ms", "false_ndr == 0"]}, (OK, 0)),
    ],
)
def test_plans_that_differ_in_anything_are_never_identical(
    tmp_path: Path, queue: Queue, options: dict[str, object], expected: tuple[str, int]
) -> None:
    found = simsmtp.compare(plan_in(tmp_path, "one"), plan_in(tmp_path, "two", **options))
    assert (found.verdict, found.exit_code) == expected
    assert "identical" not in found.to_markdown() + found._repr_html_() + repr(found)


def changed(folder: Path, change: dict[str, object], search: dict[str, object] | None = None) -> Path:
    """Copy a plan's folder and change its answers."""
    copy = folder.parent / f"{folder.name}-{len(list(folder.parent.iterdir()))}"
    shutil.copytree(folder, copy)
    path = copy / "capacity.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    document["objectives"][0] |= change
    document["searches"][0] |= search or {}
    path.write_text(json.dumps(document), encoding="utf-8")
    (copy / "provenance.json").unlink(missing_ok=True)  # it notes the answers that were there
    return copy


@pytest.mark.parametrize(
    ("was", "now", "expected"),
    [
        ("met", "undecided", (INCONCLUSIVE, 4)),
        ("undecided", "undecided", (INCONCLUSIVE, 4)),
        ("undecided", "missed", (INCONCLUSIVE, 4)),
        ("missed", "undecided", (OK, 0)),
        ("missed", "missed", (OK, 0)),
        ("undecided", "met", (OK, 0)),
    ],
)
def test_an_objective_that_is_not_decided_is_inconclusive(
    tmp_path: Path, queue: Queue, was: str, now: str, expected: tuple[str, int]
) -> None:
    folder = plan_in(tmp_path, "plan")
    base, new = changed(folder, {"verdict": was}), changed(folder, {"verdict": now, "estimate": 1.5})
    assert compared(base, new) == expected


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ({"value": 7.9, "fails": 8.0}, (REGRESSION, 3)),
        ({"value": 7.4, "fails": 9.9}, (INCONCLUSIVE, 4)),  # it may end anywhere between 7.4 and 9.9
        ({"value": 9.8, "fails": 9.9}, (OK, 0)),
        ({"value": None, "passes": None}, (REGRESSION, 3)),
        ({"value": None, "passes": 8.0}, (INCONCLUSIVE, 4)),
    ],
)
def test_a_smaller_largest_rate_counts_by_the_margin(
    tmp_path: Path, queue: Queue, search: dict[str, object], expected: tuple[str, int]
) -> None:
    folder = changed(plan_in(tmp_path, "plan"), {}, {"value": 10.0, "fails": 10.1})
    assert compared(folder, changed(folder, {}, search)) == expected
    if search["value"] == 7.9:
        assert compared(folder, changed(folder, {}, search), margin=0.3) == (OK, 0)


def test_answers_without_the_rows_behind_them_are_not_identical(tmp_path: Path, queue: Queue) -> None:
    one = plan_in(tmp_path, "one")
    for name in ("provenance.json", "summary.csv"):
        (one / name).unlink()
    assert compared(one, one) == (OK, 0)


def test_a_plan_and_a_study_cannot_be_compared(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        stand_in(patched, Queue())
        plan = plan_in(here, "plan")
    study = simsmtp.run(written(here, TINY), workers=1, progress=False)
    write_baseline(study, "b.csv")
    study.write(figure=False)
    for other in ("b.csv", "results/tiny", "study.toml", study):
        for base, new in ((plan, other), (other, plan)):
            with pytest.raises(InputError, match="no capacity plan's folder"):
                simsmtp.compare(base, new)  # type: ignore[arg-type]
    with pytest.raises(NoBaselineError):
        simsmtp.compare("nothing", plan)
    shutil.copy(plan / "summary.csv", "alone.csv")
    with pytest.raises(InputError, match="holds a capacity plan"):
        simsmtp.compare("alone.csv", "alone.csv")
    for options in ({"responses": ["lost"]}, {"margin": {"lost": 0.1}}):
        with pytest.raises(InputError, match="by their answers"):
            simsmtp.compare(plan, plan, **options)  # type: ignore[arg-type]


def test_what_cannot_be_compared_at_all_is_an_input_error(here: Path) -> None:
    with pytest.raises(InputError, match="cannot be compared; given: 'DataFrame'"):
        simsmtp.compare(pd.DataFrame(), pd.DataFrame())  # type: ignore[arg-type]


def test_capacity_plans_are_exported_as_markdown_alone(tmp_path: Path, queue: Queue) -> None:
    found = simsmtp.compare(plan_in(tmp_path, "one"), plan_in(tmp_path, "two", seed=4))
    assert export(found, "markdown")[""].startswith("### plan: OK: ")
    with pytest.raises(InputError, match="does not take capacity plans"):
        export(found, "junit")


def test_damaged_answers_are_an_input_error(tmp_path: Path, queue: Queue) -> None:
    plan = plan_in(tmp_path, "plan")
    for text in ("", "[]", "{}", '{"objectives": []}'):
        (plan / "capacity.json").write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match="not the answers of a capacity plan"):
            simsmtp.compare(plan, plan)


def test_answers_changed_after_they_were_written_are_refused(tmp_path: Path, queue: Queue) -> None:
    one, two = plan_in(tmp_path, "one"), plan_in(tmp_path, "two")
    for name, was, now in (("capacity.json", '"verdict": "m', '"verdict":  "m'), ("summary.csv", ",met,", ",missed,")):
        text = (two / name).read_text(encoding="utf-8")
        assert was in text
        (two / name).write_text(text.replace(was, now), encoding="utf-8")
        with pytest.raises(InputError, match="was changed after it was written"):
            simsmtp.compare(one, two)
        (two / name).write_text(text, encoding="utf-8")
    assert compared(one, two) == (IDENTICAL, 0)


def test_answers_over_damaged_rows_are_not_called_identical(tmp_path: Path, queue: Queue) -> None:
    one, two = plan_in(tmp_path, "one"), plan_in(tmp_path, "two")
    with closing(sqlite3.connect(two / "replications.sqlite")) as base, base:
        base.execute("UPDATE replication SET delay_p99_s = delay_p99_s * 1.01 WHERE replication = 1")
    for sides in ((one, two), (two, one), (two, two)):
        with pytest.raises(DamagedError, match="replication 1 is damaged"):
            simsmtp.compare(*sides)


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        (",lost,3,", f",lost,{10**20},", "too large a number"),
        (",mean,", ",maen,", "malformed summary: no column 'mean'"),
    ],
)
def test_a_summary_with_odd_numbers_or_heads_is_refused_in_one_line(here: Path, was: str, now: str, said: str) -> None:
    text = (study_of(here).folder / "summary.csv").read_text(encoding="utf-8")
    assert was in text
    (here / "odd").mkdir()
    written(here / "odd", text.replace(was, now), "summary.csv")
    with pytest.raises(InputError, match=said):
        simsmtp.compare("odd", "odd")


def study_of(here: Path, *settings: str, **options: object) -> simsmtp.Study:
    study = simsmtp.run(written(here, TINY), settings=settings, workers=1, progress=False, **options)  # type: ignore[arg-type]
    study.write(figure=False)
    return study


def test_folders_that_share_a_part_of_their_points_are_refused(here: Path, engine: FakeEngine) -> None:
    study_of(here, "client.batch_size=[50, 200]", output="a")
    study_of(here, "client.batch_size=[50, 100]", output="b")
    for base, new in (("a", "b"), ("b", "a")):
        with pytest.raises(InputError, match="2 design points are not in"):
            simsmtp.compare(base, new)


def test_stores_that_share_a_part_of_their_points_are_not_identical(here: Path, engine: FakeEngine) -> None:
    for name, batches in (("a", "[50, 200]"), ("b", "[50]")):
        study_of(here, f"client.batch_size={batches}", output=name)
        (Path(name) / "experiment.json").unlink()
    found = simsmtp.compare("a", "b")
    assert (found.verdict, found.exit_code) == (INCONCLUSIVE, 4)
    assert any("not in b" in note for note in found.to_dict()["notes"])
    assert "Next: compare again with what one side lacks" in explanation(found)
    assert export(found, "junit")[""].count("<failure") == 1
    assert compared("b", "a") == (OK, 0)


def test_other_points_that_a_store_holds_are_no_part_of_the_study(here: Path, engine: FakeEngine) -> None:
    study_of(here, output="a")
    study_of(here, "client.batch_size=[50, 100]", output="b")
    study_of(here, output="b")
    assert compared("a", "b") == (IDENTICAL, 0)
    assert compared("b", "a") == (IDENTICAL, 0)


def test_replications_of_one_side_only_are_not_identical(here: Path, engine: FakeEngine) -> None:
    small, large = study_of(here, output="a"), study_of(here, replications=5, output="b")
    for base, new in ((small, large), (large, small), ("a", "b")):
        found = simsmtp.compare(base, new)
        assert (found.verdict, found.exit_code) == (OK, 0)
        assert "replications of" in found.to_markdown()
        assert "identical" not in found.to_markdown()


def test_replications_that_failed_in_the_base_are_not_identical(here: Path, engine: FakeEngine) -> None:
    whole = study_of(here, output="a")
    engine.fail_at = {("one-stop", 1)}
    failed = study_of(here, output="b")
    assert compared(failed, whole) == (OK, 0)
    assert compared(whole, failed) == ("FAILED", 1)


def test_equal_means_of_other_rows_are_not_identical(here: Path, engine: FakeEngine) -> None:
    study = study_of(here)
    table = pd.read_csv("results/tiny/summary.csv", dtype=str, keep_default_na=False)
    table.to_csv("same.csv", index=False)
    assert compared("same.csv", study) == (IDENTICAL, 0)
    table.loc[table["response"] == "makespan_s", "sd"] = "9.5"
    table.to_csv("wider.csv", index=False)
    assert compared("wider.csv", study) == (INCONCLUSIVE, 4)
    assert compared("wider.csv", "same.csv") == (INCONCLUSIVE, 4)
    table[table["response"] != "lost"].to_csv("fewer.csv", index=False)
    assert compared("same.csv", "fewer.csv")[0] == INCONCLUSIVE


def test_summaries_of_other_scenarios_are_refused(here: Path, engine: FakeEngine) -> None:
    for name, key in (("a", "workload.message_bytes=4096"), ("b", "workload.message_bytes=5000")):
        study_of(here, key, output=name)
        (Path(name) / "replications.sqlite").unlink()
    with pytest.raises(InputError, match=r"scenario\.workload\.message_bytes"):
        simsmtp.compare("a", "b")
    study_of(here, output="c", seed=9)
    (Path("c") / "replications.sqlite").unlink()
    with pytest.raises(InputError, match=r"study\.seed"):
        simsmtp.compare("a", "c")
