"""What a user's strategy depends on: its code, and the constants and helpers that it takes from around it.

The version is a text that is the same in every process, so it holds no addresses, no `repr` of unknown objects and no
order that depends on the hash seed. Every object is described once, whatever refers to it: cycles and long chains end.
"""

from __future__ import annotations

import copyreg
import hashlib
import os
import pickle
import sys
import warnings
from collections.abc import Iterable, Iterator
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MappingProxyType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any

_PLAIN = (bool, int, float, complex, str, bytes, bytearray, type(None), type(Ellipsis), type(NotImplemented))
_LONGEST = 200
_MOST = 100_000
_DEEPEST = 20
"""Objects that are described for one version, and sets within sets."""
_LEFT_OUT = (GetSetDescriptorType, MemberDescriptorType, WrapperDescriptorType)
_LEFT_OUT_OF_CLASSES = frozenset(
    {"__dict__", "__weakref__", "__doc__", "__module__", "__abstractmethods__", "_abc_impl", "__firstlineno__"}
)


def uses_of(function: object) -> dict[str, object]:
    """Return what a function and its helpers take from around them, by dotted names.

    Parameters
    ----------
    function : object
        A plain function; anything else is said to use nothing.

    Returns
    -------
    dict
        Name → value as it is now. Names of this package and of installed modules are left out: other versions of
        them are told apart elsewhere.
    """
    return {name: value for name, value in parts_of(function).items() if not is_installed(value)}


def parts_of(function: object) -> dict[str, object]:
    """Return what `uses_of` returns, and what is installed as well; the names in a function are followed once."""
    found: dict[str, object] = {}
    waiting, followed = [("", function)], set()
    while waiting:
        prefix, one = waiting.pop()
        if not isinstance(one, FunctionType) or id(one) in followed:
            continue
        followed.add(id(one))
        for name, value in _around(one):
            where = f"{prefix}{name}"
            if where not in found:
                found[where] = value
                if not is_installed(value):
                    waiting.append((f"{where}.", value))
    return found


def version_of(function: object) -> str:
    """Return a text that differs if a function or anything that it uses differs."""
    return _shortened("\n".join(_Description(function).lines))


def not_told(function: object) -> list[str]:
    """Return the names of what a function uses and its version cannot tell, such as locks and generators."""
    return list(dict.fromkeys(_Description(function).unknown))


def is_installed(value: object) -> bool:
    """Tell whether a module, function or class comes from this package, Python or an installed package."""
    if not isinstance(value, ModuleType) and not callable(value):
        return False
    return is_installed_name(_attribute(value, "__name__" if isinstance(value, ModuleType) else "__module__"))


def is_installed_name(module: object) -> bool:
    """Tell whether a module of that name belongs to this package, Python or an installed package."""
    top = str(module or "").partition(".")[0]
    if top == "__main__":  # the user's, though the file may be that of pytest or IPython
        return False
    file = _attribute(sys.modules.get(top), "__file__") or ""
    return top in sys.stdlib_module_names or top == "simsmtp" or "site-packages" in str(file)


class _Description:
    """The description of an object and of all that can be reached from it, one line each.

    Attributes
    ----------
    lines : list of str
        In the order in which the objects are reached.
    unknown : list of str
        What could not be described.
    """

    def __init__(self, first: object, depth: int = 0, budget: list[int] | None = None) -> None:
        self.lines: list[str] = []
        self.unknown: list[str] = []
        self._numbers: dict[int, int] = {}
        self._waiting: list[tuple[str, object]] = []
        self._depth, self._budget = depth, [_MOST] if budget is None else budget
        first = self._reference("", first)
        self.lines.append(first)
        # What is waiting is kept, too: the number of an object that is gone could be taken for another's.
        for name, value in self._waiting:
            self._budget[0] -= 1
            if self._budget[0] < 0:
                self.unknown.append(f"{name or 'it'} and what follows (more than {_MOST:,} values)")
                break
            self.lines.append(f"#{self._numbers[id(value)]} = {self._text(name, value)}")

    def _reference(self, name: str, value: Any) -> str:
        """Return the text that stands for a value where it is used."""
        kind = type(value)
        if kind in _PLAIN:
            return _plain(value)
        if installed := _installed_name(value):
            return installed
        if id(value) not in self._numbers:
            self._numbers[id(value)] = len(self._numbers)
            self._waiting.append((name, value))
        return f"#{self._numbers[id(value)]}"

    def _references(self, name: str, values: Iterable[object]) -> str:
        return ", ".join(self._reference(name, one) for one in values)

    def _named(self, name: str, pairs: Iterable[tuple[str, object]]) -> str:
        return ", ".join(f"{key} = {self._reference(_dotted(name, key), one)}" for key, one in pairs)

    def _text(self, name: str, value: Any) -> str:
        kind = type(value)
        if kind in {list, tuple}:
            if set(map(type, value)) <= set(_PLAIN):
                return f"{kind.__name__}({_shortened(', '.join(map(_plain, value)))})"
            return f"{kind.__name__}({self._references(name, value)})"
        if kind in {set, frozenset}:
            return f"{kind.__name__}({_shortened(', '.join(sorted(self._alone(name, one) for one in value)))})"
        if kind in {dict, MappingProxyType}:
            return f"dict({self._references(name, (part for pair in value.items() for part in pair))})"
        if kind is FunctionType:
            return self._function(name, value)
        if kind is CodeType:
            return self._code(name, value)
        if kind is MethodType:
            return f"method({self._references(name, (value.__func__, value.__self__))})"
        if isinstance(value, type):
            return self._class(name, value)
        return self._object(name, value)

    def _function(self, name: str, value: FunctionType) -> str:
        around = dict(_around(value)) | {f"attribute {key}": one for key, one in vars(value).items()}
        known = [key for key, one in around.items() if _is_installed_data(value, key, one)]
        own = [(key, one) for key, one in around.items() if key not in known]
        return f"function({self._code(name, value.__code__)}; {known}; {self._named(name, own)})"

    def _alone(self, name: str, value: object) -> str:
        """Return a text for an element of a set: it cannot depend on which one is met first."""
        if type(value) in _PLAIN:
            return _plain(value)
        if self._depth > _DEEPEST:
            self.unknown.append(f"{name} (sets within sets)")
            return "?"
        inner = _Description(value, self._depth + 1, self._budget)
        self.unknown += inner.unknown
        return "; ".join(inner.lines)

    def _code(self, name: str, code: CodeType) -> str:
        shape = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
        names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
        table = getattr(code, "co_exceptiontable", b"")
        plain = f"{shape} {names} {_shortened(code.co_code.hex())} {_shortened(table.hex())}"
        return f"code({plain}; {self._references(name, code.co_consts)})"

    def _class(self, name: str, value: type) -> str:
        own = [(key, one) for key, one in vars(value).items()
               if key not in _LEFT_OUT_OF_CLASSES and not isinstance(one, _LEFT_OUT)]  # fmt: skip
        return f"class({value.__qualname__}: {self._references(name, value.__bases__)}; {self._named(name, own)})"

    def _object(self, name: str, value: Any) -> str:
        """Describe an object by what would rebuild it, as `pickle` asks for it."""
        kind = self._reference(name, type(value))
        wrapped = _attribute(value, "__wrapped__")
        if callable(wrapped):  # a cache, or what Numba compiled: itself it holds what differs between processes
            return f"{kind} around {self._reference(name, wrapped)}"
        if isinstance(value, pickle.PickleBuffer):
            return _digest(value.raw())
        if isinstance(value, property):
            return f"{kind}({self._references(name, (value.fget, value.fset, value.fdel))})"
        if isinstance(value, staticmethod | classmethod):
            return f"{kind}({self._reference(name, value.__func__)})"
        try:
            if value is os.environ:
                raise TypeError("differs from one process to the next")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                reduce = copyreg.dispatch_table.get(type(value))
                parts = reduce(value) if reduce else value.__reduce_ex__(5)
                if isinstance(parts, str):
                    return f"{kind} {parts!r}"
                items = [list(one) for one in parts[3:5] if one is not None]
                return f"{kind}({self._references(name, (*parts[:3], *items))})"
        except Exception:  # noqa: BLE001 - whatever a class says of itself
            self.unknown.append(f"{name or 'it'} ({type(value).__name__})")
            return f"{kind}(?)"


