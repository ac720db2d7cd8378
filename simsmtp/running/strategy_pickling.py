"""How a user's own strategies are sent to other processes: pickled by value, for no worker could import them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from simsmtp.running.user_strategies import Travelling, brought_modules
from simsmtp.strategies.own_code import told


def obstacle_to_travel(strategies: Sequence[Travelling]) -> str | None:
    """Return why strategies cannot be sent to other processes; None if they can.

    Parameters
    ----------
    strategies : sequence of Travelling
        None of them, or some that hold a lock, an open file, a generator.
    """
    if not strategies:
        return None
    picklers = [one for one in map(_imported, ("cloudpickle", "joblib.externals.cloudpickle")) if one is not None]
    for module in brought_modules():
        for pickler in picklers:
            pickler.register_pickle_by_value(module)
    for one in strategies:
        try:
            picklers[0].dumps(one)
        except Exception as error:  # noqa: BLE001 - whatever its parts say
            return f"the strategy {one.name} cannot be sent to other processes: {told(error)}"
    return None


def _imported(name: str) -> Any:
    """Return a pickler that joblib may use: newer versions have none of their own."""
    try:
        return import_module(name)
    except ImportError:
        return None
