"""One response at one design point, before and after a change: worse, or not, or not known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simsmtp.statistics.intervals import Floats, mean_interval
from simsmtp.statistics.paired import holm

if TYPE_CHECKING:
    from simsmtp.rows.responses import Response

IDENTICAL, OK, CHANGED = "OK (identical)", "OK", "changed"
REGRESSION, INCONCLUSIVE, FAILED = "REGRESSION", "INCONCLUSIVE", "FAILED"
_NAN = float("nan")


class Margin(NamedTuple):
    """How much worse is still good enough.

    Attributes
    ----------
    relative : float
        Share of the base's mean.
    absolute : float
        In units of the response, in place of `relative` where the base is 0 in every pair.
    """

    relative: float = 0.05
    absolute: float = 0.0


class Cell(NamedTuple):
    """What the pairs of one response at one design point say.

    Attributes
    ----------
    n : int
        Pairs with a value on both sides.
    base_mean, new_mean : float
        Means over these pairs.
    change, low, high : float
        Change of the mean and its interval: a share of the base's mean, or in units of the response where
        that mean is 0.
    margin : float
        Change that is allowed, in the same terms.
    relative : bool
        Which of the two it is.
    p : float
        One-sided p value of "worse by more than the margin"; nan where no test was needed or possible.
    verdict, reason : str
        As the module's constants; the reason where it is more than the interval.
    """

    n: int
    base_mean: float
    new_mean: float
    change: float
    low: float
    high: float
    margin: float
    relative: bool
    p: float
    verdict: str
    reason: str


def judge(base: Floats, new: Floats, response: Response, margin: Margin, level: float, *, same_mail: bool) -> Cell:
    """Judge pairs that are not all equal.

    Parameters
    ----------
    base, new : ndarray, shape (n,)
        One value per replication, paired; nan where a replication has no value.
    response : Response
        Tells which direction is better.
    margin : Margin
        Allowed change for the worse.
    level : float
        Confidence level of the interval.
    same_mail : bool
        Both sides handled the same recipients in every pair.

    Returns
    -------
    Cell
        A cell with a finite ``p`` is still INCONCLUSIVE or OK: `with_alarms` makes it a REGRESSION.

    Notes
    -----
    ``z = b - (1 + δ) a`` where lower is better, ``(1 - δ) a - b`` where higher is better, per pair; the t interval
    of its mean, shifted and scaled, is the interval of the change. Its end on the good side of the margin is OK.

    Where both sides handled the same mail, three cases need no test: both sides constant (the scenario is
    deterministic there); a count or share that is in no pair worse; and one that was 0 in every replication of
    the base and no longer is. "Never" is refuted by one counter-example on the same mail.
    """
    known = ~(np.isnan(base) | np.isnan(new))
    gone = int((np.isnan(new) & ~np.isnan(base)).sum())
    a, b = base[known], new[known]
    cell = _estimate(a, b, response, margin, level)
    if not response.better:
        return cell._replace(p=_NAN, verdict=CHANGED, reason="neither direction is better by itself")
    if gone:
        return cell._replace(
            p=_NAN, verdict=INCONCLUSIVE, reason=f"without a value in {gone} replications that had one"
        )
    if not len(a) or np.array_equal(a, b):
        return cell._replace(p=_NAN, verdict=CHANGED, reason="has a value where the base has none")
    decided = _without_test(a, b, response, margin) if same_mail else None
    return cell if decided is None else cell._replace(p=_NAN, verdict=decided[0], reason=decided[1])


def _worse(response: Response) -> int:
    return -1 if response.better == "higher" else 1


def _estimate(a: Floats, b: Floats, response: Response, margin: Margin, level: float) -> Cell:
    sign, base_mean, new_mean = _worse(response), mean_interval(a).mean, mean_interval(b).mean
    relative = bool(base_mean != 0)
    allowed, scale = (margin.relative, base_mean) if relative else (margin.absolute, 1.0)
    excess = sign * (b - a) - allowed * (a if relative else 1.0)  # z
    found = mean_interval(excess, level)
    ends = sorted(sign * (end / scale + allowed) for end in (found.low, found.high))
    ends[0] = max(ends[0], -base_mean / scale)  # no response is negative
    p, ok = _p_values(found.n, found.mean, found.sd)
    verdict, reason = (OK, "") if ok < (1 - level) / 2 else (INCONCLUSIVE, "")
    if found.n < 2:
        reason = "one replication has no interval"
    change = (new_mean - base_mean) / scale
    return Cell(found.n, base_mean, new_mean, change, ends[0], ends[1], allowed, relative, p, verdict, reason)


def _p_values(n: int, mean: float, sd: float) -> tuple[float, float]:
    """Return the one-sided p values of a mean above 0 and of one below 0."""
    if n < 2:
        return _NAN, _NAN
    if sd == 0:  # a t interval of no width promises too much: equal pairs count as tosses of a coin
        return (0.5**n, 1.0) if mean > 0 else (1.0, 0.5**n) if mean < 0 else (1.0, 1.0)
    from scipy.special import stdtr

    t = mean / (sd / np.sqrt(n))
    return float(stdtr(n - 1, -t)), float(stdtr(n - 1, t))


def _without_test(a: Floats, b: Floats, response: Response, margin: Margin) -> tuple[str, str] | None:
    worse = _worse(response) * (b - a)
    if not response.unit:
        if not (worse > 0).any():
            return OK, "in no replication worse, on the same mail"
        if not a.any() and margin.absolute == 0:
            seen = int((worse > 0).sum())
            return REGRESSION, f"0 in all {len(a)} replications of the base, above 0 in {seen} on the same mail"
    if len(a) > 1 and np.ptp(a) == 0 and np.ptp(b) == 0:
        allowed = margin.relative * a[0] if a[0] else margin.absolute
        return (REGRESSION if worse[0] > allowed else OK), "the same in every replication"
    return None


def with_alarms(cells: Sequence[Cell], alarm: float) -> list[Cell]:
    """Return the cells with those raised to REGRESSION that Holm's procedure rejects.

    Parameters
    ----------
    cells : sequence of Cell
        All cells of a comparison.
    alarm : float
        Probability of one false alarm or more, over all cells that were tested.
    """
    p_values = np.array([cell.p for cell in cells])
    tests = int((~np.isnan(p_values)).sum())
    return [
        cell._replace(verdict=REGRESSION)
        if adjusted <= alarm
        else cell._replace(reason=f"worse if it were alone, not among {tests} tests")
        if cell.p <= alarm
        else cell
        for cell, adjusted in zip(cells, holm(p_values), strict=True)
    ]
