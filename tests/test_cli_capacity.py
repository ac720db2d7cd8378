"""``simsmtp capacity`` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from study_files import STRATEGY, TINY, cli, written

SMALL = """
[study]
name = "small"
title = "A small plan"
replications = 4
seed = 1

[scenario.workload]
messages = 40
recipients_per_message = 30
arrivals = { dist = "poisson", rate_per_s = 2.0 }

[scenario.client]
batch_size = 20

[capacity]
objectives = ["delay p(95) < 2 s", "false_ndr == 0"]
tolerance = 0.3
curve_points = 2

[capacity.search]
rate = [1, 16]
"client.connections" = [1, 8]

[capacity.factors]
"network.rtt_ms" = [20, 100]

[capacity.full]
"workload.messages" = 80
"""
FILES = {"provenance.json", "capacity.json", "capacity.png", "capacity.svg", "summary.csv", "replications.sqlite"}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Run the small plan once for all that look at its results."""
    folder = tmp_path_factory.mktemp("plan")
    ran = cli(folder, "capacity", written(folder, SMALL), "--workers", 1)
    assert ran.returncode == 0, ran.stderr
    return folder, ran.stdout


def test_the_answer_comes_first_and_the_files_are_written(done: tuple[Path, str]) -> None:
    folder, out = done
    text = " ".join(out.split())
    order = [
        "The plan as written meets its objectives (2 messages/s, batch size 20, 1 connection).",
        "Sustainable rate ", "Last recipient after", "Bottleneck connections: ", "Cost not asked for",
        "Figure: ", "In words:", "The largest arrival rate that meets the objectives is", "What this rests on:",
        "Long-run bounds", "Saturation curve", "Most influential inputs: changes of 95th percentile of delay (s)",
    ]  # fmt: skip
    places = [text.index(one) for one in order]
    assert places == sorted(places)
    assert places[0] == len("A small plan ")
    found = {path.name for path in (folder / "results" / "small").iterdir()}
    assert found >= FILES


def test_the_document_holds_the_answers(done: tuple[Path, str]) -> None:
    folder, _ = done
    document = json.loads((folder / "results/small/capacity.json").read_text(encoding="utf-8"))
    assert document["verdict"] == "met"
    assert {one["search"] for one in document["searches"]} == {"rate", "client.connections"}
    rate = document["searches"][0]
    assert rate["confirmed_seed"] in {2, 3, 4}  # fresh ones, and the next after each step back
    assert rate["value"] <= rate["passes"] < rate["fails"]
    assert rate["unit"] == "messages/s"
    assert document["bottleneck"]["headroom"] > 0
    assert document["curve"][0]["offered_per_s"] == 30 * document["curve"][0]["messages_per_s"]
    assert str(folder) not in json.dumps(document)


def test_json_on_standard_output_costs_nothing_anew(done: tuple[Path, str]) -> None:
    folder, _ = done
    kept = (folder / "results/small/summary.csv").read_bytes()
    ran = cli(folder, "capacity", "study.toml", "--workers", 1, "--json", "--no-figure")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["verdict"] == "met"
    assert (folder / "results/small/summary.csv").read_bytes() == kept


