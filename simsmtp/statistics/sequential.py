"""How many replications are enough: values in, decision out.

The rule of Hoad, Robinson and Davies (2010), "Automated selection of the number of replications for a
discrete-event simulation": the first number of replications, from 3 on, at which the interval is as narrow as
asked for and stays so over some more. It depends on the values alone, not on how many were run at a time.

One change: a rate that is 0 in every replication has an interval without width, which proves nothing, and a
relative width that no number of replications ever reaches. There the upper bound has to meet an absolute precision.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from simsmtp.errors import InputError
from simsmtp.model.numbers import number_text, percent_text
from simsmtp.rows.responses import COLUMNS
from simsmtp.statistics.intervals import Floats, all_zero, check_level, half_width, zero_bound
from simsmtp.statistics.summary import natural_range

FEWEST = 3
LOOK_AHEAD = 5
_TEXT = re.compile(r"\s*(?P<response>\w+)\s*(?:±|\+/?-)\s*(?P<number>[0-9.eE+-]+)\s*(?P<percent>%?)\s*")


class Precision(NamedTuple):
    """How narrow the interval of a mean should be.

    Attributes
    ----------
    response : str
        Response column.
    relative, absolute : float or None
        Half-width as a share of the mean, and in the unit of the response. With both, either is enough.
    level : float
        Confidence level of the interval.
    """

    response: str
    relative: float | None = None
    absolute: float | None = None
    level: float = 0.95

    def __str__(self) -> str:
        wanted = [] if self.relative is None else [f"±{percent_text(self.relative, 6)}"]
        wanted += [] if self.absolute is None else [f"±{number_text(self.absolute, 6)}"]
        return f"{self.response} {' or '.join(wanted)}"


class Decision(NamedTuple):
    """What is known after some replications of one design point.

    Attributes
    ----------
    n : int
        Replications with a value.
    enough : int or None
        The number of them at which the precision was reached and held; None if it was not.
    mean : float
        Over all `n`.
    half_width : float
        Of its interval, in the unit of the response; the upper bound where `bounded`.
    bounded : bool
        A rate that was 0 throughout: `half_width` is the upper bound on it.
    target : float
        Half-width asked for at this mean; nan for a relative one at a mean of 0.
    needed : int or None
        Estimate of the replications that would do; None if no number would.
    """

    n: int
    enough: int | None
    mean: float
    half_width: float
    bounded: bool
    target: float
    needed: int | None


def checked(precision: Precision) -> Precision:
    """Return the precision, or raise an `InputError` if it names no response or no usable width."""
    check_level(precision.level)
    if precision.response not in COLUMNS:
        raise InputError("unknown response", key="precision", given=precision.response, allowed=COLUMNS)
    given = [one for one in (precision.relative, precision.absolute) if one is not None]
    if not given or not all(0 < one < math.inf for one in given):
        hint = "a half-width above 0, relative (±5 %) or absolute (±0.01)"
        raise InputError("not a precision", key="precision", given=str(precision), allowed=hint)
    return precision


def parse_precision(text: str, level: float = 0.95) -> Precision:
    """Read a precision as the command line takes it; an `InputError` says what cannot be read.

    Examples
    --------
    >>> parse_precision("delivered_per_s ±5%").relative, parse_precision("false_ndr_rate +-0.01").absolute
    (0.05, 0.01)
    """
    found = _TEXT.fullmatch(text)
    try:
        number = float(found["number"]) if found else math.nan
    except ValueError:
        number = math.nan
    if found is None or math.isnan(number):
        hint = "'delivered_per_s ±5%' or 'false_ndr_rate ±0.01'"
        raise InputError("not a precision", key="--precision", given=text, allowed=hint)
    width = {"relative": number / 100} if found["percent"] else {"absolute": number}
    return checked(Precision(found["response"], level=level, **width))


def decide(values: ArrayLike, precision: Precision, look_ahead: int = LOOK_AHEAD) -> Decision:
    """Return whether the replications so far are enough, and how many may be needed.

    Parameters
    ----------
    values : array_like, shape (n,)
        One value per replication, in their order; nan is left out.
    precision : Precision
        What is asked for.
    look_ahead : int
        How many further replications must be as precise; above 100 replications, this many per hundred.

    Returns
    -------
    Decision
    """
    given = np.asarray(values, dtype=np.float64).ravel()
    given = given[~np.isnan(given)]
    means, halves = _running(given, precision)
    targets = _targets(means, precision)
    met = halves <= targets
    enough = _first_held(met, look_ahead)
    if not len(given):
        return Decision(0, None, math.nan, math.nan, False, math.nan, FEWEST + look_ahead)
    n, half, target = len(given), float(halves[-1]), float(targets[-1])
    needed = enough or _needed(n, half, target, _bounded(given, precision), precision, look_ahead)
    return Decision(n, enough, float(means[-1]), half, _bounded(given, precision), target, needed)


def _running(given: Floats, precision: Precision) -> tuple[Floats, Floats]:
    """Return mean and half-width after each replication."""
    counts = np.arange(1, len(given) + 1)
    off = given - (given[0] if len(given) else 0.0)  # equal values keep a width of exactly zero
    sums = np.cumsum(off)
    squares = np.maximum(0.0, np.cumsum(off**2) - sums**2 / counts)
    halves = half_width(counts, np.sqrt(squares / np.maximum(counts - 1, 1)), precision.level)
    most = natural_range(precision.response)[1]
    if math.isfinite(most):
        zeros = int(np.argmax(given != 0)) if given.any() else len(given)
        halves[:zeros] = [most * zero_bound(n, precision.level) for n in range(1, zeros + 1)]
    return (given[0] if len(given) else 0.0) + sums / counts, halves


def _bounded(given: Floats, precision: Precision) -> bool:
    return all_zero(given) and math.isfinite(natural_range(precision.response)[1])


def _targets(means: Floats, precision: Precision) -> Floats:
    """Return the half-width asked for at each mean: nan, which nothing meets, for a relative one at zero."""
    relative = np.full(len(means), np.nan)
    if precision.relative is not None:
        relative = np.where(means != 0, precision.relative * np.abs(means), np.nan)
    absolute = np.nan if precision.absolute is None else precision.absolute
    found: Floats = np.fmax(relative, absolute)
    return found


def _ahead(n: int, look_ahead: int) -> int:
    return look_ahead * max(n, 100) // 100


def _first_held(met: np.ndarray, look_ahead: int) -> int | None:
    run = 0  # how many in a row are met, counted from behind
    enough = None
    for n in range(len(met), FEWEST - 1, -1):
        run = run + 1 if met[n - 1] else 0
        if run > _ahead(n, look_ahead):
            enough = n
    return enough


def _needed(n: int, half: float, target: float, bounded: bool, precision: Precision, look_ahead: int) -> int | None:
    if math.isnan(target):
        return None
    if bounded:
        bound = target / natural_range(precision.response)[1]
        enough = math.log(1 - precision.level) / math.log1p(-min(bound, 0.999))
    elif math.isnan(half):
        enough = FEWEST
    else:
        enough = n * (half / target) ** 2
    first = max(FEWEST, math.ceil(enough))
    return max(first + _ahead(first, look_ahead), n + 1)
