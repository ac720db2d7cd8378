"""Examples for CI: workflows and hooks that can be read, install from a clone, and swallow no exit code."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from study_files import ROOT, cli, written

from simsmtp.cli import simsmtp

yaml = pytest.importorskip("yaml")
EXAMPLES = ROOT / "experiments" / "examples"
WORKFLOWS = sorted(EXAMPLES.rglob("workflow.yml"))


def steps_of(path: Path) -> list[dict[str, Any]]:
    """Return the steps of all jobs of a workflow."""
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [step for job in found["jobs"].values() for step in job["steps"]]


def command_of(step: dict[str, Any]) -> list[str]:
    """Return the words from ``simsmtp`` on of what a step runs; none if it runs something else."""
    words = shlex.split(step.get("run", "").replace('"$(command -v simsmtp)"', "simsmtp"), comments=True)
    return words[words.index("simsmtp") + 1 :] if "simsmtp" in words else []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.parent.name)
def test_a_workflow_is_one_that_github_could_read(path: Path) -> None:
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert found["name"]
    assert found[True]  # YAML's word "on"
    assert found["permissions"] == {"contents": "read"}
    for step in steps_of(path):
        assert ("uses" in step) != ("run" in step)
        assert set(step) <= {"name", "if", "uses", "with", "run", "shell", "env"}
        assert re.fullmatch(r"actions/[\w/-]+@v\d+", step.get("uses", "actions/x@v1"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.parent.name)
def test_a_workflow_installs_from_a_clone_and_says_what_to_replace(path: Path) -> None:
    [install] = [step["run"] for step in steps_of(path) if "pip install" in step.get("run", "")]
    assert install == 'python -m pip install "simsmtp @ git+https://HOST/OWNER/simsmtp@REVISION"'
    assert "replace HOST/OWNER" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.parent.name)
def test_a_workflow_asks_for_options_that_are_there_and_swallows_no_exit_code(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("build").mkdir()
    assert "continue-on-error" not in path.read_text(encoding="utf-8")
    judged = [step for step in steps_of(path) if {"run", "compare", "audit"} & set(command_of(step)[:1])]
    assert len(judged) == 1
    assert not re.search(r"[|;&]", judged[0]["run"])
    assert "github" in judged[0]["run"].split("--to ", 1)[1].split()[0]
    for step in steps_of(path):
        if words := command_of(step):
            with simsmtp.make_context("simsmtp", ["--help"], resilient_parsing=True) as ctx:
                command = simsmtp.get_command(ctx, words[0])
                assert command is not None
                command.make_context(words[0], words[1:], parent=ctx)  # which refuses an option that is not there


def test_the_comment_is_found_by_the_line_that_it_begins_with() -> None:
    from simsmtp.gate.ci.markdown import marker

    [step] = [one for one in steps_of(EXAMPLES / "gate" / "workflow.yml") if "PATCH" in one.get("run", "")]
    assert "sed -n 1p gate/comment.md" in step["run"]
    assert not re.search(r"[\"'\\$`]", marker('it\'s "$HOME" `x`'))  # which the step puts into a program of jq


def test_hooks_of_pre_commit_name_a_command_that_is_there(tmp_path: Path) -> None:
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert {"id", "name", "entry", "language"} <= set(hook)
    program, *words = hook["entry"].split()
    assert program == "simsmtp"
    config = yaml.safe_load((EXAMPLES / "gate" / "pre-commit-config.yaml").read_text(encoding="utf-8"))
    [used] = config["repos"][0]["hooks"]
    assert used["id"] == hook["id"]
    assert re.search(used["files"], "gate.toml")
    assert re.search(hook["exclude"], "sub/pyproject.toml")
    for name in ("gate.toml", "my_counting.py"):
        written(tmp_path, (EXAMPLES / "gate" / name).read_text(encoding="utf-8"), name)
    done = cli(tmp_path, *words, *used["args"], "gate.toml")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_check_tells_each_error_in_a_line_and_runs_nothing(tmp_path: Path) -> None:
    written(tmp_path, '[study]\nname = "a"\ntitle = "A"\n[factors]\n"client.batch_size" = [1, 2]\n', "good.toml")
    written(tmp_path, "[scenario.client]\nbatch_size = 3\n", "scenario.toml")
    written(tmp_path, '[study]\nname = "a"\ntitle = "A"\n\n[scenario.client]\nbatch_sise = 3\n', "key.toml")
    written(tmp_path, '[study]\nname = "a"\ntitle = "A"\n[factors]\n"client.batch_size" = [1, 0]\n', "level.toml")
    written(tmp_path, "[scenario.client]\nbatch_size = -3\n", "scenario-bad.toml")
    written(tmp_path, "a = [", "broken.toml")
    before = sorted(tmp_path.iterdir())
    fine = cli(tmp_path, "check", "good.toml", "scenario.toml", "newsletter")
    assert fine.returncode == 0, fine.stderr
    assert fine.stdout.splitlines() == ["good.toml: ok, 2 design points, 20 replications of each",
                                        "scenario.toml: ok, a scenario", "newsletter: ok, a capacity plan"]  # fmt: skip
    names = ["key.toml", "level.toml", "scenario-bad.toml", "broken.toml", "none.toml"]
    done = cli(tmp_path, "check", "good.toml", *names)
    assert done.returncode == 2
    *errors, count = done.stderr.splitlines()
    assert count == "simsmtp: 5 files of 6 with an error"
    assert [error.split(": ")[1].partition(":")[::2] for error in errors] == [
        ("key.toml", "6"), ("level.toml", "5"), ("scenario-bad.toml", "2"), ("broken.toml", "1"), ("none.toml", "")
    ]  # fmt: skip
    assert sorted(tmp_path.iterdir()) == before
