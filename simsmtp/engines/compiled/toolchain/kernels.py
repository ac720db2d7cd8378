"""The event loop as Python calls it, loaded from disk: one file per version of the sources, compiler and processor.

It is loaded without Numba, whose import takes longer than most studies. Whoever looks at the file of one function
alone would serve yesterday's decisions after an edit elsewhere. So the machine code lies in a folder named after
*everything* it is made of.
"""

from __future__ import annotations

import atexit
import ctypes
import hashlib
import os
import platform
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from threading import Lock

import platformdirs

import simsmtp
from simsmtp.engines.compiled.toolchain.compile_process import CompileProcess
from simsmtp.engines.compiled.toolchain.kernel_cache import KernelCache
from simsmtp.engines.sources import DECIDING_ROOMS
from simsmtp.files import why_untrusted

Advance = Callable[[int], int]
"""The loop: from the address of a world to its status, see `simsmtp.engines.compiled.storage.layout`. It runs without
the interpreter's lock."""

_PACKAGE = Path(simsmtp.__file__).parent
_ENTRY = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
"""As Numba compiles a function: where to put the value, where to put what was raised, the argument."""
_loaded: list[object] = []  # machine code lives as long as what loaded it
_lock = Lock()
_under_way: dict[bool, tuple[KernelCache, CompileProcess]] = {}


def cache_folder() -> Path:
    """Return where compiled loops are kept: ``SIMSMTP_CACHE_DIR``, or the user's cache folder."""
    if named := os.environ.get("SIMSMTP_CACHE_DIR"):
        return Path(named).absolute() / "kernels"
    return Path(platformdirs.user_cache_dir("simsmtp")) / "kernels"  # not absolute if the user has no home folder


def kernel_folder(*, has_tcp: bool = False) -> Path:
    """Return the folder of the loop, which is another one where a path has the profile tcp."""
    return cache_folder() / _version_of(has_tcp)


def is_compiled(*, has_tcp: bool = False) -> bool:
    """Tell whether the loop has been compiled before and lies on disk, where it may be loaded from."""
    folder = kernel_folder(has_tcp=has_tcp)
    try:
        return folder.is_absolute() and any(not why_untrusted(one) for one in folder.glob("*.loop"))
    except OSError:
        return False


@cache
def kernel(*, has_tcp: bool = False) -> Advance:
    """Return the event loop, compiled unless it lies on disk.

    Raises
    ------
    NotCompiledError
        If it cannot be compiled.
    """
    with _lock:
        if has_tcp not in _under_way:
            kept, code = _kept(has_tcp)
            if code is not None:
                return _callable(code)
            _begin(kept, has_tcp)
        kept, process = _under_way[has_tcp]
        try:
            code = process.result()
        except BaseException:
            del _under_way[has_tcp]
            raise
        kept.keep(_file_of_processor(), code)
        return _callable(code)


def compile_beside(*, has_tcp: bool = False) -> None:
    """Begin to compile the loop in a process beside this one, unless that was done or it is on disk."""
    with _lock:
        if has_tcp not in _under_way:
            kept, code = _kept(has_tcp)
            if code is None:
                _begin(kept, has_tcp)


def is_begun(*, has_tcp: bool = False) -> bool:
    """Tell whether `compile_beside` has begun something."""
    return has_tcp in _under_way


def is_at_hand(*, has_tcp: bool = False) -> bool:
    """Tell whether `kernel` need not wait for the compiler."""
    return has_tcp not in _under_way or _under_way[has_tcp][1].is_done()


def _kept(has_tcp: bool) -> tuple[KernelCache, bytes | None]:
    """Return where the loop is kept and, if it is there, its machine code."""
    kept = KernelCache(kernel_folder(has_tcp=has_tcp), "the fast engine" + " for the profile tcp" * has_tcp)
    return kept, kept.load(_file_of_processor())


def _begin(kept: KernelCache, has_tcp: bool) -> None:
    process = CompileProcess(has_tcp=has_tcp)
    atexit.register(process.stop)
    _under_way[has_tcp] = kept, process


def _callable(code: bytes) -> Advance:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _loaded.append(engine)
    entry = _ENTRY(engine.get_function_address("simsmtp_advance"))

    def advance(world: int) -> int:
        status, raised = ctypes.c_int64(), ctypes.c_void_p()
        entry(ctypes.addressof(status), ctypes.addressof(raised), world)
        return status.value

    return advance


def _file_of_processor() -> str:
    import llvmlite.binding as llvm

    processor = (llvm.get_process_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())
    return f"{hashlib.sha256(repr(processor).encode()).hexdigest()[:16]}.loop"


@cache
def _version_of(has_tcp: bool) -> str:
    """Return the name of all that the loop is made of."""
    paths = sorted(path for part in DECIDING_ROOMS for path in (_PACKAGE / part).rglob("*.py"))
    sources = (path.relative_to(_PACKAGE).as_posix().encode() + b"\0" + path.read_bytes() for path in paths)
    digest = hashlib.sha256(b"\0".join(sources))
    digest.update(b"tcp" if has_tcp else b"")
    for part in (platform.python_version(), platform.machine(), version("numba"), version("llvmlite")):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()[:32]
