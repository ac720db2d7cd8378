"""Help, hints and quietness: what a user reads beside results."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from printed import Screen, assert_fits, screen
from study_files import STRATEGY, TINY, cli, command, environment, written

from simsmtp.cli import _COMMANDS

__all__ = ["screen"]
PLAN = """
[study]
name = "small"
title = "A small plan"
replications = 4

[scenario.workload]
messages = 20
recipients_per_message = 50
arrivals = { dist = "poisson", rate_per_s = 1.0 }

[capacity]
objectives = ["delay p(95) < 60 s"]

[capacity.search]
rate = [0.5, 4]

[capacity.factors]
"network.rtt_ms" = [10, 100]
"""


@pytest.mark.parametrize("width", [80, 60])
@pytest.mark.parametrize("name", ["", *_COMMANDS, "history show", "history add", "history bisect"])
def test_help_fits_the_terminal(screen: Screen, name: str, width: int) -> None:
    text = screen(width, *name.split(), "--help")
    assert_fits(text, width)
    assert "<=x" not in text
    assert not re.search(r"\w-\n +\w", text), "a word was broken at its hyphen"


def test_an_example_that_goes_on_can_be_pasted(screen: Screen) -> None:
    text = screen(60, "run", "--help")
    pasted = re.sub(r" \\\n +", " ", text)
    assert "simsmtp run kb822105 --precision 'delivered_per_s ±5%' --budget 200\n" in pasted


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("rnu",), "run"),
        (("experiment",), "experiments"),
        (("run", "x.toml", "--replicatons", "3"), "--replications"),
        (("run", "x.toml", "--work", "3"), "--workers"),
        (("run", "kb82210"), "kb822105"),
        (("presets", "windows-2003-rt"), "windows-2003-rtm"),
        (("keys", "batch_sise"), "batch_size"),
        (("keys", "client.batchsize"), "client.batch_size"),
        (("run", "window", "--set", "client.batchsize=3"), "client.batch_size"),
        (("run", "window", "--set", "server.preset=windows-203"), "windows-2003"),
        (("run", "window", "--engine", "compild"), "compiled"),
    ],
)
def test_a_slip_gets_exactly_one_hint(tmp_path: Path, arguments: tuple[str, ...], hint: str) -> None:
    done = cli(tmp_path, *arguments)
    assert done.returncode == 2
    assert re.findall(r"(?i)did you mean '([^']*)'", done.stderr) == [hint]
    assert "Traceback" not in done.stderr


def test_what_is_like_nothing_gets_no_hint(tmp_path: Path) -> None:
    assert "mean" not in cli(tmp_path, "qqqqqq").stderr


def test_a_quiet_run_prints_nothing(tmp_path: Path) -> None:
    written(tmp_path, TINY)
    run = ("run", "study.toml", "--workers", 1, "-q")
    first = cli(tmp_path, *run, "--write-baseline", "baseline.csv")
    assert (first.returncode, first.stdout, first.stderr) == (0, "", "")


@pytest.mark.slow
def test_a_quiet_verdict_is_one_line_and_errors_are_told(tmp_path: Path) -> None:
    written(tmp_path, TINY)
    run = ("run", "study.toml", "--workers", 1, "-q")
    cli(tmp_path, *run, "--no-figure", "--write-baseline", "baseline.csv")
    second = cli(tmp_path, *run, "--no-figure", "--baseline", "baseline.csv")
    assert second.stdout.startswith("tiny: OK (identical)")
    assert (second.stdout.count("\n"), second.stderr) == (1, "")
    compared = cli(tmp_path, "compare", "-q", "baseline.csv", "study.toml", "--workers", 1)
    assert (compared.stdout.count("\n"), compared.stderr) == (1, "")
    reached = cli(tmp_path, *run, "--no-figure", "--precision", "delivered ±90%")
    assert (len(reached.stdout.splitlines()), reached.stderr) == (1, "")
    failing = written(tmp_path, STRATEGY.replace("return Verdict", "assert tally.accepted < 100\n    return Verdict"),
                      "failing.py")  # fmt: skip
    broken = cli(tmp_path, *run, "--no-figure", "--strategy", failing.name, "--no-determinism-check")
    assert broken.returncode == 1
    assert broken.stdout == ""
    assert "failed in all" in broken.stderr


def test_a_quiet_capacity_answer_is_the_verdict(tmp_path: Path) -> None:
    written(tmp_path, PLAN)
    done = cli(tmp_path, "capacity", "study.toml", "-q", "-o", "here", "--no-figure", "--workers", 1)
    assert done.stderr == ""
    assert done.stdout.startswith("The plan as written meets its objectives (1 messages/s")
    assert "\n\n" not in done.stdout
    assert (tmp_path / "here" / "capacity.json").exists()


def test_a_dry_run_of_a_plan_writes_nothing(tmp_path: Path) -> None:
    written(tmp_path, PLAN)
    done = cli(tmp_path, "capacity", "study.toml", "--dry-run")
    assert done.returncode == 0, done.stderr
    for part in ("does the plan as written meet delay p(95) < 60 s?", "largest arrival rate that does, from 0.5 to 4",
                 "what network.rtt_ms would change", "in all", "about"):  # fmt: skip
        assert part in " ".join(done.stdout.split())
    assert [one.name for one in tmp_path.iterdir()] == ["study.toml"]
    refused = cli(tmp_path, "capacity", "study.toml", "--dry-run", "--repair")
    assert refused.returncode == 2


def in_a_terminal(folder: Path, *arguments: object, **variables: str) -> str:
    """Return what a command writes to a terminal."""
    screen, terminal = pty.openpty()
    env = {**environment(), "TERM": "xterm-256color", "COLUMNS": "60"} | variables
    env.pop("NO_COLOR", None) if "NO_COLOR" not in variables else None
    with subprocess.Popen(command(*arguments), cwd=folder, env=env, stdout=terminal, stderr=subprocess.DEVNULL) as run:
        os.close(terminal)
        found = b""
        while True:
            try:
                part = os.read(screen, 65536)
            except OSError:  # Linux's way to say that the other end was closed
                break
            if not part:
                break
            found += part
        run.wait()
    os.close(screen)
    return found.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")
def test_colours_are_for_terminals_that_want_them(tmp_path: Path) -> None:
    written(tmp_path, TINY)
    commands = (("run", "study.toml", "--no-figure", "--workers", 1), ("keys", "rtt"))
    for arguments in commands:
        assert "\x1b[" in in_a_terminal(tmp_path, *arguments), arguments
        plain = in_a_terminal(tmp_path, *arguments, NO_COLOR="1")
        assert "\x1b" not in plain, arguments
        assert_fits(plain.replace("\r\n", "\n"), 60)
