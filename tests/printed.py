"""What the tests of printed output share: a command run in this process at a width, and what has to hold of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.cells import cell_len

from simsmtp.cli import simsmtp

_NUMBER = re.compile(r"\d(?:[\d,.]*\d)?")


class Screen:
    """Runs commands as if the terminal had so many columns, and returns what they print."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, width: int, *arguments: object) -> str:
        self._monkeypatch.setenv("COLUMNS", str(width))
        self._capsys.readouterr()
        simsmtp.main([str(one) for one in arguments], prog_name="simsmtp", standalone_mode=False)
        return self._capsys.readouterr().out


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Screen:
    """Commands run in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    return Screen(monkeypatch, capsys)


def assert_fits(text: str, width: int) -> None:
    """Lines are no wider, and none ends with a blank."""
    assert text.strip()
    for line in text.splitlines():
        assert cell_len(line) <= width, line
        assert line == line.rstrip(), repr(line)


def numbers_in(text: str) -> set[str]:
    """Return the numbers of a text, without those of the times that a run took."""
    return set(_NUMBER.findall(re.sub(r"\bin [\d.]+\s+s\b", "", text)))
