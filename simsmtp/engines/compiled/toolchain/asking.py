"""Asks the sender's strategy in compiled code: a built-in one by its number, the user's own through its address."""

from __future__ import annotations

from typing import Any

from simsmtp.engines.compiled.storage.layout import BUILT_IN
from simsmtp.engines.compiled.toolchain.jit import compiled
from simsmtp.engines.compiled.toolchain.user_strategy import call_user


def _ask_in_turn(number: int) -> Any:
    """Return a function that asks the strategy of a number, or else that of a higher one, for a verdict."""
    if number == len(BUILT_IN):
        return _ask_user
    settle, otherwise = BUILT_IN[number], _ask_in_turn(number + 1)

    @compiled
    def ask_one(address: Any, strategy: Any, tally: Any, rcpt: Any, knobs: Any) -> Any:
        if strategy == number:
            return settle(tally, rcpt, knobs).value
        return otherwise(address, strategy, tally, rcpt, knobs)

    return ask_one


@compiled
def _ask_user(address: Any, strategy: Any, tally: Any, rcpt: Any, knobs: Any) -> Any:
    return call_user(address, tally, rcpt, knobs)


ask = _ask_in_turn(0)
"""Returns a counting strategy's verdict about one recipient."""
