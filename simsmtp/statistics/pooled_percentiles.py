"""What has to be said wherever a percentile of delay over several destinations is shown."""

from __future__ import annotations

from collections.abc import Iterable

_PERCENTILE = "delay_p"


def pooled_note(destinations: int) -> str:
    """Return that percentiles of delay are pooled; empty for one destination, where there is nothing to pool.

    Examples
    --------
    >>> pooled_note(4)
    'Delay percentiles are pooled over all 4 destinations: a single destination may be later than they say.'
    """
    if destinations < 2:
        return ""
    return (
        f"Delay percentiles are pooled over all {destinations} destinations: a single destination may be later than "
        "they say."
    )


def pooled_mark(destinations: int) -> str:
    """Return the same in few words, for a heading or in brackets; empty for one destination."""
    return f"pooled over {destinations} destinations" if destinations > 1 else ""


def note_for(responses: Iterable[str], destinations: int) -> str:
    """Return `pooled_note` where a percentile of delay is among the responses that are shown."""
    return pooled_note(destinations) if any(one.startswith(_PERCENTILE) for one in responses) else ""
