"""``simsmtp capacity`` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from study_files import TINY, cli, written

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
FILES = {"capacity.json", "capacity.png", "capacity.svg", "summary.csv", "replications.sqlite"}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Run the small plan once for all that look at its results."""
    folder = tmp_path_factory.mktemp("plan")
    ran = cli(folder, "capacity", written(folder, SMALL), "--workers", 1)
    assert ran.returncode == 0, ran.stderr
    return folder, ran.stdout


def test_the_answer_comes_first_and_the_files_are_written(done: tuple[Path, str]) -> None:
    folder, out = done
    answer = out.split("\n\n")[1]
    assert answer.startswith("As written (2 messages/s, batch size 20, 1 connection) the plan meets its objectives")
    assert "The largest arrival rate that meets them is" in " ".join(answer.split())
    for heading in ("What this rests on", "Long-run bounds", "Saturation curve", "What sways delay_p95_s"):
        assert heading in out
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


@pytest.mark.parametrize(("replications", "code", "said"), [(4, 3, "misses its objectives"), (2, 4, "do not tell")])
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
        (("--slo", "delay p(99.9) < 60 s"), "not carried by the sample"),
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
