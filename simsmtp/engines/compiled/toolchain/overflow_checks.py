"""Whole numbers in a user's strategy: what leaves 64 bits raises, for Python's numbers do not end there."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from numba import types
from numba.core import ir
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.untyped_passes import IRProcessing
from numba.extending import overload, register_jitable

Operation = Callable[[Any, Any], Any]
_MOST = 9.2e18
"""A little less than 2**63: a float tells well enough whether a result fits."""


def _leaves_as_float(operation: Operation) -> Operation:
    """Return what tells whether the result of an operation on whole numbers leaves 64 bits."""

    @register_jitable
    def leaves(a: Any, b: Any) -> Any:
        return abs(operation(float(a), float(b))) > _MOST

    return leaves


@register_jitable
def _power_leaves(a: Any, b: Any) -> Any:
    return b < 0 or abs(float(a)) ** float(b) > _MOST


@register_jitable
def _left_shift_leaves(a: Any, b: Any) -> Any:
    return b < 0 or b > 62 or abs(float(a)) * 2.0 ** float(b) > _MOST


@register_jitable
def _right_shift_leaves(a: Any, b: Any) -> Any:
    return b < 0 or b > 62


def _are_whole(*kinds: Any) -> bool:
    return all(
        isinstance(one, types.Integer | types.IntegerLiteral | types.Boolean | types.IntEnumMember) for one in kinds
    )


def _checked(operation: Operation, leaves: Operation) -> Operation:
    """Return an operation for compiled code that raises where its result leaves 64 bits."""

    def checked(a: Any, b: Any) -> Any:
        raise NotImplementedError  # only compiled code calls it: below is what that runs

    @overload(checked)
    def _compiled(a: Any, b: Any) -> Any:
        def whole(a: Any, b: Any) -> Any:
            if leaves(a, b):
                raise OverflowError
            return operation(a, b)

        def other(a: Any, b: Any) -> Any:
            return operation(a, b)

        return whole if _are_whole(a, b) else other

    return checked


_CHECKED: dict[Operation, Operation] = {
    **{one: _checked(one, _leaves_as_float(one)) for one in (operator.add, operator.sub, operator.mul)},
    operator.pow: _checked(operator.pow, _power_leaves),
    operator.lshift: _checked(operator.lshift, _left_shift_leaves),
    operator.rshift: _checked(operator.rshift, _right_shift_leaves),
}


@register_pass(mutates_CFG=False, analysis_only=False)
class _CheckArithmetic(FunctionPass):  # type: ignore[misc]
    """Replaces operators by functions that look at their result."""

    _name = "check_arithmetic"

    def __init__(self) -> None:
        FunctionPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        for block in state.func_ir.blocks.values():
            for assign in block.find_insts(ir.Assign):
                value = assign.value
                if isinstance(value, ir.Expr) and value.op in {"binop", "inplace_binop"}:
                    used = value.fn if value.op == "binop" else value.immutable_fn
                    if used in _CHECKED:
                        assign.value = ir.Expr.binop(used, value.lhs, value.rhs, value.loc)
                        assign.value.fn = _CHECKED[used]
        return True


class CheckedCompiler(CompilerBase):  # type: ignore[misc]
    """Numba's own compiler with that replacement."""

    def define_pipelines(self) -> list[Any]:
        """Return the usual passes and that one."""
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.add_pass_after(_CheckArithmetic, IRProcessing)
        passes.finalize()
        return [passes]
