"""``import simsmtp``: what it offers, and that it costs nothing until used."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from study_files import environment

import simsmtp
from simsmtp import old_names


@pytest.mark.parametrize("module", [simsmtp, simsmtp.analysis], ids=lambda module: module.__name__)
def test_every_public_name_is_there_and_nothing_else_is_shown(module: ModuleType) -> None:
    for name in module.__all__:
        assert getattr(module, name) is not None
    assert dir(module) == sorted(module.__all__)


@pytest.mark.parametrize("module", [simsmtp, simsmtp.analysis], ids=lambda module: module.__name__)
def test_what_type_checkers_see_is_what_is_public(module: ModuleType) -> None:
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    imported = {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert imported | {"__version__"} == {*module.__all__, "__version__"}
    assert len(module.__all__) == len(set(module.__all__)) <= 32


def test_public_names_are_what_they_are_called_wherever_their_modules_are_imported_first() -> None:
    code = """import simsmtp.planning.capacity, simsmtp.cli.capacity, simsmtp
print(callable(simsmtp.capacity), simsmtp.analysis.paired_difference([1, 2], [2, 3]).mean)"""
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout == "True 1.0\n"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'simulat'"):
        simsmtp.simulat  # noqa: B018


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, simsmtp.analysis; print(sorted({'numpy', 'pandas', 'pydantic', 'simpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_names_stay_what_they_are_whatever_is_imported_first() -> None:
    code = "import simsmtp.running.runner, simsmtp.strategies.registry, simsmtp\n"
    code += "print(simsmtp.strategies, callable(simsmtp.run))"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout.startswith("<module 'simsmtp.strategies'")
    assert done.stdout.endswith("True\n")


@pytest.mark.parametrize(("old", "new"), [(old, new) for old, new in old_names.MODULES.items() if new])
def test_an_old_module_is_the_new_one_and_says_so(old: str, new: str) -> None:
    code = f"""import warnings
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    import simsmtp.{old} as old
import simsmtp.{new} as new
assert old is new
assert new.__spec__.name == "simsmtp.{new}"
(one,) = told
assert one.filename == "<string>"
print(one.category.__name__, one.message)
"""
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"FutureWarning simsmtp.{old} is called simsmtp.{new} now")


def test_an_old_name_is_the_new_one_and_says_so() -> None:
    for old, new in old_names.NAMES.items():
        with pytest.warns(FutureWarning, match=f"simsmtp.{old} is called simsmtp.{new} now"):
            assert getattr(simsmtp, old) is getattr(simsmtp, new)
        assert old not in simsmtp.__all__


def test_what_never_was_a_module_is_none() -> None:
    for name in ("simsmtp.analysis.nosuch", "simsmtp.nosuch", "simsmtp.trace.nosuch"):
        with pytest.raises(ModuleNotFoundError, match=name):
            import_module(name)


def test_the_old_room_of_traces_does_not_stand_in_the_way_of_the_function() -> None:
    with pytest.warns(FutureWarning):
        import_module("simsmtp.trace.transcript")
    assert simsmtp.trace({"workload": {"recipients_per_message": 1}}).text()
