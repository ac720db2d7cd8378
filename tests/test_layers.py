"""Imports point one way, and each heavy package has one home."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from simsmtp.engines.sources import DECIDING_ROOMS

PACKAGE = Path(__file__).parents[1] / "simsmtp"

# Room → rooms it may import from. Its own room, errors.py, files.py and shown.py are always allowed.
MAY_IMPORT = {
    "protocol": set(),
    "policies": {"protocol"},
    "strategies": {"protocol"},
    "network": {"protocol"},
    "presets": set(),
    "model": {"protocol", "policies", "strategies", "network", "presets"},
    "peers": {"model", "protocol", "strategies"},
    "engines": {"peers", "model", "protocol", "policies", "strategies", "network"},
    "trace": {"model", "protocol", "strategies"},
    "analysis": {"model", "strategies"},
    "study": {"analysis", "engines", "model", "presets", "protocol", "strategies", "_version"},
    "live": {"peers", "model", "protocol", "policies", "strategies"},
    "audit": {"engines", "live", "model", "protocol"},
    "calibration": {"engines", "model", "protocol", "_version"},
    "lab": {"audit"},
    "cli": {
        "analysis",
        "audit",
        "calibration",
        "engines",
        "lab",
        "live",
        "model",
        "presets",
        "protocol",
        "study",
        "trace",
        "_version",
    },
}
# Heavy package → the rooms and files that may import it.
HOMES = {
    "simpy": {"engines/reference"},
    "distributed": {"study/dask_pool.py"},
    "numba": {"engines/compiled"},
    "llvmlite": {"engines/compiled"},
    "platformdirs": {"engines/compiled"},
    "matplotlib": {"analysis", "study/export.py", "simulation.py"},
    "sqlite3": {"study"},
    "joblib": {"study"},
    "click": {"cli", "__main__.py"},
    "pyarrow": {"analysis/recipient_files.py"},
    "pydantic": {"model", "study"},
}

FILES = sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Yield what a file imports when it runs: what only type checkers see does not count."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for block in ast.walk(tree):
        if isinstance(block, ast.If) and isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING":
            block.body = [ast.Pass()]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names if node.module == "simsmtp")


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_from_the_rooms_below(room: str) -> None:
    allowed = MAY_IMPORT[room] | {room, "errors", "files", "shown"}
    wrong = {
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in (PACKAGE / room).rglob("*.py")
        for name in imports(path)
        if name.startswith("simsmtp.") and name.split(".")[1] not in allowed
    }
    assert not wrong


def test_every_room_has_its_rule() -> None:
    rooms = {path.parent.relative_to(PACKAGE).parts[0] for path in FILES if path.parent != PACKAGE}
    assert rooms == set(MAY_IMPORT)


def test_results_depend_on_every_room_that_engines_import() -> None:
    """Presets end in the scenario, which is part of the address of results."""
    known, ahead = set(), {"engines"}
    while ahead:
        known.add(room := ahead.pop())
        ahead |= MAY_IMPORT[room] - known
    assert set(DECIDING_ROOMS) == known - {"presets"}


@pytest.mark.parametrize("package", HOMES)
def test_heavy_packages_stay_at_home(package: str) -> None:
    strays = {
        str(path.relative_to(PACKAGE))
        for path in FILES
        if package in {name.split(".")[0] for name in imports(path)}
        and not any(str(path.relative_to(PACKAGE)).startswith(home) for home in HOMES[package])
    }
    assert not strays


def test_pure_rooms_know_no_clock_no_input_and_no_random_numbers() -> None:
    forbidden = {"random", "time", "datetime", "socket", "asyncio", "numpy", "simpy"}
    for room in ("protocol", "policies", "strategies", "network"):
        for path in (PACKAGE / room).rglob("*.py"):
            assert not forbidden & {name.split(".")[0] for name in imports(path)}, path


def test_files_and_functions_stay_small() -> None:
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= 350, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.end_lineno:
                docstring = node.body[0] if ast.get_docstring(node) else None
                start = docstring.end_lineno if docstring else node.lineno
                assert node.end_lineno - (start or 0) <= 60, f"{path}: {node.name}"
