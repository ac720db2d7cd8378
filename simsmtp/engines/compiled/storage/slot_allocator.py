"""Slots: where the recipients of open messages lie, in blocks of 1, 2, 4, … and in linked lists."""

from __future__ import annotations

from typing import Any

from simsmtp.engines.compiled.storage.accessors import free_at, run_of, slot_at
from simsmtp.engines.compiled.storage.layout import NONE
from simsmtp.engines.compiled.toolchain.jit import compiled


@compiled
def size_class(count: Any) -> Any:
    """Return the number of the block size that holds so many slots: 2 to that power."""
    power = 0
    while (1 << power) < count:
        power += 1
    return power


@compiled
def has_block(w: Any, count: Any) -> Any:
    """Tell whether `take_block` would succeed."""
    power = size_class(count)
    return free_at(w, power).first >= 0 or run_of(w).slots_used + (1 << power) <= w.slots_room


@compiled
def take_block(w: Any, count: Any) -> Any:
    """Return the first slot of a free block."""
    R, power = run_of(w), size_class(count)
    first = free_at(w, power).first
    if first >= 0:
        free_at(w, power).first = slot_at(w, first).next
        return first
    first = R.slots_used
    R.slots_used += 1 << power
    return first


@compiled
def give_block(w: Any, first: Any, count: Any) -> None:
    """Give a block back."""
    power = size_class(count)
    slot_at(w, first).next = free_at(w, power).first
    free_at(w, power).first = first


@compiled
def merged(w: Any, a: Any, a_tail: Any, b: Any, b_tail: Any) -> Any:
    """Merge two ascending lists; return head and tail of the result. Either may be empty (`NONE`)."""
    if a < 0:
        return b, b_tail
    if b < 0:
        return a, a_tail
    if a_tail < b:
        slot_at(w, a_tail).next = b
        return a, b_tail
    if b_tail < a:
        slot_at(w, b_tail).next = a
        return b, a_tail
    tail = max(a_tail, b_tail)
    slot_at(w, a_tail).next = NONE
    slot_at(w, b_tail).next = NONE
    if a < b:
        head, a = a, slot_at(w, a).next
    else:
        head, b = b, slot_at(w, b).next
    end = head
    while a >= 0 and b >= 0:
        if a < b:
            slot_at(w, end).next = a
            end, a = a, slot_at(w, a).next
        else:
            slot_at(w, end).next = b
            end, b = b, slot_at(w, b).next
    slot_at(w, end).next = a if a >= 0 else b
    return head, tail
