"""Experiment files and settings that are wrong: always one line that names the place, never anything else."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from experiment_texts import broken, setting, tried
from hypothesis import example, given
from hypothesis import strategies as st

from simsmtp.errors import InputError
from simsmtp.experiment.experiment import Experiment
from simsmtp.experiment.experiment_file import load_experiment

STUDY = '[study]\nname = "t"\ntitle = "T"\n'
DECOYS = """\
# batch_size = 0
description = \"\"\"
[scenario.client]
batch_size = 0 # not a key
\"\"\"
responses = [ # "batch_size = 0",
  "false_ndr", # ]
]
"""
# One wrong value, marked by HERE on its line, in every way in which TOML writes it.
WRONG = {
    "a key of a table": "[scenario.client]\nbudget = 3\nbatch_size = 0 # HERE",
    "a quoted key": '[scenario."client"]\n"batch_size" = 0 # HERE',
    "a key with escapes": '[scenario.client]\n"batch\\u005fsize" = 0 # HERE',
    "a literal key": "[scenario.client]\n'batch_size' = 0 # HERE",
    "a dotted key": "[scenario]\nclient.budget = 3\nclient . 'batch_size' = 0 # HERE",
    "a header with spaces": "[ scenario . client ]\n\n  batch_size=0 # HERE",
    "an inline table": "[scenario]\nclient = { budget = 3, batch_size = 0 } # HERE",
    "an inline table in a dotted key": "[scenario]\nnetwork.rtt_ms = { dist = 'normal', mean = 'x', sd = 1 } # HERE",
    "an array of tables": '[[scenario.destinations]]\nname = "a"\n[[scenario.destinations]]\nname = "b"\n'
    "weight = 0 # HERE",
    "a table of an array's element": '[[scenario.destinations]]\nname = "a"\n[scenario.destinations.server]\n'
    "workers = 0 # HERE",
    "inline tables over several lines": '[scenario]\ndestinations = [\n  { name = "a" }, # {\n\n'
    '  { name = "b", weight = 0 }, # HERE\n]',
    "a listed point": '[[points]]\n"client.batch_size" = 5\n[[points]]\n"client.batch_size" = 0 # HERE',
    "a factor": '[factors]\n"client.budget" = [1, 2]\n"client.batch_size" = [5, 0] # HERE',
    "a level that is a table": '[factors]\n"network.rtt_ms" = [\n  5,\n  { dist = "constant", value = 1 },\n'
    '  { dist = "constant", value = "x" }, # HERE\n]',
    "a level with a name": '[factors.path.near]\n"network.rtt_ms" = 1\n[factors.path.far]\n"network.rtt_ms" = 2\n'
    '"client.batch_size" = 0 # HERE',
    "a range": '[design]\nkind = "sobol"\npoints = 4\n[design.ranges]\nnetwork.rtt_ms = { low = 1, high = 9 }\n'
    '"client.batch_size" = { low = 9, high = 1 } # HERE',
    "an objective's bounds": '[capacity]\nobjectives = ["false_ndr == 0"]\n[capacity.search]\n'
    '"client.batch_size" = [9, 1] # HERE',
    "a search below 0": '[capacity]\nobjectives = ["false_ndr == 0"]\n[capacity.search]\nrate = [1, 2]\n'
    '"client.batch_size" = [-1, 5] # HERE',
    "a figure": '[factors]\n"client.batch_size" = [1, 2]\n[figure]\ny = "false_ndr"\nx = "client.budget" # HERE',
    "an unknown key": "[scenario.client]\nbudget = 3\nbach_size = 5 # HERE",
    "an unknown table": "[study_] # HERE\nx = 1\n",
    "a number beyond 64 bits": "[scenario.client]\nbudget = 3\nbatch_size = 9223372036854775808 # HERE",
    "a number of 5,000 digits": f"[scenario.client]\nbudget = 3\nbatch_size = {'9' * 5000} # HERE",
    "tables without end": f"[scenario.client]\nbudget = 3\nbatch_size = {'{a=' * 30}1{'}' * 30} # HERE",
    "a key of 50,000 parts": f"[scenario.client]\nbudget = 3\n{'a.' * 50_000}b = 1 # HERE",
    "a header of 50,000 parts": f"\n[{'a.' * 50_000}b] # HERE",
    "no TOML": "[scenario.client]\nbudget = 3\nbatch_size = 0,5 # HERE",
}


@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("what", WRONG)
def test_the_line_of_a_wrong_value_is_named(tmp_path: Path, what: str, mark: str, ends: str) -> None:
    text = STUDY + DECOYS + WRONG[what] + "\n[scenario.server]\nrecipient_limit = 7\n"
    line = 1 + next(number for number, one in enumerate(text.split("\n")) if one.endswith("# HERE"))
    path = tmp_path / "one.toml"
    path.write_bytes((mark + text.replace("\n", ends)).encode())
    with pytest.raises(InputError) as caught:
        load_experiment(path)
    assert (caught.value.file, caught.value.line) == (str(path), line), str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 5000


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_all_that_is_wrong(tmp_path: Path, what: str) -> None:
    lines = (STUDY + DECOYS + WRONG[what] + "\n[scenario.server]\nrecipient_limit = 7\n").split("\n")
    path = tmp_path / "one.toml"
    good = [one for one in lines if not one.endswith("# HERE") or one.startswith(("[scenario]", "y ="))]
    if what in {"an unknown table", "a figure"}:
        good = [one for one in good if one != "x = 1" and not one.startswith(("[figure", "y ="))]
    path.write_text("\n".join(good), encoding="utf-8")
    load_experiment(path)


@given(st.integers(0, 2**32))
@example(45)
@example(1368)
@example(11553)
def test_a_changed_experiment_is_read_or_refused_in_one_line(seed: int) -> None:
    choose = random.Random(seed)  # noqa: S311
    text = broken(choose)
    tried(text.encode(), [setting(choose) for _ in range(choose.choice([0, 0, 1, 2]))])


@given(st.binary(max_size=300))
@example(b"\xff\xfe[\x00s\x00")
@example(b"[study]\nname = '''\xe2\x80\xa8")
@example(b"x = " + b"[" * 100_000)
def test_any_octets_are_refused_in_one_line(octets: bytes) -> None:
    tried(octets)


@pytest.mark.parametrize(
    ("given", "key", "why"),
    [
        ("client.batch_size=" + "9" * 5000, "client.batch_size", "too large a number"),
        ("study.seed=0x" + "f" * 5000, "study.seed", "too large a number"),
        ("client.batch_size=" + "[" * 30_000, "client.batch_size", "too deep"),
        ("client.batch_size={" + "a." * 30_000 + "b=1}", "client.batch_size", "a key of too many parts"),
        ("a." * 50_000 + "b=1", None, "unknown key"),
        ("client.overflow." + "a." * 30_000 + "b=1", None, "unknown key"),
        ("destinations.-1.weight=5", "destinations.-1.weight", "no such table"),
        ("destinations." + "9" * 5000 + ".weight=5", None, "no such table"),
        ("destinations.\u00b2.weight=5", None, "no such table"),
        ("study.title=\udcff", None, "not Unicode"),
        ("path={}", "path", "unknown level"),
    ],
)  # fmt: skip
def test_a_setting_that_is_odd_is_named(given: str, key: str | None, why: str) -> None:
    tables = {
        "study": {"name": "t", "title": "T"},
        "scenario": {"destinations": [{"name": "a"}, {"name": "b"}]},
        "factors": {"path": {"near": {"network.rtt_ms": 1}, "far": {"network.rtt_ms": 2}}},
    }
    with pytest.raises(InputError, match=why) as caught:
        Experiment.from_dict(tables, [given])
    assert caught.value.file == f"--set {given}"
    assert key is None or caught.value.key == key
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 10_000


def test_a_wrong_setting_of_a_table_that_the_file_lacks_is_blamed_itself(tmp_path: Path) -> None:
    path = tmp_path / "one.toml"
    path.write_text(STUDY, encoding="utf-8")
    with pytest.raises(InputError, match=r"^--set destinations.N.weight=1: destinations"):
        load_experiment(path, ["destinations.N.weight=1"])


@pytest.mark.parametrize(
    "odd", [{1: 2}, {"study": {1: 2}}, {"scenario": {1: 2}}, {"factors": {1: [2]}}, {"points": [{None: 2}]}]
)
def test_keys_of_tables_built_in_python_have_to_be_text(odd: dict[Any, Any]) -> None:
    with pytest.raises(InputError, match="has a key that is no text"):
        Experiment.from_dict({"study": {"name": "t", "title": "T"}, **odd})


def test_tables_built_in_python_are_bounded_too() -> None:
    endless: dict[str, object] = {}
    endless["client"] = endless
    wide: list[object] = []
    for _ in range(12):
        wide = [wide] * 10
    for odd in (endless, {"client": {"batch_size": 10**5000}}, {"client": wide}, {"client": {"strategy": "\ud800"}}):
        with pytest.raises(InputError):
            Experiment.from_dict({"study": {"name": "t", "title": "T"}, "scenario": odd})


@pytest.mark.parametrize(
    ("tables", "settings", "key", "why"),
    [
        ({"factors": {"f": {}}}, [], "factors.f", "has no level"),
        ({"factors": {"f": 3}}, [], "factors.f", "list of levels"),
        ({"factors": {"mean": {"a": {}}}}, [], "factors.mean", "is taken"),
        ({"factors": {"f": {"a": 3}}}, [], "factors.f.a", "table of scenario keys"),
        ({"factors": {"f": {"a": 3}}}, ["client.budget=3"], "factors.f.a", "table of scenario keys"),
        ({"factors": 3}, [], "factors", "should be a table"),
        ({"factors": {"client.budget": [1, 1]}}, [], "factors.client.budget", "must differ"),
        ({"points": [{"f": "c"}], "factors": {"f": {"a": {}}}}, [], "points.0.f", "unknown level"),
        ({"factors": {"f": {"a": {"client.budget": 1}}}}, ["client.budget=3"], "client.budget", "every level"),
        ({"factors": {"f": {"a": {"client.budget": 1}}}}, ["f=b"], "f", "unknown level"),
        ({"scenario": {"client": {"strategy": "one-stop"}}}, ["client.strategy.x=1"], "client.strategy.x", "no such"),
        ({}, ["client.budget"], "--set", "not a setting"),
        ({"capacity": {"search": {"client.budget": [1, 2]}}}, [], "capacity.search.client.budget", "be searched"),
        ({"capacity": {"search": {"rate": [1]}}}, [], "capacity.search.rate", "two values"),
        ({"capacity": {"search": {"client.batch_size": [1.5, 2]}}}, [], "capacity.search.client.batch_size", "whole"),
        ({"capacity": {"search": {"rate": [2, 1]}}}, [], "capacity.search.rate", "lower bound"),
        ({"capacity": {"search": {"rate": [1, 10**400]}}}, [], "capacity.search.rate", "too large"),
        ({"figure": {"x": "f", "y": []}}, [], "figure", "at least one response"),
        ({"figure": {"x": "f", "y": "delay_s", "y_scale": ["log", "log"]}}, [], "figure", "entries for"),
    ],
)  # fmt: skip
def test_an_experiment_with_parts_that_do_not_fit_names_the_key(
    tables: dict[str, object], settings: list[str], key: str, why: str
) -> None:
    with pytest.raises(InputError, match=why) as caught:
        Experiment.from_dict({"study": {"name": "t", "title": "T"}, **tables}, settings)
    assert caught.value.key == key


def test_a_named_level_that_is_the_base_names_other_points() -> None:
    tables = {
        "study": {"name": "t", "title": "T"},
        "factors": {"path": {"near": {"network.rtt_ms": 1}, "usual": {"network.rtt_ms": 50.0}}},
        "points": [{"client.budget": 9}],
    }
    points = Experiment.from_dict(tables).points
    assert [point.factors["path"] for point in points] == ["near", "usual", "usual"]
    tables["factors"] = {"path": {"near": {"network.rtt_ms": 1}}}
    assert Experiment.from_dict(tables).points[-1].factors["path"] == "base"
