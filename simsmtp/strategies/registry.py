"""The counting strategies by name, and how a user adds one."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import NamedTuple

from simsmtp.errors import InputError
from simsmtp.strategies.built_in import ENTRIES
from simsmtp.strategies.counting import Knobs, Rcpt, Verdict
from simsmtp.strategies.tally import Tally
from simsmtp.strategies.version import version_of

Settle = Callable[[Tally, Rcpt, Knobs], Verdict]


class Strategy(NamedTuple):
    """A counting strategy.

    Attributes
    ----------
    name : str
        As scenarios call it.
    settle : callable
        ``settle(tally, rcpt, knobs) -> Verdict``.
    builtin : bool
        False for one that a user registered.
    source : str
        Text that identifies the version of a user's strategy, as far as it was given.
    """

    name: str
    settle: Settle
    builtin: bool
    source: str

    @property
    def version(self) -> str:
        """Part of the address under which results are stored: the function and all that it uses, as they are now."""
        return "" if self.builtin else f"{self.source}\n{version_of(self.settle)}"

    @property
    def looks_ahead(self) -> bool:
        """Whether it may look at `Rcpt.decisive`: nobody knows of a user's own."""
        return self.name not in BUILT_IN or BUILT_IN[self.name].looks_ahead

    @property
    def is_steady(self) -> bool:
        """Whether, going along recipients who are `alike.Alike`, it never comes back to a verdict that it has left.

        Nobody knows of a user's own.
        """
        return self.builtin

    @property
    def trusts_itself(self) -> bool:
        """Whether to have settled somebody is progress to it."""
        return self.name in BUILT_IN and BUILT_IN[self.name].trusts_itself

    @property
    def summary(self) -> str:
        """First line of the function's docstring."""
        return (inspect.getdoc(self.settle) or "").partition("\n")[0]


BUILT_IN = {one.name: one for one in ENTRIES}
"""The built-in strategies by name, in the order of their numbers in the compiled engine; importing them enters them."""

_registry: dict[str, Strategy] = {name: Strategy(name, one.settle, True, "") for name, one in BUILT_IN.items()}


def register_strategy(name: str, settle: Settle, *, source: str | None = None) -> Strategy:
    """Add a counting strategy under a name of its own, for every engine and command.

    Parameters
    ----------
    name : str
        Lower-case letters, digits and hyphens. The built-in names are taken; registering your own name again
        replaces it, so that a notebook cell can be run twice.
    settle : callable
        ``settle(tally, rcpt, knobs) -> Verdict``, asked once per recipient after the last RCPT reply of a
        transaction. Equal arguments must get equal verdicts.
        See `simsmtp.strategies.counting` for those that exist.
    source : str, optional
        Text that identifies the version of the strategy, beside the source of `settle` and what that uses.

    Returns
    -------
    Strategy
        What was registered.

    Raises
    ------
    InputError
        If the name is taken or malformed, or `settle` does not take three arguments.

    Examples
    --------
    >>> from simsmtp.strategies.counting import Verdict, by_own_reply
    >>> from simsmtp.strategies.reply_class import ReplyClass
    >>> def optimist(tally, rcpt, knobs):
    ...     return Verdict.DONE if rcpt.seen == ReplyClass.OVER else by_own_reply(rcpt.seen)
    >>> register_strategy("optimist", optimist).name
    'optimist'
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", str(name)):
        raise InputError(
            "not a strategy name",
            key="strategy",
            given=name,
            allowed="lower-case letters, digits and single hyphens",
        )
    if name in BUILT_IN:
        raise InputError("the name of a built-in strategy is taken", key="strategy", given=name, allowed="another name")
    if not _takes_three(settle):
        raise InputError(
            "a strategy is a function of three arguments",
            key=name,
            given=settle,
            allowed="settle(tally, rcpt, knobs)",
        )
    _registry[name] = Strategy(name, settle, False, source or "")
    return _registry[name]


def name_of(settle: object) -> str:
    """Return what a function or another callable is called; that may have no name of its own."""
    return str(getattr(settle, "__qualname__", None) or type(settle).__qualname__)


def find_strategy(name: str) -> Strategy:
    """Return a strategy by name; an unknown name is an `InputError`."""
    if name not in _registry:
        raise InputError("unknown counting strategy", key="client.strategy", given=name, allowed=_registry)
    return _registry[name]


def strategy_of(settle: Settle) -> Strategy:
    """Return the strategy that has a function."""
    known = (one for one in _registry.values() if one.settle is settle)
    return next(known, None) or Strategy(name_of(settle), settle, False, "")


def strategies() -> dict[str, Strategy]:
    """Return all strategies by name, built-in ones first."""
    return dict(_registry)


def _takes_three(settle: object) -> bool:
    if not callable(settle):
        return False
    try:
        inspect.signature(settle).bind(None, None, None)
    except (TypeError, ValueError):  # another number of arguments, or one of Python's own that does not say
        return False
    return True
