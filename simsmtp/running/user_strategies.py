"""Counting strategies that a user brings, from a file or from a notebook."""

from __future__ import annotations

import dataclasses
import io
import re
import sys
import tokenize
import traceback
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain, count
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, NamedTuple

from simsmtp.errors import InputError, texts_in
from simsmtp.experiment.factors import Factor, Level
from simsmtp.files import read_text
from simsmtp.progress import note
from simsmtp.strategies.hooks import Hook
from simsmtp.strategies.own_code import kept_alive, told
from simsmtp.strategies.registry import Settle, Strategy, find_strategy, register_strategy, strategies
from simsmtp.strategies.version import not_told

if TYPE_CHECKING:
    from simsmtp.experiment.experiment import Experiment

_KEY = "client.strategy"
MODULE = "simsmtp-strategy-"
"""How the names of the modules begin that strategy files become: no name that can be imported."""

_brought: dict[str, ModuleType] = {}


def load_strategies(path: str | Path) -> list[str]:
    """Execute a Python file that registers strategies.

    Parameters
    ----------
    path : str or Path
        It calls :func:`simsmtp.register_strategy` at least once.

    Returns
    -------
    list of str
        The names it registered.

    Raises
    ------
    InputError
        If the file cannot be read, fails (with the line), or registers nothing.
    """
    file, before = str(path), strategies()
    text = read_text(file, allowed="a Python file")
    _execute(text, file)
    new = [one for name, one in strategies().items() if before.get(name) is not one]
    if not new:
        raise InputError(
            "registers no strategy", file=file, allowed="a call of simsmtp.register_strategy(name, settle)"
        )
    for one in new:
        # Anything in it may be what changed: the whole file is part of the strategy's version.
        register_strategy(one.name, *one.functions, source=text)
    return [one.name for one in new]


def _execute(text: str, file: str) -> None:
    code, path = _compiled(text, file), Path(file).absolute()
    module, before = _module_for(path), set(sys.modules)
    try:
        with kept_alive():
            exec(code, vars(module))  # noqa: S102 - running the user's own file is the point
        _brought.update({module.__name__: module} | _siblings(path.parent, before))
    except InputError as error:
        raise error.at(file=file, line=_line_in(file, error)) from None
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise InputError(told(error), file=file, line=_line_in(file, error)) from error


def _compiled(text: str, file: str) -> CodeType:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(text.encode()).readline)
        if encoding != "utf-8" and not text.isascii():
            raise InputError("is not UTF-8", file=file, given=encoding, allowed="UTF-8")
        return compile(text, file, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise InputError(f"not valid Python: {error.msg}", file=file, line=error.lineno) from None
    except (ValueError, OverflowError, RecursionError, MemoryError) as error:  # NUL bytes, too deep, too long
        raise InputError(f"not valid Python: {told(error)}", file=file) from None


def _siblings(folder: Path, before: set[str]) -> dict[str, ModuleType]:
    """Return the modules that a file imported from its own folder."""
    new = {name: one for name, one in sys.modules.items() if name not in before}
    return {name: one for name, one in new.items() if folder in Path(getattr(one, "__file__", None) or "").parents}


def brought_modules() -> list[ModuleType]:
    """Return the strategy files that were loaded, and what they imported from their folders."""
    return [one for name, one in _brought.items() if sys.modules.get(name) is one]


def _module_for(file: Path) -> ModuleType:
    """Return the module that a strategy file becomes: known by name, as dataclasses and `pickle` expect of a module.

    The folder of the file is searched last for what it imports, so that nothing there can hide an installed module.
    """
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))
    names = (f"{MODULE}{file.stem}{suffix}" for suffix in chain([""], (f"-{number}" for number in count(2))))
    name = next(one for one in names if getattr(sys.modules.get(one), "__file__", str(file)) == str(file))
    module = ModuleType(name)
    module.__file__ = str(file)
    sys.modules[name] = module
    return module


def _line_in(file: str, error: BaseException) -> int | None:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return lines[-1] if lines else None


def find_strategies(given: Iterable[str | Path]) -> list[str]:
    """Return strategy names: a registered name stands for itself, everything else is a file to load."""
    names: list[str] = []
    for text in texts_in(given, "strategies", "names and Python files in a list, such as ['my_strategy.py']"):
        if text not in strategies() and re.fullmatch(r"[\w-]*", text) and not Path(text).exists():
            find_strategy(text)  # which says what there is
        names += [text] if text in strategies() else load_strategies(text)
    return list(dict.fromkeys(names))


