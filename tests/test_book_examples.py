"""What the book shows to type can be typed, and what it says of exit codes and closed forms is so.

A fence ``sh`` or ``python`` is run, page by page and in order; what cannot run here (root, a cluster) is ``text``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from study_files import ROOT

import simsmtp
from simsmtp.strategies.registry import BUILT_IN

PAGES = sorted((ROOT / "notebooks").rglob("*.md"))
SHELL = f'set -euo pipefail\nsimsmtp() {{ "{sys.executable}" -m simsmtp "$@"; }}\n'


@pytest.fixture
def makers(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Import what makes pages; it needs nothing that only the extra docs has."""
    monkeypatch.syspath_prepend(ROOT / "notebooks/book")
    return import_module


def test_every_exit_code_that_a_help_tells_is_in_the_table(makers: Callable[[str], ModuleType]) -> None:
    reference = makers("reference")
    told = 0
    for context in reference.contexts():
        words = " ".join((context.command.help or "").split())
        codes = reference.codes_of(context.command)
        assert bool(codes) == ("Exit codes: " in words), context.info_name
        text = "; ".join(f"{code} {meaning}" for code, meaning in codes.items())
        assert f"Exit codes: {text}." in words or not codes
        assert all(reference.words(meaning) in reference.exit_codes() for meaning in codes.values())
        told += bool(codes)
    assert told > 5


def test_closed_forms_are_those_of_the_package(makers: Callable[[str], ModuleType]) -> None:
    mechanisms = makers("mechanisms")
    assert list(mechanisms.TOLD) == list(BUILT_IN)
    assert mechanisms.closed_forms().count("\n") == 2 + sum(one.split is not None for one in BUILT_IN.values())


def blocks(path: Path, language: str) -> list[str]:
    """Return the examples of a page in one language, as a reader would copy them."""
    text = path.read_text(encoding="utf-8")
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    return ["\n".join(line.removeprefix(indent) for line in body.split("\n")) for indent, body in found]


def run(command: list[str], folder: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=300,
        env={**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, f"{command[-1]}\n{done.stdout[-2000:]}\n{done.stderr}"


@pytest.mark.slow
@pytest.mark.parametrize("path", [path for path in PAGES if blocks(path, "sh")], ids=lambda path: path.stem)
def test_commands_run(path: Path, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results/validation").symlink_to(ROOT / "results/validation")
    for block in blocks(path, "sh"):
        run(["bash", "-c", SHELL + block], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("path", [path for path in PAGES if blocks(path, "python")], ids=lambda path: path.stem)
def test_python_runs(path: Path, tmp_path: Path) -> None:
    for block in blocks(path, "python"):
        run([sys.executable, "-c", block], tmp_path)


def test_experiments_are_understood() -> None:
    examples = [block for path in PAGES for block in blocks(path, "toml")]
    assert examples
    for tables in map(tomllib.loads, examples):
        if "study" in tables:
            assert simsmtp.Experiment.from_dict(tables).points
        else:
            assert simsmtp.Scenario.from_dict(tables["scenario"])
