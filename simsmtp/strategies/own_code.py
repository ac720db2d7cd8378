"""A user's own strategy while it runs: what it raises is told with its place, and it cannot end the process."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FunctionType, TracebackType
from typing import Any

from simsmtp.errors import StrategyError
from simsmtp.strategies.hooks import Hook
from simsmtp.strategies.registry import Settle, Strategy, name_of
from simsmtp.strategies.version import is_installed_name

_MARK = "in the strategy "
_SENT = "<dynamic-code>"  # the file that cloudpickle gives to code it sends
_MOST_CALLS = 6
_MOST_CHARACTERS = 300
# What ends or replaces a process without a word to whoever waits for its result; signals and aborts leave a code.
_ENDS = ("_exit", "abort", "execv", "execve")
_lock = threading.RLock()
_inside = [0]
_kept: dict[tuple[Any, str], Any] = {}


class Raised(Exception):  # noqa: N818 - what happened
    """Carries out of an engine what a strategy raised, whatever it is."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


@contextmanager
def blamed(strategy: Strategy) -> Iterator[None]:
    """Note on an exception in which lines of a user's strategy it was raised.

    Raises
    ------
    StrategyError
        In place of what would end the process, such as `SystemExit`.
    """
    try:
        try:
            yield
        except Raised as carrier:
            raise carrier.error from None
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        place = "" if strategy.builtin or _notes(error) else _place(error, strategy.settle)
        if not place:
            raise
        if isinstance(error, Exception):
            error.add_note(f"{_MARK}{strategy.name}: {place}")
            raise
        raised = StrategyError(f"it raised {_message(error)}")
        raised.add_note(f"{_MARK}{strategy.name}: {place}")
        raise raised from error


def told(error: BaseException) -> str:
    """Return an exception as one line, with the strategy and its lines where they are known."""
    notes = _notes(error)
    return f"{_message(error)} ({'; '.join(notes)})" if notes else _message(error)


def is_blamed(error: BaseException) -> bool:
    """Tell whether an exception came out of a user's strategy."""
    return bool(_notes(error))


def no_verdict(settle: Settle | Hook, verdict: object) -> StrategyError:
    """Return the complaint about what is no verdict."""
    try:
        text = _one_line(repr(verdict).partition(" at 0x")[0])
    except Exception:  # noqa: BLE001 - whatever a class says of itself
        text = f"a {type(verdict).__name__}"
    return StrategyError(f"the strategy {name_of(settle)} returned {text}; allowed: a Verdict")


@contextmanager
def kept_alive() -> Iterator[None]:
    """Make `os._exit` and its kin raise a `StrategyError` meanwhile, in this process alone."""
    with _lock:
        _inside[0] += 1
        if _inside[0] == 1:
            for module in {os, sys.modules.get("posix", os), sys.modules.get("nt", os)}:
                for name in _ENDS:
                    if hasattr(module, name):
                        _kept[module, name] = getattr(module, name)
                        setattr(module, name, _refusing(name, getattr(module, name)))
    try:
        yield
    finally:
        with _lock:
            _inside[0] -= 1
            if not _inside[0]:
                for (module, name), real in _kept.items():
                    setattr(module, name, real)
                _kept.clear()


def _refusing(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    own = os.getpid()

    def refuse(*given: Any) -> Any:
        if _inside[0] and os.getpid() == own:  # a process that it forked may end
            raise StrategyError(f"it called os.{name}({', '.join(_one_line(repr(one)) for one in given)})")
        return real(*given)

    return refuse


def _notes(error: BaseException) -> list[str]:
    notes = getattr(error, "__notes__", None)
    return [one for one in notes or () if isinstance(one, str) and one.startswith(_MARK)]


def _place(error: BaseException, settle: Settle) -> str:
    """Return the lines of the user's code that an exception came through, the outermost first; "" for none."""
    found = list(_calls(error.__traceback__))
    if not found and type(error) is StrategyError and isinstance(settle, FunctionType):
        file = _file_of(settle.__code__, settle.__globals__)
        found = [f"{file}:{settle.__code__.co_firstlineno} in {name_of(settle)}"]
    elif not found and type(error) is StrategyError:
        found = [name_of(settle)]
    if len(found) > _MOST_CALLS:
        found = [*found[: _MOST_CALLS - 2], "…", found[-1]]
    return ", ".join(found)


def _calls(trace: TracebackType | None) -> Iterator[str]:
    while trace is not None:
        code = trace.tb_frame.f_code
        if not is_installed_name(trace.tb_frame.f_globals.get("__name__")):
            yield f"{_file_of(code, trace.tb_frame.f_globals)}:{trace.tb_lineno} in {code.co_qualname}"
        trace = trace.tb_next


def _file_of(code: CodeType, known: Mapping[str, Any]) -> str:
    """Return the file of some code: newer cloudpickles take the name off what it sends to other processes."""
    file = known.get("__file__")
    if code.co_filename != _SENT or not isinstance(file, str):
        return code.co_filename
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except (ValueError, OSError):
        return file


def _message(error: BaseException) -> str:
    try:
        text = _one_line(str(error))
    except Exception:  # noqa: BLE001 - whatever a class says of itself
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _one_line(text: str) -> str:
    shown = "".join(one if one.isprintable() else " " for one in text[: _MOST_CHARACTERS + 1])
    return shown if len(shown) <= _MOST_CHARACTERS else f"{shown[:_MOST_CHARACTERS]}…"
