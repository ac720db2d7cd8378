"""Numbers as people write them: the one place that decides how a number reads in text, tables and figures.

Files for programs (CSV, JSON, the store) keep every bit and do not come here.
"""

from __future__ import annotations

import math

NOTHING = "-"
_DIGITS = 4
_PLAIN_FROM, _PLAIN_BELOW = 1e-6, 1e15
_RESIDUE = 1e-12


def number_text(value: float, digits: int = _DIGITS, *, apart: int = 1_000) -> str:
    """Return a number with so many significant digits, whole numbers in full, without powers of ten.

    Parameters
    ----------
    value : float
        What to write; nan is a dash. Below a millionth and from 10¹⁵ on a power of ten stands after all.
    digits : int
        Significant digits of what is not whole. The digits in front of the point are always all there.
    apart : int
        From this number on thousands are set apart.

    Examples
    --------
    >>> number_text(50_000.0), number_text(1234.56), number_text(0.0000123456), number_text(-0.0)
    ('50,000', '1,235', '0.00001235', '0')
    """
    value = float(value)
    if math.isnan(value):
        return NOTHING
    size = abs(value)
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if size and not _PLAIN_FROM <= size < _PLAIN_BELOW:
        return f"{value:.{digits}g}"
    comma = "," if round(size) >= apart else ""
    if value.is_integer() or size >= 10 ** (digits - 1):
        return f"{value + 0.0:{comma}.0f}"
    decimals = digits - 1 - math.floor(math.log10(size))
    # Rounding may carry into one digit more: 9.9996 is 10, and not 10.00.
    text = f"{value:{comma}.{decimals}f}".rstrip("0").rstrip(".")
    return text.removeprefix("-") if not text.strip("-0.") else text


def signed_text(value: float, digits: int = _DIGITS) -> str:
    """Return a change, with its sign.

    Examples
    --------
    >>> signed_text(12_345.6), signed_text(-0.25), signed_text(-0.0)
    ('+12,346', '-0.25', '+0')
    """
    text = number_text(value, digits)
    return text if text.startswith(("-", "∞")) else f"+{text}"


def percent_text(share: float, digits: int = 3, *, signed: bool = False) -> str:
    """Return a share as a percentage. What is left over from subtracting equal numbers is 0.

    Examples
    --------
    >>> percent_text(1.6), percent_text(0.00015), percent_text(-6.7e-17), percent_text(0.19, signed=True)
    ('160 %', '0.015 %', '0 %', '+19 %')
    """
    if math.isnan(share):
        return NOTHING
    value = 0.0 if abs(share) < _RESIDUE else share * 100
    return f"{signed_text(value, digits) if signed else number_text(value, digits)} %"


def seconds_text(seconds: float) -> str:
    """Return how long something took, in the unit that suits it.

    Examples
    --------
    >>> seconds_text(0.42), seconds_text(75), seconds_text(1140), seconds_text(8000)
    ('0.42 s', '1 min 15 s', '19 min', '2 h 13 min')
    """
    if seconds < 9.95:
        return f"{number_text(seconds, 2)} s"
    if round(seconds) < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min" + (f" {rest} s" if rest else "")
    return f"{minutes // 60:,} h" + (f" {minutes % 60} min" if minutes % 60 else "")


def counted(count: int, noun: str) -> str:
    """Return a count with its noun.

    Examples
    --------
    >>> counted(1, "design point"), counted(0, "replication")
    ('1 design point', '0 replications')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
