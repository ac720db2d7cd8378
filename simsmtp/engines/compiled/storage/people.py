"""Who the recipients of a message are, in compiled code; see `simsmtp.model.people.who`."""

from __future__ import annotations

from typing import Any

from simsmtp.engines.compiled.storage.accessors import (
    block_of,
    extra_at,
    person_at,
    seen_at,
    settings_of,
    trace_at,
)
from simsmtp.engines.compiled.toolchain.jit import compiled, rare
from simsmtp.randomness.permutation import moved


@compiled
def number_of(w: Any, M: Any, place: Any) -> Any:
    """Return the number of the person at a place in the original message; the place where everybody is new."""
    G = settings_of(w)
    if G.population > 0:
        return moved(place, M.multiplier, M.offset, G.population)
    if G.named == 0:
        return place
    return _named_at(w, M, place).person * G.recipient_factor + place % G.recipient_factor


@rare
def part_of(w: Any, M: Any, place: Any, by_group: Any) -> Any:
    """Return the group of the person at a place, or the domain."""
    G = settings_of(w)
    if by_group:
        return number_of(w, M, place) % G.groups
    if G.named_domains != 0:
        return _named_at(w, M, place).domain
    return number_of(w, M, place) % G.domains


@rare
def seen_first(w: Any, M: Any, place: Any, now: Any) -> Any:
    """Return when a sender's mail to a person was first seen, which is now if it was not."""
    G = settings_of(w)
    pair = number_of(w, M, place)
    if G.named != 0:
        pair = _named_at(w, M, place).pair * G.recipient_factor + place % G.recipient_factor
    one, stamp = seen_at(w, pair), block_of(w).stamp
    if one.stamp != stamp:
        one.stamp, one.at = stamp, now
    return one.at


@compiled
def home_of(w: Any, M: Any, place: Any) -> Any:
    """Return the slot that counts the copies of the person at a place of an original message: of the first such."""
    factor = settings_of(w).recipient_factor
    return M.first + _named_at(w, M, place).twin * factor + place % factor


@compiled
def sort_by_domain(w: Any, M: Any) -> None:
    """Put the places of a message in order of domain, and where that is the same in their own order: a heap sort."""
    for above in range(M.recipients // 2 - 1, -1, -1):
        _sink(w, M, above, M.recipients)
    for size in range(M.recipients - 1, 0, -1):
        first, last = extra_at(w, M.first), extra_at(w, M.first + size)
        first.origin, last.origin = last.origin + 0, first.origin + 0
        _sink(w, M, 0, size)


@compiled
def _sink(w: Any, M: Any, above: Any, size: Any) -> None:
    """Let a place sink in the heap of the first so many, the last in order on top."""
    sinking = extra_at(w, M.first + above).origin + 0
    key = _key(w, M, sinking)
    while 2 * above + 1 < size:
        below = 2 * above + 1
        if below + 1 < size and _key_at(w, M, below) < _key_at(w, M, below + 1):
            below += 1
        if _key_at(w, M, below) < key:
            break
        extra_at(w, M.first + above).origin = extra_at(w, M.first + below).origin
        above = below
    extra_at(w, M.first + above).origin = sinking


@compiled
def _key_at(w: Any, M: Any, index: Any) -> Any:
    return _key(w, M, extra_at(w, M.first + index).origin)


@compiled
def _key(w: Any, M: Any, place: Any) -> Any:
    return (part_of(w, M, place, False) << 32) + place


@compiled
def _named_at(w: Any, M: Any, place: Any) -> Any:
    return person_at(w, trace_at(w, M.origin).first + place // settings_of(w).recipient_factor)
