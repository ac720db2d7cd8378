"""Imports point one way, and each heavy package has one home."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from simsmtp.engines.sources import DECIDING_ROOMS

PACKAGE = Path(__file__).parents[1] / "simsmtp"
GUIDE = (PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")

# Room → rooms it may import from, from the bottom up: no room is named above its own line, not even for a type.
# Its own room, errors.py, files.py, public_names.py and shown.py are always allowed.
_MAY_IMPORT = {
    # What peers decide, and the clocks that they decide by.
    "protocol": "",
    "policies": "protocol",
    "strategies": "protocol",
    "network": "protocol",
    "presets": "",
    "randomness": "",
    "rows": "protocol",
    "model": "rows randomness presets policies strategies network protocol",
    "peers": "model rows randomness policies strategies protocol",
    "engines": "peers model rows randomness policies strategies network protocol",
    "dialogue": "model rows strategies protocol",
    # What rows mean.
    "output": "",
    "statistics": "model rows",
    "figures": "dialogue statistics model rows strategies protocol",
    "report": "figures output statistics model rows",
    # What is run, and what is asked of it.
    "experiment": "figures statistics model rows randomness presets strategies",
    "theory": "experiment model policies randomness strategies protocol",
    "store": "progress _version experiment output engines model rows strategies",
    "study": "store theory experiment figures output statistics engines model rows",
    "running": "progress _version study store experiment figures output statistics engines model rows strategies",
    "planning": "progress _version running study store theory experiment report figures output statistics model rows",
    "gate": "_version planning running study store experiment output statistics model rows",
    "history": "gate running study store experiment output statistics model rows",
    # Real peers, and real mail programs.
    "live": "dialogue peers model rows randomness policies strategies network protocol",
    "mailers": "",
    "audit": "mailers live dialogue engines model protocol",
    "calibration": "_version engines model protocol",
    "lab": "mailers dialogue",
}
MAY_IMPORT = {room: set(below.split()) for room, below in _MAY_IMPORT.items()}
MAY_IMPORT["cli"] = {*MAY_IMPORT, "tracing", "progress", "_version"}  # which parses, calls and prints
# Heavy package → the rooms and files that may import it.
HOMES = {
    "simpy": {"engines/reference/"},
    "distributed": {"running/dask_pool.py"},
    "numba": {"engines/compiled/"},
    "llvmlite": {"engines/compiled/"},
    "platformdirs": {"engines/compiled/"},
    "matplotlib": {"figures/"},
    "markdown_it": {"report/"},
    "sqlite3": {"store/"},
    "joblib": {"running/"},
    "click": {"cli/", "__main__.py"},
    "pyarrow": {"output/recipient_files.py"},
    "xarray": {"study/to_xarray.py"},
    "pydantic": {"model/", "randomness/", "experiment/"},
}

FILES = sorted(PACKAGE.rglob("*.py"))
ALWAYS = {"errors", "files", "public_names", "shown"}
MOST_FILES = 20


@cache
def parsed(path: Path) -> tuple[ast.Module, set[ast.AST]]:
    """Return a file's tree, and the imports in it that only type checkers see."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    blocks = [one for one in ast.walk(tree) if isinstance(one, ast.If) and ast.unparse(one.test) == "TYPE_CHECKING"]
    return tree, {node for block in blocks for one in block.body for node in ast.walk(one)}


