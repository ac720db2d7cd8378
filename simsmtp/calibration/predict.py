"""What the model says a measured setting takes, as a distribution, beside what it took."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple

from simsmtp.calibration.measured import Group
from simsmtp.calibration.parameters import Parameters
from simsmtp.calibration.settings import scenario_of
from simsmtp.engines import choose_engine, expected_recipients, run_block
from simsmtp.model.plan import plan_of

SEED = 822105


class Prediction(NamedTuple):
    """One setting: measured and predicted durations in seconds, lowest, median and highest, and errors as fractions.

    Attributes
    ----------
    error : float
        Predicted median over measured median, less 1.
    covered : float
        Share of the measured range, lowest to highest, that the predicted range covers.
    pipe_s, pipe_error : float
        The same for delay and bandwidth alone.
    """

    group: Group
    measured_s: tuple[float, float, float]
    predicted_s: tuple[float, float, float]
    error: float
    covered: float
    pipe_s: float
    pipe_error: float


class Quality(NamedTuple):
    """Median and worst of the absolute errors, as fractions; the same for delay and bandwidth alone."""

    median_abs_error: float
    worst_abs_error: float
    pipe_median_abs_error: float
    pipe_worst_abs_error: float
    covered: float


def predicted_durations(
    group: Group, parameters: Parameters, replications: int, *, profile: str = "tcp", times: int = 1
) -> list[float]:
    """Return simulated durations in seconds, from the first SYN to the last reply before QUIT's; sorted.

    Who asks so for many groups, or anew so many `times`, says it: then the faster engine repays loading.
    """
    plan = plan_of(scenario_of(group, parameters, profile=profile))
    choice = choose_engine(plan, at_stake=times * replications * expected_recipients(plan.workload))
    blocks = run_block(plan, seed=SEED, replications=range(replications), engine=choice)
    return sorted(one for block in blocks for one in block.responses["makespan_s"].tolist())


def predict(
    groups: Sequence[Group], parameters: Parameters, *, replications: int, on_setting: Callable[[int], object]
) -> list[Prediction]:
    """Predict every setting; `on_setting` is told each time one is done."""
    found = []
    for group in groups:
        predicted = predicted_durations(group, parameters, replications, times=len(groups))
        pipe = predicted_durations(group, parameters, 1, profile="pipe")[0]
        found.append(_prediction(group, predicted, pipe))
        on_setting(1)
    return found


def quality(predictions: Sequence[Prediction]) -> Quality:
    """Return how far the predictions err in all."""
    errors = [abs(one.error) for one in predictions]
    pipe = [abs(one.pipe_error) for one in predictions]
    covered = statistics.fmean(one.covered for one in predictions)
    return Quality(statistics.median(errors), max(errors), statistics.median(pipe), max(pipe), covered)


def _prediction(group: Group, predicted: Sequence[float], pipe: float) -> Prediction:
    measured = min(group.durations_s), group.median_s, max(group.durations_s)
    middle = statistics.median(predicted)
    return Prediction(
        group,
        measured,
        (predicted[0], middle, predicted[-1]),
        middle / measured[1] - 1,
        _covered(measured[0], measured[2], predicted[0], predicted[-1]),
        pipe,
        pipe / measured[1] - 1,
    )


def _covered(low: float, high: float, predicted_low: float, predicted_high: float) -> float:
    if high == low:
        return float(predicted_low <= low <= predicted_high)
    return max(0.0, min(high, predicted_high) - max(low, predicted_low)) / (high - low)
