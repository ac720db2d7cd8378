"""The counting strategies by name, and how a user adds one."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from operator import is_
from typing import NamedTuple

from simsmtp.errors import InputError
from simsmtp.strategies.built_in import ENTRIES
from simsmtp.strategies.counting import Knobs, Rcpt, Verdict
from simsmtp.strategies.hooks import NO_HOOKS, Hook, Hooks
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
    on_data, on_final : callable or None
        See `simsmtp.strategies.hooks`.
    """

    name: str
    settle: Settle
    builtin: bool
    source: str
    on_data: Hook | None = None
    on_final: Hook | None = None

    @property
    def version(self) -> str:
        """Part of the address under which results are stored: the functions and all that they use, as they are now."""
        if self.builtin:
            return ""
        hooks = {"on_data": self.on_data, "on_final": self.on_final}
        more = (f"\n{name} {version_of(hook)}" for name, hook in hooks.items() if hook)
        return f"{self.source}\n{version_of(self.settle)}{''.join(more)}"

    @property
    def functions(self) -> tuple[Settle, Hook | None, Hook | None]:
        """What it is made of."""
        return self.settle, self.on_data, self.on_final

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
    def over_only(self) -> bool:
        """Whether it differs from the corrected one only where an RCPT gets an over-limit refusal, for all we know."""
        return self.name in BUILT_IN and BUILT_IN[self.name].over_only

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

_registry: dict[str, Strategy] = {
    name: Strategy(name, one.settle, True, "", one.on_data, one.on_final) for name, one in BUILT_IN.items()
}


def register_strategy(
    name: str, settle: Settle, on_data: Hook | None = None, on_final: Hook | None = None, *, source: str | None = None
) -> Strategy:
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
    on_data, on_final : callable, optional
        ``on_data(tally, reply) -> Verdict`` and ``on_final(tally, reply) -> Verdict``: what becomes of those taken as
        accepted once DATA, or the text, was answered; see `simsmtp.strategies.hooks`.
    source : str, optional
        Text that identifies the version of the strategy, beside the source of `settle` and what that uses.

    Returns
    -------
    Strategy
        What was registered.

    Raises
    ------
    InputError
        If the name is taken or malformed, `settle` does not take three arguments, or a hook two.

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
    if not _takes(3, settle):
        raise InputError(
            "a strategy is a function of three arguments",
            key=name,
            given=settle,
            allowed="settle(tally, rcpt, knobs)",
        )
    for hook, given in (("on_data", on_data), ("on_final", on_final)):
        if given is not None and not _takes(2, given):
            raise InputError(
                "a hook of a strategy is a function of two arguments",
                key=f"{name}.{hook}",
                given=given,
                allowed=f"{hook}(tally, reply)",
            )
    _registry[name] = Strategy(name, settle, False, source or "", on_data, on_final)
    return _registry[name]


def name_of(settle: object) -> str:
    """Return what a function or another callable is called; that may have no name of its own."""
    return str(getattr(settle, "__qualname__", None) or type(settle).__qualname__)


def find_strategy(name: str) -> Strategy:
    """Return a strategy by name; an unknown name is an `InputError`."""
    if name not in _registry:
        raise InputError("unknown counting strategy", key="client.strategy", given=name, allowed=_registry)
    return _registry[name]


def strategy_of(settle: Settle, hooks: Hooks = NO_HOOKS) -> Strategy:
    """Return the strategy that has these functions."""
    known = (one for one in _registry.values() if all(map(is_, one.functions, (settle, *hooks))))
    return next(known, None) or Strategy(name_of(settle), settle, False, "", *hooks)


def strategies() -> dict[str, Strategy]:
    """Return all strategies by name, built-in ones first."""
    return dict(_registry)


def _takes(arguments: int, function: object) -> bool:
    if not callable(function):
        return False
    try:
        inspect.signature(function).bind(*[None] * arguments)
    except (TypeError, ValueError):  # another number of arguments, or one of Python's own that does not say
        return False
    return True