def _around(function: FunctionType) -> Iterator[tuple[str, object]]:
    """Yield the globals, attributes of modules, closed-over variables and defaults that a function names."""
    names = list(dict.fromkeys(_names_in(function.__code__)))
    for name in names:
        if name not in function.__globals__:
            continue
        value = function.__globals__[name]
        if isinstance(value, ModuleType):
            yield from ((f"{name}.{part}", vars(value)[part]) for part in names if part in vars(value))
        else:
            yield name, value
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # nothing has been put into it
            continue
    yield from ((f"default {place}", value) for place, value in enumerate(function.__defaults__ or ()))
    yield from ((f"default {name}", value) for name, value in (function.__kwdefaults__ or {}).items())


def _is_installed_data(function: FunctionType, name: str, value: object) -> bool:
    """Tell whether a name stands for data of an installed module, such as `sys.modules`, which is told by its name."""
    home = function.__globals__.get(name.partition(".")[0])
    return "." in name and is_installed(home) and type(value) not in _PLAIN and value is not os.environ


def _names_in(code: CodeType) -> Iterator[str]:
    waiting = [code]
    while waiting:
        one = waiting.pop()
        yield from one.co_names
        waiting += [inner for inner in one.co_consts if isinstance(inner, CodeType)]


def _installed_name(value: Any) -> str:
    """Return how an installed module, class or function is called; nothing for all else."""
    if isinstance(value, ModuleType):
        return f"module {value.__name__}" if is_installed(value) else ""
    if isinstance(value, MethodType):
        return ""
    if isinstance(value, BuiltinFunctionType):
        # random.random is a method of an object that lies in its module; math.floor belongs to the module itself.
        owner = value.__self__
        home = owner if isinstance(owner, ModuleType) else sys.modules.get(type(owner).__module__)
        is_of_module = _attribute(home, value.__name__) == value
        return f"{_attribute(home, '__name__')}.{value.__name__}" if is_of_module else ""
    if (isinstance(value, type) or _attribute(value, "__qualname__")) and is_installed(value):
        return f"{value.__module__}.{value.__qualname__}"
    return ""


def _attribute(value: object, name: str) -> Any:
    """Return an attribute; None if there is none, or asking for it fails."""
    try:
        return getattr(value, name, None)
    except Exception:  # noqa: BLE001 - whatever a class does
        return None


def _dotted(name: str, part: str) -> str:
    return f"{name}.{part}" if name else part


def _plain(value: Any) -> str:
    if isinstance(value, int) and value.bit_length() > 8 * _LONGEST:
        return _digest(hex(value).encode())  # in decimal it would take long, and beyond 4300 digits Python refuses
    if isinstance(value, bytes | bytearray) and len(value) > _LONGEST:
        return f"{type(value).__name__} {_digest(value)}"
    if isinstance(value, str) and len(value) > _LONGEST:
        return _digest(value.encode("utf-8", "surrogatepass"))
    return repr(value)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else _digest(text.encode("utf-8", "surrogatepass"))


def _digest(octets: bytes | bytearray | memoryview) -> str:
    return f"sha256:{hashlib.sha256(octets).hexdigest()}"
