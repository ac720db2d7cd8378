"""The range of every kind of number in a scenario: wide enough for any real use, narrow enough for 64-bit integers.

Within these ranges every engine gives the same answer. What single keys cannot tell (sums of times, messages times
recipients) is checked in `simsmtp.model.limits`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from simsmtp.randomness.distribution_table import Distribution

LONGEST_NS = 2**61
"""Longest simulated time, 73 years: what one step adds to it then still fits 64 bits."""
MOST_MS = 31_536_000_000
"""A year, the most for a single step, drawn or not; 64 times that is below `LONGEST_NS`, as TCP's timer needs."""
MOST_RECIPIENTS = 10_000_000
"""Recipients of one message."""
MOST_OCTETS = 10_000_000_000
"""Octets of one message."""


def _none_if_unlimited(value: object) -> object:
    return None if isinstance(value, str) and value in {"unlimited", "none"} else value


def _none_if_none(value: object) -> object:
    return None if isinstance(value, str) and value == "none" else value


# TOML has no null: the word "unlimited" (or "none") stands for None where a limit is meant, "none" where a time is.
unlimited, none = BeforeValidator(_none_if_unlimited), BeforeValidator(_none_if_none)

Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
CountOrNone = Annotated[int, Field(ge=0, le=1_000_000_000)]
Few = Annotated[int, Field(ge=1, le=1000)]
Many = Annotated[int, Field(ge=1, le=1_000_000)]
Limit = Annotated[Count | None, unlimited]
Allowance = Annotated[CountOrNone | None, unlimited]
Recipients = Annotated[int, Field(ge=1, le=MOST_RECIPIENTS)] | Distribution
Octets = Annotated[int, Field(ge=1, le=MOST_OCTETS)] | Distribution
Share = Annotated[float, Field(ge=0, le=1)]
Milliseconds = Annotated[float, Field(ge=0, le=MOST_MS)]
Delay = Milliseconds | Distribution
Seconds = Annotated[float, Field(ge=0, le=1e9)]
Wait = Annotated[float, Field(ge=1e-3, le=1e9)]
"""Seconds that may not be nothing: a wait of no time is tried again for ever."""
Memory = Annotated[float, Field(ge=1e-9, le=1e9)]
"""Seconds; less than a nanosecond would be no time at all, which is for ever."""
Horizon = Annotated[Annotated[float, Field(ge=1e-9, le=2e9)] | None, unlimited]
Rate = Annotated[float, Field(ge=1e-8, le=1e9)]
Speedup = Annotated[float, Field(ge=1e-6, le=1e9)]
Growth = Annotated[float, Field(ge=1, le=1000)]
Bandwidth = Annotated[Annotated[float, Field(ge=1e-4, le=1e6)] | None, unlimited]
Weight = Annotated[float, Field(ge=1e-6, le=1e6)]
Reply = Annotated[int, Field(ge=400, le=599)] | str
"""A refusal; which texts are one is told by `simsmtp.model.server_table.check_replies`."""
