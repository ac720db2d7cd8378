"""A user's own strategy in compiled code: compiled by itself and called through its address.

So the loop, which takes long to compile, is the same for all strategies, and an edited one can never be answered
by what was compiled before.
"""

from __future__ import annotations

import dis
import random
import re
from collections.abc import Callable
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from llvmlite import ir
from numba import cfunc, njit, types
from numba.extending import intrinsic, overload

from simsmtp.engines.compiled.toolchain import jit  # noqa: F401 - what it registers may be called by strategies
from simsmtp.engines.compiled.toolchain.obstacles import NotInDecisionLanguage
from simsmtp.engines.compiled.toolchain.overflow_checks import CheckedCompiler
from simsmtp.strategies.counting import Knobs, Rcpt, Verdict
from simsmtp.strategies.hooks import TextReply
from simsmtp.strategies.tally import Tally
from simsmtp.strategies.version import is_installed, parts_of

_DEEPEST, _LONGEST = 50, 500
"""Helpers within helpers, and values of a tuple, each of which the compiler gives a type of its own."""
_FIELDS = len(Tally._fields) + len(Rcpt._fields) + len(Knobs._fields)
_HOOK_FIELDS = len(Tally._fields) + len(TextReply._fields)
RAISED = -1
"""In place of a verdict: the strategy raised, or computed what does not fit 64 bits."""
_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "python",
    "boundscheck": True,
    "pipeline_class": CheckedCompiler,
}
_SIGNATURE = types.int64(*[types.int64] * _FIELDS)
_HOOK_SIGNATURE = types.int64(*[types.int64] * _HOOK_FIELDS)


class Compiled(NamedTuple):
    """A strategy that can be called from the loop; `keep` must live as long as `address` is used."""

    address: int
    keep: object


def compile_strategy(settle: Callable[..., Any]) -> Compiled:
    """Compile a user's strategy.

    Raises
    ------
    NotInDecisionLanguage
        If it is not written in the decision language (see `simsmtp.strategies`).
    """

    def called(decide: Any) -> Any:
        def wrapper(a, b, c, d, e, f, g, h, position, seen, previous, rank, decisive, pipelined, budget, marked):  # type: ignore[no-untyped-def]
            tally = Tally(a, b, c, d, e, f, g, h)
            rcpt = Rcpt(position, seen, previous, rank, decisive)
            try:
                verdict = _number(decide(tally, rcpt, Knobs(pipelined != 0, budget, marked != 0)))
            except Exception:  # noqa: BLE001 - the reference engine will say which
                verdict = RAISED
            return verdict

        return wrapper

    return _compiled(settle, called, _SIGNATURE)


def compile_hook(hook: Callable[..., Any]) -> Compiled:
    """Compile a user's hook, see `simsmtp.strategies.hooks`; error as of `compile_strategy`."""

    def called(decide: Any) -> Any:
        def wrapper(a, b, c, d, e, f, g, h, code, status, lines, data_lines):  # type: ignore[no-untyped-def]
            try:
                verdict = _number(decide(Tally(a, b, c, d, e, f, g, h), TextReply(code, status, lines, data_lines)))
            except Exception:  # noqa: BLE001 - as above
                verdict = RAISED
            return verdict

        return wrapper

    return _compiled(hook, called, _HOOK_SIGNATURE)


def _compiled(function: Callable[..., Any], called: Callable[[Any], Any], signature: Any) -> Compiled:
    try:
        compiled = cfunc(signature)(called(_with_helpers(function)))  # type: ignore[arg-type]
    except Exception as error:
        # Numba raises anything at what it does not expect; whatever it is, the reference engine can run the strategy.
        raise NotInDecisionLanguage(_reason(error), *_place(function, error)) from error
    return Compiled(compiled.address, compiled)


def _number(verdict: Any) -> int:
    """Return the number of a verdict; what is none, such as a member of another enumeration, is not compiled."""
    raise NotImplementedError


