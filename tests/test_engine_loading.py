"""A compiled engine that cannot be imported or compiled is told once, and the reference engine does the work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import FunctionType

import pytest

ROOT = Path(__file__).parents[1]
FINDER = """
import importlib.abc, sys
class Planted(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == {at!r}:
            sys.meta_path.remove(self)
            {act}
sys.meta_path.insert(0, Planted())
"""
ASK = """
import simsmtp
much = {"workload": {"recipients_per_message": 1_000_000}, "server": {"recipient_limit": None}}
print(simsmtp.simulate(much).engines)
try:
    simsmtp.simulate({}, engine="compiled")
except simsmtp.InputError as error:
    print(error)
"""
PLANTED = {
    "numba cannot be imported": ("numba", "raise ImportError('planted')", "imported", "ImportError: planted"),
    "llvmlite is missing": ("llvmlite", "raise ModuleNotFoundError('planted')", "loaded", "ModuleNotFoundError"),
    "numba has lost a private name": (
        "simsmtp.engines.compiled.toolchain.whole_program",
        "import numba.core.codegen as m; del m.JITCodeLibrary",
        "imported",
        "ImportError: cannot import name 'JITCodeLibrary'",
    ),
    "numba ends in another exception": ("numba", "raise AttributeError('planted')", "imported", "AttributeError"),
    "the compiler breaks down": (
        "simsmtp.engines.compiled.toolchain.advance",
        "from simsmtp.engines.compiled.toolchain import whole_program as m; m._Whole.machine_code = None",
        "compiled",
        "TypeError: 'NoneType' object is not callable",
    ),
}


def planted(folder: Path, at: str, act: str) -> dict[str, str]:
    """Return the environment of a process in which a package of that name, or the moment before it, is broken."""
    if "." in at:
        (folder / "sitecustomize.py").write_text(FINDER.format(at=at, act=act), encoding="utf-8")
    else:
        (folder / at).mkdir()
        (folder / at / "__init__.py").write_text(act, encoding="utf-8")
    paths = os.pathsep.join([str(folder), str(ROOT)])
    return {**os.environ, "PYTHONPATH": paths, "SIMSMTP_CACHE_DIR": str(folder / "cache")}


@pytest.mark.slow
@pytest.mark.parametrize("situation", PLANTED)
def test_auto_warns_once_and_compiled_is_refused_where(situation: str, tmp_path: Path) -> None:
    pytest.importorskip("numba", reason="the compiled engine needs numba: pip install 'simsmtp[fast]'")
    at, act, what, why = PLANTED[situation]
    environment = planted(tmp_path, at, act)
    done = subprocess.run(
        [sys.executable, "-c", ASK], capture_output=True, text=True, env=environment, check=True, cwd=tmp_path
    )
    ran, refusal = done.stdout.splitlines()
    assert ran == "{'reference': 1}"
    assert refusal.startswith(f"engine: the compiled engine cannot be {what} here ({why}")
    assert refusal.endswith("given: 'compiled'; allowed: reference, or auto")
    assert done.stderr.count("the reference engine runs instead") == 1
    assert "Traceback" not in done.stderr


def test_a_command_says_it_in_one_line_with_the_right_code(tmp_path: Path) -> None:
    pytest.importorskip("numba", reason="the compiled engine needs numba: pip install 'simsmtp[fast]'")
    (tmp_path / "study.toml").write_text(
        '[study]\nname = "much"\ntitle = "Much"\nreplications = 2\n[scenario.workload]\nmessages = 10\n[factors]\n'
        '"client.strategy" = ["corrected"]\n',
        encoding="utf-8",
    )
    environment = planted(tmp_path, "numba", "raise ImportError('planted')")
    command = [sys.executable, "-m", "simsmtp", "run", "study.toml", "--no-figure", "--engine", "compiled"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, cwd=tmp_path)
    assert done.returncode == 2
    begun, said = done.stderr.splitlines()
    assert begun.startswith("simsmtp: compiling the fast engine")
    assert said.startswith("simsmtp: engine: the compiled engine cannot be imported here (ImportError: planted)")


def test_all_that_decisions_call_is_compiled_too() -> None:
    """Else the compiler would refuse the whole engine, and say so in terms of its own."""
    from simsmtp.engines.compiled.toolchain.jit import DECISIONS

    known = {one.__code__ for one in DECISIONS}
    for one in DECISIONS:
        for name in one.__code__.co_names:
            used = one.__globals__.get(name)
            is_ours = isinstance(used, FunctionType) and used.__module__.startswith("simsmtp.")
            assert not is_ours or used.__code__ in known, f"{one.__module__}.{one.__name__}: add {name} to DECISIONS"
