"""What figures were measured on, without naming the host."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

import c_program


def machine() -> str:
    """Return processor, system, Python and what the reference engine rests on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    versions = ", ".join(map(_version, ("simpy", "numpy")))
    cpu = models[0] if models else platform.machine()
    return f"{cpu}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, {versions}"


def machine_and_compilers() -> str:
    """Return the same with what compiles: numba and the C compiler."""
    return f"{machine()}, {_version('numba')}; {c_program.version()}."


def _version(name: str) -> str:
    try:
        return f"{name} {importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        return f"no {name}"