@overload(_number)
def _number_of(verdict):  # type: ignore[no-untyped-def]
    kind = verdict.type if isinstance(verdict, types.Optional) else verdict  # of None there is no number: it raises
    if isinstance(kind, types.IntEnumMember) and kind.instance_class is Verdict:
        return lambda verdict: verdict.value
    raise TypeError(f"it returns {verdict}, which is no Verdict")


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("Failed in", "During", "[1]", "File", "-"))]
    reason = (telling or lines or [type(error).__name__])[0].removesuffix(" Raised from None").rstrip(".:")
    return re.sub(r" at 0x[0-9a-f]+", "", reason)


def _place(settle: Callable[..., Any], error: Exception) -> tuple[str | None, int | None]:
    """Return the file of a strategy, and the line that the compiler stopped at, else that where the strategy begins."""
    code = getattr(settle, "__code__", None)
    if code is None:
        return None, None
    named = re.findall(r'File "(.+)", line (\d+)', str(error))
    lines = [int(line) for file, line in named if Path(file).name == Path(code.co_filename).name]
    return code.co_filename, (lines or [code.co_firstlineno])[0]


def _with_helpers(
    function: FunctionType, callers: tuple[FunctionType, ...] = (), done: dict[FunctionType, Any] | None = None
) -> Any:
    """Return a function as Numba compiles it, with the plain functions that it calls: copies, as things are now.

    Raises
    ------
    TypeError
        If it draws random numbers, or calls itself: compiled, that would have no bound but the stack, and end it.
    """
    done = {} if done is None else done
    if not isinstance(function, FunctionType):
        raise TypeError(f"{function!r} is no plain function")
    if function in done:
        return done[function]
    if function in callers or len(callers) > _DEEPEST:
        raise TypeError(f"{function.__name__} calls itself" if function in callers else "its helpers are too deep")
    if _draws(function):
        raise TypeError(f"{function.__name__} draws random numbers")
    if any(isinstance(one, tuple) and len(one) > _LONGEST for one in parts_of(function).values()):
        raise TypeError(f"{function.__name__} uses a tuple of more than {_LONGEST} values")
    around = dict(function.__globals__)
    for name in {one.argval for one in dis.get_instructions(function) if one.opname == "LOAD_GLOBAL"}:
        found = around.get(name)
        if isinstance(found, FunctionType) and not is_installed(found):
            around[name] = _with_helpers(found, (*callers, function), done)
    copy = FunctionType(function.__code__, around, function.__name__, function.__defaults__, function.__closure__)
    done[function] = njit(**_OPTIONS)(copy)
    return done[function]


def _draws(function: FunctionType) -> bool:
    names = function.__code__.co_names
    found = [function.__globals__.get(name) for name in names]
    modules = {one.__name__ for one in found if isinstance(one, ModuleType)}
    is_drawn = any(isinstance(getattr(one, "__self__", None), random.Random) for one in found)
    return is_drawn or not modules.isdisjoint({"random", "numpy.random"}) or ("numpy" in modules and "random" in names)


@intrinsic
def call_user(typing_context: Any, address: Any, tally: Any, rcpt: Any, knobs: Any) -> Any:
    """Call the strategy at an address."""
    return types.int64(types.int64, tally, rcpt, knobs), _call


@intrinsic
def call_hook(typing_context: Any, address: Any, tally: Any, reply: Any) -> Any:
    """Call the hook at an address."""
    return types.int64(types.int64, tally, reply), _call


def _call(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    """Generate a call of what is at an address, with all fields of the tuples behind it."""
    word = ir.IntType(64)
    whole = [
        context.cast(builder, builder.extract_value(value, place), kind, types.int64)
        for value, fields in zip(values[1:], signature.args[1:], strict=True)
        for place, kind in enumerate(fields.types)
    ]
    pointer = builder.inttoptr(values[0], ir.FunctionType(word, [word] * len(whole)).as_pointer())
    return builder.call(pointer, whole)
