"""The times that make simulated sessions take as long as measured ones: least squares of log medians."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsmtp.calibration.measured import Group
from simsmtp.calibration.octets import octets_of, refusal_octets_of
from simsmtp.calibration.parameters import HIGH, LOW, START, TIMES, Calibration, Parameters
from simsmtp.calibration.predict import SEED, predicted_durations
from simsmtp.calibration.settings import scenario_of
from simsmtp.engines import run_replication
from simsmtp.errors import InputError
from simsmtp.model.plan import plan_of
from simsmtp.protocol.commands import Verb, command_octets

REPLICATIONS = 15
"""Simulated sessions of each setting; the draws are the same for all parameters tried."""
_ROUNDS_ALIKE, _ROUNDS = 6, 8
_SEARCHES = 10
_SEGMENT_RUNS = 4
_SPREAD_WEIGHT = 0.15  # repeats are few, and the range of few is a rough measure
_PULL = 0.02  # towards the start, enough to settle what the sessions leave open
_OUTLIER = 0.1  # log error from which on a setting weighs less: machines are busy now and then
_ORIGIN = 20.0  # so far from 0 that a relative step is about the same for all logs
_FITTED = tuple(name for name in TIMES if name != "bandwidth_mbit")


def fit(groups: Sequence[Group], *, on_step: Callable[[int], object] = lambda _: None) -> Calibration:
    """Fit the parameters: the bandwidth to segments, then the times to medians and ranges of durations.

    Parameters
    ----------
    groups : sequence of Group
        Measured settings, of one receiver.
    on_step : callable
        Is told each time all settings have been simulated once; `steps` says how often that will be at most.

    Raises
    ------
    InputError
        Sessions with several receivers.
    """
    from scipy.optimize import least_squares

    receivers = sorted({group.setting.receiver for group in groups})
    if len(receivers) > 1:
        raise InputError("sessions with several receivers", key="receiver", given=receivers, allowed="one at a time")
    lengths = octets_of(groups)
    start = START._replace(
        address_chars=lengths.address_chars,
        orcpt=int(lengths.orcpt),
        text_extra_octets=lengths.text_extra,
        refusal_octets=refusal_octets_of(groups),
    )
    start = start._replace(bandwidth_mbit=_bandwidth(groups, start, on_step))
    x0 = _logs(start)

    def errors(logs: NDArray[np.float64]) -> NDArray[np.float64]:
        on_step(1)
        parameters = _parameters(logs, start)
        apart = [error for group in groups for error in _errors(group, parameters)]
        return np.array([*apart, *(_PULL * (logs - x0))])

    # First all settings weigh alike: what is far off at the start need not be an outlier.
    x = x0
    for loss, rounds in (("linear", _ROUNDS_ALIKE), ("soft_l1", _ROUNDS)):
        x = least_squares(
            errors,
            x,
            bounds=(_logs(LOW), _logs(HIGH)),
            loss=loss,
            f_scale=_OUTLIER,
            diff_step=0.1 / _ORIGIN,
            max_nfev=rounds,
        ).x
    parameters = _parameters(x, start)
    off = [abs(math.expm1(next(_errors(group, parameters)))) for group in groups]
    return Calibration(
        parameters,
        receivers[0],
        tuple(sorted({group.setting.rtt_ms for group in groups})),
        sum(len(group.durations_s) for group in groups),
        len(groups),
        statistics.median(off),
        max(off),
    )


def steps() -> int:
    """Return how often a fit simulates all settings, at most."""
    return _SEARCHES + (_ROUNDS_ALIKE + _ROUNDS) * (len(_FITTED) + 1)


def _logs(parameters: Parameters) -> NDArray[np.float64]:
    return np.log([getattr(parameters, name) for name in _FITTED]) + _ORIGIN


def _parameters(logs: NDArray[np.float64], start: Parameters) -> Parameters:
    fitted: dict[str, Any] = dict(zip(_FITTED, map(float, np.exp(logs - _ORIGIN)), strict=True))
    return start._replace(**fitted)


def _errors(group: Group, parameters: Parameters) -> Iterator[float]:
    """Yield how far apart the log medians are, then the log ranges of as many repeats."""
    simulated = predicted_durations(group, parameters, REPLICATIONS, times=steps())
    yield math.log(statistics.median(simulated) / group.median_s)
    if len(group.durations_s) > 1:
        yield _SPREAD_WEIGHT * (_log_deviation(simulated) - _log_deviation(group.durations_s))


def _log_deviation(values: Sequence[float]) -> float:
    """Mean distance of the logs from their median: a measure of spread that one straggler does not rule."""
    middle = statistics.median(values)
    return statistics.fmean(abs(math.log(value / middle)) for value in values)


def _bandwidth(groups: Sequence[Group], start: Parameters, on_step: Callable[[int], object]) -> float:
    """Find the highest bandwidth under which replies come in as many segments as measured: the slower, the more."""
    mss = scenario_of(groups[0], start).network.mss
    counted = [
        group
        for group in groups
        if group.server_segments and not group.setting.rate_mbit and _group_octets(group, start) > mss
    ]
    if not counted:
        return start.bandwidth_mbit
    measured = sum(statistics.fmean(group.server_segments) for group in counted)
    low, high = math.log(LOW.bandwidth_mbit), math.log(HIGH.bandwidth_mbit)
    for _ in range(_SEARCHES):
        middle = (low + high) / 2
        parameters = start._replace(bandwidth_mbit=math.exp(middle))
        if sum(_segments(group, parameters) for group in counted) >= measured:
            low = middle
        else:
            high = middle
        on_step(1)
    return math.exp((low + high) / 2)


def _group_octets(group: Group, parameters: Parameters) -> int:
    """Octets of a transaction's RCPTs: one group, if it may be written at once."""
    if not group.setting.pipelining:
        return 0
    each = command_octets(Verb.RCPT, parameters.address_chars, orcpt=bool(parameters.orcpt))
    return each * min(group.setting.batch, group.setting.recipients)


def _segments(group: Group, parameters: Parameters) -> float:
    plan = plan_of(scenario_of(group, parameters))
    counted = 0
    for number in range(_SEGMENT_RUNS):
        rows = run_replication(plan, seed=SEED, replication=number, dialogue=True).dialogue
        counted += len({(row.connection, row.read) for row in rows if row.kind == "reply"})
    return counted / _SEGMENT_RUNS
