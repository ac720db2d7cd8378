"""Steady state: where the warm-up ends, and what is left of a run without it."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from simsmtp.errors import InputError
from simsmtp.statistics.intervals import Floats

if TYPE_CHECKING:
    from pandas import DataFrame, Series

BATCH = 5
FEWEST_BATCHES = 10
# Near the end few batches are left, and their spread is small by chance: never cut into the last five.
_LAST = 5
RESPONSES = (
    "recipients", "delivered", "false_ndr", "contradictory_ndr", "duplicate", "lost", "true_ndr", "missed_ndr",
    "queued", "false_ndr_rate", "delivered_per_s", "delay_mean_s", "delay_p50_s", "delay_p95_s", "delay_p99_s",
)  # fmt: skip
_LEDGER = RESPONSES[1:9]


class Warmup(NamedTuple):
    """Where MSER-5 cuts a series.

    Attributes
    ----------
    cut : int
        So many observations at the beginning are warm-up.
    length : int
        Observations in the series.
    late : bool
        The cut passes half the run: what follows it is no proof of a steady state, and the run is too short.
    """

    cut: int
    length: int
    late: bool

    def text(self) -> str:
        """Return the cut in words."""
        cut = (
            f"the first {self.cut} of {self.length} messages are" if self.cut else f"none of {self.length} messages is"
        )
        said = f"warm-up: {cut} cut (MSER-5)"
        return f"{said}; WARNING: past half the run, so make it several times longer" if self.late else said


def mser5(series: ArrayLike, batch: int = BATCH) -> Warmup:
    """Return where the warm-up of a series ends.

    The Marginal Standard Error Rule over batches of five (White 1997; White, Cobb and Spratt 2000): the cut that
    makes the interval of the mean of what is left the narrowest, as if batches were independent.

    Parameters
    ----------
    series : array_like, shape (n,)
        Observations in order, averaged over replications.
    batch : int
        Observations per batch; those at the end that fill none are not looked at.

    Returns
    -------
    Warmup

    Raises
    ------
    InputError
        If the series has fewer than ten batches, or a value in it is not finite.
    """
    given = np.asarray(series, dtype=np.float64).ravel()
    count = len(given) // batch
    if count < FEWEST_BATCHES:
        allowed = f"{FEWEST_BATCHES * batch} or more"
        raise InputError("too few messages to find a warm-up", key="series", given=len(given), allowed=allowed)
    if not np.isfinite(given).all():
        raise InputError("a value is not finite", key="series", allowed="numbers")
    means = given[: count * batch].reshape(count, batch).mean(axis=1)
    cut = int(np.argmin(_standard_errors(means)[: count - _LAST + 1])) * batch
    return Warmup(cut, len(given), cut > len(given) / 2)


def _standard_errors(means: Floats) -> Floats:
    """Return the squared standard error of the mean of what follows each cut."""
    left = np.arange(len(means), 0, -1)
    off = means - means[-1]
    sums, squares = (np.cumsum(one[::-1])[::-1] for one in (off, off**2))
    found: Floats = np.maximum(0.0, squares - sums**2 / left) / left**2
    return found


def delay_series(recipients: DataFrame) -> Floats:
    """Return the delays of messages in order of arrival, averaged over replications.

    Parameters
    ----------
    recipients : DataFrame
        One row per recipient: ``replication``, ``message``, ``resend_of``, ``arrival_s``, ``delay_s``.

    Returns
    -------
    ndarray of float, shape (messages,)
        In seconds: the mean over the message's recipients that were accepted, then over replications. Resends are
        left out, for they arrive when something else ends. As long as the shortest replication; a message of which
        nobody was accepted in any replication repeats its predecessor.
    """
    messages = _messages(recipients)
    shortest = int(messages.groupby("replication")["rank"].max().min()) + 1
    series = messages[messages["rank"] < shortest].groupby("rank")["delay_s"].mean().ffill().bfill()
    return series.to_numpy(np.float64)


def steady_state(recipients: DataFrame, cut: int) -> DataFrame:
    """Return responses per replication without the messages of the warm-up.

    Parameters
    ----------
    recipients : DataFrame
        One row per recipient, with the fields of `simsmtp.rows.records.RecipientRow` and ``replication``.
    cut : int
        So many messages, in order of arrival, are simulated but not counted; nor are resends that arrived before
        the first one that is.

    Returns
    -------
    DataFrame
        One row per replication: ``replication``, ``messages``, the classes of the ledger, and ``false_ndr_rate``,
        ``delivered_per_s`` (recipients accepted at least once, per second from the first counted arrival to the
        last acceptance), ``delay_mean_s`` and the delay percentiles, over valid recipients that were accepted. The
        names mean what `simsmtp.rows.responses` says, over counted messages.

    Raises
    ------
    InputError
        If the cut leaves no message of a replication.
    """
    import pandas as pd

    messages = _messages(recipients)
    left = messages.groupby("replication")["rank"].max() + 1 - cut
    if cut < 0 or left.min() <= 0:
        allowed = f"0 to {int(left.min()) + cut - 1}"
        raise InputError("the cut leaves no message", key="cut", given=cut, allowed=allowed)
    found = []
    for number in messages.index.unique("replication"):
        part = recipients[recipients["replication"] == number]
        found.append(_row(number, part, messages.loc[[number]].droplevel("replication"), cut))
    return pd.DataFrame(found)


def _messages(recipients: DataFrame) -> DataFrame:
    """Return one row per original message: index (replication, message), ``arrival_s``, ``delay_s``, ``rank``."""
    originals = recipients[recipients["resend_of"] < 0]
    table = originals.groupby(["replication", "message"]).agg(
        arrival_s=("arrival_s", "first"), delay_s=("delay_s", "mean")
    )
    table = table.sort_values(["replication", "arrival_s", "message"], kind="stable")
    return table.assign(rank=table.groupby("replication").cumcount())


def _row(replication: Hashable, part: DataFrame, messages: DataFrame, cut: int) -> dict[str, Any]:
    counted = messages[messages["rank"] >= cut]
    first = float(counted["arrival_s"].min())
    resent = (part["resend_of"] >= 0) & (part["arrival_s"] >= first)
    kept = part[part["message"].isin(counted.index) | resent]
    classes: Series[int] = kept["ledger"].value_counts()
    valid = kept[kept["valid"]]
    accepted = valid[valid["accepted"] > 0]
    finished = int((valid["ledger"] != "queued").sum())
    false = int(valid["ledger"].isin(["false_ndr", "contradictory_ndr"]).sum())
    took = float((accepted["arrival_s"] + accepted["delay_s"]).max()) - first
    found = {"replication": replication, "messages": len(counted), "recipients": len(kept)}
    found |= {name: int(classes.get(name, 0)) for name in _LEDGER}
    rates = {"false_ndr_rate": false / finished if finished else 0.0,
             "delivered_per_s": len(accepted) / took if took > 0 else 0.0}  # fmt: skip
    return {**found, **rates, **_delays(accepted["delay_s"].to_numpy(np.float64))}


def _delays(delays: Floats) -> dict[str, float]:
    if not len(delays):
        return dict.fromkeys(RESPONSES[-4:], float("nan"))
    quantiles = np.quantile(delays, [0.5, 0.95, 0.99])
    return dict(zip(RESPONSES[-4:], map(float, [delays.mean(), *quantiles]), strict=True))
