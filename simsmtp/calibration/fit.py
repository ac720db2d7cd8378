"""The times that make simulated sessions take as long as measured ones: least squares of log medians."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from simsmtp.calibration.measured import Group
from simsmtp.calibration.octets import octets_of
from simsmtp.calibration.parameters import HIGH, LOW, START, TIMES, Calibration, Parameters
from simsmtp.calibration.predict import SEED, durations
from simsmtp.calibration.settings import scenario_of
from simsmtp.engines import run_replication
from simsmtp.errors import InputError

REPLICATIONS = 9
"""Simulated sessions of each setting; the draws are the same for all parameters tried."""
_ROUNDS = 8
_SEGMENT_RUNS = 3
_SEGMENT_WEIGHT = 0.5  # segments are counted in few sessions, and tell only how often a group is read in two
_PULL = 0.02  # towards the start, enough to settle what the sessions leave open
_OUTLIER = 0.1  # log error from which on a setting weighs less: machines are busy now and then


def fit(groups: Sequence[Group], *, on_step: Callable[[int], object] = lambda _: None) -> Calibration:
    """Fit the parameters.

    Parameters
    ----------
    groups : sequence of Group
        Measured settings, of one receiver.
    on_step : callable
        Is told each time all settings have been simulated once; `steps` says how often that will be at most.

    Raises
    ------
    InputError
        Sessions of several receivers.
    """
    from scipy.optimize import least_squares  # noqa: PLC0415 - paid for only here

    receivers = sorted({group.setting.receiver for group in groups})
    if len(receivers) > 1:
        raise InputError("sessions with several receivers", key="receiver", given=receivers, allowed="one at a time")
    lengths = octets_of(groups)
    start = START._replace(address_chars=lengths.address_chars, text_extra_octets=lengths.text_extra)
    x0 = _logs(start)

    def errors(logs: NDArray[np.float64]) -> NDArray[np.float64]:
        parameters = _parameters(logs, start)
        on_step(1)
        apart = [_duration_error(group, parameters) for group in groups]
        apart += [_segment_error(group, parameters) for group in groups if group.server_segments]
        return np.array([*apart, *(_PULL * (logs - x0))])

    found = least_squares(
        errors, x0, bounds=(_logs(LOW), _logs(HIGH)), loss="soft_l1", f_scale=_OUTLIER, diff_step=0.1,
        max_nfev=_ROUNDS, x_scale=1.0,
    )  # fmt: skip
    parameters = _parameters(found.x, start)
    off = [abs(math.expm1(_duration_error(group, parameters))) for group in groups]
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
    return _ROUNDS * (len(TIMES) + 1)


def _logs(parameters: Parameters) -> NDArray[np.float64]:
    return np.log([getattr(parameters, name) for name in TIMES])


def _parameters(logs: NDArray[np.float64], start: Parameters) -> Parameters:
    return start._replace(**dict(zip(TIMES, map(float, np.exp(logs)), strict=True)))


def _duration_error(group: Group, parameters: Parameters) -> float:
    return math.log(statistics.median(durations(group, parameters, REPLICATIONS)) / group.median_s)


def _segment_error(group: Group, parameters: Parameters) -> float:
    """How many segments with replies come says how often replies left in two pieces."""
    scenario = scenario_of(group, parameters)
    counted = 0
    for number in range(_SEGMENT_RUNS):
        rows = run_replication(scenario, seed=SEED, replication=number, dialogue=True).dialogue
        counted += len({(row.connection, row.read) for row in rows if row.kind == "reply"})
    measured = statistics.fmean(group.server_segments)
    return _SEGMENT_WEIGHT * math.log(counted / _SEGMENT_RUNS / measured)