@pytest.mark.parametrize(
    ("replications", "code", "said"),
    [(4, 3, "does not meet its objectives"), (2, 4, "Inconclusive: 2 replications do not tell")],
)
def test_what_is_not_met_gives_3_and_what_is_not_known_4(
    done: tuple[Path, str], replications: int, code: int, said: str
) -> None:
    slow = ("--slo", "delay p(50) < 1 ms", "--replications", replications, "--output", "slow")
    ran = cli(done[0], "capacity", "study.toml", *slow, "--workers", 1, "--no-figure")
    assert ran.returncode == code, ran.stderr
    assert said in " ".join(ran.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--slo", "false_ndrs == 0"), "did you mean 'false_ndr'"),
        (("--slo", "lost < 0"), "never below 0"),
        (("--slo", "delay p(95) < 1 s", "--slo", "delay p(95) > 2 s"), "no plan can meet both"),
        (("--set", "capacity.tolerence=0.1"), "capacity.tolerance"),
        (("--engine", "warp"), "unknown engine"),
        (("--replications", "1"), "--replications"),
    ],
)
def test_bad_input_gives_2_and_writes_nothing(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    ran = cli(tmp_path, "capacity", written(tmp_path, SMALL), *arguments)
    assert ran.returncode == 2
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["study.toml"]


def test_an_experiment_without_a_plan_gives_2(tmp_path: Path) -> None:
    ran = cli(tmp_path, "capacity", written(tmp_path, TINY), "--slo", "lost == 0")
    assert ran.returncode == 2
    assert "study.toml: capacity: is required" in ran.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["study.toml"]


def test_full_without_its_table_gives_2(tmp_path: Path) -> None:
    text = SMALL.partition("[capacity.full]")[0]
    ran = cli(tmp_path, "capacity", written(tmp_path, text), "--full")
    assert ran.returncode == 2
    assert "capacity.full: is required for --full" in ran.stderr


def test_a_percentile_out_of_reach_gives_4_says_what_to_do_and_writes_nothing(tmp_path: Path) -> None:
    ran = cli(tmp_path, "capacity", written(tmp_path, SMALL), "--slo", "delay p(99.9) < 60 s")
    assert (ran.returncode, ran.stdout) == (4, "")
    assert ran.stderr.startswith("simsmtp: objectives: refused: p(99.9) is not carried by the sample")
    assert "allowed: delay p(50), delay p(95), delay p(99)" in ran.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["study.toml"]


def test_where_results_come_from_is_kept_and_reported(done: tuple[Path, str]) -> None:
    folder, _ = done
    path = folder / "results/small/provenance.json"
    noted = json.loads(path.read_text(encoding="utf-8"))
    assert (noted["study"], noted["seed"], noted["failed"]) == ("small", 1, 0)
    assert noted["command"].startswith("simsmtp capacity study.toml")
    assert noted["computed"] > 0
    kept = path.read_bytes()
    assert cli(folder, "capacity", "study.toml", "--workers", 1, "--no-figure").returncode == 0
    assert path.read_bytes() == kept
    ran = cli(folder, "report", "results/small")
    assert ran.returncode == 0, ran.stderr
    assert noted["digest"] in (folder / "results/small/report.html").read_text(encoding="utf-8")


def test_the_engine_is_told_and_kept(done: tuple[Path, str]) -> None:
    folder, out = done
    assert "\nengine" in out
    kept = json.loads((folder / "results/small/provenance.json").read_text(encoding="utf-8"))
    assert set(kept["engines"]) <= {"reference", "compiled"}
    assert sum(kept["engines"].values()) == kept["computed"]


@pytest.mark.slow
def test_a_strategy_of_ones_own_is_planned_for(tmp_path: Path) -> None:
    quick = ("--workers", 1, "--no-figure", "--json", "--slo", "delay p(95) < 10 s")
    alone = SMALL.partition("[capacity.search]")[0].replace("curve_points = 2", "curve_points = 0")
    plan, mine = written(tmp_path, alone), written(tmp_path, STRATEGY, "mine.py")
    ran = cli(tmp_path, "capacity", plan, "--strategy", mine, *quick)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["scenario"]["client"]["strategy"] == "optimist"
    two = written(tmp_path, STRATEGY + STRATEGY.replace('"optimist"', '"hopeful"'), "two.py")
    unsure = cli(tmp_path, "capacity", plan, "--strategy", two, *quick)
    assert unsure.returncode == 2
    assert "--strategy: a plan has one strategy" in unsure.stderr
    named = cli(tmp_path, "capacity", plan, "--strategy", two, "--set", "client.strategy=hopeful", *quick)
    assert named.returncode == 0, named.stderr
    assert json.loads(named.stdout)["scenario"]["client"]["strategy"] == "hopeful"


def test_full_results_have_a_folder_of_their_own(tmp_path: Path) -> None:
    alone = SMALL.partition("[capacity.search]")[0] + '[capacity.full]\n"workload.messages" = 80\n'
    plan = written(tmp_path, alone)
    for more in ((), ("--full",)):
        assert cli(tmp_path, "capacity", plan, "--workers", 1, "--no-figure", *more).returncode == 0
    messages = [
        json.loads((tmp_path / "results" / name / "capacity.json").read_text())["scenario"]["workload"]["messages"]
        for name in ("small", "small-full")
    ]
    assert messages == [40, 80]
