"""Experiment files: what they mean, and what is said of those that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest
from study_files import ROOT, STRATEGY, STUDY, TINY, own_registry, written

from simsmtp.errors import InputError
from simsmtp.experiment.experiment import Experiment, design_points
from simsmtp.experiment.experiment_file import load_case, load_experiment
from simsmtp.running.user_strategies import add_strategies, find_strategies, load_strategies

__all__ = ["own_registry"]
pytestmark = pytest.mark.usefixtures("own_registry")


def load(folder: Path, text: str, *settings: str) -> Experiment:
    return load_experiment(written(folder, text), settings)


def levels(experiment: Experiment) -> list[tuple[object, ...]]:
    return [tuple(point.factors.values()) for point in design_points(experiment)]


def complaint(folder: Path, text: str, *settings: str) -> str:
    with pytest.raises(InputError) as caught:
        load(folder, text, *settings)
    return str(caught.value).replace(f"{folder}/", "")


@pytest.mark.parametrize("path", sorted((ROOT / "experiments").glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_experiments_load(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    experiment = load_experiment(path)
    assert experiment.name == path.stem
    if experiment.capacity is None:
        assert experiment.figure is not None
        assert len(experiment.points) > 5


def test_the_headline_study_has_every_sender_at_every_batch_size_and_latency() -> None:
    experiment = load_experiment(ROOT / "experiments" / "kb822105.toml")
    assert len(experiment.points) == 9 * 10 * 3
    assert experiment.replications == 20
    assert experiment.seed == 822105


def test_a_factorial_varies_its_first_factor_slowest(tmp_path: Path) -> None:
    assert levels(load(tmp_path, TINY)) == [(50, "corrected"), (50, "one-stop"), (200, "corrected"), (200, "one-stop")]


def test_a_named_level_sets_several_keys(tmp_path: Path) -> None:
    text = STUDY + '[factors.sender]\na = { "client.strategy" = "budget", client.budget = 5 }\nb = {}\n'
    first, second = load(tmp_path, text).points
    assert first.factors == {"sender": "a"}
    assert (first.scenario.client.strategy, first.scenario.client.budget) == ("budget", 5)
    assert second.scenario.client.strategy == "corrected"


def test_listed_points_join_the_factorial_and_take_what_they_miss_from_the_base(tmp_path: Path) -> None:
    text = STUDY + '[scenario.network]\nrtt_ms = 20\n[factors]\n"client.batch_size" = [50]\n'
    text += '[[points]]\n"network.rtt_ms" = 80\n[[points]]\nclient.connections = "unlimited"\n'
    experiment = load(tmp_path, text)
    assert experiment.columns == ("client.batch_size", "network.rtt_ms", "client.connections")
    assert levels(experiment) == [(50, 20, 1), (1000, 80, 1), (1000, 20, "unlimited")]
    assert experiment.points[2].scenario.client.connections is None


def test_listed_points_stand_alone_and_repetitions_are_left_out(tmp_path: Path) -> None:
    text = STUDY + '[[points]]\n"client.batch_size" = 7\n' * 1 + '[[points]]\n"client.batch_size" = 9\n' * 2
    assert levels(load(tmp_path, text)) == [(7,), (9,)]


def test_an_experiment_without_factors_has_one_point(tmp_path: Path) -> None:
    (point,) = load(tmp_path, STUDY).points
    assert point.number == 1
    assert point.factors == {}


def test_keys_may_be_written_without_quotes_and_levels_may_be_distributions(tmp_path: Path) -> None:
    text = STUDY + '[factors]\nnetwork.rtt_ms = [10, { dist = "lognormal", mean = 50, cv = 0.4 }]\n'
    assert levels(load(tmp_path, text)) == [(10,), ("lognormal(mean=50, cv=0.4)",)]


def test_from_dict_equals_the_file(tmp_path: Path) -> None:
    import tomllib

    built = Experiment.from_dict(tomllib.loads(TINY))
    assert [point.scenario for point in built.points] == [point.scenario for point in load(tmp_path, TINY).points]


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("client.batch_size=70", [(70, "corrected"), (70, "one-stop")]),
        ("scenario.client.batch_size=70", [(70, "corrected"), (70, "one-stop")]),
        ('client.strategy=["shifted", "budget"]', [(50, "shifted"), (50, "budget"), (200, "shifted"), (200, "budget")]),
        ("client.strategy=shifted", [(50, "shifted"), (200, "shifted")]),
    ],
)
def test_a_setting_of_a_factor_gives_its_levels(tmp_path: Path, setting: str, expected: list[object]) -> None:
    assert levels(load(tmp_path, TINY, setting)) == expected


def test_settings_reach_study_scenario_and_figure(tmp_path: Path) -> None:
    settings = ("study.seed=3", "figure.x_scale=log", "server.recipient_limit=unlimited", "scenario.horizon_s=9")
    experiment = load(tmp_path, TINY, *settings)
    assert experiment.figure is not None
    assert (experiment.seed, experiment.figure.x_scale) == (3, "log")
    assert experiment.points[3].scenario.server.recipient_limit is None
    assert experiment.points[3].scenario.horizon_s == 9


def test_a_setting_chooses_levels_of_a_named_factor(tmp_path: Path) -> None:
    text = STUDY + '[factors.sender]\na = { client.strategy = "budget" }\nb = { client.strategy = "shifted" }\n'
    assert levels(load(tmp_path, text, "sender=b")) == [("b",)]
    assert "every level of factor 'sender'" in complaint(tmp_path, text, "client.strategy=corrected")


BAD = {
    "[scenario.client]\nbatch_sice = 5\n": ["study.toml:7: client.batch_sice", "did you mean 'batch_size'?"],
    "[scenario.client]\nbatch_size = 0\n": ["study.toml:7: client.batch_size", "1", "given: 0"],
    '[scenario.client]\nbatch_size = "x"\n': ["study.toml:7: client.batch_size", "a whole number", "given: 'x'"],
    '[scenario.client]\nstrategy = "one-stp"\n': ["study.toml:7: client.strategy", "did you mean 'one-stop'?"],
    '[scenario.client]\npreset = "windows"\n': ["study.toml:7: client.preset", "did you mean 'windows-2003-rtm'?"],
    "[scenario.client]\nwindow_bytes = 9\nwindow_recipients = 9\n": ["study.toml:7: client.window_bytes", "combined"],
    '[scenario.server]\noverflow_reply = "999"\n': ["study.toml:7: server.overflow_reply", "given: '999'"],
    "[scenario.clint]\nbatch_size = 5\n": ["study.toml:6: clint", "did you mean 'client'?"],
    "[scenaro.client]\nbatch_size = 5\n": ["study.toml:6: scenaro", "did you mean 'scenario'?"],
    '[scenario.workload]\ntrace = "no.txt"\n': ["study.toml:7: workload.trace", "given: 'no.txt'", "--set"],
    '[scenario.workload]\narrivals = "trace"\n': [
        "study.toml:7: workload.arrivals",
        "--set scenario.workload.trace=PATH",
    ],
    '[factors]\n"client.batch_size" = [5, 0]\n': ["study.toml:7: client.batch_size", "client.batch_size=0", "given: 0"],
    '[factors]\n"client.batch_sice" = [5]\n': ["study.toml:7: factors.client.batch_sice", "'client.batch_size'?"],
    '[factors]\n"client.batch_size" = 5\n': ["study.toml:7: factors.client.batch_size", "list of levels", "given: 5"],
    '[factors]\n"client.batch_size" = []\n': ["study.toml:7: factors.client.batch_size", "no level"],
    '[factors]\n"client.batch_size" = [5, 5]\n': ["study.toml:7: factors.client.batch_size", "differ", "given: 5"],
    '[scenario.client]\nwindow_bytes = 9\n[factors]\n"client.window_recipients" = [2]\n': ["study.toml:9", "combined"],
    '[factors.sender]\na = { "client.strategy" = "no" }\n': [
        "study.toml:7: client.strategy",
        "sender=a",
        "given: 'no'",
    ],
    "[factors.sender]\na = { batch = 5 }\n": ["study.toml:7: factors.sender.a.batch", "unknown key"],
    "[factors.sender]\na = 5\n": ["study.toml:7: factors.sender.a", "table", "given: 5"],
    "[factors.lost]\na = {}\n": ["study.toml:6: factors.lost", "taken"],
    "[[points]]\nnowhere = 5\n": ["study.toml:7: points.0.nowhere", "unknown key"],
    '[[points]]\n"client.batch_size" = 0\n': ["study.toml:7: client.batch_size", "given: 0"],
    "[points]\na = 5\n": ["study.toml:6: points", "[[points]]"],
    '[figure]\nx = "client.batch_size"\ny = "lost"\n': ["study.toml:7: figure.x", "not a factor"],
    '[figure]\nx = "a"\ny = "los"\n': ["study.toml:8: figure.y", "did you mean 'lost'?"],
    '[figure]\nx = "a"\ny = ["lost"]\ny_scale = ["lin"]\n': ["study.toml:9: figure.y_scale", "log"],
    '[figure]\nx = "a"\ny = ["lost", "lost"]\n': ["study.toml:8: figure.y", "names a response twice", "given: 'lost'"],
    "[scenario]\ndestinations = 5\n": ["study.toml:7: destinations: should be a list", "given: 5"],
    '[figure]\ny = ["lost"]\n': ["study.toml:6: figure.x", "required"],
    "[scenario\n": ["study.toml:6: not valid TOML"],
    "a = \n": ["study.toml:6: not valid TOML"],
    "a = 1\na = 2\n": ["study.toml:", "not valid TOML"],
}


@pytest.mark.parametrize("text", BAD)
def test_a_bad_file_is_one_message_with_file_line_key_given_and_allowed(tmp_path: Path, text: str) -> None:
    found = complaint(tmp_path, STUDY + text)
    assert "\n" not in found
    for part in BAD[text]:
        assert part in found


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (('name = "tiny"', 'name = "../up"'), [":2: study.name", "letters", "given: '../up'"]),
        (('title = "Tiny"', ""), ["study.title", "required"]),
        (("seed = 7", "seed = -1"), [":5: study.seed", "given: -1"]),
        (("replications = 3", "replications = true"), [":4: study.replications", "a whole number", "given: True"]),
        (("seed = 7", "sed = 7"), [":5: study.sed", "did you mean 'seed'?"]),
        (("seed = 7", 'responses = ["losst"]'), [":5: study.responses", "did you mean 'lost'?"]),
        (("seed = 7", 'responses = ["lost", "queued", "lost"]'), [":5: study.responses", "twice", "given: 'lost'"]),
    ],
)
def test_a_bad_study_table_is_one_message(tmp_path: Path, change: tuple[str, str], parts: list[str]) -> None:
    found = complaint(tmp_path, STUDY.replace(*change))
    for part in parts:
        assert part in found


@pytest.mark.parametrize(
    ("setting", "parts"),
    [
        ("client.batch_sice=5", ["--set client.batch_sice=5: client.batch_sice", "did you mean 'client.batch_size'?"]),
        ("clint.batch_size=5", ["did you mean 'client.batch_size'?"]),
        ("study.replication=5", ["did you mean 'study.replications'?"]),
        ("study.replications=0", ["--set study.replications=0: study.replications", "given: 0"]),
        ("server.recipient_limit=x", ["--set server.recipient_limit=x: server.recipient_limit", "given: 'x'"]),
        ("client.batch_size=0", ["--set client.batch_size=0: client.batch_size", "given: 0"]),
        ("client.batch_size", ["KEY=VALUE"]),
        ("network.rtt_ms.mean.low=5", ["--set network.rtt_ms.mean.low=5"]),
        ("scenario.workload.trace=no.txt", ["--set scenario.workload.trace=no.txt: workload.trace", "no such trace"]),
    ],
)
def test_a_bad_setting_is_named(tmp_path: Path, setting: str, parts: list[str]) -> None:
    found = complaint(tmp_path, TINY, setting)
    for part in parts:
        assert part in found


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.toml", tmp_path):
        with pytest.raises(InputError, match=f"{path}: cannot be read"):
            load_experiment(path)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="UTF-8"):
        load_experiment(tmp_path / "binary.toml")


def test_a_scenario_is_loaded_from_a_scenario_file_or_a_design_point(tmp_path: Path) -> None:
    alone = written(tmp_path, "[scenario.client]\nbatch_size = 5\n")
    assert load_case(alone)[0].client.batch_size == 5
    assert load_case(alone, ["client.batch_size=6"])[0].client.batch_size == 6
    with pytest.raises(InputError, match=r"study: is required.*simsmtp trace"):
        load_experiment(alone)
    experiment = written(tmp_path, TINY)
    assert load_case(experiment)[0].client.strategy == "corrected"
    assert load_case(experiment, point=4)[0].client.strategy == "one-stop"
    with pytest.raises(InputError, match="given: 5; allowed: 1 to 4"):
        load_case(experiment, point=5)


def test_a_strategy_file_adds_levels_where_the_strategy_varies(tmp_path: Path) -> None:
    names = load_strategies(written(tmp_path, STRATEGY, "mine.py"))
    assert names == ["optimist"]
    assert levels(add_strategies(load(tmp_path, TINY), names))[2] == (50, "optimist")
    named = STUDY + '[factors.sender]\na = { client.strategy = "budget" }\n'
    assert levels(add_strategies(load(tmp_path, named), names)) == [("a",), ("optimist",)]
    unvaried = TINY.replace('"client.strategy" = ["corrected", "one-stop"]', "").replace('line = "client.strategy"', "")
    added = add_strategies(load(tmp_path, unvaried), names)
    assert levels(added)[:2] == [(50, "corrected"), (50, "optimist")]
    assert added.figure is not None
    assert added.figure.line == "client.strategy"


def test_a_registered_name_stands_for_itself(tmp_path: Path) -> None:
    load_strategies(written(tmp_path, STRATEGY, "mine.py"))
    assert find_strategies(["optimist", "budget", "optimist"]) == ["optimist", "budget"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n", r"mine\.py: registers no strategy"),
        ("x = 1\ny = (\n", r"mine\.py:2: not valid Python"),
        ("x = 1\n1 / 0\n", r"mine\.py:2: ZeroDivisionError"),
        ("import simsmtp\nsimsmtp.register_strategy('budget', print)\n", r"mine\.py:2: strategy: .*built-in"),
        ("raise SystemExit(3)\n", r"mine\.py:1: SystemExit"),
    ],
)
def test_a_bad_strategy_file_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_strategies(written(tmp_path, text, "mine.py"))


def test_a_trace_is_looked_for_beside_its_file_then_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, rows = tmp_path / "plans", "a@x.test b@y.test 0\n"
    folder.mkdir()
    for place in (folder, tmp_path):
        (place / "both.txt").write_text(rows, encoding="utf-8")
    (tmp_path / "here.txt").write_text(rows, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    study = '[study]\nname = "t"\ntitle = "T"\nreplications = 1\nseed = 1\n'
    text = study + '[scenario.workload]\ntrace = "both.txt"\n[factors]\n"workload.trace" = ["both.txt", "here.txt"]\n'
    (folder / "study.toml").write_text(text, encoding="utf-8")
    read = load_experiment("plans/study.toml")
    assert read.scenario.workload.trace == "plans/both.txt"
    assert [one.scenario.workload.trace for one in read.points] == ["plans/both.txt", "here.txt"]
    chosen = load_experiment("plans/study.toml", ["scenario.workload.trace=both.txt"])
    assert [one.scenario.workload.trace for one in chosen.points] == ["both.txt"]  # typed here, so meant from here