def add_strategies(experiment: Experiment, names: Sequence[str]) -> Experiment:
    """Return the experiment with strategies as further levels of the factor that varies the strategy.

    Parameters
    ----------
    experiment : Experiment
        If none of its factors varies ``client.strategy``, one is added: the base's strategy and `names`.
    names : sequence of str
        Registered strategies; those that are levels already are left out.
    """
    varying = next((factor for factor in experiment.factors if _varies_strategy(factor)), None)
    if varying is None:
        base = experiment.scenario.client.strategy
        added = Factor(_KEY, (_level(base),))
        factors = (*experiment.factors, _with_levels(added, names))
        figure = experiment.figure
        free = next((place for place in ("line", "panel") if figure and getattr(figure, place) is None), None)
        if figure is not None and free is not None:
            figure = figure.model_copy(update={free: _KEY})
        return dataclasses.replace(experiment, factors=factors, figure=figure)
    factors = tuple(_with_levels(one, names) if one is varying else one for one in experiment.factors)
    return dataclasses.replace(experiment, factors=factors)


def with_strategy(experiment: Experiment, names: Sequence[str]) -> Experiment:
    """Return the experiment with one of several strategies for its client.

    Parameters
    ----------
    experiment : Experiment
        If its client uses one of `names` already, it keeps that.
    names : sequence of str
        Registered strategies.

    Raises
    ------
    InputError
        If there are several and the experiment names none of them.
    """
    if experiment.scenario.client.strategy in names:
        return experiment
    if len(names) > 1:
        hint = f"one, or the one to use: --set {_KEY}=NAME"
        raise InputError("a plan has one strategy", key="--strategy", given=list(names), allowed=hint)
    return dataclasses.replace(experiment, scenario=experiment.scenario.replace({_KEY: names[0]}))


def _varies_strategy(factor: Factor) -> bool:
    return any(_KEY in level.changes for level in factor.levels)


def _level(name: str) -> Level:
    return Level(name, {_KEY: name})


def _with_levels(factor: Factor, names: Sequence[str]) -> Factor:
    present = {level.changes.get(_KEY) for level in factor.levels}
    new = [name for name in names if name not in present]
    labels = {level.label for level in factor.levels}
    for name in new:
        if name in labels:
            raise InputError(
                "a level of that name exists", key=factor.name, given=name, allowed="another strategy name"
            )
    return Factor(factor.name, (*factor.levels, *(_level(name) for name in new)))


@cache
def _tell_unknown(name: str, unknown: str) -> None:
    """Say once what could change without results being computed anew."""
    note(f"results of the strategy {name} are stored under its code, not under {unknown}, which cannot be told apart")


class Travelling(NamedTuple):
    """A user's strategy on its way to another process."""

    name: str
    settle: Settle
    source: str
    on_data: Hook | None = None
    on_final: Hook | None = None


def travelling(names: Iterable[str]) -> tuple[Travelling, ...]:
    """Return those of the named strategies that other processes do not know by themselves."""
    known = strategies()
    found: list[Strategy] = [known[name] for name in dict.fromkeys(names)]
    for one in found:
        unknown = [] if one.builtin else [name for part in one.functions if part for name in not_told(part)]
        if unknown:
            _tell_unknown(one.name, ", ".join(dict.fromkeys(unknown)))
    return tuple(
        Travelling(one.name, one.settle, one.version, one.on_data, one.on_final) for one in found if not one.builtin
    )


def register_travelling(arrived: Iterable[Travelling]) -> None:
    """Register strategies in this process unless they are known in the same version."""
    known = strategies()
    for one in arrived:
        functions = (one.settle, one.on_data, one.on_final)
        for part in functions:
            _make_module_of(part)
        there = known.get(one.name)
        if there is None or (there.functions != functions and there.source != one.source):
            register_strategy(one.name, *functions, source=one.source)


def _make_module_of(function: object) -> None:
    """Make what a function's dataclasses ask for when they are made here: a module of that name."""
    name = getattr(function, "__module__", None)
    if isinstance(name, str) and name.startswith(MODULE) and name not in sys.modules:
        sys.modules[name] = ModuleType(name)
        vars(sys.modules[name]).update(getattr(function, "__globals__", {}))
