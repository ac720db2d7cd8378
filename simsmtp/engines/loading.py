"""The compiled engine, loaded where that is possible; whatever keeps it from being loaded is found out once.

It uses parts of Numba that may change with every version. So any exception while it is imported or compiled means that
the reference engine has to do, and none is a crash.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from simsmtp.errors import InputError

if TYPE_CHECKING:
    from types import ModuleType

_FAULTS = ("Untyped global name", "Unknown attribute", "No implementation of function", "Cannot unify")
COMPILING_OCTETS = 1_500_000_000
"""Address space that the compiler takes at most; it ends the process where it cannot have it."""


class EngineWarning(RuntimeWarning):
    """The compiled engine cannot be used here, and the reference engine runs instead."""


class CannotLoad(Exception):  # noqa: N818 - a state, told as a choice or as an InputError
    """The compiled engine cannot be imported or compiled."""

    def complaint(self) -> InputError:
        """Return the error for somebody who asked for that engine."""
        return InputError(str(self), key="engine", given="compiled", allowed="reference, or auto")


class _State:
    is_worker = False
    has_warned = False


def be_worker() -> None:
    """Leave warnings to the process that has started this one."""
    _State.is_worker = True


def warn_once(problem: CannotLoad) -> None:
    """Warn that the reference engine takes over, unless that has been told."""
    if not (_State.has_warned or _State.is_worker):
        _State.has_warned = True
        warnings.warn(f"{problem}; the reference engine runs instead", EngineWarning, stacklevel=2)


def imported() -> ModuleType:
    """Return the compiled engine's module; `CannotLoad` if it cannot be imported."""
    _raise(_import_problem())
    return _import_module()


def ready(*, has_tcp: bool) -> ModuleType:
    """Return the compiled engine's module once its loop is loaded or compiled; `CannotLoad` if it cannot be."""
    module = imported()
    _raise(_loop_problem(has_tcp))
    return module


def loop_on_disk(*, has_tcp: bool) -> bool:
    """Tell whether the loop has been compiled before and lies on disk."""
    try:
        return _is_on_disk(has_tcp)
    except Exception:  # noqa: BLE001 - whoever loads it is told why
        return False


def _import_module() -> ModuleType:
    from simsmtp.engines.compiled import replication

    return replication


def _load(has_tcp: bool) -> None:
    from simsmtp.engines.compiled.kernels import kernel

    kernel(has_tcp=has_tcp)


def _is_on_disk(has_tcp: bool) -> bool:
    from simsmtp.engines.compiled.kernels import is_compiled

    return is_compiled(has_tcp=has_tcp)


@cache
def _import_problem() -> str:
    return _problem("imported", _import_module)


@cache
def _loop_problem(has_tcp: bool) -> str:
    return _lack_of_room(has_tcp) or _problem("compiled", lambda: _load(has_tcp))


def _problem(what: str, act: Callable[[], object]) -> str:
    try:
        act()
    except Exception as error:  # noqa: BLE001 - whatever a version of Numba that was not tried may raise
        # The compiler heads what it says with every step that led there; the fault stands in a line of its own.
        said = str(error).splitlines()
        fault = next((line for line in said if line.startswith(_FAULTS)), " ".join(" ".join(said).split())[:300])
        return f"the compiled engine cannot be {what} here ({type(error).__name__}: {fault})"
    return ""


def _raise(problem: str) -> None:
    if problem:
        raise CannotLoad(problem)


def _lack_of_room(has_tcp: bool) -> str:
    """Look for a limit on address space before compiling: LLVM ends the process when it gets no memory."""
    with suppress(ImportError, OSError, ValueError):  # no such limits on this system
        import resource

        most = resource.getrlimit(resource.RLIMIT_AS)[0]
        used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        if most != resource.RLIM_INFINITY and most - used < COMPILING_OCTETS and not loop_on_disk(has_tcp=has_tcp):
            return f"the compiled engine cannot be compiled here (it needs more than {most / 2**30:.1f} GiB)"
    return ""
