"""Compiled loops on disk: one per version of the sources and the compiler.

Numba's own cache looks only at the file of the function it is asked for: after an edit in another file it would
serve yesterday's decisions. So a small module is written into a folder named after *everything* the loop is made
of, and Numba keeps the compiled code beside it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shutil
import sys
import tempfile
import types
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import platformdirs

import simsmtp

_PACKAGE = Path(simsmtp.__file__).parent
_PARTS = ("protocol", "policies", "strategies", "network", "engines", "model")
_KEPT = 16
_MODULE = '''"""Made by simsmtp: the compiled event loop for one version of its sources. Safe to delete."""

import numba

from simsmtp.engines.compiled.loop import run
from simsmtp.engines.compiled.one_module import WholeCompiler


@numba.njit(cache=True, nogil=True, error_model="numpy", pipeline_class=WholeCompiler, no_cfunc_wrapper=True)
def advance(world):
    return run(world[0])
'''

Advance = Callable[[Any], int]


def cache_folder() -> Path:
    """Return where compiled loops are kept: ``SIMSMTP_CACHE_DIR``, or the user's cache folder."""
    return Path(os.environ.get("SIMSMTP_CACHE_DIR") or platformdirs.user_cache_dir("simsmtp")) / "kernels"


def kernel_folder(*, has_tcp: bool = False) -> Path:
    """Return the folder of the loop, which is another one where a path has the profile tcp."""
    digest = hashlib.sha256(_sources())
    digest.update(b"tcp" if has_tcp else b"")
    for part in (platform.python_version(), platform.machine(), version("numba"), version("llvmlite")):
        digest.update(part.encode() + b"\0")
    return cache_folder() / digest.hexdigest()[:32]


def is_compiled(*, has_tcp: bool = False) -> bool:
    """Tell whether the loop has been compiled before and lies on disk."""
    return any(kernel_folder(has_tcp=has_tcp).rglob("*.nbc"))


@cache
def kernel(*, has_tcp: bool = False) -> Advance:
    """Return the event loop; it is compiled at the first call unless it lies on disk."""
    if not is_compiled(has_tcp=has_tcp):
        which = " for the profile tcp" if has_tcp else ""
        sys.stderr.write(f"simsmtp: compiling the fast engine{which}, once for this version: ten to twenty seconds\n")
    advance: Advance = _module(kernel_folder(has_tcp=has_tcp)).advance
    return advance


def _module(folder: Path) -> types.ModuleType:
    folder = _written(folder)
    name = f"simsmtp_kernel_{folder.name}"
    spec = importlib.util.spec_from_file_location(name, folder / "kernel.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _written(folder: Path) -> Path:
    """Write the module unless it is there; where the cache cannot be written, use a folder that goes with us."""
    if (folder / "kernel.py").is_file():
        return folder
    try:
        _write(folder)
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="simsmtp-")) / folder.name
        _write(folder)
    return folder


def _write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    half = folder / f"kernel-{os.getpid()}.part"
    half.write_text(_MODULE, encoding="utf-8")
    half.replace(folder / "kernel.py")
    old = sorted(folder.parent.iterdir(), key=lambda one: one.stat().st_mtime, reverse=True)
    for one in old[_KEPT:]:
        shutil.rmtree(one, ignore_errors=True)


@cache
def _sources() -> bytes:
    paths = sorted(path for part in _PARTS for path in (_PACKAGE / part).rglob("*.py"))
    return b"\0".join(path.relative_to(_PACKAGE).as_posix().encode() + b"\0" + path.read_bytes() for path in paths)
