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
from numba.extending import overload

_MOST = 9.2e18
"""A little less than 2**63: a float tells well enough whether a result fits."""


def add(a: int, b: int) -> int:
    """Return a + b."""
    raise NotImplementedError


def sub(a: int, b: int) -> int:
    """Return a - b."""
    raise NotImplementedError


def mul(a: int, b: int) -> int:
    """Return a * b."""
    raise NotImplementedError


def power(a: int, b: int) -> int:
    """Return a ** b."""
    raise NotImplementedError


def shift_left(a: int, b: int) -> int:
    """Return a << b."""
    raise NotImplementedError


def shift_right(a: int, b: int) -> int:
    """Return a >> b."""
    raise NotImplementedError


_CHECKED: dict[Callable[..., Any], Callable[..., Any]] = {
    operator.add: add,
    operator.sub: sub,
    operator.mul: mul,
    operator.pow: power,
    operator.lshift: shift_left,
    operator.rshift: shift_right,
}


def _are_whole(*kinds: Any) -> bool:
    return all(
        isinstance(one, types.Integer | types.IntegerLiteral | types.Boolean | types.IntEnumMember) for one in kinds
    )


@overload(add)
def _add(a: Any, b: Any) -> Any:
    def whole(a: Any, b: Any) -> Any:
        if abs(float(a) + float(b)) > _MOST:
            raise OverflowError
        return a + b

    return whole if _are_whole(a, b) else lambda a, b: a + b


@overload(sub)
def _sub(a: Any, b: Any) -> Any:
    def whole(a: Any, b: Any) -> Any:
        if abs(float(a) - float(b)) > _MOST:
            raise OverflowError
        return a - b

    return whole if _are_whole(a, b) else lambda a, b: a - b


@overload(mul)
def _mul(a: Any, b: Any) -> Any:
    def whole(a: Any, b: Any) -> Any:
        if abs(float(a) * float(b)) > _MOST:
            raise OverflowError
        return a * b

    return whole if _are_whole(a, b) else lambda a, b: a * b


@overload(power)
def _power(a: Any, b: Any) -> Any:
    def whole(a: Any, b: Any) -> Any:
        if b < 0 or abs(float(a)) ** float(b) > _MOST:
            raise OverflowError
        return a**b

    return whole if _are_whole(a, b) else lambda a, b: a**b


@overload(shift_left)
def _shift_left(a: Any, b: Any) -> Any:
    def whole(a: Any, b: Any) -> Any:
        if b < 0 or b > 62 or abs(float(a)) * 2.0 ** float(b) > _MOST:
            raise OverflowError
        return a << b

    return whole if _are_whole(a, b) else lambda a, b: a << b


@overload(shift_right)
def _shift_right(a: Any, b: Any) -> Any:
    def whole(a: Any, b: Any) -> Any:
        if b < 0 or b > 62:
            raise OverflowError
        return a >> b

    return whole if _are_whole(a, b) else lambda a, b: a >> b


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
