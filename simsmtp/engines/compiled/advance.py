"""The loop as Python calls it: its machine code comes from disk, or is compiled and kept there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit, typeof

from simsmtp.engines.compiled.loop import run
from simsmtp.engines.compiled.storage.layout import TCP_WORLD, WORLD
from simsmtp.engines.compiled.toolchain.kernel_cache import KernelCache
from simsmtp.engines.compiled.toolchain.whole_program import WholeCompiler

Advance = Callable[[Any], int]
"""The loop: from the record of a run to its status, see `simsmtp.engines.compiled.storage.layout`."""


def advance_from(folder: Path, name: str, *, has_tcp: bool) -> Advance:
    """Return the loop whose machine code is kept in a folder; `name` is what the user is told of."""
    options = {"nogil": True, "error_model": "numpy", "pipeline_class": WholeCompiler, "no_cfunc_wrapper": True}
    compiled: Any = njit(**options)(_advance)
    compiled._cache = KernelCache(folder, name)
    compiled.compile((typeof(np.zeros(1, TCP_WORLD if has_tcp else WORLD)),))
    advance: Advance = compiled
    return advance


def _advance(world: Any) -> Any:
    return run(world[0])
