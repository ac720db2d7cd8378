"""A number and what it counts."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """Return a count with its noun.

    Examples
    --------
    >>> counted(1, "design point"), counted(0, "replication")
    ('1 design point', '0 replications')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
