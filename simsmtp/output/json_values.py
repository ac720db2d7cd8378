"""Values as JSON can hold them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def plain(value: Any) -> Any:
    """Return a value with Python's own types, in tables and lists too: nan and infinities are None, zero has no minus.

    Examples
    --------
    >>> plain({"mean": float("nan"), "low": -0.0, "seen": (1, True)})
    {'mean': None, 'low': 0.0, 'seen': [1, True]}
    """
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    given = value.item() if hasattr(value, "item") else value
    if isinstance(given, float):
        return given + 0.0 if math.isfinite(given) else None
    return given
