"""Names of the release before this one: they still work, and a warning says the new one. They go with the next."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

NAMES = {"Seen": "ReplyClass"}
"""Public names of the package, old to new."""
MODULES = {
    "model.responses": "rows.responses",
    "study.capacity": "planning.capacity",
    "study.capacity_export": "planning.capacity_files",
    "study.runner": "running.runner",
    "study.sequential": "running.sequential_run",
    "study.store": "store.store",
    "trace": "",
    "trace.transcript": "dialogue.transcript",
}
"""Modules that README and notebooks named, old to new; a room without a successor is empty."""


def warn(old: str, new: str, *, stacklevel: int) -> None:
    """Say that a name is an old one."""
    warnings.warn(f"{old} is called {new} now; the old name goes with the next release", FutureWarning, stacklevel)


class _OldTrace(ModuleType):
    """The room that gave its name up to the function `simsmtp.trace`, which it stands in the way of once imported."""

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        from simsmtp.tracing import trace

        return trace(*args, **keywords)


class _OldModules(MetaPathFinder, Loader):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        is_old = fullname.removeprefix("simsmtp.") in MODULES
        return ModuleSpec(fullname, self, is_package=True) if is_old else None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return _OldTrace(spec.name) if spec.name == "simsmtp.trace" else None

    def exec_module(self, module: ModuleType) -> None:
        if new := MODULES[module.__name__.removeprefix("simsmtp.")]:
            warn(module.__name__, f"simsmtp.{new}", stacklevel=3)
            sys.modules[module.__name__] = import_module(f"simsmtp.{new}")


def install() -> None:
    """Let old modules be imported, where no module has that name."""
    if not any(isinstance(one, _OldModules) for one in sys.meta_path):
        sys.meta_path.append(_OldModules())
