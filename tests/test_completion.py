"""The Tab key: what the shell is offered."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from study_files import TINY, command, environment, written

from simsmtp.cli.completion import words
from simsmtp.cli.completion.keys import _MODELS, SCENARIO_TABLES, keys_of
from simsmtp.engines import choose_engine
from simsmtp.errors import InputError
from simsmtp.experiment.key_list import list_keys
from simsmtp.model.plan import plan_of
from simsmtp.model.scenario import Scenario
from simsmtp.running.executors import EXECUTORS


def offered(folder: Path, line: str, at: int) -> list[str]:
    """Return what Bash is offered for the word number `at` of a line."""
    env = environment() | {"_SIMSMTP_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(at)}
    done = subprocess.run(command(), cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.stderr == "", done.stderr
    assert {one.partition(",")[0] for one in done.stdout.split()} <= {"plain", "file", "dir"}
    return [one.partition(",")[2] for one in done.stdout.splitlines() if one]


@pytest.mark.parametrize(
    ("line", "at", "expected"),
    [
        ("simsmtp exp", 1, ["experiments"]),
        ("simsmtp run kb8", 2, ["kb822105"]),
        ("simsmtp run stu", 2, ["study.toml", "studies/"]),
        ("simsmtp run studies/", 2, ["studies/inner.toml"]),
        ("simsmtp capacity ", 2, ["newsletter", "relay", "study.toml", "studies/"]),
        ("simsmtp run kb822105 --engine ", 4, ["auto", "reference", "compiled"]),
        ("simsmtp run kb822105 --engine = c", 5, ["compiled"]),
        ("simsmtp capacity relay --engine r", 4, ["reference"]),
        ("simsmtp run kb822105 --executor ", 4, ["local", "serial", "dask"]),
        ("simsmtp presets windows-2003-r", 2, ["windows-2003-rtm"]),
        ("simsmtp keys client.batch", 2, ["client.batch_size"]),
        ("simsmtp keys rtt", 2, ["rtt_ms"]),
        ("simsmtp run study.toml --set client.s", 4,
         ["client.strategy=", "client.sorts_by_domain=", "client.sizing=", "client.sizing_forget_s=",
          "client.stop_on_overflow=", "client.starttls="]),
        ("simsmtp run kb822105 --set sen", 4, ["sender="]),
        ("simsmtp run kb822105 --set sender = one", 6, ["one-stop"]),
        ("simsmtp run kb822105 --set client.strategy = one", 6, ["one-stop"]),
        ("simsmtp run kb822105 --set client.strategy=one", 4, ["client.strategy=one-stop"]),
        ("simsmtp run kb822105 --set network.profile =", 5, ["pipe", "tcp"]),
        ("simsmtp run kb822105 --set server.preset = windows", 6, ["windows-2003"]),
        ("simsmtp run kb822105 --set study.re", 4, ["study.replications=", "study.responses="]),
        ("simsmtp send 127.0.0.1:2525 --preset qm", 4, ["qmail"]),
        ("simsmtp compare a b --response delivered_", 5, ["delivered_per_s"]),
        ("simsmtp new s", 2, ["study", "strategy"]),
        ("simsmtp run no/such/file.toml --set sen", 4, []),
        ("simsmtp run broken.toml --set sen", 4, []),
        ("simsmtp run 'unclosed --set x", 3, []),
        ("simsmtp run no/such/", 2, []),
    ],
)  # fmt: skip
def test_bash_is_offered(tmp_path: Path, line: str, at: int, expected: list[str]) -> None:
    written(tmp_path, TINY)
    written(tmp_path, "[factors\n", "broken.toml") if "broken" in line else None
    (tmp_path / "studies").mkdir()
    written(tmp_path / "studies", TINY, "inner.toml")
    assert sorted(offered(tmp_path, line, at)) == sorted(expected)


def test_a_number_that_is_none_is_no_traceback(tmp_path: Path) -> None:
    env = environment() | {"_SIMSMTP_COMPLETE": "bash_complete", "COMP_WORDS": "simsmtp ", "COMP_CWORD": "x"}
    done = subprocess.run(command(), cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("", "")


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no Bash")
def test_bash_itself_takes_what_it_is_offered(tmp_path: Path) -> None:
    source = subprocess.run(
        command(), cwd=tmp_path, env=environment() | {"_SIMSMTP_COMPLETE": "bash_source"}, capture_output=True,
        text=True, check=True,
    ).stdout  # fmt: skip
    assert "nospace" in source
    (tmp_path / "simsmtp").write_text(f'#!/bin/sh\nexec {" ".join(command())} "$@"\n', encoding="utf-8")
    (tmp_path / "simsmtp").chmod(0o755)
    script = f"""{source}
COMP_WORDS=(simsmtp run kb822105 --set client.strategy = one); COMP_CWORD=6; COMPREPLY=()
_simsmtp_completion simsmtp 2>/dev/null
echo "${{COMPREPLY[@]}}"
"""
    env = environment() | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["bash", "--norc", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert done.stdout.strip() == "one-stop", done.stderr


@pytest.mark.parametrize("table", _MODELS)
def test_keys_read_off_the_source_are_those_of_the_models(table: str) -> None:
    known = {one.key for one in list_keys([table]) if one.key.partition(".")[0] == table and one.key.count(".") == 1}
    assert known <= set(keys_of(table))
    assert table in SCENARIO_TABLES or known


def test_values_read_off_the_source_are_allowed() -> None:
    allowed = {one.key: one.allowed for one in list_keys()}
    for table in SCENARIO_TABLES:
        for key, values in keys_of(table).items():
            assert all(f'"{one}"' in allowed[key] or one in allowed[key].split() for one in values), key


def test_names_of_engines_and_executors_are_the_real_ones() -> None:
    assert words.EXECUTORS == EXECUTORS
    with pytest.raises(InputError) as raised:
        choose_engine(plan_of(Scenario()), "none", at_stake=1)
    assert raised.value.allowed == words.ENGINES
