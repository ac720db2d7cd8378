"""The experiments that come with simsmtp, and files to start from."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from study_files import ROOT, TINY, cli, document, written

import simsmtp
from simsmtp.experiment import shipped
from simsmtp.experiment.shipped import named_file, shipped_experiments


def test_every_experiment_of_the_repository_has_a_name_and_asks_something() -> None:
    found = {one.name: one for one in shipped_experiments()}
    assert set(found) == {one.stem for one in (ROOT / "experiments").glob("*.toml")}
    assert all("?" in one.question and len(one.question) < 400 for one in found.values())
    assert {name for name, one in found.items() if one.command == "capacity"} == {"newsletter", "relay"}


def test_the_wheel_holds_the_experiments_and_what_they_read() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = settings["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert {"/simsmtp", "/experiments/*.toml", "/experiments/traces"} <= set(wheel["include"])
    assert wheel["sources"] == {"experiments": "simsmtp/shipped"}
    for one in shipped_experiments():
        trace = tomllib.loads(Path(one.file).read_text(encoding="utf-8"))["scenario"]["workload"].get(
            "trace", "traces/"
        )
        assert trace.startswith("traces/")


def test_a_package_without_a_clone_finds_them_beside_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "shipped"
    place.mkdir()
    written(place, (ROOT / "experiments" / "kb822105.toml").read_text(encoding="utf-8"), "kb822105.toml")
    monkeypatch.setattr(shipped, "_PLACES", (place, tmp_path / "experiments"))
    assert named_file("kb822105") == place / "kb822105.toml"
    monkeypatch.setattr(shipped, "_PLACES", ())
    assert named_file("kb822105") == "kb822105"


@pytest.mark.slow
def test_a_name_works_everywhere_and_results_are_here(tmp_path: Path) -> None:
    done = cli(tmp_path, "run", "real_traffic", "--replications", 1, "--no-figure", "--workers", 1)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "results" / "real_traffic" / "summary.csv").exists()
    assert cli(tmp_path, "trace", "kb822105").stdout.startswith("Connection 1")
    assert "largest arrival rate" in cli(tmp_path, "capacity", "relay", "--dry-run").stdout
    compared = cli(tmp_path, "compare", "results/real_traffic", "real_traffic", "-q", "--workers", 1)
    assert compared.returncode == 0, compared.stderr


def test_a_name_works_in_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    study = simsmtp.run("window", replications=1, workers=1, progress=False)
    assert (study.name, study.folder) == ("window", Path("results/window"))
    with pytest.raises(simsmtp.InputError, match="did you mean 'window'"):
        simsmtp.load_experiment("windw")


def test_a_file_of_that_name_wins_and_a_folder_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "limits").mkdir()
    assert simsmtp.load_experiment("limits").name == "limits"
    written(tmp_path, TINY, "window")
    assert simsmtp.load_experiment("window").name == "tiny"
    with pytest.raises(simsmtp.InputError, match="no such file or directory"):
        simsmtp.load_experiment("kb822105.toml")


def test_the_list_says_what_each_answers(tmp_path: Path) -> None:
    text = " ".join(cli(tmp_path, "experiments").stdout.split())
    for one in document(cli(tmp_path, "experiments", "--json")):  # type: ignore[assignment]
        assert one["question"] in text
        assert f"simsmtp {one['command']} {one['name']}" in text
        assert Path(one["file"]).is_file()


@pytest.mark.parametrize(
    ("kind", "file", "command"),
    [
        ("study", "mine.toml", ("run",)),
        ("plan", "my plan.toml", ("capacity", "--no-figure")),
        ("gate", "gate.toml", ("run", "--no-figure", "--write-baseline", "baseline.csv")),
    ],
)
def test_a_new_file_runs_as_it_is(tmp_path: Path, kind: str, file: str, command: tuple[str, ...]) -> None:
    made = cli(tmp_path, "new", kind, file)
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith(f"{file}\nNext: simsmtp {command[0]} ")
    text = (tmp_path / file).read_text(encoding="utf-8")
    assert "@" not in text
    assert "simsmtp keys" in text
    assert max(map(len, text.splitlines())) <= 120
    done = cli(tmp_path, command[0], file, *command[1:], "--workers", 1, "-q")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "results" / Path(file).stem.replace(" ", "-")).is_dir()
    if kind == "gate":
        compared = cli(tmp_path, "compare", "baseline.csv", file, "--workers", 1)
        assert compared.stdout.startswith("gate: OK (identical)")


@pytest.mark.slow
def test_a_new_strategy_runs_as_it_is(tmp_path: Path) -> None:
    assert cli(tmp_path, "new", "strategy", "-o", "Half_Way.py").returncode == 0
    done = cli(tmp_path, "run", "kb822105", "--strategy", "Half_Way.py", "--set", "client.batch_size=500", "--set",
               "network.rtt_ms=50", "--replications", 1, "--no-figure", "--workers", 1)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "half-way" in done.stdout
    traced = cli(tmp_path, "trace", "window", "--strategy", "Half_Way.py", "--set", "client.strategy=half-way")
    assert traced.returncode == 0, traced.stderr


def test_a_file_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    written(tmp_path, "mine", "study.toml")
    done = cli(tmp_path, "new", "study")
    assert done.returncode == 2
    assert done.stderr == "simsmtp: FILE: is there already; given: 'study.toml'; allowed: a new name\n"
    assert (tmp_path / "study.toml").read_text(encoding="utf-8") == "mine"
    assert cli(tmp_path, "new", "study", "a.toml", "-o", "b.toml").returncode == 2
    assert cli(tmp_path, "new", "studies").returncode == 2
    assert sorted(one.name for one in tmp_path.iterdir()) == ["study.toml"]
    assert json.loads(cli(tmp_path, "experiments", "--json").stdout)
