"""The loop as machine code, from its source: what takes long, and needs Numba."""

from __future__ import annotations

from typing import Any

from numba import from_dtype, njit
from numba.core import event

from simsmtp.engines.compiled.block import run_block
from simsmtp.engines.compiled.storage.layout import TCP_WORLD, WORLD
from simsmtp.engines.compiled.toolchain.jit import OPTIONS
from simsmtp.engines.compiled.toolchain.whole_program import WholeCompiler


def machine_code(*, has_tcp: bool) -> bytes:
    """Compile the loop, with the profile tcp or without; return an object file for this processor."""
    event.register = event.unregister = _nobody
    compiled: Any = njit(**OPTIONS | {"pipeline_class": WholeCompiler})(_advance)
    compiled.compile((from_dtype(TCP_WORLD if has_tcp else WORLD),))
    (overload,) = compiled.overloads.values()
    code: bytes = overload.library.machine_code(overload.fndesc.llvm_func_name)
    return code


def _nobody(_kind: str, _listener: Any) -> None:
    """Listen to nothing: each function that is compiled for another one would hear of all that is done meanwhile."""


def _advance(world: Any) -> Any:
    return run_block(world)
