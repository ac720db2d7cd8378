"""What notebooks and terminals show of the package: errors in a line, progress where there is something to wait for."""

from __future__ import annotations

import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest
from study_files import environment

import simsmtp
from simsmtp import progress as progress_module
from simsmtp.progress import late_progress_bar, progress_bar

CELL = "import simsmtp\nscenario = {'client': {'batch_size': 'x'}}\nsimsmtp.simulate(scenario)"


def shown_by(cell: str, folder: Path) -> str:
    pytest.importorskip("IPython", reason="the extra notebooks is not installed")
    code = f"""from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell(colors="nocolor", history_load_length=0)
shell.history_manager.enabled = False
shell.run_cell({cell!r})"""
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder,
        env=environment() | {"IPYTHONDIR": str(folder / "ipython")},
    )  # fmt: skip
    return ran.stdout


def test_a_wrong_input_is_two_lines_in_a_notebook(tmp_path: Path) -> None:
    assert shown_by(CELL, tmp_path).splitlines() == [
        "line 3: simsmtp.simulate(scenario)",
        "InputError: client.batch_size: should be a whole number; given: 'x'",
    ]


def test_the_line_shown_is_that_of_the_caller_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import simsmtp\n\n\ndef ask():\n    simsmtp.Scenario(clint={})\n")
    shown = shown_by("import sys\nsys.path.insert(0, '.')\nimport mine\nmine.ask()", tmp_path)
    assert shown.startswith("mine.py, line 5: simsmtp.Scenario(clint={})\nInputError: clint: unknown key")


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    monkeypatch.setattr(type(sys.stderr), "isatty", lambda _: True)
    return lambda: capsys.readouterr().err


def advance_by_three(progress: bool | None) -> None:
    with late_progress_bar("simulate", 3, progress) as advance:
        for _ in range(3):
            advance(1)


def test_short_work_shows_no_bar_unless_it_is_asked_for(terminal: Callable[[], str]) -> None:
    advance_by_three(None)
    assert terminal() == ""
    advance_by_three(progress=True)
    assert "3/3" in terminal()


def test_long_work_shows_a_bar_unless_it_is_refused(
    terminal: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress_module, "_SHORT_S", -1.0)
    advance_by_three(progress=False)
    assert terminal() == ""
    advance_by_three(None)
    assert "3/3" in terminal()


def test_simulate_takes_progress(terminal: Callable[[], str]) -> None:
    simsmtp.simulate({}, replications=2, progress=True)
    assert "simulate" in terminal()
    assert not [name for name in dir(simsmtp.simulate({})) if name.startswith("_")]


def test_a_small_run_does_not_import_the_bar() -> None:
    code = "import sys, simsmtp; simsmtp.simulate({}); print('tqdm' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_notebook_without_widgets_gets_a_plain_bar_and_no_warning(
    terminal: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
    monkeypatch.setattr(progress_module, "find_spec", lambda _: None)
    with progress_bar("study", 2, None) as advance:
        advance(2)
    assert "2/2" in terminal()
