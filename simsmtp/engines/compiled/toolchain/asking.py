"""Asks the sender's strategy in compiled code: a built-in one by its number, the user's own through its address.

See `simsmtp.peers.asking`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simsmtp.engines.compiled.storage.accessors import run_of, settings_of
from simsmtp.engines.compiled.storage.layout import BUILT_IN, DATA_HOOKS, FINAL_HOOKS
from simsmtp.engines.compiled.toolchain.jit import compiled, inlined
from simsmtp.engines.compiled.toolchain.user_strategy import call_hook, call_user
from simsmtp.strategies.counting import Verdict


def _ask_in_turn(number: int) -> Any:
    """Return a function that asks the strategy of a number, or else that of a higher one, for a verdict."""
    if number == len(BUILT_IN):
        return _ask_user
    settle, otherwise = BUILT_IN[number], _ask_in_turn(number + 1)

    @inlined
    def ask_one(address: Any, strategy: Any, tally: Any, rcpt: Any, knobs: Any) -> Any:
        if strategy == number:
            return settle(tally, rcpt, knobs).value
        return otherwise(address, strategy, tally, rcpt, knobs)

    return ask_one


@inlined
def _ask_user(address: Any, strategy: Any, tally: Any, rcpt: Any, knobs: Any) -> Any:
    return call_user(address, tally, rcpt, knobs)


ask = _ask_in_turn(0)
"""Returns a counting strategy's verdict about one recipient."""


def _hook_in_turn(hooks: Sequence[Any], number: int) -> Any:
    """Return a function that asks the hook of a number, from 1, or else that of a higher one."""
    if number > len(hooks):
        return _ask_users_hook
    hook, otherwise = hooks[number - 1], _hook_in_turn(hooks, number + 1)

    @compiled
    def ask_one(address: Any, which: Any, tally: Any, reply: Any) -> Any:
        if which == number:
            return hook(tally, reply).value
        return otherwise(address, which, tally, reply)

    return ask_one


@compiled
def _ask_users_hook(address: Any, which: Any, tally: Any, reply: Any) -> Any:
    return call_hook(address, tally, reply)


_ask_data, _ask_final = _hook_in_turn(DATA_HOOKS, 1), _hook_in_turn(FINAL_HOOKS, 1)


@compiled
def ask_on_data(w: Any, tally: Any, reply: Any) -> Any:
    """Return what the strategy says of a reply to DATA."""
    G = settings_of(w)
    return known(w, _ask_data(G.on_data_address, G.on_data, tally, reply))


@compiled
def ask_on_final(w: Any, tally: Any, reply: Any) -> Any:
    """Return what the strategy says of a final reply."""
    G = settings_of(w)
    return known(w, _ask_final(G.on_final_address, G.on_final, tally, reply))


@inlined
def known(w: Any, verdict: Any) -> Any:
    """Return a verdict; in place of none, one with which the run, which is now for nothing, comes to its end."""
    if verdict >= 0:
        return verdict
    run_of(w).strategy_raised = 1
    return Verdict.FAIL.value
