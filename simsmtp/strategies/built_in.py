"""How a counting strategy is built in: one entry, beside its function.

What else has to know the strategies reads it from here: the names that scenarios take, the compiled engine's numbers
and its choice between them, the closed forms, the look of a line in figures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


class Refusals(NamedTuple):
    """The over-limit refusals of one transaction, as a closed form takes them.

    Attributes
    ----------
    over : int
        How many there are: m.
    pipelined : bool
        False for stop-and-wait.
    budget : int
        K of the strategy ``budget``.
    reads : int
        Network reads that held one.
    """

    over: int
    pipelined: bool
    budget: int
    reads: int


class Split(NamedTuple):
    """What becomes of the m refused recipients of one transaction."""

    requeued: int
    failed: int
    lost: int


class BuiltIn(NamedTuple):
    """A built-in counting strategy.

    Attributes
    ----------
    name : str
        As scenarios call it.
    settle : callable
        ``settle(tally, rcpt, knobs) -> Verdict``.
    look : int
        Number of its look in figures, which no other line has; ``bounce`` has 8.
    split : callable or None
        Its closed form, with valid mailboxes and a limit that counts transactions; None if there is none.
    split_policies : frozenset of str
        The overflow policies under which the closed form holds.
    looks_ahead : bool
        It looks at `Rcpt.decisive`, which has to be looked for.
    trusts_itself : bool
        To have settled somebody is progress to it; to others only an acceptance is, of somebody not accepted before.
    over_only : bool
        It differs from the corrected one only where an RCPT gets an over-limit refusal.
    on_data, on_final : callable or None
        See `simsmtp.strategies.hooks`.
    """

    name: str
    settle: Callable[..., Any]
    look: int
    split: Callable[[Refusals], Split] | None
    split_policies: frozenset[str]
    looks_ahead: bool
    trusts_itself: bool
    over_only: bool
    on_data: Callable[..., Any] | None = None
    on_final: Callable[..., Any] | None = None


ENTRIES: list[BuiltIn] = []
"""All of them once `simsmtp.strategies.registry`, where to look them up, is imported."""


def built_in(
    name: str,
    *,
    look: int,
    split: Callable[[Refusals], Split] | None,
    split_policies: tuple[str, ...] = ("new-connection", "same-session", "bounce"),
    looks_ahead: bool = False,
    trusts_itself: bool = False,
    over_only: bool = False,
    on_data: Callable[..., Any] | None = None,
    on_final: Callable[..., Any] | None = None,
) -> Callable[[Function], Function]:
    """Make a function a built-in counting strategy; see `BuiltIn`."""

    def enter(settle: Function) -> Function:
        policies = frozenset(split_policies if split else ())
        ENTRIES.append(
            BuiltIn(name, settle, look, split, policies, looks_ahead, trusts_itself, over_only, on_data, on_final)
        )
        return settle

    return enter
