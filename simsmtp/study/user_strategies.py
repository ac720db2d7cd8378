"""Counting strategies that a user brings, from a file or from a notebook."""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from simsmtp.errors import InputError
from simsmtp.strategies.registry import Settle, Strategy, register_strategy, strategies
from simsmtp.study.factors import Factor, Level
from simsmtp.study.keys import changed

if TYPE_CHECKING:
    from simsmtp.study.experiment import Experiment

_KEY = "client.strategy"


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
    text = _read(file)
    _execute(text, file)
    new = [one for name, one in strategies().items() if before.get(name) is not one]
    if not new:
        raise InputError(
            "registers no strategy", file=file, allowed="a call of simsmtp.register_strategy(name, settle)"
        )
    for one in new:
        # Anything in it may be what changed: the whole file is part of the strategy's version.
        register_strategy(one.name, one.settle, source=text)
    return [one.name for one in new]


def _read(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", file=file, allowed="a Python file") from None


def _execute(text: str, file: str) -> None:
    # A module name that cannot be imported makes the functions travel to workers by value.
    names = {"__name__": f"simsmtp-strategy-{Path(file).stem}", "__file__": file}
    try:
        exec(compile(text, file, "exec"), names)  # noqa: S102 - running the user's own file is the point
    except SyntaxError as error:
        raise InputError(f"not valid Python: {error.msg}", file=file, line=error.lineno) from None
    except InputError as error:
        raise error.at(file=file, line=_line_in(file, error)) from None
    except (Exception, SystemExit) as error:
        raise InputError(f"{type(error).__name__}: {error}", file=file, line=_line_in(file, error)) from error


def _line_in(file: str, error: BaseException) -> int | None:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return lines[-1] if lines else None


def find_strategies(given: Iterable[str | Path]) -> list[str]:
    """Return strategy names: a registered name stands for itself, everything else is a file to load."""
    names: list[str] = []
    for one in given:
        names += [str(one)] if str(one) in strategies() else load_strategies(one)
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
    return dataclasses.replace(experiment, scenario=changed(experiment.scenario, {_KEY: names[0]}))


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


class Travelling(NamedTuple):
    """A user's strategy on its way to another process."""

    name: str
    settle: Settle
    source: str


def travelling(names: Iterable[str]) -> tuple[Travelling, ...]:
    """Return those of the named strategies that other processes do not know by themselves."""
    known = strategies()
    found: list[Strategy] = [known[name] for name in dict.fromkeys(names)]
    return tuple(Travelling(one.name, one.settle, one.version) for one in found if not one.builtin)


def register_travelling(arrived: Iterable[Travelling]) -> None:
    """Register strategies in this process unless they are known in the same version."""
    known = strategies()
    for one in arrived:
        there = known.get(one.name)
        if there is None or (there.settle is not one.settle and there.source != one.source):
            register_strategy(one.name, one.settle, source=one.source)
