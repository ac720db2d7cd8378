"""How the loop becomes machine code: all its functions as one module, optimised once and emitted once.

Left to itself Numba optimises and emits every function together with all that it calls, and then again in each of
its callers: the innermost of a chain of eight is compiled eight times. Here a *part* is only lowered; the *whole*
links its parts, is optimised as one program, so that a function with one caller is no call, and is emitted.
"""

from __future__ import annotations

from typing import Any

from llvmlite.binding import Linkage
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder


class _Part(JITCodeLibrary):
    """One function's code as it was lowered."""

    is_rare = False

    def finalize(self) -> None:
        """Leave it at that."""
        self._raise_if_finalized()
        self._finalized = True

    def _get_module_for_linking(self) -> Any:
        """Return the function with all that it calls, for a function that Numba compiles in its own way."""
        if self._shared_module is None:
            self._shared_module = self._final_module.clone()
            _link_parts(self._shared_module, self, Linkage.linkonce_odr)
        return self._shared_module

    def get_pointer_to_function(self, _name: str) -> int:
        """Return 0: there is no machine code of a part alone."""
        return 0

    @property
    def codegen(self) -> Any:
        """Return what is told of the function's environment, for which it has no use: it never calls Python."""
        return _NO_ENVIRONMENT


class _RarePart(_Part):
    """The code of a function that is no part of its callers, for it would take their registers and seldom runs."""

    is_rare = True


class _NoEnvironment:
    def set_env(self, name: str, environment: object) -> None:
        """Forget it."""


_NO_ENVIRONMENT = _NoEnvironment()


class _Whole(JITCodeLibrary):
    """A function with all that it calls."""

    def finalize(self) -> None:
        """Link, optimise and emit."""
        self._raise_if_finalized()
        _link_parts(self._final_module, self, Linkage.internal)
        passes, builder = self._codegen._module_pass_manager(loop_vectorize=False)
        with self._recorded_timings.record("The whole module", builder):
            passes.run(self._final_module, builder)
        self._final_module.verify()
        self._finalize_final_module()


def _link_parts(module: Any, library: Any, linkage: Linkage) -> None:
    """Link all that a library needs into its module, each once; parts get a linkage of their own."""
    parts, others = _needs_of(library)
    for part in parts:
        module.link_in(part._final_module, preserve=True)
    # What may be left out is left out unless somebody calls it already: so callers come first.
    for other in others:
        module.link_in(other._get_module_for_linking(), preserve=True)
    for part in parts:
        for function in part.get_defined_functions():
            linked = module.get_function(function.name)
            linked.linkage = linkage
            if part.is_rare:
                linked.add_function_attribute("noinline")
                linked.add_function_attribute("cold")


def _needs_of(library: Any) -> tuple[list[Any], list[Any]]:
    """Return the parts that a library needs, directly or not, and the libraries that are none."""
    found: dict[int, Any] = {}
    waiting = [library]
    while waiting:
        for one in waiting.pop()._linking_libraries:
            if id(one) not in found:
                found[id(one)] = one
                if isinstance(one, _Part):
                    waiting.append(one)
    parts = [one for one in found.values() if isinstance(one, _Part)]
    return parts, [one for one in found.values() if not isinstance(one, _Part)]


class PartCompiler(CompilerBase):
    """Lowers a function, and leaves the rest to the whole that calls it."""

    library_class: type[JITCodeLibrary] = _Part

    def define_pipelines(self) -> list[Any]:
        """Return the usual passes; they will use this library."""
        if self.state.library is None:
            codegen, name = self.state.targetctx.codegen(), self.state.func_id.func_qualname
            self.state.library = self.library_class(codegen, name)
            self.state.library.enable_object_caching()
        return [DefaultPassBuilder.define_nopython_pipeline(self.state)]


class RarePartCompiler(PartCompiler):
    """Lowers a function that seldom runs."""

    library_class = _RarePart


class WholeCompiler(PartCompiler):
    """Compiles a function and its parts into one module."""

    library_class = _Whole
