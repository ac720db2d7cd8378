"""Whether an objective is met: the end of the interval has to pass, not the estimate."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simsmtp.model.numbers import counted, number_text, percent_text
from simsmtp.rows.responses import BY_NAME
from simsmtp.statistics.intervals import all_zero, mean_interval, zero_bound
from simsmtp.statistics.objectives import Objective
from simsmtp.statistics.rates import share_showing_any
from simsmtp.statistics.summary import clipped

MET, MISSED, UNDECIDED = "met", "missed", "undecided"
_COMPARE = {"<": operator.lt, "<=": operator.le, "==": operator.eq, ">=": operator.ge, ">": operator.gt}


class Judgement(NamedTuple):
    """What the replications say of an objective.

    Attributes
    ----------
    objective : Objective
        What was judged.
    verdict : str
        ``"met"``, ``"missed"`` or ``"undecided"``.
    n : int
        Replications that have a value.
    estimate, low, high : float
        Mean over replications with its interval, in the unit of the column. Where all are zero, 0, 0 and the
        upper bound on the *probability that a replication shows any*; where none may, the share of
        replications that show some, with its interval.
    sentence : str
        All this for a reader.
    """

    objective: Objective
    verdict: str
    n: int
    estimate: float
    low: float
    high: float
    sentence: str


def judge(objective: Objective, values: ArrayLike, level: float = 0.95) -> Judgement:
    """Judge an objective on one value per replication.

    Parameters
    ----------
    objective : Objective
        What is asked for.
    values : array_like, shape (n,)
        The response, one value per replication; nan where it has none, such as the delay where nothing arrived,
        and then a ceiling is missed.
    level : float
        Confidence level of the interval.

    Returns
    -------
    Judgement
        ``== 0`` is met where no replication shows any, and the sentence tells the bound this carries. So is every
        other ceiling on a count or a share: who accepts "none" for ``== 0`` accepts it for ``< 0.001``.
        Otherwise an objective is met where the whole t interval of the mean meets it, missed where none of the
        interval does, and undecided between, and with one replication.

    Examples
    --------
    >>> from simsmtp.statistics.objectives import parse_objective
    >>> judge(parse_objective("false_ndr == 0"), [0] * 20).sentence
    'none in 20 replications; at the 95 % level at most 13.9 % of replications show any'
    """
    given = np.asarray(values, dtype=np.float64).ravel()
    known = given[~np.isnan(given)]
    if len(given) == 0:
        return Judgement(objective, UNDECIDED, 0, np.nan, np.nan, np.nan, "no replication")
    if len(known) < len(given):
        missing = f"{len(given) - len(known)} of {len(given)} replications have no value: nothing arrived"
        return Judgement(objective, MISSED, len(known), np.nan, np.nan, np.nan, missing)
    if objective.is_ceiling and all_zero(known) and not BY_NAME[objective.response].unit:
        return _none_seen(objective, len(known), level)
    if objective.forbids_any:
        return _some_seen(objective, known, level)
    return _by_interval(objective, known, level)


def verdict_of(judgements: Sequence[Judgement]) -> str:
    """Return what several judgements come to: missed if one is, else undecided if one is."""
    found = {one.verdict for one in judgements}
    return next((one for one in (MISSED, UNDECIDED) if one in found), MET)


def _none_seen(objective: Objective, n: int, level: float) -> Judgement:
    bound = zero_bound(n, level)
    most = f"at the {percent_text(level, 4)} level at most {percent_text(bound)} of replications show any"
    sentence = f"none in {counted(n, 'replication')}; {most}"
    return Judgement(objective, MET, n, 0.0, 0.0, bound, sentence)


def _some_seen(objective: Objective, known: NDArray[np.float64], level: float) -> Judgement:
    share = share_showing_any(known, level)
    sentence = f"{share.events} of {share.n} replications show some, {number_text(float(known.mean()))} each on average"
    return Judgement(objective, MISSED, share.n, share.share, share.low, share.high, sentence)


def _by_interval(objective: Objective, known: NDArray[np.float64], level: float) -> Judgement:
    found = mean_interval(known, level)
    if found.n < 2:
        sentence = f"{_amount(objective, found.mean)} in one replication, which carries no interval"
        return Judgement(objective, UNDECIDED, 1, found.mean, np.nan, np.nan, sentence)
    low, high = clipped(found.low, found.high, objective.response)
    passes = _COMPARE[objective.operator]
    worse, better = (high, low) if objective.is_ceiling else (low, high)
    verdict = MET if passes(worse, objective.threshold) else UNDECIDED
    verdict = verdict if passes(better, objective.threshold) else MISSED
    interval = f"{_amount(objective, low)} to {_amount(objective, high)}"
    mean, ends = _amount(objective, found.mean), f"{percent_text(level, 4)} interval {interval}"
    sentence = f"{mean} on average over {found.n:,} replications, {ends}"
    return Judgement(objective, verdict, found.n, found.mean, low, high, sentence)


def _amount(objective: Objective, value: float) -> str:
    return f"{number_text(value / objective.unit.factor)} {objective.unit.name}".rstrip()
