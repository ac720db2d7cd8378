"""Studies that are too large are refused before anything is made of them; large ones that are not are read and run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from study_files import FakeEngine, cli, document, engine, here, own_registry, stand_in, written

import simsmtp
from simsmtp.errors import InputError
from simsmtp.experiment.experiment import Experiment
from simsmtp.experiment.experiment_file import load_case, load_experiment
from simsmtp.experiment.size_limits import (
    MOST_COLUMNS,
    MOST_POINTS,
    MOST_REPLICATIONS,
    MOST_SETTINGS,
    MOST_WORKERS,
    check_points,
)
from simsmtp.model.plan import Plan
from simsmtp.planning.capacity import capacity, prepare_capacity
from simsmtp.running import run_options
from simsmtp.running.pilot import estimate
from simsmtp.running.run_options import RunOptions
from simsmtp.running.runner import missing_tasks, prepare, run

__all__ = ["engine", "here", "own_registry"]
STUDY = '[study]\nname = "t"\ntitle = "T"\nreplications = 2\n'
EIGHT = ["client.batch_size", "client.budget", "client.connections", "server.recipient_limit", "server.workers",
         "workload.messages", "workload.recipients_per_message", "workload.message_bytes"]  # fmt: skip
_LHS = '[design]\nkind = "latin-hypercube"\npoints = {}\n[design.ranges]\n"network.rtt_ms" = {{ low = 1, high = 9 }}\n'
TOO_MANY = {
    "8 factors of 30 levels": ("[factors]\n" + "".join(f'"{key}" = {[*range(1, 31)]}\n' for key in EIGHT),
                               "factors.client.batch_size", 30**8),
    "a factor of 200,000 levels": (f'[factors]\n"client.batch_size" = {[*range(1, 200_001)]}\n',
                                   "factors.client.batch_size", 200_000),
    "ten million sampled points": (_LHS.format(10**7), "design.points", 10**7),
    "a Sobol sequence of 2^40 points": (_LHS.format(2**40).replace("latin-hypercube", "sobol"), "design.points", 2**40),
    "20,000 listed points": ("".join(f'[[points]]\n"client.batch_size" = {number}\n' for number in range(1, 20_001)),
                             "points", 20_000),
    "levels times sampled points": (_LHS.format(10_000) + '[factors]\n"client.budget" = [1, 2]\n', "design.points",
                                    20_000),
}  # fmt: skip


@pytest.fixture(autouse=True)
def soon() -> Iterator[None]:
    """Whatever is asked, the answer takes seconds, not minutes."""
    begun = time.process_time()
    yield
    assert time.process_time() - begun < 30


@pytest.mark.slow
@pytest.mark.parametrize("what", TOO_MANY)
@pytest.mark.parametrize("load", [load_experiment, load_case, prepare, prepare_capacity], ids=lambda one: one.__name__)
def test_too_many_design_points_are_refused_before_they_are_made(
    tmp_path: Path, what: str, load: Callable[[Path], Any]
) -> None:
    text, key, points = TOO_MANY[what]
    with pytest.raises(InputError, match="too many design points") as caught:
        load(written(tmp_path, STUDY + text))
    assert (caught.value.key, caught.value.given) == (key, points)
    assert caught.value.line is not None
    assert caught.value.allowed == f"{MOST_POINTS:,} in all"


def test_as_many_points_as_are_allowed_are_read() -> None:
    tables = {"study": {"name": "t", "title": "T"}, "points": [{"client.budget": 1 + one} for one in range(4000)]}
    begun = time.process_time()
    assert len(Experiment.from_dict(tables).points) == 4000
    assert time.process_time() - begun < 10  # not with the square of their number
    tables["points"] = [{"client.budget": 1}] * MOST_POINTS
    check_points((), 0, MOST_POINTS)
    with pytest.raises(InputError, match="too many design points"):
        check_points((), 0, MOST_POINTS + 1)


def test_too_many_factors_are_refused() -> None:
    named = {f"f{number}": {"a": {"client.budget": 1}} for number in range(MOST_COLUMNS + 1)}
    with pytest.raises(InputError, match="too many factors") as caught:
        Experiment.from_dict({"study": {"name": "t", "title": "T"}, "factors": named})
    assert caught.value.given == MOST_COLUMNS + 1


@pytest.mark.parametrize("replications", [10**9, 2**62])
def test_a_billion_replications_are_refused_and_half_a_million_are_planned(tmp_path: Path, replications: int) -> None:
    path = written(tmp_path, STUDY)
    with pytest.raises(InputError, match="too many replications") as caught:
        prepare(path, RunOptions(replications=replications))
    assert (caught.value.key, caught.value.given) == ("study.replications", replications)
    assert f"{MOST_REPLICATIONS:,}" in str(caught.value)
    text = STUDY.replace("= 2", f"= {replications}") + '[capacity]\nobjectives = ["false_ndr == 0"]\n'
    for refuse in (run, prepare_capacity):
        with pytest.raises(InputError, match="too many replications"):
            refuse(written(tmp_path, text))
    assert len(missing_tasks(prepare(path, RunOptions(replications=500_000, output=tmp_path / "out")))) == 500_000


def test_replications_are_counted_over_all_points(tmp_path: Path) -> None:
    path = written(tmp_path, STUDY + f'[factors]\n"client.budget" = {[*range(1, 101)]}\n')
    with pytest.raises(InputError, match="up to 500,000 of 100 design points"):
        prepare(path, RunOptions(replications=500_001))
    assert prepare(path, RunOptions(replications=1000)).experiment.replications == 1000


def test_too_many_settings_and_destinations_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, STUDY)
    with pytest.raises(InputError, match="too many settings"):
        load_experiment(path, ["client.budget=3"] * (MOST_SETTINGS + 1))
    load_experiment(path, [f"client.budget={1 + number}" for number in range(MOST_SETTINGS)])
    many = "".join(f'[[scenario.destinations]]\nname = "d{number}"\n' for number in range(20_000))
    with pytest.raises(InputError, match="1,000"):
        load_experiment(written(tmp_path, STUDY + many))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("# " + "x" * 5_000_000, "larger than 4,194,304 octets"),
        ("".join(f"[scenario.t{number}]\n" for number in range(60_000)), "unknown key"),
        ("[scenario]\nx = [" + "{}," * 250_000 + "]", "too many keys"),
        ("x = " + '"""' * 100_001, "not valid TOML"),
        ("x = " + "'''\\\"\"\"" * 100_001, "not valid TOML"),
    ],
    ids=["a long line", "many tables", "a list of many tables", "quotes", "quotes within quotes"],
)
def test_a_text_of_a_few_megabytes_is_answered_soon(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        load_experiment(written(tmp_path, STUDY + text))


@pytest.mark.parametrize("scenario", [
    {"workload": {"messages": 10**9}},
    {"workload": {"messages": 10**9, "arrivals": {"dist": "poisson", "rate_per_s": 1.0}}},
    {"workload": {"messages": 1000, "recipients_per_message": 10**6}},
    {"workload": {"messages": 100, "recipients_per_message": {"dist": "lognormal", "mean": 1e6, "cv": 0.3}}},
])  # fmt: skip
def test_a_dry_run_looks_at_a_part_of_a_replication_that_takes_hours(scenario: dict[str, Any], tmp_path: Path) -> None:
    experiment = Experiment.from_dict({"study": {"name": "t", "title": "T", "replications": 2}, "scenario": scenario})
    assert estimate(prepare(experiment, RunOptions(workers=1, engine="reference", output=tmp_path))).seconds > 60


def test_a_dry_run_of_a_long_trace_looks_at_a_part_of_it(tmp_path: Path) -> None:
    rows = written(tmp_path, "".join(f"s{number} r {number}\n" for number in range(500)), "rows.txt")
    work = {"trace": str(rows), "trace_recipient_factor": 1000}
    experiment = Experiment.from_dict({"study": {"name": "t", "title": "T"}, "scenario": {"workload": work}})
    begun = time.perf_counter()
    found = estimate(prepare(experiment, RunOptions(workers=1, engine="reference", output=tmp_path / "out")))
    assert found.seconds > 3 * (time.perf_counter() - begun)


def test_a_dry_run_of_a_part_estimates_what_the_whole_takes(
    here: Path, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten times the messages of a look take ten times as long."""
    asked: list[int] = []

    now = [0.0]

    def takes_time(plan: Plan, **named: Any) -> Any:
        asked.append(plan.workload.messages)
        now[0] += 0.01
        return engine(plan, **named)

    stand_in(monkeypatch, takes_time)
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    path = written(here, STUDY + "[scenario.workload]\nmessages = 1200\nrecipients_per_message = 250\n")
    found = estimate(prepare(path, RunOptions(workers=1)))
    assert set(asked) == {120}
    assert found.seconds == pytest.approx(2 * 10 * 0.01)


@pytest.mark.parametrize("workers", [0, -1, 10**6, MOST_WORKERS + 10_000, True, 2.5, "four"])
def test_numbers_of_workers_that_make_no_sense_are_refused(tmp_path: Path, workers: Any) -> None:
    experiment = load_experiment(written(tmp_path, STUDY))
    plan = load_experiment(written(tmp_path, STUDY + '[capacity]\nobjectives = ["false_ndr == 0"]\n'))
    for refuse in (
        lambda: run(experiment, workers=workers),
        lambda: run(experiment, workers=workers, executor="serial"),
        lambda: capacity(plan, workers=workers),
        lambda: simsmtp.compare(tmp_path, tmp_path, workers=workers),
    ):
        with pytest.raises(InputError, match="workers: not a usable number"):
            refuse()


def test_more_workers_than_processors_are_allowed_and_said(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    run_options._say_shared.cache_clear()
    path = written(here, STUDY)
    assert prepare(path, RunOptions(workers=40)).workers == 40
    assert prepare(path, RunOptions(workers=40)).workers == 40
    assert capsys.readouterr().err == "simsmtp: up to 40 workers share 2 processors\n"
    assert prepare(path, RunOptions(workers=2)).workers == 2
    assert prepare(path, RunOptions(workers=41, executor="serial")).workers == 41
    assert prepare(path).workers == 2
    assert capsys.readouterr().err == ""


def test_an_estimate_does_not_count_workers_that_share_a_processor(
    here: Path, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    path = written(here, STUDY)
    two, forty = (estimate(prepare(path, RunOptions(replications=100_000, workers=count))).seconds for count in (2, 40))
    assert forty > two / 5


def test_the_command_line_refuses_absurd_workers(here: Path) -> None:
    path = written(here, STUDY + '[capacity]\nobjectives = ["false_ndr == 0"]\n')
    for command in (["run", path, "--dry-run"], ["run", path], ["capacity", path], ["compare", path, path]):
        done = cli(here, *command, "--workers", 1_000_000)
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
        assert "workers" in done.stderr
    assert document(cli(here, "run", path, "--dry-run", "--json", "--workers", 40))["missing"] == 2
    assert not (here / "results").exists()


@pytest.mark.parametrize("name", ["x" * 5000, "x" * 101, "a/b", "..", ".x", "-rf", "a\0b", "a\n", "größe", ""])
def test_a_name_that_is_no_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError) as caught:
        Experiment.from_dict({"study": {"name": name, "title": "T"}})
    assert caught.value.key == "study.name"
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("output", ["x" * 5000, "a/" * 3000, "a\0b", "file", "file/under", "loop", "loop/under"])
def test_a_folder_that_cannot_be_is_refused_before_anything_runs(here: Path, output: str) -> None:
    path = written(here, STUDY + '[capacity]\nobjectives = ["false_ndr == 0"]\n')
    (here / "file").write_text("")
    (here / "loop").symlink_to("loop")
    for refuse in (run, capacity):
        with pytest.raises(InputError, match="output"):
            refuse(path, output=output)


def test_numbers_that_no_engine_can_run_are_refused_before_anything_is_written(here: Path) -> None:
    text = '[scenario.workload]\nmessages = 5\narrivals = { dist = "poisson", rate_per_s = 1e-300 }\n'
    with pytest.raises(InputError) as caught:
        run(written(here, STUDY + text))
    assert str(caught.value).isprintable()
    assert not (here / "results").exists()
