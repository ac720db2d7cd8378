"""How the loop becomes machine code: all its functions as one module, optimised once and emitted once.

Left to itself Numba optimises and emits every function together with all that it calls, and then again in each of
its callers: the innermost of a chain of eight is compiled eight times. Here a *part* is only lowered; the *whole*
links its parts, is optimised as one program, so that a function with one caller is no call, and is emitted.

Most of the time goes by in Python: Numba infers types for each combination of types that a function is called with,
and takes a constant for a type. So functions are typed for whole numbers, whatever constant they are called with, and
go only through the passes that their language needs.
"""

from __future__ import annotations

from typing import Any

from llvmlite.binding import Linkage, parse_assembly
from numba.core import types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import PassManager
from numba.core.typed_passes import (
    IRLegalization,
    NativeLowering,
    NoPythonBackend,
    NopythonTypeInference,
    PreLowerStripPhis,
)
from numba.core.untyped_passes import (
    FixupArgs,
    GenericRewrites,
    IRProcessing,
    ReconstructSSA,
    TranslateByteCode,
)

_PASSES = (
    TranslateByteCode,
    FixupArgs,
    IRProcessing,
    GenericRewrites,
    ReconstructSSA,
    NopythonTypeInference,
    PreLowerStripPhis,
    IRLegalization,
    NativeLowering,
    NoPythonBackend,
)
"""Those of `numba.core.compiler.DefaultPassBuilder`, without what no function here has: with blocks, closures, array
expressions, parallel loops."""

ENTRY = "simsmtp_advance"
"""Name of the whole in its machine code."""

# Numba keeps count of who uses an array. Arrays of samplers belong to nobody, but the code that would free them names
# this function of its run time, which is not there where the machine code is loaded without Numba.
_NEVER_FREED = "define linkonce_odr void @NRT_MemInfo_call_dtor(i8* %0) { ret void }"


class _Part(JITCodeLibrary):
    """One function's code as it was lowered."""

    is_rare = False

    def _optimize_functions(self, module: Any) -> None:
        """Leave a function as it is: the whole is optimised."""
        module.data_layout = self._codegen._data_layout

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


class _Whole(_Part):
    """A function with all that it calls."""

    def machine_code(self, name: str) -> bytes:
        """Link, optimise and emit; the function's name in the code will be `ENTRY`."""
        module = self._final_module
        _link_parts(module, self, Linkage.internal)
        module.link_in(parse_assembly(_NEVER_FREED))
        module.get_function(name).name = ENTRY
        passes, builder = self._codegen._module_pass_manager(loop_vectorize=False)
        passes.run(module, builder)
        module.verify()
        code: bytes = self._codegen._tm.emit_object(module)
        return code


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


class _Passes(PassManager):
    """Passes one after the other; Numba's own look after each whether it left all in order, and keep a log."""

    def _runPass(self, _index: int, one: Any, state: Any) -> None:  # noqa: N802 - Numba's name
        one.analysis = self._analysis
        one.run_initialization(state)
        one.run_pass(state)
        one.run_finalizer(state)


class PartCompiler(CompilerBase):
    """Lowers a function, and leaves the rest to the whole that calls it."""

    library_class: type[JITCodeLibrary] = _Part

    def define_pipelines(self) -> list[Any]:
        """Return the passes; they will use this library."""
        if self.state.library is None:
            codegen, name = self.state.targetctx.codegen(), self.state.func_id.func_qualname
            self.state.library = self.library_class(codegen, name)
        passes = _Passes("part")
        for one in _PASSES:
            passes.add_pass(one, one.__name__)
        passes.finalize()
        return [passes]


class RarePartCompiler(PartCompiler):
    """Lowers a function that seldom runs."""

    library_class = _RarePart


class WholeCompiler(PartCompiler):
    """Compiles a function and its parts into one module."""

    library_class = _Whole


def of_plain_types(function: Any) -> Any:
    """Return a compiled function that is typed once for whole numbers, not once for each constant."""
    typed = function.get_call_template

    def typed_for_all(arguments: Any, keywords: Any) -> Any:
        return typed(tuple(types.unliteral(one) for one in arguments), keywords)

    function.get_call_template = typed_for_all
    return function
