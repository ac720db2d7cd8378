"""A permutation of whole numbers of which any one value is found without the others.

Place i goes to (multiplier · i + offset) mod size, which leaves nothing out and takes nothing twice because the
multiplier has no divisor in common with the size.
"""

from __future__ import annotations


def multiplier_of(draw: float, size: int) -> int:
    """Return the first number from a drawn one on, round and round, that has no divisor in common with the size."""
    if size <= 2:
        return 1
    number = 1 + int(draw * (size - 1))
    while divisor_of(number, size) != 1:
        number = number + 1 if number < size - 1 else 1
    return number


def offset_of(draw: float, size: int) -> int:
    """Return where place 0 goes."""
    return int(draw * size)


def moved(place: int, multiplier: int, offset: int, size: int) -> int:
    """Return where a place below the size goes."""
    return (multiplier * place + offset) % size


def divisor_of(number: int, other: int) -> int:
    """Return the greatest common divisor of two numbers, by Euclid's way."""
    while other != 0:
        number, other = other, number % other
    return number
