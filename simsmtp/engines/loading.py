"""The compiled engine, loaded where that is possible; whatever keeps it from being loaded is found out once.

It uses parts of Numba that may change with every version. So any exception while it is imported or compiled means that
the reference engine has to do, and none is a crash.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from simsmtp.engines.compiled.toolchain.obstacles import NotCompiledError
from simsmtp.errors import InputError

if TYPE_CHECKING:
    from types import ModuleType


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


def compile_beside(*, has_tcp: bool, may_begin: bool) -> bool:
    """See that the loop is being compiled beside this process, if that was begun or may be.

    Returns
    -------
    bool
        True once `ready` need not wait for it.
    """
    imported()
    from simsmtp.engines.compiled.toolchain import kernels

    if not (may_begin or kernels.is_begun(has_tcp=has_tcp)):
        return False
    if _beside_problem(has_tcp):
        return True  # `ready` says what it is
    return kernels.is_at_hand(has_tcp=has_tcp)


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
    from simsmtp.engines.compiled.toolchain.kernels import kernel

    kernel(has_tcp=has_tcp)


def _begin(has_tcp: bool) -> None:
    from simsmtp.engines.compiled.toolchain.kernels import compile_beside as begin

    begin(has_tcp=has_tcp)


def _is_on_disk(has_tcp: bool) -> bool:
    from simsmtp.engines.compiled.toolchain.kernels import is_compiled

    return is_compiled(has_tcp=has_tcp)


@cache
def _import_problem() -> str:
    return _problem(_import_module)


@cache
def _beside_problem(has_tcp: bool) -> str:
    return _problem(lambda: _begin(has_tcp))


@cache
def _loop_problem(has_tcp: bool) -> str:
    return _problem(lambda: _load(has_tcp))


def _problem(act: Callable[[], object]) -> str:
    try:
        act()
    except NotCompiledError as error:
        return f"the compiled engine cannot be {error}"
    except Exception as error:  # noqa: BLE001 - whatever a version of a library that was not tried may raise
        return f"the compiled engine cannot be loaded here ({type(error).__name__}: {error})"
    return ""


def _raise(problem: str) -> None:
    if problem:
        raise CannotLoad(problem)
