"""The pytest plugin and the worked example that gates a counting strategy with it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from study_files import ROOT, cli, environment, own_registry

import simsmtp

if not entry_points(group="pytest11", name="simsmtp"):  # installed before the plugin was there
    from simsmtp.pytest_plugin import simsmtp_study

    __all__ = ["own_registry", "simsmtp_study"]
else:
    __all__ = ["own_registry"]
pytestmark = pytest.mark.usefixtures("own_registry")
EXAMPLE = ROOT / "experiments" / "examples" / "gate"
TABLES = {
    "study": {"name": "mine", "title": "Mine", "replications": 2},
    "factors": {"client.batch_size": [100, 250]},
}


def test_the_fixture_runs_dicts_and_files(simsmtp_study, tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    first = simsmtp_study(TABLES, settings=["client.strategy=one-stop"])
    assert len(first.rows) == 4
    assert first.rows["false_ndr"].max() == 149
    assert first.folder.is_relative_to(tmp_path)
    assert simsmtp.compare(first, simsmtp_study(TABLES, settings=["client.strategy=one-stop"])).exit_code == 0
    own = simsmtp_study(TABLES, strategies=[EXAMPLE / "my_counting.py"], replications=1)
    assert "my-counting" in set(own.rows["client.strategy"])
    assert simsmtp_study(EXAMPLE / "gate.toml", replications=1).folder != first.folder
    assert capsys.readouterr() == ("", "")


def test_loading_the_plugin_imports_nothing_heavy() -> None:
    heavy = {"numpy", "pandas", "pydantic", "scipy", "simpy", "matplotlib", "click"}
    code = f"import sys, simsmtp.pytest_plugin; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A copy of the worked example."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "gate"))


@pytest.mark.slow
def test_the_worked_example_passes_as_its_own_tests(example: Path) -> None:
    plugin = [] if entry_points(group="pytest11", name="simsmtp") else ["-p", "simsmtp.pytest_plugin"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugin, "test_gate.py"],
        cwd=example, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "2 passed" in done.stdout, done.stdout


@pytest.mark.slow
def test_the_worked_example_ends_with_0_and_with_the_bug_put_back_with_3(example: Path) -> None:
    line = ["compare", "baseline.csv", "gate.toml", "--strategy", "my_counting.py", "--workers", 1]
    green = cli(example, *line)
    assert (green.returncode, green.stderr) == (0, "")
    counting = example / "my_counting.py"
    text = counting.read_text(encoding="utf-8")
    bug = "return Verdict.REQUEUE if rcpt.over_rank == 0 else Verdict.FAIL"
    counting.write_text(text.replace("return Verdict.REQUEUE", bug), encoding="utf-8")
    red = cli(example, *line)
    assert red.returncode == 3
    assert "false_ndr" in red.stdout
    assert "on the same mail" in " ".join(red.stdout.split())