def imports(path: Path, *, for_types: bool = False) -> Iterator[str]:
    """Yield what a file imports when it runs, inside functions too; with `for_types` what only type checkers see."""
    tree, only_types = parsed(path)
    for node in ast.walk(tree):
        if (node in only_types) != for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_of(path: Path) -> str:
    """Return the name of a file's module, without the package's."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def circles(imported: dict[str, set[str]]) -> list[set[str]]:
    """Return the sets of modules that all import each other, over however many steps."""
    reached = {one: _reached(one, imported) for one in imported}
    found = {frozenset(other for other in reached[one] if one in reached[other]) for one in imported}
    return [set(one) for one in found if len(one) > 1]


def _reached(start: str, imported: dict[str, set[str]]) -> set[str]:
    known, ahead = set(), [start]
    while ahead:
        for one in imported.get(ahead.pop(), set()) - known:
            known.add(one)
            ahead.append(one)
    return known


def graph(*, for_types: bool) -> dict[str, set[str]]:
    """Return module → modules it imports, of all files but the package's own, which names what is public."""
    modules = {module_of(path): path for path in FILES if path != PACKAGE / "__init__.py"}
    found = {}
    for name, path in modules.items():
        names = {*imports(path), *(imports(path, for_types=True) if for_types else ())}
        inside = {one.removeprefix("simsmtp.") for one in names if one.startswith("simsmtp.")}
        found[name] = inside & set(modules) - {name}
    return found


def map_of_rooms() -> str:
    """Return the map as CONTRIBUTING.md shows it: every room with what it says of itself, subrooms behind it."""
    lines = ["| room | what it is for |", "|---|---|"]
    for room in MAY_IMPORT:
        for folder in sorted({path.parent for path in (PACKAGE / room).rglob("*.py")}):
            name = folder.relative_to(PACKAGE).as_posix()
            lines.append(f"| `{name}/` | {told_by(folder)} |")
    return "\n".join(lines)


def told_by(room: Path) -> str:
    """Return the first line of what a room says of itself."""
    docstring = ast.get_docstring(ast.parse((room / "__init__.py").read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]


def test_the_map_in_the_guide_is_this_one() -> None:
    shown = GUIDE.partition("<!-- map -->\n")[2].partition("\n<!-- end -->")[0]
    assert shown == map_of_rooms(), "python tests/test_layers.py prints it"


@pytest.mark.parametrize("name", re.findall(r"`([a-z_/]+\.(?:py|toml))`", GUIDE))
def test_files_named_in_the_guide_are_there(name: str) -> None:
    assert any(
        (place / name).exists() for place in (PACKAGE, PACKAGE.parent, PACKAGE / "strategies", Path(__file__).parent)
    )


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_from_the_rooms_below(room: str) -> None:
    allowed = MAY_IMPORT[room] | {room} | ALWAYS
    wrong = {
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in (PACKAGE / room).rglob("*.py")
        for name in {*imports(path), *imports(path, for_types=True)}
        if name.startswith("simsmtp.") and name.split(".")[1] not in allowed
    }
    assert not wrong


def test_rooms_stand_one_above_the_other() -> None:
    below = {"_version", "progress", "tracing"}
    for room, allowed in MAY_IMPORT.items():
        assert allowed <= below, room
        below.add(room)


def test_no_files_import_each_other_in_a_circle() -> None:
    assert circles(graph(for_types=False)) == []


def test_circles_for_types_only_are_defended_by_a_comment() -> None:
    """An import in such a circle says on its line what it is for."""
    for circle in circles(graph(for_types=True)):
        for path in (path for path in FILES if module_of(path) in circle):
            lines = path.read_text(encoding="utf-8").splitlines()
            for node in parsed(path)[1]:
                if isinstance(node, ast.ImportFrom) and (node.module or "").removeprefix("simsmtp.") in circle:
                    assert "#" in lines[node.lineno - 1], f"{path}: {node.module}"


def test_rooms_stay_small_and_say_what_they_are_for() -> None:
    for room in {path.parent for path in FILES} - {PACKAGE}:
        name = room.relative_to(PACKAGE).as_posix()
        assert len(list(room.glob("*.py"))) - 1 <= MOST_FILES, name
        assert len(told_by(room).split()) > 3, name


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


def test_peers_know_no_clock_no_socket_and_no_engine() -> None:
    forbidden = {"random", "time", "datetime", "socket", "asyncio", "simpy", "numba"}
    for path in (PACKAGE / "peers").rglob("*.py"):
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


if __name__ == "__main__":
    print(map_of_rooms())
