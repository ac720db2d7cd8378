"""Baselines: written small, read back to the last bit, refused where they are of something else."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from study_files import STRATEGY, TINY, FakeEngine, engine, here, own_registry, written

import simsmtp
from simsmtp.errors import InputError
from simsmtp.gate import gate
from simsmtp.gate.baseline import load_baseline, write_baseline
from simsmtp.gate.recorded_results import NoBaselineError, recorded_study
from simsmtp.rows.responses import COLUMNS

__all__ = ["engine", "here", "own_registry"]
pytestmark = pytest.mark.usefixtures("own_registry")
NAMED = TINY.replace('"client.strategy" = ["corrected", "one-stop"]', "").replace(
    "[figure]",
    '[factors.sender]\na = { "client.strategy" = "one-stop" }\nb = { "client.overflow" = "bounce" }\n[figure]',
)
NAMED = NAMED.replace('line = "client.strategy"', 'line = "sender"')


def study_of(folder: Path, text: str = TINY, **options: object) -> simsmtp.Study:
    return simsmtp.run(written(folder, text), workers=1, progress=False, **options)  # type: ignore[arg-type]


def test_a_baseline_gives_back_the_very_bits(here: Path, engine: FakeEngine) -> None:
    study = study_of(here)
    path = write_baseline(study, here / "new" / "b.csv")
    read, own = load_baseline(path), recorded_study(study)
    assert read.rows.equals(own.rows.drop(columns="error"))
    same = [one.name for one in dataclasses.fields(own) if one.name not in {"rows", "source", "place"}]
    assert [getattr(read, name) for name in same] == [getattr(own, name) for name in same]
    lines = path.read_text(encoding="utf-8").splitlines()
    places = [read.place(number) for number in range(1, len(read.points) + 1)]
    assert [lines[(one.line or 0) - 1][:4] for one in places if one] == ["1,0,", "2,0,", "3,0,", "4,0,"]
    assert simsmtp.compare(path, study).verdict == "OK (identical)"
    again = write_baseline(study, path).read_bytes()
    assert write_baseline(study, here / "b2.csv").read_bytes() == again
    assert str(here).encode() not in again


def test_real_rows_with_missing_values_come_back_too(here: Path) -> None:
    text = TINY.replace("recipients_per_message", "unknown_share = 1.0\nrecipients_per_message")
    study = study_of(here, text)
    assert study.rows["delay_p50_s"].isna().any()
    assert simsmtp.compare(write_baseline(study, "b.csv"), study).verdict == "OK (identical)"


@pytest.mark.parametrize("text", [TINY, NAMED])
def test_every_kind_of_results_can_stand_on_either_side(here: Path, engine: FakeEngine, text: str) -> None:
    study = study_of(here, text)
    study.write(figure=False)
    write_baseline(study, "b.csv")
    kinds: list[gate.Side] = ["results/tiny", "results/tiny/replications.sqlite", "b.csv", study, study.experiment]
    for one in [*kinds, "study.toml"]:
        for base, new in ((one, "b.csv"), ("b.csv", one), ("results/tiny", one)):
            found = simsmtp.compare(base, new, workers=1, progress=False)
            assert (found.verdict, len(found.rows)) == ("OK (identical)", 4 * len(COLUMNS))


def test_a_summary_gets_the_exact_tier_only(here: Path, engine: FakeEngine) -> None:
    study = study_of(here, NAMED)
    study.write(figure=False)
    shutil.copy("results/tiny/summary.csv", "means.csv")
    shutil.rmtree("results")
    for other in ("study.toml", study, "means.csv"):
        assert simsmtp.compare("means.csv", other, workers=1, progress=False).verdict == "OK (identical)"
    assert simsmtp.compare("means.csv", study_of(here, NAMED, replications=5)).verdict == "OK (identical)"
    text = Path("means.csv").read_text(encoding="utf-8").replace("makespan_s,3,51.875,", "makespan_s,3,51.5,")
    found = simsmtp.compare(written(here, text, "other.csv"), study)
    assert (found.verdict, found.exit_code) == ("INCONCLUSIVE", 4)
    assert any("no margin is tested" in note for note in found.notes)
    with pytest.raises(InputError, match="another number of replications"):
        simsmtp.compare("means.csv", study_of(here, NAMED, replications=2, output="two"))


def test_another_version_of_the_code_is_the_normal_case(here: Path, engine: FakeEngine) -> None:
    study = study_of(here)
    path = write_baseline(study, "b.csv")
    text = path.read_text(encoding="utf-8").replace(recorded_study(study).code, "0" * 64)
    found = simsmtp.compare(written(here, text, "old.csv"), study)
    assert found.verdict == "OK (identical)"
    assert "simsmtp itself is another version" in found.notes


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"seed": 8}, ["study.seed", "given: 8", "allowed: 7"]),
        ({"settings": ["server.recipient_limit=80"]}, ["scenario.server.recipient_limit", "given: 80", "100, as in"]),
        ({"settings": ["workload.recipients_per_message=9"]}, ["recipients_per_message", "given: 9", "lognormal"]),
        ({"settings": ["client.batch_size=[50]"]}, ["2 design points are not in", "client.batch_size=200"]),
        ({"settings": ["client.batch_size=[50, 200, 70]"]}, ["2 design points are not in b.csv", "batch_size=70"]),
    ],
)
def test_another_scenario_or_seed_is_refused_by_name(
    here: Path, engine: FakeEngine, change: dict[str, object], parts: list[str]
) -> None:
    write_baseline(study_of(here), "b.csv")
    with pytest.raises(InputError) as caught:
        simsmtp.compare("b.csv", study_of(here, output="two", **change))
    for part in parts:
        assert part in str(caught.value)


def test_nothing_is_run_where_the_scenario_differs(here: Path, engine: FakeEngine) -> None:
    write_baseline(study_of(here), "b.csv")
    engine.calls.clear()
    with pytest.raises(InputError):
        simsmtp.compare("b.csv", "study.toml", settings=["study.seed=8"])
    assert engine.calls == []


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("baseline 1", "baseline 99", "b.csv:1: the baseline has another schema; given: '99'"),
        ('"seed": 7', '"seed": x', "b.csv:2: not a header line"),
        ('"seed": 7, ', "", "malformed header: 'seed'"),
        ("replication,recipients,", "replication,receivers,", "b.csv:7: the baseline has other columns"),
        ("\n1,2,", "\n1,two,", "b.csv:10: malformed row: 'two' is no whole number"),
        ("\n1,2,", "\n1,99999999999999999999,", "b.csv:10: malformed row: '99999999999999999999' is too large"),
        ("\n1,2,", "\n1,2,3,", f"it has {len(COLUMNS) + 3} cells, and the head has {len(COLUMNS) + 2}"),
        ("\n4,", "\n5,", "do not fit the design points"),
        ("# simsmtp", "# something", "holds no results"),
    ],
)
def test_a_malformed_baseline_is_an_input_error_with_its_line(
    here: Path, engine: FakeEngine, old: str, new: str, part: str
) -> None:
    text = write_baseline(study_of(here), "b.csv").read_text(encoding="utf-8")
    assert old in text
    written(here, text.replace(old, new), "b.csv")
    with pytest.raises(InputError, match=part):
        load_baseline("b.csv")


def test_no_baseline_is_an_error_of_its_own(here: Path) -> None:
    (here / "empty").mkdir()
    for path in ("missing.csv", "missing.toml", "empty"):
        with pytest.raises(NoBaselineError):
            load_baseline(path)


def test_nothing_is_overwritten_on_error(here: Path, engine: FakeEngine) -> None:
    study = study_of(here)
    path = write_baseline(study, "b.csv")
    before = path.read_bytes()
    with pytest.raises(InputError, match="too large"):
        write_baseline(study, path, limit=100)
    with pytest.raises(InputError, match="something else than a baseline"):
        write_baseline(study, "study.toml")
    engine.fail_at = {("one-stop", 1)}
    failed = study_of(here, output="failed")
    with pytest.raises(InputError, match="failed replications are no baseline"):
        write_baseline(failed, path)
    assert path.read_bytes() == before
    assert (here / "study.toml").read_text(encoding="utf-8") == TINY
    assert simsmtp.compare(path, failed).exit_code == 1


def test_an_inconclusive_experiment_gets_more_replications(
    here: Path, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_baseline(study_of(here, replications=12), "b.csv")
    # 4 % slower, and the first replications of it by chance much more.
    real = FakeEngine.__call__

    def slower(self: FakeEngine, *given: object, **options: object) -> object:
        output = real(self, *given, **options)  # type: ignore[arg-type]
        share = 0.2 if options["replication"] == 1 else 0.02
        output.responses["makespan_s"] *= 1 + share
        return output

    monkeypatch.setattr(FakeEngine, "__call__", slower)
    found = simsmtp.compare("b.csv", written(here, TINY), settings=[], workers=1, progress=False)
    assert "simsmtp itself is the same" in found.notes
    assert found.verdict == "OK (identical)"  # the store of the baseline's run was reused
    shutil.rmtree("results")
    found = simsmtp.compare("b.csv", "study.toml", workers=1, progress=False)
    assert set(found.rows["n"]) == {12}
    assert found.level == pytest.approx(0.975)
    assert any("9 more were run" in note for note in found.notes)


def test_a_store_with_several_versions_of_a_strategy_gives_the_last(here: Path, engine: FakeEngine) -> None:
    first = study_of(here, strategies=[written(here, STRATEGY, "mine.py")])
    study_of(here, strategies=[written(here, f"{STRATEGY}\n# another version\n", "mine.py")])
    read = load_baseline("results/tiny")
    assert len(read.points) == len(first.points)
    assert json.dumps([one.factors for one in read.points]).count("optimist") == 2
