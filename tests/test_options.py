"""Options of a run: one list of them for Python, and what is said of an argument that cannot be one."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from study_files import TINY, here, own_registry, written

import simsmtp
from simsmtp import Experiment
from simsmtp.cli.capacity import capacity as capacity_command
from simsmtp.cli.run import run as run_command
from simsmtp.errors import InputError
from simsmtp.experiment.experiment_file import load_case, load_experiment
from simsmtp.planning.plan import CapacityOptions
from simsmtp.running.run_options import RunOptions

__all__ = ["here", "own_registry"]
TAKES = [(simsmtp.run, RunOptions, "path_or_experiment"), (simsmtp.capacity, CapacityOptions, "plan")]
ONLY_IN_PYTHON = {"progress", "search", "factors", "prices", "tolerance"}
TABLES = {"study": {"name": "t", "title": "T"}}


@pytest.mark.parametrize(("function", "options", "first"), TAKES, ids=["run", "capacity"])
def test_help_shows_every_option_with_its_default_and_its_description(
    function: Callable[..., Any], options: Any, first: str
) -> None:
    shown = inspect.signature(function).parameters
    fields = {field.name: field.default for field in dataclasses.fields(options)}
    assert list(shown) == [first, *fields]
    assert {name: one.default for name, one in shown.items() if name != first} == fields
    lines = (inspect.getdoc(function) or "").splitlines()
    for name in fields:
        (line,) = [number for number, text in enumerate(lines) if text.startswith(f"{name} : ")]
        assert lines[line + 1].startswith("    ")
    assert "**options" not in lines


@pytest.mark.parametrize(("function", "options", "first"), TAKES, ids=["run", "capacity"])
def test_calls_that_python_would_refuse_name_the_function(
    function: Callable[..., Any], options: Any, first: str
) -> None:
    with pytest.raises(TypeError, match=rf"^{function.__name__}\(\) got an unexpected keyword argument 'worker'$"):
        function("study.toml", worker=3)
    with pytest.raises(TypeError, match=rf"^{function.__name__}\(\) missing .*'{first}'$"):
        function(workers=3)
    with pytest.raises(TypeError, match=rf"^{function.__name__}\(\) "):
        function("study.toml", 3)


def test_the_first_argument_may_be_named(here: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        simsmtp.run(path_or_experiment="none.toml")  # type: ignore[call-arg]


_OF_RUN = {"experiment", "precisions", "budget", "baseline", "write_baseline", "kinds", "history", "commit"}


@pytest.mark.parametrize(
    ("command", "options", "others"),
    [
        (
            run_command,
            RunOptions,
            {"experiment", "precisions", "budget", "baseline", "write_baseline", "kinds", "history", "commit"},
        ),
        (capacity_command, CapacityOptions, {"plan"}),
    ],
)
def test_every_option_is_one_of_the_command_line(command: Any, options: Any, others: set[str]) -> None:
    fields = {field.name for field in dataclasses.fields(options)} - ONLY_IN_PYTHON
    assert {one.name for one in command.params} == fields | others | {"as_json", "dry_run", "no_figure", "quiet"}


@pytest.mark.parametrize("given", [None, "study", 3, [("study", {})]])
def test_an_experiment_is_made_of_a_dict(given: Any) -> None:
    with pytest.raises(InputError, match=r"tables: should be a dict; given: .*; allowed: a dict of tables") as caught:
        Experiment.from_dict(given)
    assert caught.value.given == given


@pytest.mark.parametrize("given", [None, 3, b"study.toml"])
@pytest.mark.parametrize("load", [load_experiment, load_case, simsmtp.run, simsmtp.capacity])
def test_what_is_no_path_is_named(load: Callable[[Any], Any], given: Any) -> None:
    with pytest.raises(InputError, match=r"path: should be a path; given: .*; allowed: .*Experiment\.from_dict"):
        load(given)


LISTS = {
    "settings": ["study.seed=3", None, 3, [3], {"study.seed": 3}],
    "strategies": ["one-stop", Path("mine.py"), None, [3], [None]],
    "responses": ["makespan_s", 3, [3]],
    "objectives": ["false_ndr == 0", [3], 3],
}


@pytest.mark.parametrize(("key", "given"), [(key, one) for key, several in LISTS.items() for one in several])
def test_one_text_is_no_list_of_texts(here: Path, key: str, given: Any) -> None:
    path = written(here, f'{TINY}\n[capacity]\nobjectives = ["false_ndr == 0"]\n')
    one_point = Experiment.from_dict({**TABLES, "capacity": {"objectives": ["false_ndr == 0"]}})
    calls: dict[str, list[Callable[[], Any]]] = {
        "settings": [
            lambda: simsmtp.run(path, settings=given),
            lambda: simsmtp.compare(path, path, settings=given),
            lambda: simsmtp.capacity(path, settings=given),
            lambda: load_experiment(path, given),
            lambda: load_case(path, given),
            lambda: Experiment.from_dict(TABLES, given),
        ],
        "strategies": [
            lambda: simsmtp.run(path, strategies=given),
            lambda: simsmtp.compare(path, path, strategies=given),
            lambda: simsmtp.capacity(path, strategies=given),
        ],
        "responses": [lambda: simsmtp.compare(path, path, responses=given)],
        "objectives": [lambda: simsmtp.capacity(one_point, objectives=given)],
    }
    for call in calls[key]:
        with pytest.raises(InputError, match=f"{key}: should be a list of texts; given: .*; allowed: ") as caught:
            call()
        assert caught.value.given == given
    assert not (here / "results").exists()


def test_any_iterable_of_texts_and_paths_will_do(here: Path) -> None:
    strategies = (one for one in ["one-stop"])
    study = simsmtp.run(Experiment.from_dict(TABLES), workers=1, progress=False, strategies=strategies)
    assert [point.factors for point in study.points] == [
        {"client.strategy": "corrected"},
        {"client.strategy": "one-stop"},
    ]


@pytest.mark.parametrize("given", [3, b"folder"])
def test_an_output_is_a_path(here: Path, given: Any) -> None:
    with pytest.raises(InputError, match="output: should be a path; given: "):
        simsmtp.run(Experiment.from_dict(TABLES), output=given)


@pytest.mark.parametrize(("key", "given"), [("seed", "x"), ("seed", -1), ("replications", "x"), ("replications", True)])
def test_a_capacity_plan_checks_its_numbers_as_a_study_does(key: str, given: Any) -> None:
    experiment = Experiment.from_dict({**TABLES, "capacity": {"objectives": ["false_ndr == 0"]}})
    for function in (simsmtp.run, simsmtp.capacity):
        with pytest.raises(InputError, match=f"{key}: not a usable number"):
            function(experiment, **{key: given})
