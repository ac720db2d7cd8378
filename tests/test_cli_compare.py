"""``simsmtp compare`` and ``simsmtp run --baseline``: exit codes, and what is printed and written."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from study_files import TINY, FakeEngine, cli, engine, here, own_registry, stand_in, written

from simsmtp.__main__ import _exit_code
from simsmtp.cli.ci.documents import FORMATS
from simsmtp.rows.records import Output
from simsmtp.strategies import registry

__all__ = ["engine", "here", "own_registry"]
pytestmark = pytest.mark.usefixtures("own_registry")
QUICK = ("--workers", 1, "--no-figure")


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, here: Path):  # type: ignore[no-untyped-def]
    """Run the command line in this process, so that the fake engine is used; returns the exit code."""

    def called(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["simsmtp", *map(str, arguments)])
        return _exit_code()

    written(here, TINY)
    return called


def test_a_run_writes_a_baseline_and_is_identical_to_it(call, engine: FakeEngine, capsys) -> None:  # type: ignore[no-untyped-def]
    assert call("run", "study.toml", *QUICK, "--write-baseline", "b.csv") == 0
    assert call("compare", "b.csv", "study.toml", "--workers", 1) == 0
    assert "OK (identical)" in capsys.readouterr().out
    assert call("run", "study.toml", *QUICK, "--baseline", "b.csv", "--json") == 0
    assert json.loads(capsys.readouterr().out)["comparison"]["verdict"] == "OK (identical)"


def test_a_worse_run_is_3_and_overwrites_no_baseline(call, engine: FakeEngine, capsys) -> None:  # type: ignore[no-untyped-def]
    call("run", "study.toml", *QUICK, "--write-baseline", "b.csv")
    before = Path("b.csv").read_bytes()
    text = before.decode().replace("\n1,0,50,", "\n1,0,9,").splitlines()
    worse = [line.replace(",0.0,", ",0.0,").replace("50.875", "20.875") for line in text]
    Path("b.csv").write_text("\n".join(worse) + "\n", encoding="utf-8")
    changed = Path("b.csv").read_bytes()
    capsys.readouterr()
    code = call("run", "study.toml", *QUICK, "--baseline", "b.csv", "--write-baseline", "b.csv")
    assert code in {3, 4}
    told = capsys.readouterr()
    assert "b.csv is not written" in told.err
    assert "INCONCLUSIVE" in told.out
    assert Path("b.csv").read_bytes() == changed


def test_no_baseline_is_5_and_nothing_is_run_or_written(call, engine: FakeEngine, capsys) -> None:  # type: ignore[no-untyped-def]
    assert call("run", "study.toml", *QUICK, "--baseline", "b.csv") == 5
    assert call("compare", "b.csv", "study.toml") == 5
    assert engine.calls == []
    assert [one.name for one in Path().iterdir()] == ["study.toml"]
    assert "--write-baseline" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["compare", "b.csv", "study.toml", "--set", "study.seed=8"],
        ["compare", "b.csv", "missing.toml"],
        ["compare", "b.csv", "empty"],
        ["compare", "b.csv", "study.toml", "--margin", "much"],
        ["compare", "b.csv", "study.toml", "--margin", "makespan=0.1"],
        ["compare", "b.csv", "study.toml", "--response", "makespan"],
        ["compare", "b.csv", "study.toml", "--to", "github-action-benchmark"],
        ["compare", "b.csv", "study.toml", "--to", "github=x"],
        ["compare", "b.csv", "study.toml", "--to", "junit="],
        ["compare", "b.csv", "study.toml", "--to", "junit", "--to", "badge"],
        ["compare", "b.csv", "study.toml", "--to", "githbu"],
        ["compare", "b.csv", "study.toml", "--to", "junit=empty"],
        ["run", "study.toml", "--baseline", "b.csv", "--to", "junit"],
        ["run", "study.toml", "--to", "github"],
        ["run", "study.toml", "--commit", "abc"],
        ["compare", "b.csv", "study.toml", "--output", "x"],
        ["compare", "b.csv", "study.toml", "--to", "bmf", "--json"],
        ["compare", "b.csv", "study.toml", "--level", "2"],
        ["compare", "b.csv"],
        ["run", "study.toml", "--set", "server.recipient_limit=9", "--baseline", "b.csv"],
        ["run", "study.toml", "--write-baseline", "study.toml"],
    ],
)
def test_bad_input_is_2_and_nothing_is_run(call, engine: FakeEngine, arguments: list[str], capsys) -> None:  # type: ignore[no-untyped-def]
    call("run", "study.toml", *QUICK, "--write-baseline", "b.csv")
    engine.calls.clear()
    Path("empty").mkdir()
    before = {path: path.stat().st_mtime_ns for path in Path().rglob("*")}
    capsys.readouterr()
    assert call(*arguments) == 2
    assert engine.calls == []
    assert capsys.readouterr().err.count("\n") == 1
    assert before == {path: path.stat().st_mtime_ns for path in Path().rglob("*")}


def test_a_model_broken_on_purpose_is_3(call, capsys) -> None:  # type: ignore[no-untyped-def]
    assert call("run", "study.toml", *QUICK, "--write-baseline", "b.csv") == 0
    # The corrected sender counts as the one of 2003 did.
    wrong = registry.find_strategy("one-stop").settle
    registry._registry["corrected"] = registry._registry["corrected"]._replace(settle=wrong)
    capsys.readouterr()
    code = call("run", "study.toml", *QUICK, "--output", "broken", "--baseline", "b.csv", "--json")
    assert code == 3
    found = json.loads(capsys.readouterr().out)["comparison"]
    worse = {row["response"] for row in found["rows"] if row["verdict"] == "REGRESSION"}
    assert "false_ndr" in worse
    assert {row["factors"]["client.strategy"] for row in found["rows"]} == {"corrected"}


@pytest.mark.parametrize("kind", [one for one in FORMATS if one != "github"])
def test_every_format_is_written_and_the_code_stays(call, engine: FakeEngine, kind: str, capsys) -> None:  # type: ignore[no-untyped-def]
    call("run", "study.toml", *QUICK, "--write-baseline", "b.csv")
    assert call("compare", "b.csv", "results/tiny", "--to", kind, "--output", "out/gate.txt") == 0
    names = {path.name for path in Path("out").iterdir()}
    two = {
        "github-action-benchmark": {"gate-smaller.txt", "gate-bigger.txt"},
        "pytest-benchmark": {"gate-base.txt", "gate-new.txt"},
    }
    assert names == two.get(kind, {"gate.txt"})
    if kind not in two:
        capsys.readouterr()
        assert call("compare", "b.csv", "results/tiny", "--to", kind) == 0
        assert capsys.readouterr().out == Path("out/gate.txt").read_text(encoding="utf-8")


def test_the_process_ends_with_the_code(tmp_path: Path) -> None:
    written(tmp_path, TINY)
    done = cli(tmp_path, "compare", "none.csv", "study.toml")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (5, "", 1)


def test_precision_and_baseline_together(  # type: ignore[no-untyped-def]
    call, engine: FakeEngine, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call("run", "study.toml", *QUICK, "--replications", 40, "--write-baseline", "b.csv") == 0
    capsys.readouterr()
    both = ("--budget", 40, "--baseline", "b.csv", "--json", "--output", "precise")
    assert call("run", "study.toml", *QUICK, "--precision", "makespan_s ±10%", *both) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["precision"]["reached"]
    assert found["comparison"]["verdict"] == "OK (identical)"
    assert call("run", "study.toml", *QUICK, "--precision", "makespan_s ±0.01%", *both) == 4  # same, but not precise
    found = json.loads(capsys.readouterr().out)
    assert not found["precision"]["reached"]
    assert found["comparison"]["verdict"] == "OK (identical)"

    def slower(*given: object, **options: object) -> Output:
        output = engine(*given, **options)  # type: ignore[arg-type]
        return output._replace(responses=output.responses | {"makespan_s": 1.5 * (output.responses["makespan_s"] or 0)})

    stand_in(monkeypatch, slower)
    elsewhere = (*both[:-1], "slower")
    assert call("run", "study.toml", *QUICK, "--precision", "makespan_s ±10%", *elsewhere) == 3  # precise, but worse
    assert json.loads(capsys.readouterr().out)["precision"]["reached"]
